import { createSigner, type PrivateJwk } from 'countersign'
import type { DelegateOptions } from 'countersign/delegate'
import { type AgentEdition, january } from 'countersign/editions'
import { draft11Agent, isServerId } from 'countersign/editions/draft-11'
import { publishedJwk } from 'countersign/tokens'
import { usageError } from '../command/errors.js'
import type { EditionName } from './load-edition.js'

/** Redirect URI that matches whichever port the command listens on (W24). */
export const portableRedirect = 'http://127.0.0.1/callback'

/** An edition that the command line's agent can use. */
interface OwnEdition {
  /** Undefined for the library's default. */
  edition: AgentEdition | undefined
  documents: AgentEdition['documents']
  /** The agent's document, without its name. */
  describe: (id: string, jwksUri: string) => Readonly<Record<string, unknown>>
  /** Whether the agent learns the decision by polling, so that the browser's final URL contains nothing. */
  isPolled: boolean
  /** How users are redirected back, according to a published document: the problem, if any. */
  returnProblem: (document: Readonly<Record<string, unknown>>) => string | undefined
  /** How a device gets agent tokens from its auth server, `id`. */
  device: (id: string) => Pick<DelegateOptions, 'audienceOf' | 'tokenPath'>
  /** Why the edition does not allow an agent, if it does not. */
  problem: (agent: DescribedAgent) => string | undefined
}

interface DescribedAgent {
  id: string
  authServers: readonly string[]
}

const own: Readonly<Record<EditionName, OwnEdition>> = {
  january: {
    edition: undefined,
    documents: january.documents,
    isPolled: false,
    describe: (id, jwksUri) => ({ agent: id, jwks_uri: jwksUri, redirect_uris: [portableRedirect] }),
    returnProblem: ({ redirect_uris: redirects }) =>
      Array.isArray(redirects) && redirects.includes(portableRedirect)
        ? undefined
        : `Its redirect_uris do not include ${portableRedirect}`,
    device: (id) => ({ audienceOf: (url) => (url.startsWith(`${id}/`) ? id : new URL(url).origin) }),
    problem: () => undefined,
  },
  'draft-11': {
    edition: draft11Agent,
    documents: draft11Agent.documents,
    isPolled: true,
    describe: (id, jwksUri) => ({ issuer: id, jwks_uri: jwksUri, localhost_callback_allowed: true }),
    returnProblem: ({ localhost_callback_allowed: isAllowed }) =>
      isAllowed === true ? undefined : 'Its localhost_callback_allowed is not true',
    device: () => ({ tokenPath: '/person/delegates/token' }),
    problem({ id, authServers }) {
      if (!isServerId(id, { allowInsecureLoopback: true }))
        return `In draft -11, the agent's URL has no path, and no port except on this machine: ${String(id)}`
      if (authServers.length > 1)
        return `In draft -11, an agent has one auth server (its person server), not ${authServers.length}: ${authServers.join(' and ')}. Use another agent for the other one, with --home.`
      return undefined
    },
  },
}

/** An agent's edition, as stored in its folder. */
export interface ChosenEdition {
  edition?: EditionName | undefined
}

/** The edition of an agent. */
export function editionOf({ edition = 'january' }: ChosenEdition): OwnEdition {
  return own[edition]
}

/** The agent's public keys, as its edition publishes them. */
export async function publishedKeys(agent: ChosenEdition, keys: readonly PrivateJwk[]): Promise<object[]> {
  const { jose } = editionOf(agent).documents.agent
  return (await Promise.all(keys.map(createSigner))).map(({ jwk }) => publishedJwk(jwk, jose))
}

/** @throws CommandError for an agent that its edition does not allow */
export function requireAllowed(agent: ChosenEdition & DescribedAgent): void {
  const problem = editionOf(agent).problem(agent)
  if (problem !== undefined) throw usageError(problem)
}
