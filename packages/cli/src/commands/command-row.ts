import type { OptionalPackage } from '../command/require-package.js'
import type { Run } from '../terminal/terminal.js'

/** A flag of a command. */
export interface Flag {
  /** As commander writes it: `--db <file>`. */
  flags: string
  description: string
  /** The only values it takes. */
  choices?: readonly string[]
  /** May be given several times; its value is then a list. */
  repeated?: true
  /** Flags that it cannot stand beside, by their option names. */
  conflicts?: readonly string[]
}

/** A command as help shows it; what it does is loaded when it is called. */
export interface CommandRow {
  name: string
  about: string
  /** What the command is about: `<url>`, mostly one word. */
  subject?: { name: string; description: string }
  flags: readonly Flag[]
  /** The package that must be installed when it is called. */
  needs?: OptionalPackage
  readonly load: () => Promise<Run>
}

/** For commands with one JSON document as their result. */
export const json: Flag = { flags: '--json', description: 'print one JSON document' }

/** For commands that fetch from peers. */
export const allowNetwork: Flag = {
  flags: '--allow-network <network>',
  description: 'a private network to fetch from: CIDR, CIDR=HOST or CIDR=HOST:PORT; may be given several times',
  repeated: true,
}

/** For commands that may run where only a proxy leads out. */
export const egressProxy: Flag = {
  flags: '--egress-proxy <url>',
  description: 'the HTTP proxy to fetch by, where there is no direct way out',
}
