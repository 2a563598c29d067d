import type { MintedSecrets } from '../secrets/server-keys.js'
import type { AuthRequest } from '../storage/api/storage.js'

/** The data that a link, or a form on the pages it leads to, carries about its request. */
export interface ConsentLink {
  /** SHA-256 of the secret that only the link contains. */
  tokenHash: string
  /** Where the user goes next, according to the link; null if nowhere. */
  redirectUri: string | null
  /** Returned to the agent. */
  state: string | undefined
  /** The path that shows the request again. */
  path: string
  /** The fields that the forms on its pages carry, by name. */
  fields: Readonly<Record<string, string>>
  /** A code shown both on the page and by the requesting program, so that users can tell their own request from another. */
  displayCode: string
}

/** Why a link is rejected. */
export type LinkProblem = 'request_unknown' | 'bad_form'

/** A user's decision. */
export type Decision = { allowed: true } | { allowed: false; why: string }

/** How a request reaches the browser of the user who decides, and how the decision reaches the agent. */
export interface ConsentTransport {
  /** The path of the pages. */
  readonly path: string
  /** Reads the query of a link, or a form on its pages; undefined if it is not about a request. */
  readLink(parameters: ReadonlyMap<string, string>): Promise<ConsentLink | LinkProblem | undefined>
  /**
   * The handle that an Allow issues, which the agent can redeem once; undefined if the transport issues none. A request always has the same
   * handle.
   */
  handleOf(requestId: string): string | undefined
  /** Whether the agent can still redeem the Allow. */
  isAlive(request: AuthRequest): boolean
  /**
   * Whether the decision reaches no one except the agent that sent the request. Only then can a grant be remembered and allow later
   * requests without a page (W22).
   */
  reachesOnlyAgent(request: AuthRequest): boolean
  /** Where the browser takes the decision; undefined if nowhere, because the agent polls for it. */
  addressOf(request: AuthRequest, decision: Decision): string | undefined
}

/** Creates the transport of a server. */
export type CreateTransport = (issuer: string, secrets: MintedSecrets) => ConsentTransport
