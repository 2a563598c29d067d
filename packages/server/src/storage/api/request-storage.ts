import type { Call } from 'countersign/editions'
import type { NonceClaim } from 'countersign/signatures'
import type { Row } from '../sql/tables.js'
import type { AgentSighting, OfAgentToken } from './agent-storage.js'
import type { Session } from './session-storage.js'
import type { LimitedAttempt } from './throttle-storage.js'
import type { AsRead } from './user.js'

/** Pending authorizations, from the agent's request to the user's decision. */
export interface RequestStorage {
  /**
   * Records a pending authorization. Rejects with `StorageError` `too_many_requests` if too many are open (attacks A13), and with
   * `agent_blocked` if the agent is blocked (A19).
   */
  createAuthRequest(request: NewAuthRequest): Promise<AuthRequest>
  /** Returns the request identified by a request token, whatever its state. */
  findAuthRequest(tokenHash: string): Promise<AuthRequest | undefined>
  /**
   * Like `findAuthRequest`, but also returns the live session of the user viewing the request, in one statement. Undefined if the request
   * does not exist.
   */
  findViewedRequest(viewing: RequestViewing): Promise<ViewedRequest | undefined>
  /** Until a browser is bound, stores the agent's `state` from the latest view. After that, calls change nothing. */
  rememberState(tokenHash: string, state: string): Promise<void>
  /**
   * Binds an open request to the first signed-in browser and its user, in one step (W23). Binding it again from the same browser sets the
   * user, and increments `revision` if the user changed. `state` overrides a remembered one, but only the first time. A user other than the
   * one that the request requires is refused as `other_user`, and the request stays open.
   */
  bindRequest(binding: RequestBinding): Promise<BindOutcome>
  /** Extends the lifetime of an open request by `seconds`, at most `maxExtensions` times (WCAG 2.2.1), and at most to its longest lifetime. */
  extendRequest(extension: RequestExtension): Promise<ExtendOutcome>
  /**
   * Records a user's decision: the status, the grant, the handle and the audit events in one transaction. A second decision, whatever it
   * is, returns the recorded one (attacks C09). `changed`: the request has changed since it was evaluated, or the user was shown another
   * revision; `user_changed`: the user's record has changed since it was read with their session. A remembered grant replaces the previous
   * one and takes over its refresh tokens and its unexpired permissions. Each permission keeps its own expiry, or gets the new expiry if
   * that is later (W27). Allowing a request that binds its agent also does so. If the agent is bound to another user, the request is
   * denied instead, with `boundToOther`.
   */
  decideRequest(decision: RequestDecision): Promise<DecideOutcome>
  /**
   * Binds an open request to the browser, then allows it without a page, under an active remembered grant for the same edition, user,
   * agent, delegate, resource and account that covers the request's scope. The caller must check whether the request needs a page for other reasons
   * (W22, `prompt`). A request that was already decided in this browser returns the recorded outcome.
   */
  allowRemembered(permission: RememberedPermission): Promise<RememberedOutcome>
  /** Closes an agent's open requests without a decision, and returns how many there were. */
  abandonRequests(of: { agent: string; by: string }): Promise<number>
}

export type AuthRequestStatus = Row<'auth_request'>['status'] | 'expired'

/** The data that the pages show, captured when the request was made. */
export interface RequestDisplay {
  agent: {
    name?: string | undefined
    homepage?: string | undefined
    policyUri?: string | undefined
    tosUri?: string | undefined
    /** The host to which the response is sent, and the agent's own key. Both are compared with those that the user allowed before. */
    redirectHost?: string | undefined
    jkt?: string | undefined
    /** Changes with anything in the agent's document that a user relies on. A grant allows nothing without a page after that. */
    fingerprint?: string | undefined
    /** The agent's own identifier, if others have the same `agent`, which vouches for it. It equals the delegate. */
    id?: string | undefined
    /** Whether the agent signs nothing, so that its access works for anyone who copies it. @default false */
    bearer?: boolean | undefined
    /** Who registered an agent that signs nothing. @default its document was fetched from its URL */
    registeredBy?: 'operator' | 'itself' | undefined
  }
  resource: {
    name?: string | undefined
    /** Whether `openid` lets the agent act as the user there, rather than only recognize them. @default false */
    actsAs?: boolean | undefined
    supportedScopes?: string[] | undefined
    scopeDescriptions?: Record<string, string> | undefined
  }
}

