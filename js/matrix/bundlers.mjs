// What bundlers make of it, run in a page of Chromium.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { build as esbuild } from 'esbuild'
import { rolldown } from 'rolldown'
import { rollup } from 'rollup'
import { build as vite } from 'vite'
import webpack from 'webpack'
import { project, run, tool } from './cell.mjs'
import { isHere, runInPage } from './browsers.mjs'
import { esm } from './program.mjs'

const files = {
  'main.mjs': `${esm}verdict().then((text) => { document.title = text })\n`,
  'index.html':
    '<!doctype html><title>pending</title><script type="module" src="main.mjs"></script>',
}
/** The only script in a directory. */
const script = (directory) => {
  const names = readdirSync(directory, { recursive: true }).filter((name) => /\.m?js$/.test(name))
  if (names.length !== 1) throw new Error(`expected one script, found ${names.join(', ')}`)
  return readFileSync(join(directory, names[0]), 'utf8')
}

const makers = {
  async Vite(cwd) {
    await vite({ root: cwd, logLevel: 'error', build: { outDir: 'out', target: 'es2022' } })
    return script(join(cwd, 'out'))
  },
  async webpack(cwd) {
    const stats = await new Promise((resolve, reject) =>
      webpack(
        {
          mode: 'production',
          context: cwd,
          entry: './main.mjs',
          output: { path: join(cwd, 'out'), filename: 'main.js' },
        },
        (error, stats) => (error ? reject(error) : resolve(stats)),
      ),
    )
    if (stats.hasErrors()) throw new Error(stats.toString('errors-only'))
    // Its advice about size is not about how it bundles.
    const warnings = stats
      .toJson()
      .warnings.filter(({ message }) => !/size limit|performance recommendations/.test(message))
    if (warnings.length > 0) throw new Error(warnings.map(({ message }) => message).join('\n'))
    return script(join(cwd, 'out'))
  },
  async Rollup(cwd) {
    const bundle = await rollup({ input: join(cwd, 'main.mjs'), plugins: [nodeResolve()] })
    const { output } = await bundle.generate({ format: 'es' })
    return output[0].code
  },
  async Rolldown(cwd) {
    const bundle = await rolldown({ input: join(cwd, 'main.mjs') })
    const { output } = await bundle.generate({ format: 'esm', minify: true })
    return output[0].code
  },
  async esbuild(cwd) {
    const { outputFiles } = await esbuild({
      entryPoints: [join(cwd, 'main.mjs')],
      bundle: true,
      minify: true,
      format: 'esm',
      write: false,
    })
    return outputFiles[0].text
  },
  async Parcel(cwd) {
    const program = join(tool('parcel'), 'lib/bin.js')
    const words = ['build', 'index.html', '--dist-dir', 'out', '--no-cache', '--no-source-maps']
    await run(process.execPath, [program, ...words], { cwd })
    return script(join(cwd, 'out'))
  },
}

export const bundlers = Object.entries(isHere('Chromium') ? makers : {}).map(([name, make]) => [
  `${name}, in a page`,
  async () => runInPage(await make(project(files))),
])
