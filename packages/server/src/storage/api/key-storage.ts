import type { Row } from '../sql/tables.js'

/** The server's own keys. The caller encrypts the private part; the storage cannot read it. */
export interface KeyStorage {
  /** All keys, oldest first. */
  listKeys(): Promise<StoredKey[]>
  /** Adds a key. Throws a `TypeError` when the `kid` is in use. `by`: who did it, for the audit. */
  addKey(key: NewKey, by?: string): Promise<StoredKey>
  /** Stores these keys if there are none yet, and returns what is stored: instances that start together agree. */
  createKeysIfNone(keys: readonly NewKey[]): Promise<StoredKey[]>
  /**
   * Moves keys forward and adds one, all or nothing: next → active → retiring → gone, steps may be left out. Rejects with
   * `StorageError` `keys_changed` when one is not in its `from` any more. The private part of a key that is gone is
   * deleted.
   */
  moveKeys(moves: readonly KeyMove[], also?: MoveOptions): Promise<StoredKey[]>
}

/** Keys move forward through these states; steps may be left out. */
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
}

export interface KeyMove {
  kid: string
  from: KeyState
  to: KeyState
  /** @default as before */
  retireAt?: number | undefined
}

export interface MoveOptions {
  /** A key that is added in the same step. */
  add?: NewKey | undefined
  /** Who does it, for the audit. */
  by?: string | undefined
}
