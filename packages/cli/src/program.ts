import { Command, CommanderError, Option } from 'commander'
import { CommandError } from './command-error.js'
import { demoCommand } from './demo/demo-command.js'
import type { Terminal } from './terminal.js'

/** A flag of a command. */
export interface Flag {
  /** As commander writes it: `--db <file>`. */
  flags: string
  description: string
  /** Flags that it cannot stand beside, by their option names. */
  conflicts?: readonly string[]
}

/** One command: its flags in one table, and what it does with them. */
export interface CommandRow {
  name: string
  description: string
  flags: readonly Flag[]
  /** Resolves to the exit status; rejects with a sentence for the person who typed it. */
  run(options: Readonly<Record<string, unknown>>, terminal: Terminal): Promise<number>
}

const commands: readonly CommandRow[] = [demoCommand]

/** Exit status of a command line that says nothing we know. */
const usageError = 2

/** Runs a command line and returns its exit status. */
export async function runProgram(argv: readonly string[], terminal: Terminal): Promise<number> {
  let status = 0
  const program = new Command('countersign')
    .description('Agent authorization with user consent: see it run.')
    .configureOutput({ writeOut: terminal.write, writeErr: (text) => terminal.notify(text.trimEnd()) })
    .showHelpAfterError('Add --help for what there is.')
    .exitOverride()
  for (const row of commands) {
    const command = program.command(row.name).description(row.description)
    for (const { flags, description, conflicts = [] } of row.flags) {
      command.addOption(new Option(flags, description).conflicts([...conflicts]))
    }
    command.action(async (options: Record<string, unknown>) => {
      status = await row.run(options, terminal)
    })
  }
  try {
    await program.parseAsync([...argv])
    return status
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageError
    terminal.notify(error instanceof Error ? error.message : String(error))
    return error instanceof CommandError ? error.exitCode : 1
  }
}
