import type { Emit } from 'countersign/node'
import type { NonceLimits } from 'countersign/signatures'
import type { ConnectionCounts } from '../sql/engine.js'
import type { AccountStorage } from './account-storage.js'
import type { AgentStorage } from './agent-storage.js'
import type { AuditStorage } from './audit-storage.js'
import type { BindingStorage } from './binding-storage.js'
import type { ClientStorage } from './client-storage.js'
import type { DeliveryStorage } from './delivery-storage.js'
import type { DeploymentStorage } from './deployment-storage.js'
import type { DeviceStorage } from './device-storage.js'
import type { EmailStorage } from './email-storage.js'
import type { GrantStorage } from './grant-storage.js'
import type { IssueStorage } from './issue-storage.js'
import type { KeyStorage } from './key-storage.js'
import type { LinkStorage } from './link-storage.js'
import type { LogoStorage } from './logo-storage.js'
import type { PasskeyStorage } from './passkey-storage.js'
import type { PermissionStorage } from './permission-storage.js'
import type { PolledRequestStorage } from './polled-request-storage.js'
import type { ReceivedRevocationStorage } from './received-revocation-storage.js'
import type { RefreshStorage } from './refresh-storage.js'
import type { RequestStorage } from './request-storage.js'
import type { SecondFactorStorage } from './second-factor-storage.js'
import type { SessionStorage } from './session-storage.js'
import { StorageError } from './storage-error.js'
import type { SubjectStorage } from './subject-storage.js'
import type { ThrottleStorage } from './throttle-storage.js'

export type { NewUser, StoredPassword } from './account-storage.js'
export { type Factor, provingFactors } from './account-storage.js'
export type { SeenAgent } from './agent-storage.js'
export type { AuditEvent, NewEvent, RecordedEvent } from './audit-storage.js'
export type { Binding } from './binding-storage.js'
export type { Delivery, ListedDelivery } from './delivery-storage.js'
export { longestTokenLifetime, validTokensIssuedSince } from './deployment-storage.js'
export { type DeviceCode, deviceIdOf, type OwnedDevice, type RedeemedDevice } from './device-storage.js'
export type {
  CodeRedemption,
  Grant,
  GrantedScope,
  GrantRevocation,
  ListedGrant,
  PreparedIssue,
  RedeemOutcome,
  Revocation,
  Revocations,
  TokenIssue,
  UserTokenIssue,
} from './grant-storage.js'
export type { RememberedIssueOutcome } from './issue-storage.js'
export type { ExtendablePermission, PermissionRemoval } from './permission-storage.js'
export type { RefreshOutcome, RotationOutcome } from './refresh-storage.js'
export type {
  AuthRequest,
  AuthRequestStatus,
  BindOutcome,
  DecideOutcome,
  ExtendOutcome,
  InSession,
  NewAuthRequest,
  NewHandle,
  OpenFor,
  RequestBinding,
  RequestDecision,
  RequestDisplay,
} from './request-storage.js'
export type { NewSession, Session } from './session-storage.js'
export type { ReasonOf } from './storage-error.js'
export { StorageError } from './storage-error.js'
export type { ListedSubject } from './subject-storage.js'
export type { AttemptCount, LimitedAttempt, ReachedLimit, RequestAttempt } from './throttle-storage.js'
export type { Subjects, User } from './user.js'
export { foldUsername } from './user.js'

/**
 * The auth server's persistent state, as atomic verbs. A verb is applied completely, together with its audit event, or not at all. Callers
 * never read a row in order to write it back. The storage owns the clock that determines expiry. It receives secrets only as SHA-256 hashes
 * (base64url, 43 characters). Times are in Unix seconds. Every verb rejects with {@link StorageError} `unavailable` if the database does
 * not respond.
 */
export interface Storage
  extends AccountStorage,
    SessionStorage,
    PasskeyStorage,
    SecondFactorStorage,
    LinkStorage,
    EmailStorage,
    DeviceStorage,
    ThrottleStorage,
    RequestStorage,
    PolledRequestStorage,
    GrantStorage,
    PermissionStorage,
    IssueStorage,
    BindingStorage,
    SubjectStorage,
    DeliveryStorage,
    ReceivedRevocationStorage,
    RefreshStorage,
    AgentStorage,
    LogoStorage,
    KeyStorage,
    ClientStorage,
    AuditStorage,
    DeploymentStorage {
  /** Deletes rows past their retention, in small batches, and returns how many were deleted. Also runs on a timer. */
  sweep(): Promise<number>
  /** Stops the retention timer and closes the database. */
  close(): Promise<void>
}

export interface StorageOptions {
  /** Clock, in Unix seconds. @default the system clock */
  now?: () => number
  /** Number of seconds between retention runs; 0 disables them. @default 60 */
  sweepInterval?: number
  /** Called after a retention run that deleted everything due, with the number of rows deleted. */
  onSwept?: (rows: number) => void
  /** Called when a retention run fails; the next run tries again. @default emits a process warning */
  onSweepError?: (error: unknown) => void
  /**
   * Number of seconds for which uses (how often a permission was used, and when a session was last seen) are buffered so that they can be
   * written in one batch. Buffered uses are lost if the process is killed. 0 disables buffering. @default 1
   */
  usageDelay?: number
  /** Called when uses could not be written in time. @default emits a process warning */
  onUsageError?: (error: unknown) => void
  limits?: StorageLimits
}

/** A storage over a pool of connections. */
export interface PooledStorage extends Storage {
  /** Returns the number of open connections to the database. */
  connections(): ConnectionCounts
}

/** Limits on how much is stored at once. */
export interface StorageLimits {
  /** Limits on the number of remembered nonces. */
  nonces?: NonceLimits
}

/** Wraps a storage so that it reports the outcome and duration of each verb. */
export function observeStorage(storage: Storage, tell: Emit): Storage {
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
