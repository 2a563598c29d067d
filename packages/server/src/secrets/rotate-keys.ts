import { randomBytes } from 'node:crypto'
import { createSigner, generatePrivateJwk, systemClock } from 'countersign'
import { type DeploymentStorage, longestTokenLifetime } from '../storage/api/deployment-storage.js'
import { firstEdition, type KeyMove, type KeyStorage, type NewKey, type StoredKey } from '../storage/api/key-storage.js'
import { StorageError } from '../storage/api/storage-error.js'
import { openPrivateKey, requireMasterKey, sealPrivateKey } from './sealed-private-key.js'
import { KeyError } from './server-keys.js'

export interface RotateKeysOptions {
  masterKey: Uint8Array
  /**
   * Lifetime of the longest-lived auth token, in seconds: the old key stays published for that long, or longer if the storage knows of
   * tokens with a longer lifetime, issued before this one was configured.
   */
  tokenLifetime: number
  /**
   * Activates the next key even though caches may not have it yet: resources then refuse tokens until they fetch the keys again. For
   * emergencies. @default false
   */
  allowUnpublished?: boolean
  /** The edition whose keys are rotated; those of other editions do not change. @default 'january' */
  edition?: string | undefined
  /** Who rotates the keys, for the audit log. */
  by?: string
  /** Unix seconds. @default the system clock */
  now?: () => number
}

/** The keys, and the longest lifetime of tokens that they have signed. */
type RotationStorage = KeyStorage & Pick<DeploymentStorage, 'findLongestTokenLifetime'>

/** The result of a rotation, by key ids. */
export interface Rotation {
  /** The key that signs from now on; undefined if there was no next key, in which case one was only generated. */
  activated: string | undefined
  /** The keys that no longer sign, and how long they stay published. */
  retiring: readonly { kid: string; until: number }[]
  /** The keys whose last token has expired: they are no longer published, and their private parts are deleted. */
  gone: readonly string[]
  /** The next key, published from now on. */
  next: string
  /** When the next key may start signing, in Unix seconds. */
  nextReadyAt: number
  /** Whether the active key was published for less time than required. */
  early: boolean
}

/**
 * Rotates the signing keys (next → active → retiring → gone) and generates a new next key. Every instance follows within 5 s, and all
 * issued tokens keep working.
 *
 * @throws KeyError `next_key_too_new` if the next key has not been published for twice the lifetime of a cached key set;
 * `master_key_wrong`; `no_active_key` before the first start
 * @throws StorageError `keys_changed` if another rotation came first
 */
export async function rotateKeys(storage: RotationStorage, options: RotateKeysOptions): Promise<Rotation> {
  const { masterKey, tokenLifetime, allowUnpublished, edition = firstEdition, by, now = systemClock } = options
  requireMasterKey(masterKey)
  const at = Math.floor(now())
  const stored = signingKeysOf(await storage.listKeys(), edition)
  const inState = (state: StoredKey['state']) => stored.filter((key) => key.state === state)
  const active = inState('active')
  const [{ alg } = {}] = active
  if (alg === undefined) {
    const missing =
      edition === firstEdition ? 'There are no keys yet' : `There are no keys for the ${edition} edition yet`
    throw new KeyError('no_active_key', `${missing}: the server creates them when it first starts.`)
  }
  for (const key of active) openPrivateKey(key, masterKey)
  const [next, spare] = inState('next')
  const readyAt = next?.notBefore ?? 0
  const early = next !== undefined && readyAt > at
  if (early && !allowUnpublished) throw tooNew(next.kid, readyAt)

  const gone = movesOfExpired(stored, at)
  const until = at + (await longestTokenLifetime(storage, tokenLifetime)) + retirementMargin
  const retiring = next ? active.map(({ kid }) => ({ kid, until })) : []
  const moves: KeyMove[] = [
    ...gone,
    ...(next ? [{ kid: next.kid, from: 'next', to: 'active' } as const] : []),
    ...retiring.map(({ kid }) => ({ kid, from: 'active', to: 'retiring', retireAt: until }) as const),
  ]
  const notBefore = at + publishedBeforeUse
  const add = await generateSigningKey(masterKey, { state: 'next', notBefore, edition, alg })
  if (moves.length > 0) await storage.moveKeys(moves, { add, by })
  else await storage.addKey(add, by)
  const following = spare ?? add
  return {
    activated: next?.kid,
    retiring,
    gone: gone.map(({ kid }) => kid),
    next: following.kid,
    nextReadyAt: following.notBefore ?? at,
    early,
  }
}

/** Moves of the keys whose last token has expired. */
function movesOfExpired(keys: readonly StoredKey[], at: number): KeyMove[] {
  const expired = keys.filter(({ state, retireAt }) => state === 'retiring' && (retireAt ?? 0) <= at)
  return expired.map(({ kid }) => ({ kid, from: 'retiring', to: 'gone' }))
}

function tooNew(kid: string, readyAt: number): KeyError {
  const when = new Date(readyAt * 1000).toISOString()
  return new KeyError(
    'next_key_too_new',
    `The next key ${kid} cannot sign before ${when}: until then, resources may still be using a cached key set that does not contain it.`,
    { readyAt },
  )
}

export interface DueRotationOptions extends Omit<RotateKeysOptions, 'allowUnpublished'> {
  /** Interval between rotations, in seconds. */
  rotateAfter: number
}

