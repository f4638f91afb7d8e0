// Test runners: what they put in the place of globals and of modules.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { node22, project, run, tool } from './cell.mjs'
import { cjs, esm } from './program.mjs'

const write = "require('node:fs').writeFileSync('verdict.txt', await verdict())"

async function jest(environment) {
  const config = { testEnvironment: environment, transform: {} }
  const cwd = project(
    {
      'package.json': JSON.stringify({ private: true, jest: config }),
      // jsdom hides what every browser has.
      'cell.test.js': `${
        environment === 'jsdom'
          ? "Object.assign(globalThis, require('node:util').TextDecoder && { TextDecoder: require('node:util').TextDecoder, TextEncoder: require('node:util').TextEncoder })\n"
          : ''
      }${cjs}test('verdict', async () => { ${write} })\n`,
    },
    environment === 'jsdom' ? ['jest-environment-jsdom'] : [],
  )
  await run(process.execPath, [join(tool('jest'), 'bin/jest.js'), '--ci'], { cwd })
  return readFileSync(join(cwd, 'verdict.txt'), 'utf8')
}

async function vitest() {
  const cwd = project(
    {
      'cell.test.mjs': `import { writeFileSync } from 'node:fs'
        import { test } from 'vitest'
        ${esm}test('verdict', async () => writeFileSync('verdict.txt', await verdict()))\n`,
    },
    ['vitest'],
  )
  await run(node22(), [join(tool('vitest'), 'vitest.mjs'), 'run'], { cwd, env: { CI: '1' } })
  return readFileSync(join(cwd, 'verdict.txt'), 'utf8')
}

export const runners = [
  ['Jest, node', () => jest('node')],
  ['Jest, jsdom with text codecs', () => jest('jsdom')],
  ['Vitest, node', vitest],
]
