import type { Row } from '../sql/tables.js'

/** The edition whose keys are the server's first ones, and to which keys belong by default. */
export const firstEdition = 'january'

/** The server's own keys. The caller encrypts the private part, so the storage cannot read it. */
export interface KeyStorage {
  /** Lists all keys, oldest first. */
  listKeys(): Promise<StoredKey[]>
  /** Adds a key. Throws a `TypeError` if the `kid` is in use. `by`: who added it, for the audit log. */
  addKey(key: NewKey, by?: string): Promise<StoredKey>
  /**
   * Stores these keys, all of one edition, if no key of that edition is stored yet, and returns all stored keys. Instances that start at
   * the same time end up with the same keys.
   */
  createKeysIfNone(keys: readonly NewKey[]): Promise<StoredKey[]>
  /**
   * Moves keys forward and adds one key, all or nothing: next → active → retiring → gone; steps may be skipped. Rejects with `StorageError`
   * `keys_changed` if a key is no longer in its `from` state. The private part of a key that reaches `gone` is deleted.
   */
  moveKeys(moves: readonly KeyMove[], also?: MoveOptions): Promise<StoredKey[]>
}

/** Keys move forward through these states; steps may be skipped. */
export type KeyState = Row<'signing_key'>['state']

type KeyPurpose = Row<'signing_key'>['purpose']

export interface NewKey {
  kid: string
  purpose: KeyPurpose
  alg: string
  /** Encrypted by the caller. */
  private: string
  /** Null for a secret. */
  publicJwk: Record<string, unknown> | null
  state: KeyState
  notBefore?: number | undefined
  retireAt?: number | undefined
  /** The only edition for which the key signs; a secret is used for all of them. @default the first edition */
  edition?: string | undefined
}

export interface StoredKey {
  kid: string
  purpose: KeyPurpose
  alg: string
  /** Null once the key is gone. */
  private: string | null
  publicJwk: Record<string, unknown> | null
  state: KeyState
  notBefore: number | null
  retireAt: number | null
  createdAt: number
  /** The only edition for which the key signs; a secret is used for all of them. */
  edition: string
}

export interface KeyMove {
  kid: string
  from: KeyState
  to: KeyState
  /** @default unchanged */
  retireAt?: number | undefined
}

export interface MoveOptions {
  /** A key to add in the same transaction. */
  add?: NewKey | undefined
  /** Who moves the keys, for the audit log. */
  by?: string | undefined
}
