import type { RemovedPasskey } from './passkey-storage.js'
import type { LimitedAttempt, ReachedLimit } from './throttle-storage.js'
import type { AsRead } from './user.js'

/** Codes from an authenticator app, which users enter after their password, and recovery codes for users who have lost the app. */
export interface SecondFactorStorage {
  /** Returns a user's second factor; undefined if they have none. */
  findSecondFactor(userId: string): Promise<SecondFactor | undefined>
  /**
   * Sets or replaces a user's second factor and their recovery codes. Resolves with the new credential revision. Resolves with undefined and
   * changes nothing if the user's record has changed since it was read.
   */
  setSecondFactor(factor: NewSecondFactor): Promise<number | undefined>
  /** Replaces the recovery codes of a user with a second factor. Resolves like {@link setSecondFactor}. */
  replaceRecoveryCodes(codes: AsRead & Pick<NewSecondFactor, 'recoveryHashes'>): Promise<number | undefined>
  /** Removes a user's second factor and recovery codes. A removal by an operator ends all of the user's sessions. */
  removeSecondFactor(removal: SecondFactorRemoval): Promise<RemovedPasskey>
  /**
   * Accepts a code once, within the limits. A code that is not accepted is counted toward every limit; one that is accepted clears the
   * attempts within the user's own limit. All of this is one transaction, so parallel attempts can neither use a code twice nor exceed a
   * limit.
   */
  useSecondFactor(use: SecondFactorUse): Promise<UsedSecondFactor>
}

export interface SecondFactor {
  /** As it was set: encrypted by the server. */
  sealedSecret: string
  /** When it was set or last replaced, in Unix seconds. */
  addedAt: number
  /** The number of recovery codes that have not been used. */
  recoveryCodes: number
}

export interface NewSecondFactor extends AsRead {
  /** The secret that the authenticator app has, encrypted. */
  sealedSecret: string
  /** The time step of the code with which the user confirmed it, which is not accepted again. */
  usedStep: number
  recoveryHashes: readonly string[]
}

/** By an operator, whose name goes into the audit log, or by the user, identified by their record as it was read when their proof was checked. */
export type SecondFactorRemoval = { userId: string; by: string } | (AsRead & { by?: undefined })

/** A code as it was compared with the secret that was read. */
export interface SecondFactorUse extends AsRead {
  /** The secret with which the code was compared. */
  sealedSecret: string
  /** The time step whose code was entered; absent if there is none. */
  step?: number | undefined
  /** The hash of what was entered, as a recovery code. */
  recoveryHash: string
  /** The limits on wrong codes. */
  limits: readonly LimitedAttempt[]
  /** The limit for this account in this browser, or from this address. */
  own: LimitedAttempt
}

/** `changed`: the user's record has changed since it was read. */
export type UsedSecondFactor =
  | { outcome: 'used' | 'wrong' | 'changed' }
  | { outcome: 'throttled'; reached: ReachedLimit }
