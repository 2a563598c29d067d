import { readFileSync } from 'node:fs'
import { Argument, Command, CommanderError, Option } from 'commander'
import { CommandError, exitStatus } from './command/errors.js'
import { requirePackage } from './command/require-package.js'
import { type Flag, type Command as Row, usageOf } from './commands/command-row.js'
import { audiences, commands, groups } from './commands/command-table.js'
import { documentationPages, type PageTitle } from './commands/documentation-pages.js'
import { safeTerminal, type Terminal } from './terminal/terminal.js'
import { wrapText } from './terminal/text.js'

/** Runs a command line and returns its exit status. Loads only the command that is called. */
export async function runProgram(argv: readonly string[], given: Terminal): Promise<number> {
  const terminal = safeTerminal(given)
  let status: number = exitStatus.done
  const program = new Command('countersign')
    .version(packageVersion(), '-V, --version', 'Print the version')
    .description('Agent authorization with user consent: run it, and debug it.')
    .usage('<command> [options]')
    .commandsGroup('Help:')
    .helpCommand('help [command]', 'Show the help of a command')
    .configureOutput({
      writeOut: terminal.write,
      writeErr: (text) => terminal.notify(text.trimEnd()),
      outputError: (text, write) => write(asSentence(text)),
    })
    .configureHelp({ subcommandTerm: termOf })
    .helpOption('-h, --help', 'Show this help')
    .showHelpAfterError('Run countersign --help.')
    .addHelpText('after', footer('server users add --help'))
    .enablePositionalOptions()
    .exitOverride()
  for (const { heading, commands: rows } of audiences) {
    for (const row of rows) {
      const command = addCommand(program, row, `${heading}:`)
      command.action(async () => {
        if (row.needs) requirePackage(row.needs)
        const run = await row.load()
        status = await run(command.opts() as never, terminal, command.args.join(' '))
      })
    }
  }
  const args = withHelpLast(argv.slice(2))
  const unknown = findUnknown(args)
  if (unknown && unknown.suggestions.length > 0) {
    const named = unknown.suggestions.map((name) => `countersign ${name}`).join(' or ')
    terminal.notify(`Unknown command '${unknown.words.join(' ')}': did you mean ${named}?`)
    return exitStatus.usage
  }
  try {
    // If --help followed it, commander would ignore an unknown command.
    await program.parseAsync(unknown?.words ?? args, { from: 'user' })
    return status
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.done : exitStatus.usage
    terminal.notify(forTerminal(error instanceof Error ? error.message : String(error), terminal))
    if (isConfigurationError(error)) return exitStatus.usage
    return error instanceof CommandError ? error.exitCode : exitStatus.refused
  }
}

/**
 * Whether a configuration file is missing or invalid. The error's class is not imported, because that would load the library for every
 * command.
 */
function isConfigurationError(error: unknown): boolean {
  return error instanceof Error && error.name === 'ConfigurationError'
}

/** Returns the text unchanged for programs, or wrapped into lines for a terminal. */
function forTerminal(text: string, { asking }: Terminal): string {
  if (asking.output.isTTY !== true) return text
  const lines = text.split('\n').map((line) => {
    const indent = /^ */.exec(line)?.[0] ?? ''
    return wrapText(indent, line.slice(indent.length))
  })
  return lines.join('\n')
}

/** Adds a command from the table, along with the groups in its name that do not exist yet. */
function addCommand(program: Command, row: Row, heading: string): Command {
  const words = row.name.split(' ')
  const group = words.slice(0, -1).reduce((parent, word, at) => {
    const name = words.slice(0, at + 1).join(' ')
    const known = parent.commands.find((command) => command.name() === word)
    const added = () =>
      parent
        .command(word)
        .description(groups[name] ?? '')
        .usage('<command> [options]')
        .helpCommand(false)
        .showHelpAfterError(`Run countersign ${name} --help.`)
        .addHelpText('after', footer(row.example, row.page))
        .enablePositionalOptions()
    return known ?? added()
  }, program)
  const command = group.command(words.at(-1) ?? '').description(row.about)
  command
    .usage(wrappedUsage(row))
    .showHelpAfterError(`Run countersign ${row.name} --help.`)
    .addHelpText('after', footer(row.example, row.page))
  for (const { name, description, choices } of row.subjects ?? []) {
    const argument = new Argument(name, description)
    command.addArgument(choices ? argument.choices(choices) : argument)
  }
  for (const flag of row.flags) command.addOption(optionOf(flag))
  program.commands.find((candidate) => candidate.name() === words[0])?.helpGroup(heading)
  return command
}

