import { createHash } from 'node:crypto'
import { foldUsername } from '../api/fold-username.js'
import type { Attempt } from '../api/throttle-storage.js'
import { hashBytes } from '../sql/stored-bytes.js'

/** Bytes of a stored key that are the same for all attempts on one account. */
const accountBytes = 16

/** The key an attempt is stored under. */
export function storedKey({ key, account }: Pick<Attempt, 'key' | 'account'>): Buffer {
  const bytes = hashBytes(key)
  return account === undefined ? bytes : Buffer.concat([prefixOf(account), bytes.subarray(accountBytes)])
}

/** The first and the last key that an attempt on this account can be stored under. */
export function storedKeysOf(account: string): { first: Buffer; last: Buffer } {
  const keyEndingIn = (byte: number) => Buffer.concat([prefixOf(account), Buffer.alloc(accountBytes, byte)])
  return { first: keyEndingIn(0), last: keyEndingIn(255) }
}

function prefixOf(account: string): Buffer {
  return createHash('sha256')
    .update(`account ${foldUsername(account)}`)
    .digest()
    .subarray(0, accountBytes)
}
