import { readFileSync } from 'node:fs'
import { Argument, Command, CommanderError, Option } from 'commander'
import { CommandError } from './command-error.js'
import { commandGroup } from './command-group.js'
import type { CommandRow } from './command-row.js'
import { commands } from './commands.js'
import { exitStatus } from './exit-status.js'
import { operatorCommands } from './operate/operator-commands.js'
import { safeTerminal } from './safe-terminal.js'
import type { Terminal } from './terminal.js'

/** Runs a command line and returns its exit status. */
export async function runProgram(argv: readonly string[], given: Terminal): Promise<number> {
  const terminal = safeTerminal(given)
  let status: number = exitStatus.done
  const program = new Command('countersign')
    .version(packageVersion())
    .description('Agent authorization with user consent: see it run, and see why it does not.')
    .configureOutput({ writeOut: terminal.write, writeErr: (text) => terminal.notify(text.trimEnd()) })
    .showHelpAfterError('Add --help for what there is.')
    .exitOverride()
  for (const row of [...commands, ...operatorCommands]) {
    const command = addCommand(program, row)
    command.action(async () => {
      status = await row.run(command.opts(), terminal, command.args[0] ?? '')
    })
  }
  try {
    await program.parseAsync([...argv])
    return status
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.done : exitStatus.usage
    terminal.notify(error instanceof Error ? error.message : String(error))
    return error instanceof CommandError ? error.exitCode : exitStatus.refused
  }
}

function addCommand(program: Command, { name, description, subject, flags }: CommandRow): Command {
  const { group, rest } = commandGroup(program, name)
  const command = group.command(rest).description(description)
  if (subject) {
    const argument = new Argument(subject.name, subject.description)
    command.addArgument(subject.choices ? argument.choices([...subject.choices]) : argument)
  }
  for (const flag of flags) {
    const option = new Option(flag.flags, flag.description).conflicts([...(flag.conflicts ?? [])])
    if (flag.choices) option.choices([...flag.choices])
    if (flag.repeated) option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value])
    command.addOption(option)
  }
  return command
}

function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  return manifest.version
}