/** Returns the usage line without the command's name, in lines of up to 80 columns. */
function wrappedUsage(row: Row): string {
  const lead = `Usage: countersign ${row.name} `
  const usage = usageOf(row).slice(row.name.length + 1)
  return wrapUnits(lead, usage, /\([^)]*\)|--[\w-]+ <[^>]+>/g, { columns: 9 }).slice(lead.length)
}

/** Wraps text, but keeps each match of the pattern, such as a flag with its value, on one line. */
function wrapUnits(lead: string, text: string, units: RegExp, options: Parameters<typeof wrapText>[2]): string {
  const joined = text.replaceAll(units, (unit) => unit.replaceAll(/(?!^) /g, '\u00a0'))
  return wrapText(lead, joined, options).replaceAll('\u00a0', ' ')
}

/** Renders what follows the flags in a command's help: an example, and the title and location of the page that explains the command. */
function footer(example: string, page: PageTitle = 'The command line'): string {
  const line = wrapUnits('  countersign ', example, / -[\w-]+ (?=[^-\s])/g, { columns: 4, end: ' \\' })
  const location = `  ${documentationPages[page]} in the countersign package`
  return ['', 'Example:', line, '', wrapText('Documentation: ', page), location].join('\n')
}

/** Converts commander's errors to our own form: `error: unknown option '-x'` becomes `Unknown option '-x'`. */
function asSentence(text: string): string {
  const bare = text.replace(/^error: /, '')
  return `${bare.charAt(0).toUpperCase()}${bare.slice(1)}`
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

/**
 * Returns the words up to the first unknown one, and the commands that they may stand for; undefined if the words before the first flag
 * name a command or a group.
 */
function findUnknown(args: readonly string[]): { words: string[]; suggestions: string[] } | undefined {
  const firstFlag = args.findIndex((arg) => arg.startsWith('-'))
  const given = firstFlag === -1 ? args : args.slice(0, firstFlag)
  const at = given.findIndex((_, index) => !Object.hasOwn(groups, given.slice(0, index + 1).join(' ')))
  const words = given.slice(0, at + 1)
  const line = words.join(' ')
  if (at === -1 || line === 'help' || commands.some(({ name }) => name === line)) return undefined
  const [last = '', next = ''] = given.slice(at)
  const found = suggestionsFor(line.slice(0, line.length - last.length), last, next)
  // `db restore` is a guess for a command in the `server db` group.
  const inGroups =
    next === '' ? [] : found.flatMap((name) => findUnknown([...name.split(' '), next])?.suggestions ?? [])
  return { words, suggestions: inGroups.length > 0 ? inGroups : found }
}

/**
 * Returns the commands and groups that an unknown word in a group may stand for: those in the group whose names end with the word, such as
 * `server db backup` for `server backup`; otherwise commands in the group for which the word is a guess, or whose descriptions start with
 * it; otherwise the command outside of the group with this name.
 *
 * @param lead the group, followed by a space; empty for `countersign` itself
 * @param next the word after the unknown one, if any
 */
function suggestionsFor(lead: string, word: string, next: string): string[] {
  const within = <T extends { name: string }>(all: readonly T[]) => all.filter(({ name }) => name.startsWith(lead))
  const named = within([...Object.keys(groups).map((name) => ({ name })), ...commands])
  // `user list` is a guess for `users list`.
  const endingIn = (...ends: string[]) => named.filter(({ name }) => ends.some((end) => name.endsWith(` ${end}`)))
  const guessed = within(commands).filter(({ guesses = [] }) => guesses.includes(word))
  const found = [
    endingIn(`${word} ${next}`, `${word}s ${next}`),
    endingIn(word, `${word}s`),
    guessed.filter(({ name }) => !name.slice(lead.length).includes(' ')),
    guessed,
    within(commands).filter(({ about }) => about.toLowerCase().startsWith(`${word} `)),
    commands.filter(({ name }) => name === word),
  ]
  return (found.find(({ length }) => length > 0) ?? []).map(({ name }) => name)
}

/** Rewrites `help server users add` and `server users help add` to `server users add --help`; commander's own help supports one level. */
function withHelpLast(args: readonly string[]): string[] {
  const at = args.indexOf('help')
  const isGroup = at === 0 || Object.hasOwn(groups, args.slice(0, Math.max(at, 0)).join(' '))
  return at !== -1 && isGroup && args.length > 1 ? [...args.toSpliced(at, 1), '--help'] : [...args]
}

function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  return manifest.version
}