/** What an edition must know about its request, as JSON. No other code reads it. */
export type RequestDetails = Readonly<Record<string, unknown>>

interface RequestTerms {
  /** The name of the edition in which the agent sends its request. */
  edition: string
  agent: string
  delegate: string | null
  agentJkt: string
  resource: string
  /** Space-separated, in the order requested. */
  scope: string
  redirectUri: string | null
  display: RequestDisplay
}

export interface NewAuthRequest extends OfSignedRequest, OfAgentToken, RequestTerms {
  tokenHash: string
  /** Lifetime of the request, in seconds. */
  lifetime: number
  /** OpenID Connect's `prompt`, as requested. */
  prompt?: string | undefined
  /** Whether the agent acts for one user only, the first who allows one of its requests. @default false */
  bindsAgent?: boolean | undefined
  /** Maximum number of open requests per (agent, delegate, resource). */
  maxOpen: number
  /** Maximum number of open requests per (agent, delegate), at all resources. @default any number */
  maxOpenOfAgent?: number | undefined
  details?: RequestDetails | undefined
  /** SHA-256 of the secret with which the agent polls for the outcome. @default the agent does not poll */
  pollHash?: string | undefined
  /** The id of the only user who may decide. @default any user may */
  requiredUserId?: string | undefined
  /**
   * The `jti` of the resource's own token that asked for this request, which ends if the resource revokes that token. If it is revoked
   * already, rejects with `StorageError` `token_revoked`. @default no such token
   */
  resourceTokenId?: string | undefined
  /**
   * The part of the link that identifies the request among the open ones, so that `countWrongLink` finds it. If another open request has the
   * same, rejects with `StorageError` `link_taken`. @default wrong links are not counted
   */
  linkHandle?: string | undefined
  /** The agent's current traits, to be recorded with the request. */
  sighting?: Omit<AgentSighting, 'agent'> | undefined
}

export interface AuthRequest extends RequestTerms {
  id: string
  /** Whether an operator has blocked the agent, regardless of its host. */
  agentBlocked: boolean
  state: string | null
  /** `expired` is computed from the clock. */
  status: AuthRequestStatus
  /** Incremented whenever the content of a page could have changed. A decision contains the revision that the user saw. */
  revision: number
  browserHash: string | null
  userId: string | null
  prompt: string | null
  /** How often the request's expiry has been extended. */
  extensions: number
  bindsAgent: boolean
  createdAt: number
  expiresAt: number
  decidedAt: number | null
  /** Whether the request has a code that can still be redeemed: unused, not expired, and under an active grant. */
  codeRedeemable: boolean
  details: RequestDetails | null
  /** The only user who may decide; null if any user may. */
  requiredUserId: string | null
  /** How many wrong links had the request's handle. */
  wrongLinks: number
  /** When the agent received the outcome, or ended the request itself. */
  answeredAt: number | null
}

export interface RequestViewing {
  tokenHash: string
  /** SHA-256 of the session id. */
  sessionHash: string
  /** Unix seconds, within the last month: look for denials since then, too. */
  deniedSince?: number | undefined
}

interface ViewedRequest {
  request: AuthRequest
  session: Session | undefined
  /** Whether the session's user denied any request by this agent; undefined if the viewing has no `deniedSince`. */
  wasDenied: boolean | undefined
}

/** Who acts on a request: a user, whose record was read with their session, and their browser. */
export interface InSession extends AsRead {
  browserHash: string
}

export interface RequestBinding extends InSession {
  tokenHash: string
  /** The request, if it has just been read. In the usual case, it is then not read again. */
  found?: AuthRequest | undefined
  state: string | null
  /** How long the request stays open at least after the first binding. @default as long as before */
  openFor?: OpenFor | undefined
}