/**
 * Rotates the signing keys if a rotation is due, and deletes the private parts of keys whose last token has expired. If several instances
 * do this at once, only one rotates.
 *
 * @returns what was done; undefined if nothing was due, or another instance did it
 * @throws KeyError `master_key_wrong`
 */
export async function rotateKeysWhenDue(
  storage: RotationStorage,
  { rotateAfter, ...options }: DueRotationOptions,
): Promise<Rotation | undefined> {
  const { now = systemClock, edition = firstEdition, by } = options
  const keys = signingKeysOf(await storage.listKeys(), edition)
  try {
    if (now() >= rotationDueAt(keys, rotateAfter, edition)) return await rotateKeys(storage, options)
    const gone = movesOfExpired(keys, now())
    if (gone.length > 0) await storage.moveKeys(gone, { by })
    return undefined
  } catch (error) {
    if (wasFirst(error)) return undefined
    throw error
  }
}

/** When the next rotation of an edition's keys is due, in Unix seconds; 0 if no key could sign next. */
export function rotationDueAt(keys: readonly StoredKey[], rotateAfter: number, edition: string = firstEdition): number {
  const signing = signingKeysOf(keys, edition)
  const next = signing.find(({ state }) => state === 'next')
  if (!next) return 0
  // Each rotation generates a key, so the newest key is as old as the last rotation.
  return Math.max(Math.max(...signing.map(({ createdAt }) => createdAt)) + rotateAfter, next.notBefore ?? 0)
}

/** Whether another instance rotated the keys between the read and the move: it moved the keys, or there is already a new next key. */
function wasFirst(error: unknown): boolean {
  if (error instanceof StorageError) return error.code === 'keys_changed'
  return error instanceof KeyError && error.code === 'next_key_too_new'
}

export interface KeyRotationOptions extends Omit<DueRotationOptions, 'by'> {
  storage: RotationStorage
  /** Called after each rotation that this instance performed. */
  onRotated?: (rotation: Rotation) => void
  /** Called if a rotation failed; it is retried an hour later. */
  onError: (error: unknown) => void
}

const hour = 3_600_000

/**
 * Rotates the signing keys automatically: checks now and every hour, on every instance, whether rotation is due, without keeping the
 * process alive. The audit log names the server as the actor.
 *
 * @returns a function that stops it, and resolves when a running check has finished
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

/** An edition's signing keys. */
export function signingKeysOf(keys: readonly StoredKey[], edition: string): StoredKey[] {
  return keys.filter((key) => key.purpose === 'sign' && key.edition === edition)
}

/** The algorithms of an edition's keys, which stay the same when keys are rotated, by the name under which they are stored. */
const algorithms = { EdDSA: 'ed25519', Ed25519: 'ed25519', ES256: 'ecdsa-p256-sha256' } as const

/** The edition for which keys are generated, and the algorithm that they have. */
export interface KeyKind {
  edition: string
  alg: string
}

interface GeneratedKey extends KeyKind {
  state: 'next' | 'active'
  /** When the key may start signing, in Unix seconds. */
  notBefore: number
}

/** Generates a key with a sealed private part, identified by its thumbprint. */
async function generateSigningKey(
  masterKey: Uint8Array,
  { state, notBefore, edition, alg }: GeneratedKey,
): Promise<NewKey> {
  if (!isKnown(alg)) throw new TypeError(`no keys can be generated for the algorithm ${alg}`)
  const privateJwk = await generatePrivateJwk({ algorithm: algorithms[alg] })
  const { jwk } = await createSigner(privateJwk)
  const key = { kid: privateJwk.kid, purpose: 'sign', edition } as const
  const sealed = sealPrivateKey(Buffer.from(JSON.stringify(privateJwk)), masterKey, key)
  return { ...key, alg, private: sealed, publicJwk: { ...jwk }, state, notBefore }
}

function isKnown(alg: string): alg is keyof typeof algorithms {
  return Object.hasOwn(algorithms, alg)
}

/**
 * Generates the first signing keys of an edition: one that signs immediately, because no cache can know this edition's keys yet; and the
 * next one, so that it has been published long before it is needed.
 */
export async function generateFirstSigningKeys(masterKey: Uint8Array, now: number, kind: KeyKind): Promise<NewKey[]> {
  return [
    await generateSigningKey(masterKey, { ...kind, state: 'active', notBefore: now }),
    await generateSigningKey(masterKey, { ...kind, state: 'next', notBefore: now + publishedBeforeUse }),
  ]
}

/** Generates the keys of a new server: its first signing keys, and the secret from which codes and form values are derived. */
export async function generateFirstKeys(masterKey: Uint8Array, now: number, kind: KeyKind): Promise<NewKey[]> {
  const secret = { kid: `secret-${randomBytes(8).toString('hex')}`, purpose: 'secret' } as const
  return [
    ...(await generateFirstSigningKeys(masterKey, now, kind)),
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

/** Interval between reads of the stored keys, in seconds; also the maximum lag between instances. */
export const reloadInterval = 5

/** How long caches may keep `/jwks.json`, in seconds; its `max-age`. */
const jwksMaxAge = 300

/** How long every instance publishes a key before signing with it, in seconds (I6). */
const publishedBeforeUse = 2 * jwksMaxAge + reloadInterval

/** How long a key stays published after its last token has expired, in seconds, because instances lag and clocks differ. */
const retirementMargin = reloadInterval + 60
