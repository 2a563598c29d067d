import type { AgentStatement, RequestBlocks, ResourceStatement } from '../../http/consent-transport.js'
import type { AuthRequest, RequestDetails } from '../../storage/api/request-storage.js'
import type { RevocableToken } from './revocations.js'

/** The token that an agent requests. */
export type TokenKind = 'person' | 'auth'

/** The parts of a resource token that matter after it was verified. */
export interface ResourceTokenRef extends RevocableToken {
  scope: string
}

/** What the edition keeps with a pending request. */
export interface Draft11Details {
  kind: TokenKind
  /** The resource token that asked for an auth token. */
  resourceToken: ResourceTokenRef | null
  /** The latest expiry of an auth token, in Unix seconds: that of the token that was presented to the resource. */
  until: number | null
  /** The resource's own name for the user's account there, which the auth token repeats. */
  account: string | null
  /** The username that the agent suggests. */
  loginHint: string | null
  /** Where the agent provider lets users return, and whether they may also return to loopback. */
  callback: string | null
  loopback: boolean
  /** The user's own device that asks. */
  device?: RequestBlocks['ownDevice']
  agentSays: AgentStatement
  resourceSays: ResourceStatement
}

/** Prompts with which the user sees a page even if a grant allows the request. */
const forcing = ['login', 'consent', 'select_account']

/** Whether a remembered grant may allow a request with these prompts. */
export function acceptsGrant(prompt: Iterable<string>): boolean {
  return !Array.from(prompt).some((each) => forcing.includes(each))
}

/** The details of a stored request of this edition. */
export function detailsOf({ details }: Pick<AuthRequest, 'details'>): Draft11Details {
  if (details === null) throw new TypeError('the request is not one of draft -11')
  return details as RequestDetails & Draft11Details
}
