// The matrix: the package, as it is packed, in each place where people put it. `node main.mjs [NAME...]` runs the cells
// whose names have one of these words in them.
import { EXPECTED } from './program.mjs'
import { clean } from './cell.mjs'
import { browsers, closeBrowsers } from './browsers.mjs'
import { bundlers } from './bundlers.mjs'
import { edges } from './edges.mjs'
import { runners } from './runners.mjs'
import { runtimes } from './runtimes.mjs'
import { types } from './types.mjs'

const KINDS = { runtimes, edges, bundlers, browsers, 'test runners': runners, types }
const wanted = process.argv.slice(2).map((word) => word.toLowerCase())
const isWanted = (name) =>
  wanted.length === 0 || wanted.some((word) => name.toLowerCase().includes(word))

clean()
const failures = []
const started = Date.now()
let count = 0
for (const [kind, cells] of Object.entries(KINDS)) {
  const mine = cells.filter(([name]) => isWanted(name))
  if (mine.length > 0) console.log(`\n${kind}`)
  for (const [name, run] of mine) {
    const begun = Date.now()
    let said
    try {
      said = await run()
    } catch (error) {
      said = error instanceof Error ? error.message : String(error)
    }
    const isGood = said === EXPECTED
    count++
    const time = ((Date.now() - begun) / 1000).toFixed(1)
    console.log(`  ${isGood ? '✔' : '✖'} ${name.padEnd(60)} ${time.padStart(6)} s`)
    if (!isGood) {
      failures.push(name)
      console.log(String(said).replace(/^/gm, '      '))
    }
  }
}
await closeBrowsers()
const seconds = Math.round((Date.now() - started) / 1000)
console.log(`\nℹ tests ${count}\nℹ pass ${count - failures.length}\nℹ fail ${failures.length}`)
console.log(`ℹ skipped 0\nℹ cancelled 0\nℹ todo 0\nℹ duration ${seconds} s`)
if (failures.length > 0) console.log(`red: ${failures.join('; ')}`)
process.exit(failures.length > 0 || count === 0 ? 1 : 0)
