import type { OptionalPackage } from '../command/require-package.js'
import type { Run } from '../terminal/terminal.js'

/** A flag with more than a description. */
interface FlagDetails {
  description: string
  /** The only values it takes. */
  choices?: readonly string[]
  /** May be given several times; its value is then a list. */
  repeated?: true
  /** Flags that it cannot stand beside, by their option names. */
  conflicts?: readonly string[]
}

/** Flags in the order of the help, as commander writes them (`--db <file>`), with their descriptions. */
export type FlagTable = Readonly<Record<string, string | FlagDetails>>

/** A flag of a command. */
export interface Flag extends FlagDetails {
  /** As commander writes it. */
  flags: string
}

/** A command as help shows it; what it does is loaded when it is called. */
export interface Command {
  name: string
  about: string
  /** What the command is about: `<url>`, mostly one word. */
  subject?: { name: string; description: string }
  flags: readonly Flag[]
  /** The package that must be installed when it is called. */
  needs?: OptionalPackage | undefined
  /** The flags that a run gets are those of the table. */
  readonly load: () => Promise<Run<never>>
}

export interface CommandRow extends Omit<Command, 'flags'> {
  flags: FlagTable
}

/** The commands of a table. */
export function commandsOf(rows: readonly CommandRow[]): readonly Command[] {
  return rows.map((row) => {
    const flags = Object.entries(row.flags).map(([flag, details]) =>
      typeof details === 'string' ? { flags: flag, description: details } : { flags: flag, ...details },
    )
    return { ...row, flags }
  })
}

/** For commands with one JSON document as their result. */
export const json: FlagTable = { '--json': 'print one JSON document' }

/** For commands that fetch from peers. */
export const allowNetwork: FlagTable = {
  '--allow-network <network>': {
    description: 'a private network to fetch from: CIDR, CIDR=HOST or CIDR=HOST:PORT; may be given several times',
    repeated: true,
  },
}

/** For commands that may run where only a proxy leads out. */
export const egressProxy: FlagTable = {
  '--egress-proxy <url>': 'the HTTP proxy to fetch by, where there is no direct way out',
}
