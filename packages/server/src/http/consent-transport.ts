import type { MintedSecrets } from '../secrets/server-keys.js'
import type { AuthRequest } from '../storage/api/storage.js'

/** What a link, or a form of the pages it leads to, says of the request that it is about. */
export interface ConsentLink {
  /** SHA-256 of what only the link holds. */
  tokenHash: string
  /** Where the person goes next, as the link says; null: nowhere. */
  redirectUri: string | null
  /** To be given back to the agent. */
  state: string | undefined
  /** The path that shows the request again. */
  path: string
  /** What the forms of its pages carry, by name. */
  fields: Readonly<Record<string, string>>
  /** What the page shows, and the program that asked: it tells one's own request from another. */
  displayCode: string
}

/** Why a link is not followed. */
export type LinkProblem = 'request_unknown' | 'bad_form'

/** What a person decided. */
export type Decision = { allowed: true } | { allowed: false; why: string }

/** How a request reaches the browser of the person who decides, and the decision the agent. */
export interface ConsentTransport {
  /** The path of the pages. */
  readonly path: string
  /** Reads the query of a link, or a form of its pages; undefined: it is about no request. */
  readLink(parameters: ReadonlyMap<string, string>): Promise<ConsentLink | LinkProblem | undefined>
  /** What an Allow gives out, for the agent to take once; undefined: nothing. The same for the same request. */
  handleOf(requestId: string): string | undefined
  /** Whether the agent can still use the Allow. */
  isAlive(request: AuthRequest): boolean
  /**
   * Whether the decision reaches nobody but the agent that asked. Only then may what a person allows answer later requests
   * without a page (W22).
   */
  reachesOnlyAgent(request: AuthRequest): boolean
  /** Where the browser takes the decision; undefined: nowhere, the agent asks for it. */
  addressOf(request: AuthRequest, decision: Decision): string | undefined
}

/** Makes the transport of a server. */
export type CreateTransport = (issuer: string, secrets: MintedSecrets) => ConsentTransport
