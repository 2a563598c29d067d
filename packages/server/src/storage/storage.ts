/**
 * What the auth server keeps, as atomic verbs. A verb either happens whole, with its audit row, or not at all; no
 * caller reads a row in order to write it back. The storage owns the clock that decides expiry. Secrets reach it only
 * as SHA-256 hashes (base64url, 43 characters). Times are Unix seconds.
 */
export interface Storage {
  /** Adds a person. Rejects with {@link StorageError} `username_taken` when the name is in use. */
  createUser(user: NewUser): Promise<User>
  /** The person and their password hash, also for a disabled person, so that both cost the same time. */
  findCredential(username: string): Promise<Credential | undefined>
  /**
   * Lets a person in or keeps them out; disabling ends their sessions, and no code of theirs can be redeemed while it
   * lasts. False when there is nobody with that id.
   */
  setUserStatus(userId: string, status: User['status']): Promise<boolean>

  /** Starts a signed-in browser session: idle for at most `idleSeconds`, at most `lifetime` seconds in all. */
  createSession(session: NewSession): Promise<Session>
  /** The live session of an active person, and marks it as seen (written at most once a minute). */
  findSession(idHash: string): Promise<Session | undefined>
  /** Ends a session; ending one that does not exist is no error. */
  endSession(idHash: string): Promise<void>

  /** Records a pending authorization. Rejects with `too_many_requests` at the limit of open ones (attacks A13). */
  createAuthRequest(request: NewAuthRequest): Promise<AuthRequest>
  /** The request behind a request token, whatever its state. */
  findAuthRequest(tokenHash: string): Promise<AuthRequest | undefined>
  /** Keeps the agent's `state` of the latest view while no browser is bound; later calls change nothing. */
  rememberState(tokenHash: string, state: string): Promise<void>
  /**
   * Binds an open request to the first signed-in browser, and to its user, in one step (W23). Binding again from the
   * same browser sets the user and raises `revision` if the user changed. `state` wins over a remembered one, the first time only.
   */
  bindRequest(binding: RequestBinding): Promise<BindOutcome>
  /**
   * Records what a person decided: the status, the grant, the code's hash and the audit rows in one transaction.
   * A second decision, whatever it says, returns the recorded one (attacks C09).
   */
  decideRequest(decision: RequestDecision): Promise<DecideOutcome>
  /**
   * Consumes a code: marks it used, records the issue and the audit row in one transaction (design §5). A code
   * presented by somebody else, for another request or with another redirect URI is burned.
   */
  redeemCode(redemption: CodeRedemption): Promise<RedeemOutcome>

  /** Removes a grant; no code of it can be redeemed from then on. True the first time only. */
  revokeGrant(revocation: GrantRevocation): Promise<boolean>

  /** Claims a nonce for at least `lifetime` seconds. True exactly once for a key, on however many instances. */
  claimNonce(key: string, lifetime: number): Promise<boolean>

  /** Whether this person has allowed this agent anything before: trust on first use. */
  hasAllowedBefore(userId: string, agent: string): Promise<boolean>

  /** Appends an event that changes nothing else. */
  recordEvent(event: AuditEvent): Promise<void>
  /** Events, oldest first, at most `limit` of them. @default 1000 */
  listEvents(filter?: { event?: string; limit?: number }): Promise<RecordedEvent[]>

  /** Deletes what is past its retention, in small batches. Runs by itself; returns the number of rows deleted. */
  sweep(): Promise<number>
  /** Stops the retention timer and lets go of the database. */
  close(): Promise<void>
}

export interface StorageOptions {
  /** Clock, Unix seconds. @default the system clock */
  now?: () => number
  /** Seconds between retention runs; 0 turns them off. @default 60 */
  sweepInterval?: number
  /** Told when a retention run failed; the next one tries again. @default a process warning */
  onSweepError?: (error: unknown) => void
}

export interface NewUser {
  username: string
  /** An encoded password hash, never a password. */
  passwordHash: string
  displayName?: string | undefined
  email?: string | undefined
}

export interface User {
  id: string
  username: string
  displayName: string | null
  email: string | null
  status: 'active' | 'disabled'
  /** The opaque subject in tokens (W18): random, never derived from the name. */
  sub: string
}

export interface Credential {
  user: User
  passwordHash: string
}

export interface NewSession {
  idHash: string
  userId: string
  idleSeconds: number
  lifetime: number
  ip?: string | undefined
  userAgent?: string | undefined
}

export interface Session {
  user: User
  /** When the person last proved who they are. */
  authTime: number
  /** When it ends however much it is used. */
  expiresAt: number
}

