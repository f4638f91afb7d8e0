// What `--help` prints, in the form of the command in Rust.
import { shown, type Flag } from './arguments.js'
import type { Subcommand } from './subcommand.js'

/** A table: what is called, and what it is. */
function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, about]) => `  ${name.padEnd(width)}  ${about}\n`).join('')
}

/** The whole command. */
export function commandHelp(subcommands: Readonly<Record<string, Subcommand>>): string {
  const rows = Object.entries(subcommands).map(([name, { about }]) => [name, about] as const)
  const help = 'Print this message or the help of the given subcommand(s)'
  const options = [
    ['-h, --help', 'Print help'],
    ['-V, --version', 'Print version'],
  ] as const
  return `Signed access tokens: keys, tokens, verdicts. The command in Rust can do more: rotate, revoke, publish, seal

Usage: datakit-token <COMMAND>

Commands:
${table([...rows, ['help', help]])}
Options:
${table(options)}`
}

/** One subcommand; without the flags that the command in Rust has alone. */
export function subcommandHelp(name: string, { about, flags }: Subcommand): string {
  const own = Object.entries(flags).filter(
    ([, { value, isSwitch }]) => value !== undefined || isSwitch,
  )
  const required = own.filter(([, { required }]) => required)
  const rows = own.map(([flag, one]) => [`    ${shown(flag, one)}`, describe(one)] as const)
  const usage = required.map(([flag, one]) => ` ${shown(flag, one)}`).join('')
  return `${about}

Usage: datakit-token ${name} [OPTIONS]${usage}

Options:
${table([...rows, ['-h, --help', 'Print help']])}`
}

function describe({ help, default: absent, choices }: Flag): string {
  const parts = [
    help,
    ...(absent === undefined ? [] : [`[default: ${absent}]`]),
    ...(choices ? [`[possible values: ${choices.join(', ')}]`] : []),
  ]
  return parts.join(' ')
}
