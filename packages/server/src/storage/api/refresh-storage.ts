import type { PreparedIssue, UsedGrant, UserTokenIssue } from './grant-storage.js'
import type { OfSignedRequest } from './request-storage.js'
import type { ReasonOf } from './storage-error.js'
import type { User } from './user.js'

/** The refresh tokens issued under grants. */
export interface RefreshStorage {
  /**
   * Refreshes a grant: returns the scope that the refresh token currently grants, or the subset that was requested. Expired permissions are
   * omitted. The refresh token does not change; it is bound to agent and delegate, and expires with its grant. Refreshes are counted per
   * grant and day. `lastUsedAt` is written at most once a minute, without an audit event.
   */
  refreshGrant(refresh: Refresh): Promise<RefreshOutcome>
  /**
   * Refreshes a grant with a token of a family, and replaces the token: its successor becomes the current generation. A client that presents
   * the previous generation shortly afterwards may not have received the successor, and gets the same one again. Any older generation, and
   * the previous one later, was copied: the family is revoked, and so are the tokens issued with it. The family keeps its scope.
   */
  rotateRefresh(rotation: Rotation): Promise<RotationOutcome>
  /**
   * Returns the token that `rotateRefresh` would issue now, so that it can be signed before the refresh token is replaced. Changes nothing.
   * Undefined if `rotateRefresh` would refuse the refresh token, and `reused` if it would also revoke the family.
   */
  prepareRotation(rotation: Rotation): Promise<PreparedIssue | 'reused' | undefined>
  /**
   * Revokes a refresh token, or a family. Returns false and changes nothing if it is unknown, already revoked, or belongs to another agent or
   * delegate.
   */
  revokeRefreshToken(token: RefreshTokenRevocation): Promise<boolean>
}

export interface Refresh extends OfSignedRequest {
  tokenHash: string
  agent: string
  delegate: string | null
  /** Thumbprint of the key that signed the request. */
  jkt: string
  /** Maximum lifetime of the auth token, in seconds. Shortened to the earliest expiry among its permissions. */
  tokenLifetime: number
  /** The latest expiry of the auth token, in Unix seconds, such as that of the agent. @default any */
  notAfter?: number | undefined
  /** The scope of the auth token, space-separated. @default the full scope of the refresh token */
  scope?: string | undefined
}

export type RefreshOutcome =
  | { outcome: 'refreshed'; grant: UsedGrant; user: User; issue: UserTokenIssue }
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

export interface Rotation extends OfSignedRequest {
  family: string
  /** The generation of the presented token. The caller has verified that the server issued this token. */
  generation: number
  /** The hash of the presented token. */
  tokenHash: string
  /** The hash of the next generation. */
  successorHash: string
  agent: string
  delegate: string | null
  /** Thumbprint of the key that signed the request, if it was signed. */
  jkt?: string | undefined
  /** Maximum lifetime of the access token, in seconds. Shortened to the earliest expiry among its permissions. */
  tokenLifetime: number
  /** The scope of the access token, space-separated. What exceeds the family's scope is dropped. @default the full scope of the family */
  scope?: string | undefined
  /** If given, must accept the resource of the grant. */
  isResource?: ((resource: string) => boolean) | undefined
  /**
   * The issue that `prepareRotation` returned. Rejects with `StorageError` `unavailable` and replaces nothing if the grant has changed
   * since. @default a new issue
   */
  issue?: UserTokenIssue | undefined
  /** Number of seconds after its replacement for which the previous generation is accepted. */
  grace: number
  /** Idle timeout of the successor, in seconds. */
  idleSeconds: number
}

/** `generation` is the current one, after a rotation, or after one before. */
export type RotationOutcome =
  | { outcome: 'rotated' | 'repeated'; generation: number; grant: UsedGrant; user: User; issue: UserTokenIssue }
  | { outcome: 'refused'; reason: ReasonOf<RefreshOutcome> | 'reused' | 'other_resource' }

/** Who revokes a refresh token: a token that never changes, by its hash, or a family, by its id. */
export type RefreshTokenRevocation = OfSignedRequest & {
  agent: string
  delegate: string | null
} & ({ tokenHash: string } | { family: string })
