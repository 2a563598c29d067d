import type { OfSignedRequest, RequestDisplay } from './request-storage.js'
import type { User } from './user.js'

/** What people allowed, and the codes and refresh tokens under it. */
export interface GrantStorage {
  /**
   * Consumes a code: marks it used, records the issue and the audit row in one transaction. A code
   * presented by somebody else or for another request is burned, one presented with another redirect URI stays; one
   * presented again revokes the refresh token it gave (attacks X01). Rejects with `StorageError` `agent_blocked`; the
   * code stays.
   */
  redeemCode(redemption: CodeRedemption): Promise<RedeemOutcome>
  /**
   * What a refresh token gives now, or less where less is asked for: a permission that has ended is left out. It stays as
   * it is, is bound to agent and delegate, and ends with its grant.
   * Counted per grant and day; `lastUsedAt` is written at most once a minute, and no audit row.
   */
  refreshGrant(refresh: Refresh): Promise<RefreshOutcome>
  /** Revokes a refresh token. False, and without effect, when it is unknown, revoked, or of another agent or delegate. */
  revokeRefreshToken(token: RefreshTokenRevocation): Promise<boolean>
  /** Records, before it is signed, a token for an agent itself under a policy (W19). Rejects with `agent_blocked`. */
  recordAutonomousIssue(issue: AutonomousIssue): Promise<TokenIssue>

  findGrant(grantId: string): Promise<ListedGrant | undefined>
  /** The live remembered grant of a person for an agent, its delegate and a resource. */
  findRememberedGrant(of: GrantParties): Promise<Grant | undefined>
  /** Newest first. */
  listGrants(filter?: GrantFilter): Promise<ListedGrant[]>
  /** How often a person's grants were refreshed, per UTC day, newest first. */
  listGrantUsage(filter: GrantUsageFilter): Promise<GrantUsage[]>
  /** Removes a grant and its refresh tokens; no code of it can be redeemed from then on. True the first time only. */
  revokeGrant(revocation: GrantRevocation): Promise<boolean>
  /** Removes all grants that match; returns how many. Throws a `TypeError` when nothing narrows them. */
  revokeGrants(revocation: GrantsRevocation): Promise<number>
  /**
   * What was taken back since a time and is still: agents that are blocked, people who are disabled, and grants that were
   * used so lately that a token of theirs may be alive. A grant that another one replaced counts once that one was taken
   * back. One person fills no list: see {@link Revocations}.
   */
  listRevocations(filter: RevocationFilter): Promise<Revocations>
}

export interface CodeRedemption extends OfSignedRequest {
  codeHash: string
  agent: string
  delegate: string | null
  /** Thumbprint of the key that signed the redemption. */
  jkt: string
  /** Whether the key must be the one that signed the request. @default false */
  bindToKey?: boolean | undefined
  /** Must equal the request's when given. */
  redirectUri?: string | undefined
  /** Hash of the request token sent with the code; must be the code's own request when given. */
  requestTokenHash?: string | undefined
  /** Seconds that the auth token may live at most; cut at the first end among its permissions. */
  tokenLifetime: number
  /** A refresh token to give with the auth token; stored only when a permission of it outlives the auth token (W14). */
  refresh?: NewRefreshToken | undefined
}

export type RedeemOutcome =
  | { outcome: 'redeemed'; grant: Grant; user: User; issue: TokenIssue; refreshIssued: boolean }
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
        | 'injected'
        | 'grant_ended'
        | 'user_disabled'
    }

export interface NewRefreshToken {
  tokenHash: string
  /** Seconds it may lie unused. */
  idleSeconds: number
  /** Seconds it lives at most. */
  lifetime: number
}

export interface Refresh extends OfSignedRequest {
  tokenHash: string
  agent: string
  delegate: string | null
  /** Thumbprint of the key that signed. */
  jkt: string
  /** Seconds that the auth token may live at most; cut at the first end among its permissions. */
  tokenLifetime: number
  /** What the auth token is to be for, space-separated. @default all that the refresh token is for */
  scope?: string | undefined
}

