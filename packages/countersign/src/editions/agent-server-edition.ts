import type { Discovery } from '../discovery/discovery.js'
import type { GuardedFetch } from '../discovery/guarded-fetch.js'
import type { PublicJwk } from '../lib/algorithms.js'
import type { Signer } from '../lib/jwk.js'
import type { DocumentType, IdentifierOptions, OwnDocument } from '../protocol/documents.js'
import type { AgentDescription } from './agent-protocol.js'

/** The issuer of agent tokens: an agent server, whatever it knows its delegates by. */
export interface DelegateIssuer {
  /** The agent's identifier. */
  id: string
  signer: Signer
  /** Lifetime of a token, in seconds. */
  lifetime: number
  now: () => number
}

/** What an agent token states. */
export interface DelegateToken {
  /** The delegate's name. */
  name: string
  /** The key to which the token is bound. */
  jwk: PublicJwk
  /** The only party that accepts the token, in editions with audiences; in others, the auth server of the delegate's user, if there is one. */
  audience: string | undefined
  /** When it was issued, in Unix seconds. */
  issuedAt: number
  /** An id of the token, in editions whose tokens have one. */
  jti: string
}

/** A token that was issued to a delegate, as auth servers know it. */
export interface IssuedToken {
  jti: string
  /** The auth server that the token names. */
  authServer: string
  /** Unix seconds. */
  expiresAt: number
}

/**
 * The outcome of notifying an auth server that a token was revoked. `unsupported`: it accepts no revocations from this agent, for example because
 * it has never seen one of its tokens. `failed`: it did not respond, or not as it should, so that a later attempt may succeed.
 */
export type ReportOutcome = 'delivered' | 'unsupported' | 'failed'

/** What an edition needs to notify auth servers of revoked tokens. */
export interface ReportTools extends IdentifierOptions {
  /** The agent's identifier. */
  id: string
  signer: Signer
  now: () => number
  discovery: Discovery
  send: GuardedFetch
}

/** An edition of the protocol as the server of an agent with many installations needs it. */
export interface AgentServerEdition {
  /** The agent's document. */
  readonly document: DocumentType
  /** Whether every token is for one recipient. */
  readonly hasAudiences: boolean
  /**
   * Creates the agent's document.
   *
   * @throws TypeError for an identifier, a key or a redirect URI that the edition does not support
   */
  describe(agent: DescribedAgent): OwnDocument
  /** Why a delegate cannot have this name, as text that follows the name; undefined if it can. */
  nameProblem(name: unknown): string | undefined
  issue(issuer: DelegateIssuer, token: DelegateToken): Promise<string>
  /** Notifies the auth server that a token names that it was revoked. @default auth servers are not notified: tokens only expire */
  readonly report?: (token: IssuedToken, tools: ReportTools) => Promise<ReportOutcome>
}

/** The agent whose document is described. */
export interface DescribedAgent extends IdentifierOptions {
  id: string
  signer: Signer
  redirectUris: readonly string[]
  about?: AgentDescription | undefined
}