export type AuthRequestStatus = 'open' | 'allowed' | 'denied' | 'abandoned' | 'expired' | 'revoked'

/** What the pages show, as it was when the request was made. */
export interface RequestDisplay {
  agent: { name?: string; homepage?: string; policyUri?: string; tosUri?: string }
  resource: { supportedScopes?: string[]; scopeDescriptions?: Record<string, string> }
}

export interface NewAuthRequest {
  tokenHash: string
  agent: string
  delegate: string | null
  agentJkt: string
  resource: string
  /** Space-separated, in the order asked. */
  scope: string
  redirectUri: string | null
  display: RequestDisplay
  /** Seconds until it ends. */
  lifetime: number
  /** How many open requests one (agent, delegate, resource) may have. */
  maxOpen: number
}

export interface AuthRequest {
  id: string
  agent: string
  delegate: string | null
  agentJkt: string
  resource: string
  scope: string
  redirectUri: string | null
  state: string | null
  display: RequestDisplay
  /** `expired` is derived from the clock. */
  status: AuthRequestStatus
  /** Raised whenever what a page shows could have changed; a decision names the one it saw. */
  revision: number
  browserHash: string | null
  userId: string | null
  createdAt: number
  expiresAt: number
  decidedAt: number | null
  /** Whether its code could still be redeemed. */
  codeAlive: boolean
}

export interface RequestBinding {
  tokenHash: string
  browserHash: string
  userId: string
  state: string | null
}

export type BindOutcome =
  | { outcome: 'bound'; request: AuthRequest }
  | { outcome: 'refused'; reason: 'unknown' | 'other_browser' | 'not_open'; request?: AuthRequest }

export interface RequestDecision {
  tokenHash: string
  browserHash: string
  userId: string
  revision: number
  decision: 'allow' | 'deny'
  /** SHA-256 of the code that an Allow gives out. */
  codeHash: string
  /** Seconds that the code lives. */
  codeLifetime: number
  /** Seconds that the grant lives; null: until it is removed. */
  grantLifetime: number | null
  /** Whether the grant may answer later requests without a page. */
  remembered: boolean
}

export type DecideOutcome =
  | { outcome: 'allowed' | 'denied'; request: AuthRequest; first: boolean }
  | { outcome: 'refused'; reason: 'unknown' | 'expired' | 'other_browser' | 'other_user' | 'not_open' | 'changed' }

export interface CodeRedemption {
  codeHash: string
  agent: string
  delegate: string | null
  /** Thumbprint of the key that signed the redemption. */
  jkt: string
  /** Must equal the request's when given. */
  redirectUri?: string | undefined
  /** Hash of the request token sent with the code; must be the code's own request when given. */
  requestTokenHash?: string | undefined
  /** Seconds that the auth token may live at most; cut at the end of the grant. */
  tokenLifetime: number
}

export type RedeemOutcome =
  | { outcome: 'redeemed'; request: AuthRequest; grant: Grant; user: User; issue: TokenIssue }
  | {
      outcome: 'refused'
      reason:
        | 'unknown'
        | 'expired'
        | 'used'
        | 'foreign_agent'
        | 'foreign_delegate'
        | 'redirect_mismatch'
        | 'injected'
        | 'grant_ended'
        | 'user_disabled'
    }

export interface Grant {
  id: string
  userId: string
  agent: string
  delegate: string | null
  resource: string
  scope: string
  remembered: boolean
  createdAt: number
  expiresAt: number | null
  revokedAt: number | null
}

export interface GrantRevocation {
  grantId: string
  /** Who removes it: a user id, or the name of what does. Kept beside the grant and in the audit row. */
  by: string
  /** When given, only a grant of this person is removed. */
  userId?: string | undefined
}

/** The record that a token was issued, written before the token is signed. */
export interface TokenIssue {
  /** `<grant id>.<random>` */
  jti: string
  issuedAt: number
  expiresAt: number
}

export interface AuditEvent {
  /** `thing.happened`, such as `code.reused`. */
  event: string
  userId?: string | undefined
  agent?: string | undefined
  resource?: string | undefined
  grantId?: string | undefined
  requestId?: string | undefined
  ip?: string | undefined
  data?: Record<string, string | number | boolean | null> | undefined
}

export interface RecordedEvent extends AuditEvent {
  id: string
  at: number
}

/** A verb that could not be done. `unavailable`: the database did not answer; nothing happened, try again later. */
export class StorageError extends Error {
  readonly code: 'username_taken' | 'too_many_requests' | 'unavailable'

  constructor(code: StorageError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StorageError'
    this.code = code
  }
}