/** How long a request stays open, in seconds. */
export interface OpenFor {
  /** From now on. */
  seconds: number
  /** Since the request was created. */
  most: number
}

export type BindOutcome =
  | { outcome: 'bound'; request: AuthRequest }
  | {
      outcome: 'refused'
      reason: 'unknown' | 'expired' | 'other_browser' | 'other_user' | 'not_open' | 'user_changed'
      /** The current request, if the browser that acts on it may see it. */
      request?: AuthRequest | undefined
    }

export interface RequestExtension extends InSession {
  tokenHash: string
  seconds: number
  maxExtensions: number
  /** Longest lifetime of the request since it was created, in seconds. @default any */
  mostLifetime?: number | undefined
}

export type ExtendOutcome =
  | { outcome: 'extended'; expiresAt: number; extensions: number }
  | Refused<'unknown' | 'expired' | 'other_browser' | 'other_user' | 'user_changed' | 'not_open' | 'limit'>

/** The one-time handle that the response transport issues and later redeems. Absent if the transport does not need one. */
export interface NewHandle {
  /** SHA-256 of the handle. Only the transport knows the handle itself. */
  handleHash: string
  /** Lifetime of the handle, in seconds. */
  handleLifetime: number
}

export interface RequestDecision extends InSession {
  tokenHash: string
  /** The request as it was read and evaluated. A decision is recorded only if the request still has this status, revision and expiry. */
  judged: AuthRequest
  /** The revision that the user was shown. */
  revision: number
  decision: 'allow' | 'deny'
  /** Whether the server denies the request for the user, who denied the same a short time before. @default false */
  again?: boolean | undefined
  /** The handle to return if the request is allowed. */
  handle?: NewHandle | undefined
  /**
   * The part of the requested scope that is granted, space-separated. A scope that was not requested, or an empty one, is refused as
   * `changed`. @default the full requested scope
   */
  scope?: string | undefined
  /** Lifetime of the granted permissions, in seconds. Null: until the grant is revoked. */
  grantLifetime: number | null
  /** Whether the grant may allow later requests without a page. */
  remembered: boolean
  /** The user's account at the resource that the request names. Its grant then allows only requests that name the same. @default null */
  account?: string | null | undefined
  /** The only call that is allowed, once. @default any */
  call?: Call | undefined
  /** The attempt to count first. */
  attempt?: LimitedAttempt | undefined
}

interface Refused<R extends string> {
  outcome: 'refused'
  reason: R
}

interface TooOften extends Refused<'too_often'> {
  /** Seconds to wait before the next attempt. */
  retryAfter: number
}

export type DecideOutcome =
  | {
      outcome: 'allowed' | 'denied'
      request: AuthRequest
      first: boolean
      boundToOther?: true
    }
  | Refused<'unknown' | 'expired' | 'other_browser' | 'other_user' | 'user_changed' | 'not_open' | 'changed'>
  | TooOften

export interface RememberedPermission extends RequestBinding {
  grantId: string
  /** The user's account at the resource that the request names, which must be the grant's. @default null */
  account?: string | null | undefined
  /** The handle to return if the request is allowed. */
  handle?: NewHandle | undefined
  /** The attempt to count first. */
  attempt?: LimitedAttempt | undefined
}

export type RememberedOutcome =
  | { outcome: 'allowed' | 'denied'; request: AuthRequest; first: boolean }
  | Refused<'unknown' | 'expired' | 'other_browser' | 'other_user' | 'not_open' | 'not_covered'>
  | TooOften

/**
 * Options of a verb that runs on behalf of an agent that signed its request. If the request has a nonce, the verb claims the nonce together
 * with its other changes: either both are persisted or neither is. A nonce that was claimed before is rejected with `StorageError`
 * `nonce_used`, and one that exceeds a limit with `too_many_nonces`; in both cases, nothing else is done. A verb that refuses the request
 * still claims its nonce.
 */
export interface OfSignedRequest {
  nonce?: NonceClaim | undefined
}
