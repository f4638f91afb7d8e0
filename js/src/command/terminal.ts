// What the command says and reads. Results go to standard output, everything else to standard error.
import { Failure } from './failure.js'
import { read } from './files.js'
import { visible } from './visible.js'

/** Prints a line of a result. */
export const print = (line: string) => process.stdout.write(`${visible(line)}\n`)

/** Says something to people. */
export const say = (line: string) => process.stderr.write(`${visible(line)}\n`)

/** The token in a file or on standard input, without the newline that ends its line. */
export async function readToken(file: string | undefined): Promise<Buffer> {
  const given = file === undefined ? await readInput() : read(file)
  const token = given.at(-1) === 0x0a ? given.subarray(0, -1) : given
  if (token.length === 0) throw new Failure('expected a token, found nothing')
  return token
}

async function readInput(): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of process.stdin) parts.push(part as Buffer)
  return Buffer.concat(parts)
}
