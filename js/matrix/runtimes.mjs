// Node, Deno and Bun.
import { join } from 'node:path'
import { lastLine, node22, node24, project, tool } from './cell.mjs'
import { cjs, esm, printing } from './program.mjs'

const print = (program, words, files, env) => lastLine(program, words, { cwd: project(files), env })

/** `require` of a module, as Node has it since 22.12. */
const required = {
  'verdict.mjs': `${esm}export { verdict }\n`,
  'main.cjs': `require('./verdict.mjs').verdict().then(console.log)\n`,
}
const nodes = { 20: () => process.execPath, 22: node22, 24: node24 }

const ofNode = Object.entries(nodes).flatMap(([version, program]) => [
  [`Node ${version}, import`, () => print(program(), ['main.mjs'], { 'main.mjs': printing(esm) })],
  [`Node ${version}, require`, () => print(program(), ['main.cjs'], { 'main.cjs': printing(cjs) })],
  ...(version === '20'
    ? []
    : [[`Node ${version}, require of a module`, () => print(program(), ['main.cjs'], required)]]),
])

const deno = (words) =>
  print(
    process.execPath,
    [join(tool('deno'), 'bin.cjs'), 'run', '--no-remote', '--node-modules-dir=manual', ...words],
    { 'main.mjs': printing(esm) },
    { DENO_NO_UPDATE_CHECK: '1', DENO_DIR: join(process.env.DATAKIT_TOKEN_SCRATCH, 'deno') },
  )
const bun = () => join(tool('bun'), 'bin/bun.exe')

export const runtimes = [
  ...ofNode,
  // No permission at all: it reads no file and no variable.
  ['Deno, without permissions', () => deno(['--no-prompt', 'main.mjs'])],
  ['Bun, import', () => print(bun(), ['main.mjs'], { 'main.mjs': printing(esm) })],
  ['Bun, require', () => print(bun(), ['main.cjs'], { 'main.cjs': printing(cjs) })],
  // As in older versions, which have no wide arithmetic.
  [
    'Bun, without wide arithmetic',
    () =>
      print(bun(), ['main.mjs'], {
        'old.mjs': 'WebAssembly.validate = () => false\n',
        'main.mjs': `import './old.mjs'\n${printing(esm)}`,
      }),
  ],
  [
    'Bun, built into one file',
    async () => {
      const cwd = project({ 'main.mjs': printing(esm) })
      await lastLine(bun(), ['build', 'main.mjs', '--outfile=built.mjs', '--target=bun'], { cwd })
      return lastLine(bun(), ['built.mjs'], { cwd })
    },
  ],
]
