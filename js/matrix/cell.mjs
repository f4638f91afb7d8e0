// One consumer project, and what a program in it says.
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const here = dirname(fileURLToPath(import.meta.url))
/** The tools of the matrix, and those that the build has as well. */
const TOOLS = [join(here, 'node_modules'), join(here, '../node_modules')]
const scratch = process.env.DATAKIT_TOKEN_SCRATCH

/** Where an npm package of the tools is. */
export function tool(name) {
  for (const directory of TOOLS) {
    try {
      return dirname(createRequire(`${directory}/`).resolve(`${name}/package.json`))
    } catch {
      // Perhaps in the other.
    }
  }
  throw new Error(`${name} is not installed`)
}

export const node22 = () => join(here, 'node_modules/node22/bin/node')
export const node24 = () => join(here, 'node_modules/node24/bin/node')

/** A project with the tarball in it, these files, and these packages. */
export function project(files, packages = []) {
  const directory = mkdtempSync(join(scratch, 'cell-'))
  const modules = join(directory, 'node_modules')
  mkdirSync(modules)
  cpSync(
    join(process.env.DATAKIT_TOKEN_PACKAGE, 'node_modules/datakit-token'),
    join(modules, 'datakit-token'),
    { recursive: true },
  )
  for (const name of packages) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(tool(name), join(modules, name))
  }
  const all = { 'package.json': '{"private":true,"type":"module"}', ...files }
  for (const [name, contents] of Object.entries(all)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), contents)
  }
  return directory
}

/** Runs a program to its end, at most so many seconds, and gives what it has printed; throws if it fails. */
export function run(program, words, { cwd, env = {}, seconds = 120 }) {
  return new Promise((resolve, reject) => {
    // A group of its own: what it starts in its turn has to end as well.
    const child = spawn(program, words, {
      cwd,
      detached: true,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [text, errors] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      errors += chunk
    })
    const end = () => {
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch {
        // All of it has ended.
      }
    }
    const timer = setTimeout(end, seconds * 1000)
    child.on('error', reject)
    child.on('exit', (status) => {
      clearTimeout(timer)
      end()
      if (status === 0) resolve({ text, errors })
      else reject(new Error(`status ${status}: ${`${text}\n${errors}`.trim().slice(-1500)}`))
    })
  })
}

/** The last line that a program prints. */
export async function lastLine(program, words, options) {
  const { text } = await run(program, words, options)
  return text.trim().split('\n').at(-1)
}

/** Starts a server, and gives its address and what ends it. */
export function serve(program, words, { cwd, env = {}, seconds = 90 }) {
  const child = spawn(program, words, {
    cwd,
    detached: true,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stop = () => {
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
  }
  return new Promise((resolve, reject) => {
    let text = ''
    const fail = () => {
      stop()
      reject(new Error(`it does not listen: ${text.trim().slice(-1500)}`))
    }
    const timer = setTimeout(fail, seconds * 1000)
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
        const url = /http:\/\/(127\.0\.0\.1|localhost):\d+/.exec(text)?.[0]
        if (url === undefined) return
        clearTimeout(timer)
        resolve({ url, stop })
      })
    child.on('exit', () => {
      clearTimeout(timer)
      fail()
    })
  })
}

/** A directory that goes when the matrix ends. */
export function clean() {
  rmSync(scratch, { recursive: true, force: true })
  mkdirSync(scratch, { recursive: true })
}
