import { readFileSync } from 'node:fs'
import { Argument, Command, CommanderError, Option } from 'commander'
import { CommandError, exitStatus } from './command/errors.js'
import { requirePackage } from './command/require-package.js'
import type { Flag } from './commands/command-row.js'
import { commands, groups } from './commands/tools.js'
import { safeTerminal, type Terminal } from './terminal/terminal.js'
import { wrapText } from './terminal/text.js'

/** Runs a command line and returns its exit status. Loads only the command that is called. */
export async function runProgram(argv: readonly string[], given: Terminal): Promise<number> {
  const terminal = safeTerminal(given)
  let status: number = exitStatus.done
  const program = new Command('countersign')
    .version(packageVersion())
    .description('Agent authorization with user consent: run it, and debug it.')
    .configureOutput({ writeOut: terminal.write, writeErr: (text) => terminal.notify(text.trimEnd()) })
    .configureHelp({ subcommandTerm: termOf })
    .showHelpAfterError('Run with --help to see all commands and options.')
    .exitOverride()
  for (const { name, about, subject, flags, needs, load } of commands) {
    const { group, rest } = groupOf(program, name)
    const command = group.command(rest).description(about)
    for (const word of subject?.name.split(' ') ?? []) command.addArgument(new Argument(word, subject?.description))
    for (const flag of flags) command.addOption(optionOf(flag))
    command.action(async () => {
      if (needs) requirePackage(needs)
      const run = await load()
      status = await run(command.opts() as never, terminal, command.args.join(' '))
    })
  }
  const args = argv.slice(2)
  const elsewhere = commandElsewhere(args)
  if (elsewhere !== undefined) {
    terminal.notify(`Unknown command ${args[0]}: did you mean countersign ${elsewhere}?`)
    return exitStatus.usage
  }
  try {
    await program.parseAsync(withHelpLast(args), { from: 'user' })
    return status
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.done : exitStatus.usage
    terminal.notify(forTerminal(error instanceof Error ? error.message : String(error), terminal))
    return error instanceof CommandError ? error.exitCode : exitStatus.refused
  }
}

/** Returns the text unchanged for programs, and wrapped into lines for a terminal. */
function forTerminal(text: string, { asking }: Terminal): string {
  if (asking.output.isTTY !== true) return text
  const lines = text.split('\n').map((line) => {
    const indent = /^ */.exec(line)?.[0] ?? ''
    return wrapText(indent, line.slice(indent.length))
  })
  return lines.join('\n')
}

/** Returns the group of a command, and its name in the group: `users add` is `add` in `users`. */
function groupOf(program: Command, name: string): { group: Command; rest: string } {
  const [first = '', ...words] = name.split(' ')
  if (words.length === 0) return { group: program, rest: first }
  const known = program.commands.find((command) => command.name() === first)
  const group = known ?? program.command(first).description(groups[first] ?? '')
  // Flags after the second word belong to the subcommand, even if the group has a flag of the same name.
  program.enablePositionalOptions()
  group.enablePositionalOptions()
  return { group, rest: words.join(' ') }
}

function termOf(command: Command): string {
  const subjects = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  )
  return [command.name(), ...subjects].join(' ')
}

function optionOf({ flags, description, choices, repeated, conflicts = [] }: Flag): Option {
  const option = new Option(flags, description).conflicts([...conflicts])
  if (choices) option.choices([...choices])
  if (repeated) option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value])
  return option
}

/** Finds the command whose second word was given alone, such as `db backup` for `backup`; commander would show the help of all commands. */
function commandElsewhere([first = '']: readonly string[]): string | undefined {
  const names = commands.map(({ name }) => name)
  if (first in groups || names.some((name) => name === first)) return undefined
  const [found, ...others] = names.filter((name) => name.endsWith(` ${first}`))
  return others.length === 0 ? found : undefined
}

/** Rewrites `help users add` and `users help add` to `users add --help`, because commander's own help supports only one level. */
function withHelpLast(args: readonly string[]): string[] {
  const at = args[0] !== undefined && args[0] in groups ? 1 : 0
  return args[at] === 'help' && args.length > at + 1 ? [...args.toSpliced(at, 1), '--help'] : [...args]
}

function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  return manifest.version
}
