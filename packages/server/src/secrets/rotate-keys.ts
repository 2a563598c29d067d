import { systemClock } from 'countersign/wire'
import type { KeyMove, KeyStorage, StoredKey } from '../storage/api/key-storage.js'
import { generateSigningKey } from './generate-keys.js'
import { KeyError } from './key-error.js'
import { publishedBeforeUse, retirementMargin } from './key-times.js'
import { requireMasterKey } from './require-master-key.js'
import { openPrivateKey } from './sealed-private-key.js'

export interface RotateKeysOptions {
  masterKey: Uint8Array
  /** Seconds that the longest auth token lives: for so long the old key stays published. */
  tokenLifetime: number
  /**
   * Uses the next key although caches may not know it: resources then refuse tokens until they fetch the keys again.
   * For emergencies. @default false
   */
  evenUnpublished?: boolean
  /** Who rotates, for the audit. */
  by?: string
  /** Unix seconds. @default the system clock */
  now?: () => number
}

/** What a rotation did, by key ids. */
export interface Rotation {
  /** The key that signs from now on; undefined: there was no next key, so one was only made. */
  activated: string | undefined
  /** The keys that do not sign any more, and until when they are published. */
  retiring: readonly { kid: string; until: number }[]
  /** The keys whose last token has ended: no longer published, their private parts deleted. */
  gone: readonly string[]
  /** The key that comes next, published from now on. */
  next: string
  /** Unix seconds: from when it may sign. */
  nextReadyAt: number
  /** Whether the active key was published for less time than it should. */
  early: boolean
}

/**
 * Rotates the signing keys: next → active → retiring → gone, and makes a new next one. Every instance follows within
 * 5 s, and no token stops working.
 *
 * @throws KeyError `next_key_too_new` when the next key was not published for twice the life of a cached key set;
 * `master_key_wrong`; `no_active_key` before the first start
 * @throws StorageError `keys_changed` when another rotation came first
 */
export async function rotateKeys(storage: KeyStorage, options: RotateKeysOptions): Promise<Rotation> {
  const { masterKey, tokenLifetime, evenUnpublished = false, by, now = systemClock } = options
  requireMasterKey(masterKey)
  const at = Math.floor(now())
  const stored = await storage.listKeys()
  const inState = (state: StoredKey['state']) => stored.filter((key) => key.purpose === 'sign' && key.state === state)
  const active = inState('active')
  if (active.length === 0) {
    throw new KeyError('no_active_key', 'There are no keys yet: the server makes them at its first start.')
  }
  for (const key of active) openPrivateKey(key, masterKey)
  const [next, spare] = inState('next')
  const readyAt = next?.notBefore ?? 0
  const early = next !== undefined && readyAt > at
  if (early && !evenUnpublished) throw tooNew(next.kid, readyAt)

  const gone = inState('retiring').filter(({ retireAt }) => retireAt === null || retireAt <= at)
  const until = at + tokenLifetime + retirementMargin
  const moves: KeyMove[] = gone.map(({ kid }) => ({ kid, from: 'retiring', to: 'gone' }))
  if (next) {
    moves.push({ kid: next.kid, from: 'next', to: 'active' })
    for (const { kid } of active) moves.push({ kid, from: 'active', to: 'retiring', retireAt: until })
  }
  const notBefore = at + publishedBeforeUse
  const add = await generateSigningKey(masterKey, { state: 'next', notBefore })
  if (moves.length > 0) await storage.moveKeys(moves, { add, by })
  else await storage.addKey(add, by)
  const following = spare ?? add
  return {
    activated: next?.kid,
    retiring: next ? active.map(({ kid }) => ({ kid, until })) : [],
    gone: gone.map(({ kid }) => kid),
    next: following.kid,
    nextReadyAt: following.notBefore ?? at,
    early,
  }
}

function tooNew(kid: string, readyAt: number): KeyError {
  const when = new Date(readyAt * 1000).toISOString()
  return new KeyError(
    'next_key_too_new',
    `The next key ${kid} may sign from ${when}: until then resources may hold a key set without it.`,
    { readyAt },
  )
}
