import { isLoopbackIdentifier } from 'countersign/discovery'
import { usageError } from '../command/errors.js'
import type { DemoEdition } from '../editions/demo-edition.js'
import { readNetworkFlags, readPort, requireIdentifierFlag } from '../flags/network-flags.js'
import { type DemoParty, type DemoUsers, demoParties, demoUser } from './demo-world.js'
import type { PartyOptions } from './start-parties.js'

/** The flags that choose the party to start, and identify the other parties. */
export interface PartyFlags {
  only?: DemoParty
  port?: string
  ports?: string
  people?: string
  id?: string
  authServerUrl?: string
  agentId?: string
  resourceUrl?: string
  interop?: true
  db?: string
  allowNetwork?: readonly string[]
}

/** Flags that apply only with `--only`, and the parties to which they apply. */
const takenBy: Readonly<Partial<Record<keyof PartyFlags, readonly DemoParty[]>>> = {
  port: ['agent', 'resource', 'auth-server'],
  id: ['agent', 'resource', 'auth-server'],
  // The auth server ignores it, but scripts pass the same flags to every party.
  authServerUrl: ['agent', 'resource', 'auth-server'],
  agentId: ['resource', 'auth-server'],
  resourceUrl: ['agent'],
  allowNetwork: ['agent', 'resource', 'auth-server'],
}

/**
 * Parses the flags that concern the parties.
 *
 * @throws CommandError if flags contradict each other
 */
export function partyOptions(
  flags: PartyFlags,
  edition: DemoEdition,
): Omit<PartyOptions, 'onEvent' | 'captured' | 'edition'> & { users: DemoUsers } {
  const { only, resourceUrl } = flags
  for (const [name, parties] of Object.entries(takenBy)) {
    if (flags[name as keyof PartyFlags] === undefined || (only && parties.includes(only))) continue
    const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    throw usageError(`--${flag} needs --only ${parties.join(' or --only ')}.`)
  }
  if (flags.interop && !edition.hasOlderForm)
    throw usageError('--interop does not apply to this edition, which has no older form.')
  const ids = identifiersIn(flags, edition)
  return {
    ids,
    interop: flags.interop ?? false,
    network: readNetworkFlags({ allowNetwork: flags.allowNetwork ?? [] }),
    only,
    ports: portsIn(flags, only && ids[only]),
    users: usersIn(flags),
    resourceUrl: resourceUrl === undefined ? undefined : requireUrl(resourceUrl),
    database: flags.db,
  }
}

/** Returns the party identifiers that are given by flags. */
function identifiersIn(
  { only, id, agentId, authServerUrl }: PartyFlags,
  { command }: DemoEdition,
): Partial<Record<DemoParty, string>> {
  const ids: Partial<Record<DemoParty, string>> = {}
  const take = (party: DemoParty, flag: string, text: string | undefined) => {
    if (text === undefined) return
    const taken = requireIdentifierFlag(flag, text, 'allowed')
    const problem = command.identifierProblem(taken)
    if (problem !== undefined) throw usageError(`${flag} is not valid: ${problem}.`)
    ids[party] = taken
  }
  if (only !== 'auth-server') take('auth-server', '--auth-server-url', authServerUrl)
  take('agent', '--agent-id', agentId)
  if (only) take(only, '--id', id)
  return ids
}

// A loopback identifier contains the port on which its party listens.
function portsIn({ only, port, ports }: PartyFlags, id: string | undefined): PartyOptions['ports'] {
  if (only) {
    if (port !== undefined) return { [only]: readPort(port) }
    return id !== undefined && isLoopbackIdentifier(id) ? { [only]: Number(new URL(id).port) } : {}
  }
  if (ports === undefined) return {}
  const numbers = ports.split(',')
  const chosen = numbers.filter((number) => number !== '0')
  if (numbers.length !== demoParties.length || new Set(chosen).size < chosen.length)
    throw usageError('--ports requires three different ports, for the agent, API and auth server: 9001,9002,9003.')
  return Object.fromEntries(demoParties.map((party, index) => [party, readPort(numbers[index] ?? '', '--ports')]))
}

function usersIn({ people }: PartyFlags): DemoUsers {
  if (people === undefined) return [demoUser]
  const [first = '', ...others] = people.split(',')
  const names = [first, ...others]
  if (!names.every((name) => /^[\w.-]{1,40}$/.test(name)) || new Set(names).size < names.length)
    throw usageError(
      '--people requires different usernames, separated by commas, of up to 40 letters, digits, dots, hyphens or underscores: alice,bob.',
    )
  const withPassword = (username: string) => ({ ...demoUser, username })
  return [withPassword(first), ...others.map(withPassword)]
}

function requireUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && url.username === '') {
    if (url.protocol === 'https:' || isLoopbackIdentifier(url.origin)) return url.href
    if (url.protocol === 'http:')
      throw usageError(
        '--resource-url: http is accepted only on this machine: for 127.0.0.1, [::1] or localhost, with a port.',
      )
  }
  throw usageError(
    '--resource-url requires the absolute URL of the protected path, without a username, such as http://127.0.0.1:8002/data-auth.',
  )
}
