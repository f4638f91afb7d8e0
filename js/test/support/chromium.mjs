// Chromium from Debian's packages, as `cargo xtask` unpacks it.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after } from 'node:test'
import { chromium } from 'playwright-core'

/** Whether the browser is to be left out, which `cargo xtask` counts. */
export const isSkipped = (process.env.DATAKIT_TOKEN_SKIP ?? '').split(',').includes('browser')

/** Starts it, until the end of the file. */
export async function launch() {
  const root = process.env.DATAKIT_TOKEN_BROWSER
  const subdirectories = (directory) =>
    existsSync(directory)
      ? readdirSync(directory, { withFileTypes: true })
          .filter((entry) => entry.isDirectory())
          .map(({ name }) => join(directory, name))
      : []
  // In a directory with the name of the architecture, and one of them in one of its own there.
  const libraries = ['usr/lib', 'lib'].map((part) => join(root, part))
  const inner = libraries.flatMap(subdirectories)
  const paths = [...inner, ...inner.map((path) => join(path, 'pulseaudio')), ...libraries]
  const own = join(root, 'usr/lib/chromium/chromium')
  const browser = await chromium.launch({
    executablePath: existsSync(own) ? own : '/usr/lib/chromium/chromium',
    chromiumSandbox: process.getuid?.() !== 0,
    env: { ...process.env, LD_LIBRARY_PATH: paths.join(':') },
  })
  after(() => browser.close())
  return browser
}
