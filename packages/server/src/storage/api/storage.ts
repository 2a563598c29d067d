import type { Tell } from 'countersign/node'
import type { NonceLimits } from 'countersign/signatures'
import type { ConnectionCounts } from '../sql/engine.js'
import type { AccountStorage } from './account-storage.js'
import type { AgentStorage } from './agent-storage.js'
import type { AuditStorage } from './audit-storage.js'
import type { DeploymentStorage } from './deployment-storage.js'
import type { GrantStorage } from './grant-storage.js'
import type { KeyStorage } from './key-storage.js'
import type { LogoStorage } from './logo-storage.js'
import type { PasskeyStorage } from './passkey-storage.js'
import type { RequestStorage } from './request-storage.js'
import type { SessionStorage } from './session-storage.js'
import { StorageError } from './storage-error.js'
import type { ThrottleStorage } from './throttle-storage.js'

export type { NewUser, StoredPassword } from './account-storage.js'
export { type Factor, provingFactors } from './account-storage.js'
export type { SeenAgent } from './agent-storage.js'
export type { AuditEvent, NewEvent, RecordedEvent } from './audit-storage.js'
export { longestTokenLife, tokensAliveSince } from './deployment-storage.js'
export type {
  CodeRedemption,
  Grant,
  GrantedScope,
  GrantRevocation,
  ListedGrant,
  RedeemOutcome,
  RefreshOutcome,
  Revocation,
  Revocations,
  TokenIssue,
} from './grant-storage.js'
export type {
  AuthRequest,
  AuthRequestStatus,
  BindOutcome,
  DecideOutcome,
  ExtendOutcome,
  InSession,
  NewAuthRequest,
  NewHandle,
  RequestBinding,
  RequestDecision,
  RequestDisplay,
} from './request-storage.js'
export type { NewSession, Session } from './session-storage.js'
export type { ReasonOf } from './storage-error.js'
export { StorageError } from './storage-error.js'
export type { AttemptCount, LimitedAttempt, ReachedLimit, RequestAttempt } from './throttle-storage.js'
export type { User } from './user.js'
export { foldUsername } from './user.js'

/**
 * What the auth server keeps, as atomic verbs. A verb either happens whole, with its audit row, or not at all; no
 * caller reads a row in order to write it back. The storage owns the clock that decides expiry. Secrets reach it only
 * as SHA-256 hashes (base64url, 43 characters). Times are Unix seconds. Every verb rejects with {@link StorageError}
 * `unavailable` when the database does not answer.
 */
export interface Storage
  extends AccountStorage,
    SessionStorage,
    PasskeyStorage,
    ThrottleStorage,
    RequestStorage,
    GrantStorage,
    AgentStorage,
    LogoStorage,
    KeyStorage,
    AuditStorage,
    DeploymentStorage {
  /** Deletes what is past its retention, in small batches. Runs by itself; returns the number of rows deleted. */
  sweep(): Promise<number>
  /** Stops the retention timer and closes the database. */
  close(): Promise<void>
}

export interface StorageOptions {
  /** Clock, Unix seconds. @default the system clock */
  now?: () => number
  /** Seconds between retention runs; 0 turns them off. @default 60 */
  sweepInterval?: number
  /** Told when a retention run left nothing over, with the number of rows that it deleted. */
  onSwept?: (rows: number) => void
  /** Told when a retention run failed; the next one tries again. @default a process warning */
  onSweepError?: (error: unknown) => void
  /**
   * Seconds that uses wait to be written, many at once: how often a permission was used, and when a session was last seen.
   * What waits is lost where the process is killed. 0: none waits. @default 1
   */
  usageDelay?: number
  /** Told when uses could not be written in time. @default a process warning */
  onUsageError?: (error: unknown) => void
  limits?: StorageLimits
}

/** A storage over a pool of connections. */
export interface PooledStorage extends Storage {
  /** How many connections to the database are open. */
  connections(): ConnectionCounts
}

/** How much is held at once. */
export interface StorageLimits {
  /** How many nonces are remembered. */
  nonces?: NonceLimits
}

/** The same storage; each of its verbs is told when it ended, with the time that it took. */
export function observeStorage(storage: Storage, tell: Tell): Storage {
  return new Proxy(storage, {
    get(target, name): unknown {
      const found: unknown = Reflect.get(target, name)
      if (typeof found !== 'function' || typeof name !== 'string') return found
      return async (...args: unknown[]): Promise<unknown> => {
        const began = performance.now()
        let outcome = 'ok'
        try {
          return (await Reflect.apply(found, target, args)) as unknown
        } catch (error) {
          outcome = error instanceof StorageError ? error.code : 'failed'
          throw error
        } finally {
          tell({ kind: 'storage', verb: name, outcome, duration: (performance.now() - began) / 1000 })
        }
      }
    },
  })
}
