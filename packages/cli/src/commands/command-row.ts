import type { OptionalPackage } from '../command/require-package.js'
import type { Run } from '../terminal/terminal.js'

/** A flag with more than a description. */
interface FlagDetails {
  description: string
  /** The only values that the flag accepts. */
  choices?: readonly string[]
  /** The flag may be given several times; its value is then a list. */
  repeated?: true
  /** Flags that cannot be combined with this one, by option name. */
  conflicts?: readonly string[]
}

/** Flags in the order in which help lists them, in commander's notation (`--db <file>`), with their descriptions. */
export type FlagTable = Readonly<Record<string, string | FlagDetails>>

/** A flag of a command. */
export interface Flag extends FlagDetails {
  /** In commander's notation. */
  flags: string
}

/** A command as help shows it. Its implementation is loaded when the command runs. */
export interface Command {
  name: string
  about: string
  /** The positional argument: `<url>`, usually one word. */
  subject?: { name: string; description: string }
  flags: readonly Flag[]
  /** The package that must be installed when the command runs. */
  needs?: OptionalPackage | undefined
  /** Loads the implementation. The flags passed to it are those in the table. */
  readonly load: () => Promise<Run<never>>
}

export interface CommandRow extends Omit<Command, 'flags'> {
  flags: FlagTable
}

/** Returns the commands of a table. */
export function commandsOf(rows: readonly CommandRow[]): readonly Command[] {
  return rows.map((row) => {
    const flags = Object.entries(row.flags).map(([flag, details]) =>
      typeof details === 'string' ? { flags: flag, description: details } : { flags: flag, ...details },
    )
    return { ...row, flags }
  })
}

/** Flag of commands whose result is one JSON document. */
export const json: FlagTable = { '--json': 'Print one JSON document' }

/** Flag of commands that fetch from peers. */
export const allowNetwork: FlagTable = {
  '--allow-network <network>': {
    description:
      'A private network that may be fetched from: CIDR, CIDR=HOST or CIDR=HOST:PORT; may be given several times',
    repeated: true,
  },
}

/** Flag of commands that may run on a machine without direct internet access. */
export const egressProxy: FlagTable = {
  '--egress-proxy <url>': 'The HTTP proxy for outgoing requests, if there is no direct internet access',
}
