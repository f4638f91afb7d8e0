// Files: whose they have to be, and how they are written. As `crates/cli/src/files.rs` has it.
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  type Stats,
} from 'node:fs'
import { dirname } from 'node:path'
import { Failure, failureAt } from './failure.js'

/** Windows has no owners and modes of this kind. */
const hasModes = process.platform !== 'win32'
/** What is there itself, not what a link points to; and without a wait for the other end of a pipe. */
const OPEN = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

const octal = (mode: number) => mode.toString(8).padStart(4, '0')

/** A fault of the operating system as one of the file. */
function at<T>(file: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (error instanceof Failure) throw error
    throw failureAt(file, error)
  }
}

/** The path of a file in a directory, with the directory as it was given. */
export const within = (directory: string, name: string) =>
  directory.endsWith('/') ? `${directory}${name}` : `${directory}/${name}`

/** The contents of a file that anybody may have written. */
export const read = (file: string): Buffer => at(file, () => readFileSync(file))

/** Whether there is a directory, as far as one may look. */
export function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

/** Makes a directory that nobody else may enter, whatever the umask; one that is there is checked only. */
export function makePrivateDirectory(path: string): void {
  at(path, () => {
    mkdirSync(dirname(path), { recursive: true })
    try {
      mkdirSync(path, 0o700)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      return
    }
    chmodSync(path, 0o700)
  })
  checkDirectory(path)
}

/** Whoever may write to a directory may put other files in the place of those in it. */
export function checkDirectory(given: string): void {
  // Without the slash at its end, which would follow a link.
  const path = given.replace(/(.)\/(?:\.?\/)*\.?$/, '$1')
  // Node cannot open one there.
  if (!hasModes) return
  open(path, (descriptor) => {
    const status = fstatSync(descriptor)
    if (!status.isDirectory()) throw failureAt(path, 'expected a directory')
    checkOwner(path, status)
    if ((status.mode & 0o022) !== 0)
      throw failureAt(
        path,
        `expected mode 0700, found ${octal(status.mode & 0o7777)}: others may put files of theirs in it`,
      )
  })
}

/** The contents of a file that nobody else may read or has written. What is checked is what is read. */
export function readSecret(file: string): Buffer {
  return open(file, (descriptor) => {
    const status = fstatSync(descriptor)
    if (!status.isFile()) throw failureAt(file, 'expected a regular file')
    checkOwner(file, status)
    if (hasModes && (status.mode & 0o077) !== 0)
      throw failureAt(
        file,
        `expected mode 0600, found ${octal(status.mode & 0o777)}: others may read the key`,
      )
    return readFileSync(descriptor)
  })
}

/** Writes a new file; what is there stays. */
export function create(file: string, contents: string, mode: number): void {
  at(file, () => {
    const descriptor = openSync(file, 'wx', mode)
    try {
      writeFileSync(descriptor, contents)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  })
}

/** Writes a file that others see whole or not at all: a new one, synchronised, takes its name. */
export function replace(file: string, contents: string, mode: number): void {
  const added = `${file}.new`
  // What a crash has left; its mode may be another.
  at(added, () => rmSync(added, { force: true }))
  create(added, contents, mode)
  at(file, () => {
    renameSync(added, file)
    // The new name has to survive as well.
    if (hasModes) open(dirname(file), fsyncSync)
  })
}

function open<T>(file: string, action: (descriptor: number) => T): T {
  return at(file, () => {
    let descriptor: number
    try {
      descriptor = openSync(file, OPEN)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw error
      throw failureAt(file, "expected no symbolic link: what it points to may be somebody else's")
    }
    try {
      return action(descriptor)
    } finally {
      closeSync(descriptor)
    }
  })
}

/** Whoever owns a file may change its mode and what is in it. */
function checkOwner(file: string, { uid }: Stats): void {
  const own = process.geteuid?.()
  if (own !== undefined && own !== uid)
    throw failureAt(file, `expected the owner to be the user who runs this, ${own}, found ${uid}`)
}
