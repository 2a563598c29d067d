import type { NonceClaim } from 'countersign/signatures'
import type { Row } from '../sql/tables.js'
import type { AgentSighting } from './agent-storage.js'
import type { Session } from './session-storage.js'
import type { LimitedAttempt } from './throttle-storage.js'
import type { AsRead } from './user.js'

/** Pending authorizations, from the agent's request to the person's decision. */
export interface RequestStorage {
  /**
   * Records a pending authorization. Rejects with `StorageError` `too_many_requests` at the limit of open ones
   * (attacks A13), and `agent_blocked` (A19).
   */
  createAuthRequest(request: NewAuthRequest): Promise<AuthRequest>
  /** The request behind a request token, whatever its state. */
  findAuthRequest(tokenHash: string): Promise<AuthRequest | undefined>
  /**
   * The same, with the live session of the person who looks at it, in one statement; undefined: there is no such request.
   */
  findViewedRequest(viewing: RequestViewing): Promise<ViewedRequest | undefined>
  /** Keeps the agent's `state` of the latest view while no browser is bound; later calls change nothing. */
  rememberState(tokenHash: string, state: string): Promise<void>
  /**
   * Binds an open request to the first signed-in browser, and to its user, in one step (W23). Binding again from the
   * same browser sets the user and raises `revision` if the user changed. `state` wins over a remembered one, the first time only.
   */
  bindRequest(binding: RequestBinding): Promise<BindOutcome>
  /** Puts the end of an open request off by `seconds`, at most `maxExtensions` times (WCAG 2.2.1). */
  extendRequest(extension: RequestExtension): Promise<ExtendOutcome>
  /**
   * Records what a person decided: the status, the grant, the handle and the audit rows in one transaction.
   * A second decision, whatever it says, returns the recorded one (attacks C09). `changed`: the request is not as
   * it was judged, or the user was shown another revision; `user_changed`: the user is not as they were read with their
   * session. A remembered grant takes the place of
   * the one before, which gives it its refresh tokens and those of its permissions that have not ended; each keeps its
   * own end, or the new one where that is later (W27).
   */
  decideRequest(decision: RequestDecision): Promise<DecideOutcome>
  /**
   * Allows an open request without a page, under a live remembered grant of the same person, agent, delegate and
   * resource that covers its scope; binds it to the browser first. What else needs a page (W22, `prompt`) is for the
   * caller to know. A request that was decided in this browser returns the recorded outcome.
   */
  allowRemembered(permission: RememberedPermission): Promise<RememberedOutcome>
  /** Closes an agent's open requests without a decision; returns how many. */
  abandonRequests(of: { agent: string; by: string }): Promise<number>
}

export type AuthRequestStatus = Row<'auth_request'>['status'] | 'expired'

/** What the pages show, as it was when the request was made. */
export interface RequestDisplay {
  agent: {
    name?: string | undefined
    homepage?: string | undefined
    policyUri?: string | undefined
    tosUri?: string | undefined
    /** Where the answer goes, and the agent's own key: to be compared with what the person allowed before. */
    redirectHost?: string | undefined
    jkt?: string | undefined
  }
  resource: { supportedScopes?: string[] | undefined; scopeDescriptions?: Record<string, string> | undefined }
}

interface RequestTerms {
  agent: string
  delegate: string | null
  agentJkt: string
  resource: string
  /** Space-separated, in the order requested. */
  scope: string
  redirectUri: string | null
  display: RequestDisplay
}

export interface NewAuthRequest extends OfSignedRequest, RequestTerms {
  tokenHash: string
  /** Seconds until it ends. */
  lifetime: number
  /** OpenID Connect's `prompt`, as asked. */
  prompt?: string | undefined
  /** How many open requests one (agent, delegate, resource) may have. */
  maxOpen: number
  /** What the agent shows of itself now, to be recorded with the request. */
  sighting?: Omit<AgentSighting, 'agent'> | undefined
}

