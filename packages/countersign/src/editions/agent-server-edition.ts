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
}

/** The agent whose document is described. */
export interface DescribedAgent extends IdentifierOptions {
  id: string
  signer: Signer
  redirectUris: readonly string[]
  about?: AgentDescription | undefined
}