export type RefreshOutcome =
  | { outcome: 'refreshed'; grant: UsedGrant; user: User; issue: TokenIssue }
  | {
      outcome: 'refused'
      reason:
        | 'unknown'
        | 'foreign_agent'
        | 'foreign_delegate'
        | 'agent_blocked'
        | 'revoked'
        | 'expired'
        | 'idle'
        | 'user_disabled'
        | 'grant_ended'
        | 'scope_exceeded'
    }

export interface RefreshTokenRevocation extends OfSignedRequest {
  tokenHash: string
  agent: string
  delegate: string | null
}

export interface AutonomousIssue extends OfSignedRequest {
  agent: string
  delegate: string | null
  resource: string
  scope: string
  /** The policy's name; the `jti` starts with it. */
  policy: string
  tokenLifetime: number
}

export interface GrantParties {
  userId: string
  agent: string
  delegate: string | null
  resource: string
}

/** What is asked of a grant that is used. */
export interface UsedGrant extends GrantParties {
  id: string
  /**
   * What is granted now, space-separated; of a grant that has ended, all that it was for. A token may stand for less, see
   * {@link TokenIssue}.
   */
  scope: string
  /** What was granted, each with its own end (W27). */
  permissions: GrantedScope[]
  /** The last end of its permissions; null: one of them has none. */
  expiresAt: number | null
  revokedAt: number | null
}

export interface Grant extends UsedGrant {
  remembered: boolean
  createdAt: number
  lastUsedAt: number | null
  /** `replaced`: by a newer remembered grant. */
  revokedBy: string | null
  /** What the page showed when it was allowed. */
  display: RequestDisplay
}

export interface GrantedScope {
  /** The scope value. */
  name: string
  /** Null: until the grant is removed. */
  expiresAt: number | null
}

export interface ListedGrant extends Grant {
  username: string
}

export interface GrantFilter {
  userId?: string | undefined
  agent?: string | undefined
  resource?: string | undefined
  /** Only those that can be used, or only those that have ended. @default both */
  live?: boolean | undefined
  /** Part of the agent's or resource's identifier, or of the user name. */
  query?: string | undefined
  /** @default 100 */
  limit?: number | undefined
  /** The id of the last grant of the page before. */
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
  /** When the day began. */
  day: number
  refreshes: number
}

export interface GrantRevocation {
  grantId: string
  /** Who removes it: a user id, or the name of what does. Kept beside the grant and in the audit row. */
  by: string
  /** When given, only a grant of this person is removed. */
  userId?: string | undefined
}

export interface GrantsRevocation {
  userId?: string | undefined
  agent?: string | undefined
  resource?: string | undefined
  by: string
}

export interface RevocationFilter {
  /** When the oldest token that may be alive was issued. */
  since: number
  /** Entries of one person at most; beyond, one time stands for all of them. */
  perPerson: number
  /** Entries of all together. */
  limit: number
}

export interface Revocation {
  kind: 'grant' | 'agent' | 'sub'
  /** The grant's id, the agent's identifier, or the person's subject. */
  value: string
}

/**
 * What was taken back, bounded. Where people took back more than fits, one time stands for all of those who took back most,
 * and those are left out whose accounts are the newest: accounts made for the purpose push nobody out, and nobody has
 * anything taken back because of others.
 */
export interface Revocations {
  /** Agents and people, by the operator, and grants. */
  revoked: Revocation[]
  /** Of people who took back too much for entries of its own: all that was issued for them until then. */
  revokedBefore: { sub: string; at: number }[]
  /** Agents and people were too many, by the operator: all that was issued until then. */
  before: number | undefined
  /** Whether nobody is left out; else those are whose accounts are the newest. */
  isWhole: boolean
}

/** The record that a token was issued, made before the token is signed. */
export interface TokenIssue {
  /** `<grant id or policy name>.<random>` */
  jti: string
  /** What the token is for, within the grant: what the request or refresh token was given. */
  scope: string
  issuedAt: number
  expiresAt: number
}
