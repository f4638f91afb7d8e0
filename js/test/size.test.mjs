// What the package weighs may only go down.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits, sizes, starts } from './support/sizes.mjs'

const project = process.env.DATAKIT_TOKEN_PACKAGE

test('sizes', async (context) => {
  const measured = await sizes(project)
  for (const [name, kinds] of Object.entries(limits)) {
    for (const [kind, limit] of Object.entries(kinds)) {
      const size = measured[name][kind]
      context.diagnostic(`${name}, ${kind}: ${size} bytes of ${limit}`)
      assert.ok(size <= limit, `${name}, ${kind}: ${size} bytes are more than ${limit}`)
    }
  }
})

test('first verdict', (context) => {
  // Only shown: time depends on the machine. The goal is 10 ms.
  const times = starts(project, 5)
  for (const phase of ['after the import', 'whole'])
    context.diagnostic(
      `first verdict, ${phase}: ${times[phase].median.toFixed(1)} ms, the goal is 10 ms`,
    )
})
