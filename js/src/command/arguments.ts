// The arguments of a subcommand, read as the command in Rust reads them.
import { parseArgs } from 'node:util'
import { UsageFailure } from './failure.js'

/** What may be given by `--name`. */
export interface Flag {
  readonly help: string
  /** The name of its value, as the help shows it. None for a flag that the command in Rust has alone, and a switch. */
  readonly value?: string
  /** Whether it has no value, and is there or not. */
  readonly isSwitch?: true
  readonly required?: true
  readonly repeated?: true
  /** Whether its value may begin with a hyphen. */
  readonly hyphens?: true
  readonly default?: string
  /** The only values that it may have. */
  readonly choices?: readonly string[]
  /** Whether its value may be empty; no path is. */
  readonly empty?: true
  /** What is wrong with a value, if anything. */
  readonly check?: (text: string) => string | undefined
}

export type Flags = Readonly<Record<string, Flag>>

/** The values that were given. */
export class Given {
  readonly #values: ReadonlyMap<string, readonly string[]>
  readonly #flags: Flags

  constructor(values: ReadonlyMap<string, readonly string[]>, flags: Flags) {
    this.#values = values
    this.#flags = flags
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  /** The value, or that which stands for an absent one. */
  get(name: string): string | undefined {
    return this.all(name)[0] ?? this.#flags[name]?.default
  }

  /** The value of a required flag. */
  only(name: string): string {
    return this.get(name) ?? ''
  }
}

/** As a message shows a flag. */
export const shown = (name: string, { value }: Flag) =>
  value === undefined ? `--${name}` : `--${name} <${value}>`

/** Reads the words after a subcommand; `help` if somebody asks for it. */
export function readFlags(words: readonly string[], flags: Flags): Given | 'help' {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { value }]) => [
      name,
      { type: value === undefined ? 'boolean' : 'string' } as const,
    ]),
  )
  // Strictly, but by ourselves: in the order in which they stand, so that `--help` before a mistake asks for help.
  const { tokens } = parseArgs({
    args: joinValues(words, flags),
    options: { ...options, help: { type: 'boolean', short: 'h' } },
    strict: false,
    tokens: true,
  })
  const values = new Map<string, string[]>()
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional')
      throw new UsageFailure(`unexpected argument '${token.value}' found`)
    const { name, rawName, value, inlineValue } = token
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined
    if (name === 'help' && inlineValue !== true) return 'help'
    if (!flag || rawName !== `--${name}`)
      throw new UsageFailure(`unexpected argument '${rawName}' found`)
    if (flag.isSwitch && inlineValue !== true) {
      values.set(name, [])
      continue
    }
    if (flag.value === undefined)
      throw new UsageFailure(
        `${rawName}: only the command in Rust has it (crates/cli of this project)`,
      )
    const isFlag = inlineValue === false && /^-./.test(value) && !flag.hyphens
    if (value === undefined || isFlag || (value === '' && !flag.empty))
      throw new UsageFailure(`a value is required for '${shown(name, flag)}' but none was supplied`)
    if (flag.choices && !flag.choices.includes(value))
      throw new UsageFailure(
        `invalid value '${value}' for '${shown(name, flag)}'\n  [possible values: ${flag.choices.join(', ')}]`,
      )
    const problem = flag.check?.(value)
    if (problem !== undefined)
      throw new UsageFailure(`invalid value '${value}' for '${shown(name, flag)}': ${problem}`)
    const before = values.get(name)
    if (before && !flag.repeated)
      throw new UsageFailure(`the argument '${shown(name, flag)}' cannot be used multiple times`)
    if (before) before.push(value)
    else values.set(name, [value])
  }
  return new Given(values, flags)
}

/** Refuses to go on without what is required. */
export function requireFlags(given: Given, flags: Flags, names: readonly string[]): void {
  const missing = names.filter((name) => !given.has(name))
  if (missing.length === 0) return
  const lines = missing.map((name) => `\n  ${shown(name, flags[name] as Flag)}`)
  throw new UsageFailure(`the following required arguments were not provided:${lines.join('')}`)
}

/** `--kid -x` as `--kid=-x`: a thumbprint may begin with a hyphen. */
function joinValues(words: readonly string[], flags: Flags): string[] {
  const joined: string[] = []
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as string
    const value = words[index + 1]
    const takes = word.startsWith('--') && flags[word.slice(2)]?.hyphens && value !== undefined
    joined.push(takes ? `${word}=${value}` : word)
    if (takes) index++
  }
  return joined
}
