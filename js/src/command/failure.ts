// What ends the command with status 2.

/** A message that names the place and what was expected; never a token or a key. */
export class Failure extends Error {}

/** Arguments that are none of the command. */
export class UsageFailure extends Failure {}

/** A fault in a file, or at it. */
export const failureAt = (file: string, problem: unknown) =>
  new Failure(`${file}: ${problem instanceof Error ? describe(problem) : problem}`, {
    cause: problem,
  })

/** Whether a fault is that a file is there already. */
export const isThere = (error: unknown) =>
  error instanceof Failure && (error.cause as NodeJS.ErrnoException).code === 'EEXIST'

/** Where the C library says it in other words than Node. */
const TEXTS: Readonly<Record<string, string>> = {
  EEXIST: 'File exists',
  EISDIR: 'Is a directory',
  ELOOP: 'Too many levels of symbolic links',
  ENAMETOOLONG: 'File name too long',
}

/** A fault of the operating system, without the call and the path that Node puts into its message. */
function describe(error: NodeJS.ErrnoException): string {
  const { code, errno, message } = error
  if (code === undefined || errno === undefined) return message
  const text = /^\w+: ([^,]*)/.exec(message)?.[1] ?? code
  const capital = text.charAt(0).toUpperCase() + text.slice(1)
  return `${TEXTS[code] ?? capital} (os error ${Math.abs(errno)})`
}
