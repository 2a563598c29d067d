import type { Call } from 'countersign/editions'
import type { OfAgentToken } from './agent-storage.js'
import type { OfSignedRequest, RequestDisplay } from './request-storage.js'
import type { Subjects, User } from './user.js'

/** Users' grants, and the codes issued under them. */
export interface GrantStorage {
  /**
   * Consumes a code: marks it as used, and records the issue and the audit event in one transaction. A code that is presented by another
   * party or for another request is burned. A code that is presented with another redirect URI stays valid. A code that is presented again
   * revokes the refresh token issued for it (attacks X01). Rejects with `StorageError` `agent_blocked`, in which case the code stays valid.
   */
  redeemCode(redemption: CodeRedemption): Promise<RedeemOutcome>
  /**
   * Returns the token that `redeemCode` would issue now, so that it can be signed before the code is consumed. Changes nothing. Undefined if
   * `redeemCode` would refuse the code.
   */
  prepareRedemption(redemption: CodeRedemption): Promise<PreparedIssue | undefined>
  /** Records a token that is issued to an agent itself under a policy (W19), before the token is signed. Rejects with `agent_blocked`. */
  recordAutonomousIssue(issue: AutonomousIssue): Promise<TokenIssue>

  findGrant(grantId: string): Promise<ListedGrant | undefined>
  /** Returns a user's active remembered grant for an agent, its delegate, a resource and the account there. */
  findRememberedGrant(of: GrantParties): Promise<Grant | undefined>
  /** Newest first. */
  listGrants(filter?: GrantFilter): Promise<ListedGrant[]>
  /** Returns how often a user's grants were refreshed, per UTC day, newest first. */
  listGrantUsage(filter: GrantUsageFilter): Promise<GrantUsage[]>
  /** Revokes a grant and its refresh tokens. None of its codes can be redeemed afterwards. Returns true only the first time. */
  revokeGrant(revocation: GrantRevocation): Promise<boolean>
  /** Revokes all matching grants and returns how many there were. Throws a `TypeError` if no user, agent or resource is given. */
  revokeGrants(revocation: GrantsRevocation): Promise<number>
  /**
   * Returns the revocations since a time that are still in effect: blocked agents, disabled users, and revoked grants that were used so
   * recently that one of their tokens may still be valid, and, if requested, revoked families of refresh tokens. A grant that was replaced by another is included once its replacement is revoked.
   * No single user can fill the list: see {@link Revocations}.
   */
  listRevocations(filter: RevocationFilter): Promise<Revocations>
}

export interface CodeRedemption extends OfSignedRequest, OfAgentToken {
  codeHash: string
  agent: string
  delegate: string | null
  /** Thumbprint of the key that signed the redemption request. */
  jkt: string
  /** Whether this key must be the one that signed the original request. @default false */
  bindToKey?: boolean | undefined
  /** If given, must equal the redirect URI of the request. */
  redirectUri?: string | undefined
  /** If given, must accept the resource of the grant. */
  isResource?: ((resource: string) => boolean) | undefined
  /**
   * Whether an attempt by another agent, delegate or key makes the code unusable. Without signatures, anyone could make such an attempt.
   * @default true
   */
  burnsOnMisuse?: boolean | undefined
  /** Hash of the request token that was sent with the code. If given, the code must belong to that request. */
  requestTokenHash?: string | undefined
  /** Maximum lifetime of the auth token, in seconds. Shortened to the earliest expiry among its permissions. */
  tokenLifetime: number
  /** The latest expiry of the auth token, in Unix seconds, such as that of a token that the agent presented. @default any */
  notAfter?: number | undefined
  /**
   * Whether the token is tracked: it can be found by its `jti`, and its resource is notified if it is revoked before it expires. A token with
   * a family is never tracked. @default false
   */
  isTracked?: boolean | undefined
  /**
   * The issue that `prepareRedemption` returned. Rejects with `StorageError` `unavailable`, in which case the code stays valid, if the grant
   * has changed since. @default a new issue
   */
  issue?: UserTokenIssue | undefined
  /**
   * A refresh token to issue along with the auth token. Stored only if one of its permissions outlives the auth token (W14), and the grant
   * allows more than one call. A family is always stored: without a refresh token, it expires with the access token.
   */
  refresh?: NewRefreshToken | undefined
}

export type RedeemOutcome =
  | { outcome: 'redeemed'; grant: Grant; user: User; issue: UserTokenIssue; refreshIssued: boolean }
  | {
      outcome: 'refused'
      reason:
        | 'unknown'
        | 'expired'
        | 'used'
        | 'foreign_agent'
        | 'foreign_delegate'
        | 'foreign_key'
        | 'redirect_mismatch'
        | 'other_resource'
        | 'injected'
        | 'grant_ended'
        | 'user_disabled'
    }

export interface NewRefreshToken {
  /** For a family: the hash of its first generation. */
  tokenHash: string
  /** The public id of a family, a UUID, if the token is replaced each time it is used. @default the token never changes */
  family?: string | undefined
  /**
   * Whether the client may get the token. Otherwise, only the family is stored, so that its access token can be revoked. Requires a family.
   * @default true
   */
  isOffered?: boolean | undefined
  /** Idle timeout, in seconds. */
  idleSeconds: number
  /** Maximum lifetime, in seconds. */
  lifetime: number
}

