import { isLoopbackIdentifier } from 'countersign/wire'
import { usageError } from '../command/command-error.js'
import { readNetworkFlags } from '../flags/network-flags.js'
import { requireIdentifierFlag } from '../flags/require-identifier-flag.js'
import type { DemoParty } from './demo-world.js'
import type { PartyOptions } from './start-parties.js'

/** The flags that say who is started, and who the others are. */
export interface PartyFlags {
  only?: DemoParty
  port?: string
  id?: string
  authServerUrl?: string
  agentId?: string
  resourceUrl?: string
  interop?: true
  db?: string
  allowNetwork?: readonly string[]
}

/** Flags that only some parties take when they run alone. */
const takenBy: Readonly<Partial<Record<keyof PartyFlags, readonly DemoParty[]>>> = {
  port: ['agent', 'resource', 'auth-server'],
  id: ['agent', 'resource', 'auth-server'],
  // The auth server has no use for it, but scripts give all parts the same.
  authServerUrl: ['agent', 'resource', 'auth-server'],
  agentId: ['resource', 'auth-server'],
  resourceUrl: ['agent'],
  allowNetwork: ['agent', 'resource', 'auth-server'],
}

/**
 * Reads the flags of the parties.
 *
 * @throws CommandError for flags that do not fit each other
 */
export function partyOptions(flags: PartyFlags): Omit<PartyOptions, 'onEvent'> {
  const { only, resourceUrl } = flags
  for (const [name, parties] of Object.entries(takenBy)) {
    if (flags[name as keyof PartyFlags] === undefined || (only && parties.includes(only))) continue
    const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    throw usageError(`--${flag} needs --only ${parties.join(' or --only ')}.`)
  }
  const ids = identifiersIn(flags)
  return {
    ids,
    interop: flags.interop ?? false,
    network: readNetworkFlags({ allowNetwork: flags.allowNetwork ?? [] }),
    only,
    port: portOption(flags, only && ids[only]),
    resourceUrl: resourceUrl === undefined ? undefined : requireUrl(resourceUrl),
    database: flags.db,
  }
}

/** Who the parties are, as far as the flags say. */
function identifiersIn({ only, id, agentId, authServerUrl }: PartyFlags): Partial<Record<DemoParty, string>> {
  const ids: Partial<Record<DemoParty, string>> = {}
  const take = (party: DemoParty, flag: string, text: string | undefined) => {
    if (text !== undefined) ids[party] = requireIdentifierFlag(flag, text, 'allowed')
  }
  if (only !== 'auth-server') take('auth-server', '--auth-server-url', authServerUrl)
  take('agent', '--agent-id', agentId)
  if (only) take(only, '--id', id)
  return ids
}

// A loopback identifier says where its party is reached.
function portOption({ port }: PartyFlags, id: string | undefined): number | undefined {
  if (port !== undefined) return requirePort(port)
  return id !== undefined && isLoopbackIdentifier(id) ? Number(new URL(id).port) : undefined
}

function requirePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw usageError('--port takes a number from 0 to 65535; 0 chooses a free port.')
}

function requireUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && url.username === '') {
    if (url.protocol === 'https:' || isLoopbackIdentifier(url.origin)) return url.href
    if (url.protocol === 'http:')
      throw usageError('--resource-url: http is for this machine: a port on 127.0.0.1, [::1] or localhost.')
  }
  throw usageError(
    '--resource-url takes the absolute URL of the protected path, such as http://127.0.0.1:8002/data-auth.',
  )
}
