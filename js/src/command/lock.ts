// One process at a time in a key directory.
import { rmSync } from 'node:fs'
import { failureAt, isThere } from './failure.js'
import { create, within } from './files.js'

// The command in Rust holds `flock` on `DIR/lock`, which Node has not: each waits for its own kind alone. Whoever holds
// this one looks again, before it replaces anything, whether the other has changed it.
const LOCK = 'lock.npx'
/** Milliseconds. */
const PATIENCE = 10_000
const PAUSE = 20

/** Waits until no other process of this command has the directory, and keeps it for an action. */
export function whileLocked<T>(directory: string, action: () => T): T {
  const file = within(directory, LOCK)
  const end = Date.now() + PATIENCE
  for (;;) {
    try {
      create(file, '', 0o600)
      break
    } catch (error) {
      if (!isThere(error)) throw error
      if (Date.now() >= end)
        throw failureAt(
          file,
          'somebody else has locked the directory; remove this file if nobody has',
        )
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE)
    }
  }
  try {
    return action()
  } finally {
    rmSync(file, { force: true })
  }
}
