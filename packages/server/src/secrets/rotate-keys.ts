import { randomBytes } from 'node:crypto'
import { createSigner, generatePrivateJwk, systemClock } from 'countersign'
import type { KeyMove, KeyStorage, NewKey, StoredKey } from '../storage/api/key-storage.js'
import { StorageError } from '../storage/api/storage-error.js'
import { openPrivateKey, requireMasterKey, sealPrivateKey } from './sealed-private-key.js'
import { KeyError } from './server-keys.js'

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

export interface DueRotationOptions extends Omit<RotateKeysOptions, 'evenUnpublished'> {
  /** Seconds between two rotations. */
  rotateAfter: number
}

/**
 * Rotates the signing keys if the last rotation was too long ago, and deletes the private parts of keys whose last token
 * has ended. Of any number of instances that do this at once, one rotates.
 *
 * @returns what was done; undefined when nothing was due, or another instance did it
 * @throws KeyError `master_key_wrong`
 */
export async function rotateKeysWhenDue(
  storage: KeyStorage,
  { rotateAfter, ...options }: DueRotationOptions,
): Promise<Rotation | undefined> {
  const { now = systemClock, by } = options
  const keys = (await storage.listKeys()).filter(({ purpose }) => purpose === 'sign')
  try {
    if (now() >= rotationDueAt(keys, rotateAfter)) return await rotateKeys(storage, options)
    const over = keys.filter(({ state, retireAt }) => state === 'retiring' && (retireAt ?? 0) <= now())
    if (over.length > 0) {
      await storage.moveKeys(
        over.map(({ kid }) => ({ kid, from: 'retiring', to: 'gone' })),
        { by },
      )
    }
    return undefined
  } catch (error) {
    if (wasFirst(error)) return undefined
    throw error
  }
}

/** When the next rotation is due, in Unix seconds; 0 where there is no key that could sign next. */
export function rotationDueAt(keys: readonly StoredKey[], rotateAfter: number): number {
  const signing = keys.filter(({ purpose }) => purpose === 'sign')
  const next = signing.find(({ state }) => state === 'next')
  if (!next) return 0
  // Each rotation makes a key, so the newest one is as old as the last rotation.
  return Math.max(Math.max(...signing.map(({ createdAt }) => createdAt)) + rotateAfter, next.notBefore ?? 0)
}

/** Another instance rotated between the reading and the moving: the keys moved, or the next one is new already. */
function wasFirst(error: unknown): boolean {
  if (error instanceof StorageError) return error.code === 'keys_changed'
  return error instanceof KeyError && error.code === 'next_key_too_new'
}

export interface KeyRotationOptions extends Omit<DueRotationOptions, 'by'> {
  storage: KeyStorage
  /** Told of each rotation that this instance did. */
  onRotated?: (rotation: Rotation) => void
  /** Told when it failed; it is tried again an hour later. */
  onError: (error: unknown) => void
}

const hour = 3_600_000

/**
 * Lets the signing keys rotate by themselves: looks now and every hour whether it is time, on every instance, without
 * keeping the process alive. The audit names the server.
 *
 * @returns a function that stops it, and resolves when what runs has ended
 * @example
 * ```ts
 * const stop = startKeyRotation({ storage, masterKey, tokenLifetime: 600, rotateAfter: 90 * 86_400, onError: console.error })
 * ```
 */
export function startKeyRotation({ storage, onRotated, onError, ...options }: KeyRotationOptions): () => Promise<void> {
  let running: Promise<void> | undefined
  const look = () => {
    running ??= rotateKeysWhenDue(storage, { ...options, by: 'server' })
      .then((rotation) => rotation && onRotated?.(rotation))
      .catch(onError)
      .finally(() => {
        running = undefined
      })
  }
  look()
  const timer = setInterval(look, hour)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await running
  }
}

/** A new Ed25519 key, sealed, named by its thumbprint. @param notBefore Unix seconds: when it may sign */
async function generateSigningKey(
  masterKey: Uint8Array,
  { state, notBefore }: { state: 'next' | 'active'; notBefore: number },
): Promise<NewKey> {
  const privateJwk = await generatePrivateJwk()
  const { jwk } = await createSigner(privateJwk)
  const key = { kid: privateJwk.kid, purpose: 'sign' } as const
  const sealed = sealPrivateKey(Buffer.from(JSON.stringify(privateJwk)), masterKey, key)
  return { ...key, alg: 'EdDSA', private: sealed, publicJwk: { ...jwk }, state, notBefore }
}

/**
 * What a new server starts with: a key that signs at once, since no cache can know this server yet; the next one, so that
 * it has long been published when it is needed; and the secret that codes and form values are derived from.
 */
export async function generateFirstKeys(masterKey: Uint8Array, now: number): Promise<NewKey[]> {
  const secret = { kid: `secret-${randomBytes(8).toString('hex')}`, purpose: 'secret' } as const
  return [
    await generateSigningKey(masterKey, { state: 'active', notBefore: now }),
    await generateSigningKey(masterKey, { state: 'next', notBefore: now + publishedBeforeUse }),
    {
      ...secret,
      alg: 'HS256',
      private: sealPrivateKey(randomBytes(32), masterKey, secret),
      publicJwk: null,
      state: 'active',
      notBefore: now,
    },
  ]
}

/** Seconds between two readings of the stored keys: how far instances may lag behind each other. */
export const reloadInterval = 5

/** Seconds that caches may hold `/jwks.json`, as its `max-age` says. */
const jwksMaxAge = 300

/** Seconds that a key is published, by every instance, before it signs (I6). */
const publishedBeforeUse = 2 * jwksMaxAge + reloadInterval

/** Seconds that a key stays published after the last token it signed has ended: instances lag, and clocks differ. */
const retirementMargin = reloadInterval + 60
