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

/** What groups of commands are about. */
export const groups: Readonly<Record<string, string>> = {
  gateway: 'the reverse proxy for APIs without code',
  users: 'the people who can sign in',
  tokens: 'what people allowed the agent of this command line',
  keys: 'keys to sign with, and those of the auth server',
  agents: 'the agents that the auth server has seen',
  grants: 'what people allowed',
  audit: 'what happened',
  db: 'the database of the auth server',
}
