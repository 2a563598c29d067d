import type { Terminal } from '../terminal/terminal.js'

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

/** What a command consists of: its flags in one table, and what it does with them. */
export interface Command {
  flags: readonly Flag[]
  /** Resolves to the exit status; rejects with a sentence for the person who typed it. `subject` is empty where there is none. */
  run(options: Readonly<Record<string, unknown>>, terminal: Terminal, subject: string): Promise<number>
}
