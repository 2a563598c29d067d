import type { OfAgentToken } from './agent-storage.js'
import type { GrantParties, UsedGrant, UserTokenIssue } from './grant-storage.js'
import type { OfSignedRequest } from './request-storage.js'
import type { User } from './user.js'

/** Tokens that agents receive without a page. */
export interface IssueStorage {
  /**
   * Issues a token under an active remembered grant for the same edition, user, agent, delegate, resource and account that covers the scope: records
   * the issue and the audit event in one transaction. The caller must have authenticated the agent, must know from its own records that the
   * agent acts for this user, and must check whether the user has to see a page for other reasons (W22). Rejects with `StorageError`
   * `agent_blocked`.
   */
  issueRemembered(issue: RememberedIssue): Promise<RememberedIssueOutcome>
  /** Returns the record of a tracked token; undefined if there is none, or its retention period has ended. */
  findIssue(jti: string): Promise<FoundIssue | undefined>
}

export interface RememberedIssue extends OfSignedRequest, OfAgentToken, GrantParties {
  /** Space-separated. The grant must cover all of it. */
  scope: string
  /** Thumbprint of the key that signed the request, to which the token will be bound. */
  jkt: string
  /** Maximum lifetime of the token, in seconds. Shortened to the earliest expiry among its permissions. */
  tokenLifetime: number
  /** The latest expiry of the token, in Unix seconds, such as that of a token that the agent presented. @default any */
  notAfter?: number | undefined
  /** Whether the token is tracked, see {@link CodeRedemption.isTracked}. @default false */
  isTracked?: boolean | undefined
}

/** A tracked token that was issued under a grant. */
export interface FoundIssue extends GrantParties {
  grantId: string
  scope: string
  issuedAt: number
  expiresAt: number
  /** When the token was revoked: with its grant, its user, or by itself. */
  revokedAt: number | null
}

/** `expired`: `notAfter` has passed. */
export type RememberedIssueOutcome =
  | { outcome: 'issued'; grant: UsedGrant; user: User; issue: UserTokenIssue }
  | { outcome: 'refused'; reason: 'not_covered' | 'user_disabled' | 'expired' }
