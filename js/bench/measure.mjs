// Interleaved measuring: whatever disturbs the machine disturbs every row alike.

/** A row that calls at once, one that waits for each call, and one with 16 calls under way. */
export const sync = (call) => (count) => {
  for (let index = 0; index < count; index++) call()
}
export const waiting = (call) => async (count) => {
  for (let index = 0; index < count; index++) await call()
}
export const sixteen = (call) => async (count) => {
  for (let index = 0; index < count; index += 16) await Promise.all(Array.from({ length: 16 }, () => call()))
}

/**
 * Microseconds for one call of each row. `rows`: `name`, `run(count)`, `warm` (calls before the first round), `base` (the name
 * of the row to compare with). A row runs once in each round, in a new order.
 */
export async function measure(rows, { rounds = 31, milliseconds = 10 } = {}) {
  const states = []
  for (const row of rows) {
    await row.run(row.warm ?? 320)
    // As many calls as fill the time: a coarse clock must not matter, nor a fast row run short.
    let count = 16
    for (;;) {
      const time = await once(row, count)
      if (time >= milliseconds / 2 || count > 1e6) {
        count = Math.max(16, Math.ceil((count * milliseconds) / time / 16) * 16)
        break
      }
      count *= 2
    }
    states.push({ row, count, times: [] })
  }
  for (let round = 0; round < rounds; round++) {
    for (const { row, count, times } of shuffled(states)) times.push(((await once(row, count)) * 1000) / count)
  }
  return states.map(({ row, times }) => {
    const base = (row.base === undefined ? states[0] : states.find((state) => state.row.name === row.base)).times
    return {
      name: row.name,
      median: round(median(times)),
      minimum: round(Math.min(...times)),
      // Of the rounds, each against the base in the same round: steadier than a ratio of medians.
      ratio: round(median(times.map((time, index) => time / base[index]))),
      ratioOfMinima: round(Math.min(...times) / Math.min(...base)),
    }
  })
}

async function once(row, count) {
  const start = performance.now()
  await row.run(count)
  return performance.now() - start
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
