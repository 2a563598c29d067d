import type { Command } from 'commander'

/** What groups of commands are about. */
const descriptions: Readonly<Record<string, string>> = {
  users: 'the people who can sign in',
  keys: 'keys to sign with, and those of the auth server',
  agents: 'the agents that the auth server has seen',
  grants: 'what people allowed',
  audit: 'what happened',
}

/** Where a command goes: `users add` is `add` under `users`. */
export function commandGroup(program: Command, name: string): { group: Command; rest: string } {
  const [first = '', ...words] = name.split(' ')
  if (words.length === 0) return { group: program, rest: first }
  const known = program.commands.find((command) => command.name() === first)
  const group = known ?? program.command(first).description(descriptions[first] ?? '')
  // Flags after the second word are the subcommand's own, also where the group has one of that name.
  program.enablePositionalOptions()
  group.enablePositionalOptions()
  return { group, rest: words.join(' ') }
}