export interface AuthRequest extends RequestTerms {
  id: string
  /** Whether an operator blocks the agent. */
  agentBlocked: boolean
  state: string | null
  /** `expired` is derived from the clock. */
  status: AuthRequestStatus
  /** Raised whenever what a page shows could have changed; a decision names the one it saw. */
  revision: number
  browserHash: string | null
  userId: string | null
  prompt: string | null
  /** How often its end was put off. */
  extensions: number
  createdAt: number
  expiresAt: number
  decidedAt: number | null
  /** Whether it has a code that could still be redeemed: unused, in time, and its grant not ended. */
  codeAlive: boolean
}

export interface RequestViewing {
  tokenHash: string
  /** SHA-256 of the session's id. */
  sessionHash: string
}

interface ViewedRequest {
  request: AuthRequest
  session: Session | undefined
}

/** By whom something is done with a request: a user as read with their session, in a browser. */
export interface InSession extends AsRead {
  browserHash: string
}

export interface RequestBinding extends InSession {
  tokenHash: string
  /** The request, where it was just read: what is the rule is then done without reading it again. */
  found?: AuthRequest | undefined
  state: string | null
}

export type BindOutcome =
  | { outcome: 'bound'; request: AuthRequest }
  | {
      outcome: 'refused'
      reason: 'unknown' | 'expired' | 'other_browser' | 'not_open' | 'user_changed'
      /** As it is, where that browser may know. */
      request?: AuthRequest | undefined
    }

export interface RequestExtension extends InSession {
  tokenHash: string
  seconds: number
  maxExtensions: number
}

export type ExtendOutcome =
  | { outcome: 'extended'; expiresAt: number; extensions: number }
  | Refused<'unknown' | 'expired' | 'other_browser' | 'other_user' | 'user_changed' | 'not_open' | 'limit'>

/** What the transport of the answer gives out, and takes back once; absent where it needs none. */
export interface NewHandle {
  /** SHA-256 of the handle, which only the transport knows. */
  handleHash: string
  /** Seconds that it lives. */
  handleLifetime: number
}

export interface RequestDecision extends InSession {
  tokenHash: string
  /** The request as it was read and judged: a decision is recorded only while it still has this status, revision and end. */
  judged: AuthRequest
  /** The revision that the user was shown. */
  revision: number
  decision: 'allow' | 'deny'
  /** What an Allow is answered with. */
  handle?: NewHandle | undefined
  /**
   * What is granted of what was asked, space-separated; a scope that was not asked, or none at all, is refused as
   * `changed`. @default all that was asked
   */
  scope?: string | undefined
  /** Seconds that what is granted lives; null: until it is removed. */
  grantLifetime: number | null
  /** Whether the grant may answer later requests without a page. */
  remembered: boolean
  /** Counted before all else. */
  attempt?: LimitedAttempt | undefined
}

interface Refused<R extends string> {
  outcome: 'refused'
  reason: R
}

/** What was tried too often. */
interface TooOften extends Refused<'too_often'> {
  /** Seconds to wait. */
  retryAfter: number
}

export type DecideOutcome =
  | { outcome: 'allowed' | 'denied'; request: AuthRequest; first: boolean }
  | Refused<'unknown' | 'expired' | 'other_browser' | 'other_user' | 'user_changed' | 'not_open' | 'changed'>
  | TooOften

export interface RememberedPermission extends RequestBinding {
  grantId: string
  /** What it is answered with. */
  handle?: NewHandle | undefined
  /** Counted before all else. */
  attempt?: LimitedAttempt | undefined
}

export type RememberedOutcome =
  | { outcome: 'allowed' | 'denied'; request: AuthRequest; first: boolean }
  | Refused<'unknown' | 'expired' | 'other_browser' | 'not_open' | 'not_covered'>
  | TooOften

/**
 * What a verb does for an agent that signed its request. Where that has a nonce, the verb claims it with all else that it
 * does: both last, or neither happened. One that was claimed before is rejected with `StorageError` `nonce_used`, and one
 * too many with `too_many_nonces`; nothing is done then. What the verb refuses has claimed its nonce, too.
 */
export interface OfSignedRequest {
  nonce?: NonceClaim | undefined
}
