// The command `datakit-token` of the package: make keys, issue, inspect, verify and decide, like the command in Rust.
// Exit status: 0 done or allowed, 1 denied, 2 usage, file or configuration error.
import { readFileSync } from 'node:fs'
import { readFlags } from './arguments.js'
import { Failure, UsageFailure } from './failure.js'
import { commandHelp, subcommandHelp } from './help.js'
import { inspect } from './inspect.js'
import { issue } from './issue.js'
import { keygen } from './keygen.js'
import type { Subcommand } from './subcommand.js'
import { decide, verify } from './verdict.js'
import { visible } from './visible.js'

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  keygen,
  issue,
  inspect,
  verify,
  decide,
}
/** What the command in Rust can do besides. */
const ELSEWHERE = ['rotate', 'revoke', 'unrevoke', 'replace', 'publish', 'status']

/** Does what the words say, and gives the exit status. */
export async function run(words: readonly string[]): Promise<number> {
  try {
    return await perform(words)
  } catch (error) {
    const isOurs = error instanceof Failure
    // What nobody has foreseen may show anything, so that it shows nothing but its kind.
    const message = isOurs ? error.message : `internal fault: ${(error as Error | undefined)?.name}`
    const lines = message.split('\n').map(visible).join('\n')
    const usage = error instanceof UsageFailure ? "\n\nFor more information, try '--help'." : ''
    process.stderr.write(`error: ${lines}${usage}\n`)
    return 2
  }
}

async function perform(words: readonly string[]): Promise<number> {
  const [name, ...rest] = words
  if (name === undefined) {
    process.stderr.write(commandHelp(SUBCOMMANDS))
    return 2
  }
  if (name === '--help' || name === '-h') return show(commandHelp(SUBCOMMANDS))
  if (name === '--version' || name === '-V') return show(`datakit-token ${version()}\n`)
  if (name === 'help') return help(rest)
  const subcommand = find(name)
  const given = readFlags(rest, subcommand.flags)
  if (given === 'help') return show(subcommandHelp(name, subcommand))
  return await subcommand.run(given)
}

function help([name, ...more]: readonly string[]): number {
  if (name === undefined || name === 'help') return show(commandHelp(SUBCOMMANDS))
  const subcommand = find(name)
  if (more[0] !== undefined) throw new UsageFailure(`unrecognized subcommand '${more[0]}'`)
  return show(subcommandHelp(name, subcommand))
}

function find(name: string): Subcommand {
  if (ELSEWHERE.includes(name))
    throw new UsageFailure(
      `\`${name}\`: only the command in Rust has it (crates/cli of this project)`,
    )
  const found = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined
  if (found) return found
  const what = name.startsWith('-') ? 'unexpected argument' : 'unrecognized subcommand'
  throw new UsageFailure(`${what} '${name}'${name.startsWith('-') ? ' found' : ''}`)
}

function show(text: string): number {
  process.stdout.write(text)
  return 0
}

function version(): string {
  const file = new URL('../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
