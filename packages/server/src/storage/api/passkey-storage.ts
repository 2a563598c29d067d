import type { AsRead, User } from './user.js'

export interface PasskeyStorage {
  /** Adds a passkey to an active user. `taken`: the credential is registered already, to any user. */
  addPasskey(passkey: NewPasskey): Promise<AddedPasskey>
  /** Oldest first. */
  listPasskeys(userId: string): Promise<Passkey[]>
  /** A passkey with its key and its person, whatever their status. */
  findPasskey(credentialId: string): Promise<FoundPasskey | undefined>
  /**
   * Records a verified use. False, with an audit row, unless the counter is larger than the stored one or both are 0:
   * somebody may have copied the key (WebAuthn §6.1.1). False for an unknown credential.
   */
  usePasskey(use: { credentialId: string; counter: number }): Promise<boolean>
  /** Removes a passkey; a removal by an operator ends all sessions of the user. */
  removePasskey(passkey: PasskeyRemoval): Promise<RemovedPasskey>
}

/** `changed`: the user is not as they were read. */
export type AddedPasskey = 'added' | 'taken' | 'changed'

/** `changed`: the user is not as they were read; `unknown`: they have no such passkey. */
export type RemovedPasskey = 'removed' | 'unknown' | 'changed'

/** A removal by an operator, named for the audit log, or by the user, as they were read when their proof was checked. */
export type PasskeyRemoval = { credentialId: string } & ({ userId: string; by: string } | (AsRead & { by?: undefined }))

export interface NewPasskey extends AsRead {
  /** base64url */
  credentialId: string
  /** COSE */
  publicKey: Uint8Array
  counter: number
  transports?: readonly string[] | undefined
  name?: string | undefined
}

/** A passkey as users see it. Times in Unix seconds. */
export interface Passkey {
  credentialId: string
  name: string | null
  transports: string[]
  counter: number
  createdAt: number
  lastUsedAt: number | null
}

/** A passkey with its public key in COSE, and its user. */
export interface FoundPasskey {
  user: User
  passkey: Passkey & { publicKey: Uint8Array<ArrayBuffer> }
}
