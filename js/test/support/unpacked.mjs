// Programs from Debian's packages, as `cargo xtask` unpacks them below the directory that a variable names.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Where a program is, there or in the system, and the environment that it needs. */
export function unpacked(variable) {
  const root = process.env[variable]
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
  const program = (path) => [join(root, path), join('/', path)].find((file) => existsSync(file))
  return { program, env: { ...process.env, LD_LIBRARY_PATH: paths.join(':') } }
}

/** How Chromium is launched by playwright-core. */
export function chromiumOptions() {
  const { program, env } = unpacked('DATAKIT_TOKEN_BROWSER')
  const executablePath = program('usr/lib/chromium/chromium')
  return { executablePath, chromiumSandbox: process.getuid?.() !== 0, env }
}
