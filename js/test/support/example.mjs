// The examples, as somebody who has copied them runs them.
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { spawn } from 'node:child_process'

const tools = fileURLToPath(new URL('../../node_modules', import.meta.url))

/** A copy with its packages: the tarball as it is installed, and those that the project's own lock file names. */
export function copyExample(name, packages = {}) {
  const project = process.env.DATAKIT_TOKEN_PACKAGE
  const directory = mkdtempSync(join(project, `example-${name}-`))
  after(() => rmSync(directory, { recursive: true, force: true }))
  cpSync(fileURLToPath(new URL(`../../../examples/${name}`, import.meta.url)), directory, {
    recursive: true,
  })
  const modules = join(directory, 'node_modules')
  mkdirSync(modules)
  cpSync(join(project, 'node_modules/datakit-token'), join(modules, 'datakit-token'), {
    recursive: true,
  })
  for (const [as, directory] of Object.entries(packages)) {
    mkdirSync(dirname(join(modules, as)), { recursive: true })
    symlinkSync(join(tools, directory), join(modules, as))
  }
  return directory
}

/** Starts a server, and waits until it has said where it listens. Gives that, and all that it says. */
export async function startServer(program, words, options, pattern = /http:\/\/127\.0\.0\.1:\d+/) {
  // A group of its own: what an npm package starts in its turn has to end as well.
  const server = spawn(program, words, {
    ...options,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  after(() => process.kill(-server.pid))
  const said = { text: '' }
  for (const stream of [server.stdout, server.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      said.text += text
    })
  for (let waited = 0; waited < 30_000 && server.exitCode === null; waited += 50) {
    const url = pattern.exec(said.text)?.[0]
    if (url !== undefined) return { url, said }
    await sleep(50)
  }
  throw new Error(`it does not listen: ${said.text}`)
}
