// Interleaved measuring: whatever disturbs the machine disturbs every row alike.

/** A row that calls at once, one that waits for each call, and one with 16 calls under way. */
export const sync = (call) => (count) => {
  for (let index = 0; index < count; index++) call()
}
export const waiting = (call) => async (count) => {
  for (let index = 0; index < count; index++) await call()
}
export const sixteen = (call) => async (count) => {
  for (let index = 0; index < count; index += 16)
    await Promise.all(Array.from({ length: 16 }, () => call()))
}

/**
 * Microseconds for one call of each row. `rows`: `name`, `run(count)`, `warm` (calls before the first round), `base`
 * (the name of the row to compare with). A row runs once in each round, in a new order. `median` and `ratio` are what a
 * caller waits, `cpu` and `cpuRatio` what all threads of the process compute: they differ where work goes to other
 * threads, and where the machine has other things to do. A page is not told its CPU time: there they are `undefined`.
 */
export async function measure(rows, { rounds = 31, milliseconds = 10 } = {}) {
  const states = []
  for (const row of rows) {
    await row.run(row.warm ?? 320)
    // As many calls as fill the time: a coarse clock must not matter, nor a fast row run short.
    let count = 16
    for (;;) {
      const { wall: time } = await once(row, count)
      if (time >= milliseconds / 2 || count > 1e6) {
        count = Math.max(16, Math.ceil((count * milliseconds) / time / 16) * 16)
        break
      }
      count *= 2
    }
    states.push({ row, count, times: [], loads: [] })
  }
  for (let round = 0; round < rounds; round++) {
    for (const { row, count, times, loads } of shuffled(states)) {
      const { wall, cpu } = await once(row, count)
      times.push((wall * 1000) / count)
      if (cpu !== undefined) loads.push((cpu * 1000) / count)
    }
  }
  return states.map(({ row, times, loads }) => {
    const { times: base, loads: baseLoads } =
      row.base === undefined ? states[0] : states.find((state) => state.row.name === row.base)
    return {
      name: row.name,
      median: round(median(times)),
      minimum: round(Math.min(...times)),
      // Of the rounds, each against the base in the same round: steadier than a ratio of medians.
      ratio: round(median(times.map((time, index) => time / base[index]))),
      ratioOfMinima: round(Math.min(...times) / Math.min(...base)),
      ...(loads.length > 0 && {
        cpu: round(median(loads)),
        cpuRatio: round(median(loads.map((load, index) => load / baseLoads[index]))),
      }),
    }
  })
}

async function once(row, count) {
  const used = cpuTime()
  const start = performance.now()
  await row.run(count)
  const wall = performance.now() - start
  return { wall, cpu: used === undefined ? undefined : cpuTime() - used }
}

/** Milliseconds that the process has computed, in all of its threads; `undefined` in a page. */
function cpuTime() {
  const used = globalThis.process?.cpuUsage?.()
  return used === undefined ? undefined : (used.user + used.system) / 1000
}

function shuffled(list) {
  const copy = [...list]
  for (let index = copy.length - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1))
    ;[copy[index], copy[other]] = [copy[other], copy[index]]
  }
  return copy
}

export function median(list) {
  return [...list].sort((one, other) => one - other)[Math.floor(list.length / 2)]
}

/** Three digits are more than the noise leaves. */
export function round(number) {
  return Number(number.toPrecision(3))
}
