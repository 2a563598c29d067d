import type { AsRead, User } from './user.js'

export interface PasskeyStorage {
  /** Adds a passkey to an active user. `taken`: the credential is already registered, for this or another user. */
  addPasskey(passkey: NewPasskey): Promise<AddedPasskey>
  /** Ordered from oldest to newest. */
  listPasskeys(userId: string): Promise<Passkey[]>
  /** Returns a passkey with its key and the user it belongs to, whatever the user's status. */
  findPasskey(credentialId: string): Promise<FoundPasskey | undefined>
  /**
   * Records a verified use. Returns false and writes an audit event if the counter is not larger than the stored one (unless both are 0),
   * because the key may have been copied (WebAuthn §6.1.1). Returns false for an unknown credential.
   */
  usePasskey(use: { credentialId: string; counter: number }): Promise<boolean>
  /** Removes a passkey. A removal by an operator ends all of the user's sessions. */
  removePasskey(passkey: PasskeyRemoval): Promise<RemovedPasskey>
}

/** `changed`: the user's record has changed since it was read. */
export type AddedPasskey = 'added' | 'taken' | 'changed'

/** `changed`: the user's record has changed since it was read; `unknown`: the user does not have this passkey. */
export type RemovedPasskey = 'removed' | 'unknown' | 'changed'

/**
 * A removal by an operator, whose name goes into the audit log, or by the user, identified by their record as it was read when their proof
 * was checked.
 */
export type PasskeyRemoval = { credentialId: string } & ({ userId: string; by: string } | (AsRead & { by?: undefined }))

export interface PasskeyCredential {
  /** base64url */
  credentialId: string
  /** COSE */
  publicKey: Uint8Array
  counter: number
  transports?: readonly string[] | undefined
  name?: string | undefined
}

export interface NewPasskey extends AsRead, PasskeyCredential {}

/** A passkey as users see it. Times are in Unix seconds. */
export interface Passkey {
  credentialId: string
  name: string | null
  transports: string[]
  counter: number
  createdAt: number
  lastUsedAt: number | null
}

/** A passkey with its public key in COSE format, and the user it belongs to. */
export interface FoundPasskey {
  user: User
  passkey: Passkey & { publicKey: Uint8Array<ArrayBuffer> }
}