export interface AutonomousIssue extends OfSignedRequest {
  agent: string
  delegate: string | null
  resource: string
  scope: string
  /** The name of the policy. The `jti` starts with it. */
  policy: string
  tokenLifetime: number
}

export interface GrantParties {
  /** The name of the edition in which the agent sent its request. */
  edition: string
  userId: string
  agent: string
  delegate: string | null
  resource: string
  /** The user's account at the resource that the request names; null if it names none. @default null */
  account?: string | null | undefined
}

/** The fields of a grant that are needed when the grant is used. */
export interface UsedGrant extends GrantParties {
  id: string
  account: string | null
  /**
   * The scope that is currently granted, space-separated; for a grant that has ended, its original scope. A token may have a narrower
   * scope, see {@link TokenIssue}.
   */
  scope: string
  /** The permissions that were granted, each with its own expiry (W27). */
  permissions: GrantedScope[]
  /** The latest expiry among its permissions; null if one of them never expires. */
  expiresAt: number | null
  revokedAt: number | null
}

export interface Grant extends UsedGrant {
  remembered: boolean
  /** When the user last allowed something under the grant. */
  createdAt: number
  lastUsedAt: number | null
  /** `replaced`: revoked because a newer remembered grant replaced it. */
  revokedBy: string | null
  /** What the consent page showed when the user last allowed something under the grant. */
  display: RequestDisplay
  /** The only call that the grant allows, once; null if it allows any. No refresh token is issued under it. */
  call: Call | null
}

export interface GrantedScope {
  /** The scope value. */
  name: string
  /** Null: valid until the grant is revoked. */
  expiresAt: number | null
}

export interface ListedGrant extends Grant {
  username: string
}

export interface GrantFilter {
  userId?: string | undefined
  agent?: string | undefined
  resource?: string | undefined
  /** Only grants that can be used, or only grants that have ended. @default both */
  live?: boolean | undefined
  /** Part of the agent's or resource's identifier, or of the username. */
  query?: string | undefined
  /** @default 100 */
  limit?: number | undefined
  /** The id of the last grant on the previous page. */
  after?: string | undefined
}

export interface GrantUsageFilter {
  userId: string
  grantId?: string | undefined
  /** @default 100 */
  limit?: number | undefined
}

export interface GrantUsage {
  grantId: string
  /** The start of the day. */
  day: number
  refreshes: number
}

export interface GrantRevocation {
  grantId: string
  /** Who revokes the grant: a user id, or the name of the process. Stored in the grant and in the audit event. */
  by: string
  /** If given, only a grant of this user is revoked. */
  userId?: string | undefined
}

export interface GrantsRevocation {
  userId?: string | undefined
  /** The name of the edition of the grants. */
  edition?: string | undefined
  agent?: string | undefined
  /** Null: only grants of the agent itself. */
  delegate?: string | null | undefined
  resource?: string | undefined
  by: string
}

export interface RevocationFilter {
  /** The issue time of the oldest token that may still be valid. */
  since: number
  /** Maximum number of entries per user. If there are more, a single timestamp covers all of them. */
  perUser: number
  /** Maximum number of entries in total. */
  limit: number
  /** Whether to include families of refresh tokens. @default false */
  families?: boolean | undefined
  /** The editions whose grants are left out, because their resources do not read the list. @default none */
  without?: readonly string[] | undefined
}

export interface Revocation {
  kind: 'grant' | 'agent' | 'sub'
  /** The grant's id, the agent's identifier, or the user's subject. */
  value: string
}

/**
 * A bounded list of revocations. If users revoked more than fits, the users who revoked the most get a single timestamp each instead of
 * separate entries: one for the families of each client, or one for the user if that is not enough; if that is still too much, the users with the newest accounts are omitted. Accounts created for an attack therefore
 * displace no one, and no user's tokens are revoked because of other users.
 */
export interface Revocations {
  /** Agents and users that the operator blocked or disabled, and revoked grants. */
  revoked: Revocation[]
  /** Revoked families of refresh tokens under grants that are not revoked; empty unless they were requested. */
  families: string[]
  /** Clients that revoked too many of a user's families for separate entries: what they were issued for that user up to this time is revoked. */
  clientsRevokedBefore: { sub: string; client: string; at: number }[]
  /** Users with too many revocations for separate entries: everything issued for such a user up to this time is revoked. */
  revokedBefore: { sub: string; at: number }[]
  /** Set if the operator blocked or disabled too many agents and users: everything issued up to this time is revoked. */
  before: number | undefined
  /** Whether the list is complete. If it is not, the users with the newest accounts are omitted. */
  isWhole: boolean
}

/** A token that has not been issued yet. */
export interface PreparedIssue {
  grant: UsedGrant
  user: User
  issue: UserTokenIssue
}

/** The record of a token that was issued for a user. */
export interface UserTokenIssue extends TokenIssue, Subjects {}

/** The record of an issued token, written before anyone receives the token. */
export interface TokenIssue {
  /**
   * `<grant id or policy name>.<random>`, or `<grant id>.<family>.<random>` for a token that was issued with a family. The id of a tracked token
   * is random.
   */
  jti: string
  /** The token's scope, which is within the grant: the scope of the request or refresh token for which it was issued. */
  scope: string
  issuedAt: number
  expiresAt: number
}
