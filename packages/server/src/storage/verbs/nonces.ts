import {
  type NonceClaim,
  type NonceLimits,
  nonceCapacity,
  type ReachedLimit,
  reachedLimit,
  widerNetwork,
} from 'countersign/signatures'
import { sql } from 'kysely'
import { StorageError } from '../api/storage-error.js'
import type { Statement, Unit } from '../sql/engine.js'
import {
  cachedInsertion,
  cachedQueryOfRows,
  hashBytes,
  hashText,
  maxRows,
  type Placeholders,
} from '../sql/kept-query.js'
import type { NewRow, Row } from '../sql/tables.js'

type Kind = Row<'nonce'>['kind']
type Count = Row<'nonce_count'>
type Nonce = Omit<NewRow<'nonce'>, 'expires_at'>

/** A nonce that was inserted, and the rows in which it must be counted. */
interface TakenNonce {
  claim: NonceClaim
  kind: Kind
  /** The rows of its holder, of its network, of its part of the total, and of the wider network. */
  counts: readonly [CountKey, CountKey, CountKey, CountKey]
}

/** Nonces that were inserted and must be counted in the same transaction. */
export interface TakenNonces {
  /**
   * The successful claims, by their positions among all requested claims. If several claims are for the same nonce, only the first can
   * succeed.
   */
  claims: ReadonlyMap<number, TakenNonce>
  /** How many nonces of each kind were already stored. */
  held: Readonly<Record<Kind, number>>
}

/**
 * Inserts the nonces that are not stored yet; an expired nonce still counts as stored. The number of nonces is limited to the number of
 * rows for which a query is cached. Skips those that would already have expired before the machine's clock was set back.
 */
export async function takeNonces(statement: Statement, wanted: readonly NonceClaim[]): Promise<TakenNonces> {
  const rows = new Map<string, Nonce & { key_hash: Buffer; claim: NonceClaim; place: number; lifetime: number }>()
  for (const [place, claim] of wanted.entries()) {
    const { key, lifetime } = claim
    if (rows.has(key) || wouldHaveExpired(statement, lifetime)) continue
    rows.set(key, { ...nonceOf(claim), claim, place, lifetime })
  }
  if (rows.size === 0) return { claims: new Map(), held: { agent: 0, key: 0 } }
  // A fixed order, so that two transactions that claim the same nonces cannot deadlock.
  const sorted = [...rows.values()].sort((one, other) => Buffer.compare(one.key_hash, other.key_hash))
  const inserted = await nonceInsertion(statement, sorted)
  const taken =
    inserted.length === sorted.length ? sorted : inserted.flatMap(({ key_hash }) => rows.get(hashText(key_hash)) ?? [])
  const claims = new Map<number, TakenNonce>()
  for (const nonce of taken) claims.set(nonce.place, { claim: nonce.claim, kind: nonce.kind, counts: countsOf(nonce) })
  return { claims, held: { agent: Number(inserted[0]?.agents ?? 0), key: Number(inserted[0]?.keys ?? 0) } }
}

/** Counts nonces that were inserted. Returns those that exceed a limit, with that limit; the transaction must then be rolled back. */
export async function countNonces(
  unit: Unit,
  { claims, held }: TakenNonces,
  limits: Required<NonceLimits>,
): Promise<Map<NonceClaim, ReachedLimit>> {
  const exceeding = new Map<NonceClaim, ReachedLimit>()
  if (claims.size === 0) return exceeding
  const nonces = [...claims.values()]
  const counted = await addToCounts(
    unit,
    nonces.flatMap(({ counts }) => counts),
    1,
  )
  const counts = new Map(counted.map((count) => [idOf(count), count.held]))
  // A fixed order, so that two transactions with nonces of both kinds cannot deadlock.
  for (const kind of ['agent', 'key'] as const) {
    const ofKind = nonces.filter((nonce) => nonce.kind === kind)
    if (ofKind.length === 0) continue
    const all = await countedBefore(unit, kind, held[kind], limits)
    // Each nonce is checked as if it had come last.
    for (const nonce of ofKind) {
      const reached = await limitReachedBy(unit, nonce, { counts, all }, limits)
      if (reached) exceeding.set(nonce.claim, reached)
    }
  }
  return exceeding
}

/** Counts nonces and throws if one of them exceeds a limit. @throws StorageError `too_many_nonces` */
export async function requireCounted(unit: Unit, taken: TakenNonces, limits: Required<NonceLimits>): Promise<void> {
  for (const reached of (await countNonces(unit, taken, limits)).values())
    throw new StorageError('too_many_nonces', refusals[reached])
}

const refusals: Readonly<Record<ReachedLimit, string>> = {
  perKey: 'too many stored nonces for this key',
  perNetwork: 'too many stored nonces for keys in this network',
  perAgent: 'too many stored nonces for this agent',
  network: 'too many stored nonces, most of them from this network',
  strangers: 'too many stored nonces for keys that do not identify an agent',
  total: 'too many stored nonces',
}

/**
 * Claims a nonce; returns false if it is already stored. Expired nonces count until {@link forgetNonces} deletes them: if the claim is
 * refused, delete them and claim again.
 *
 * @throws StorageError `too_many_nonces`; `unavailable` if the machine's clock was set back too far
 */
export async function claimNonce(unit: Unit, claim: NonceClaim, limits: Required<NonceLimits>): Promise<boolean> {
  if (wouldHaveExpired(unit, claim.lifetime)) {
    const behind = `${unit.behind} seconds behind an earlier reading`
    const what = `This machine’s clock is ${behind}, so nonces that it would still accept have already expired: synchronize the clock with NTP.`
    throw new StorageError('unavailable', what)
  }
  let taken = await takeNonces(unit, [claim])
  if (taken.claims.size === 0 && (await forget(unit, [hashBytes(claim.key)])) > 0)
    taken = await takeNonces(unit, [claim])
  if (taken.claims.size === 0) return false
  await requireCounted(unit, taken, limits)
  return true
}

/** Number of nonces that are deleted at a time. */
const batch = 200

/** Deletes some of the expired nonces and returns how many it deleted. */
export async function forgetNonces(unit: Unit): Promise<number> {
  const { db, now } = unit
  const expired = await db.selectFrom('nonce').select('key_hash').where('expires_at', '<=', now).limit(batch).execute()
  const keys = expired.map(({ key_hash }) => key_hash)
  return keys.length === 0 ? 0 : forget(unit, keys)
}

/** Deletes the given nonces that have expired. */
async function forget(unit: Unit, keys: readonly Uint8Array[]): Promise<number> {
  const { db, now } = unit
  const forgotten = await db
    .deleteFrom('nonce')
    .where('key_hash', 'in', keys)
    .where('expires_at', '<=', now)
    .returning(['key_hash', 'kind', 'holder', 'network'])
    .execute()
  if (forgotten.length === 0) return 0
  for (const { kind, source, held } of await addToCounts(unit, forgotten.flatMap(countsOf), -1)) {
    if (held > 0) continue
    const count = db.deleteFrom('nonce_count').where('kind', '=', kind).where('source', '=', source)
    await count.where('held', '<=', 0).execute()
  }
  return forgotten.length
}

function nonceOf({ key, source: { agent, thumbprint, network } }: NonceClaim): Nonce & { key_hash: Buffer } {
  const kind = agent === undefined ? 'key' : 'agent'
  return { key_hash: hashBytes(key), kind, holder: agent ?? thumbprint, network }
}

/**
 * Whether the nonce would have expired if it had been claimed before the machine's clock was set back. `lifetime` is the time from the
 * claim until the signature is no longer accepted.
 */
function wouldHaveExpired({ behind }: Statement, lifetime: number): boolean {
  return behind >= lifetime
}

const nonceInsertion = cachedQueryOfRows(
  ({ db, clock }, nonces: readonly Placeholders<Nonce & { lifetime: number }>[]) =>
    db
      .insertInto('nonce')
      .values(
        nonces.map(({ key_hash, kind, holder, network, lifetime }) => ({
          key_hash,
          kind,
          holder,
          network,
          expires_at: sql<number>`${clock} + ${lifetime}`,
        })),
      )
      .onConflict((conflict) => conflict.column('key_hash').doNothing())
      .returning(['key_hash', heldOf(db, 'agent').as('agents'), heldOf(db, 'key').as('keys')]),
)

/**
 * Returns the total number of nonces of a kind. The kind is a literal, as in the indexes, because the indexes would not match a parameter.
 */
function heldOf(db: Unit['db'], kind: Kind) {
  const parts = db.selectFrom('nonce_count').where('kind', '=', sql.lit(`${kind}s-part` as const))
  return parts.select((e) => e.fn.sum<number | null>('held').as('held'))
}

/** Number of rows over which the total of a kind is distributed. */
const parts = 64

/** The row of a count, and an id of it, by which rows are merged and sorted. */
type CountKey = Pick<Count, 'kind' | 'source'> & { id: string }

/**
 * Returns the rows in which a nonce is counted. The total of a kind is not stored in a single row, because every claim would wait for that
 * row's lock.
 */
function countsOf({ key_hash: [first = 0], kind, holder, network }: Nonce): TakenNonce['counts'] {
  return [
    countKey(kind, holder),
    countKey(`${kind}s`, network),
    countKey(`${kind}s-part`, String(first % parts)),
    countKey(`${kind}s-wider`, widerNetwork(network)),
  ]
}

const countKey = (kind: Count['kind'], source: string): CountKey => ({ kind, source, id: idOf({ kind, source }) })

const idOf = ({ kind, source }: Pick<Count, 'kind' | 'source'>) => `${kind} ${source}`

/** Increments the rows that count nonces, and returns them. */
async function addToCounts(statement: Statement, counted: readonly CountKey[], each: 1 | -1): Promise<Count[]> {
  const rows = new Map<string, Count>()
  for (const { id, kind, source } of counted) {
    const row = rows.get(id)
    if (row) row.held += each
    else rows.set(id, { kind, source, held: each })
  }
  // A fixed order, so that two transactions that lock the same rows cannot deadlock.
  const sorted = [...rows].sort(([one], [other]) => (one < other ? -1 : 1))
  return countInsertion(
    statement,
    sorted.map(([, row]) => row),
  )
}

const countInsertion = cachedInsertion(
  'nonce_count',
  (insertion) =>
    insertion
      .onConflict((conflict) =>
        conflict
          .columns(['source', 'kind'])
          .doUpdateSet((e) => ({ held: e('nonce_count.held', '+', e.ref('excluded.held')) })),
      )
      .returningAll(),
  // Each nonce may belong to a different agent, network and wider network.
  4 * maxRows,
)

/**
 * When fewer than this many places are free, claims wait for each other, because the nonces of concurrent claims have not been counted yet.
 */
const nearlyFull = 1000

/** Returns how many nonces of a kind were stored before the last of those just counted. */
async function countedBefore(unit: Unit, kind: Kind, held: number, limits: Required<NonceLimits>): Promise<number> {
  if (held < nonceCapacity(kind === 'agent', limits).full - nearlyFull) return held
  await unit.exclusive(`nonces of ${kind}s`)
  const row = await heldOf(unit.db, kind).executeTakeFirst()
  return Number(row?.held ?? 1) - 1
}

async function limitReachedBy(
  unit: Unit,
  { kind, counts: [holder, network, , wider] }: TakenNonce,
  { counts, all }: { counts: ReadonlyMap<string, number>; all: number },
  limits: Required<NonceLimits>,
): Promise<ReachedLimit | undefined> {
  const before = ({ id }: CountKey) => (counts.get(id) ?? 1) - 1
  // The network with the most nonces matters only when the store is full.
  const isFull = all >= nonceCapacity(kind === 'agent', limits).full
  const most = isFull ? await mostBeside(unit, network, before(network)) : 0
  const mostOfWider = isFull ? await mostBeside(unit, wider, before(wider)) : 0
  return reachedLimit(
    {
      isAgent: kind === 'agent',
      ofHolder: before(holder),
      ofNetwork: before(network),
      most,
      ofWider: before(wider),
      mostOfWider,
      all,
    },
    limits,
  )
}

/** Returns how many nonces the network with the most nonces had before one more was counted. */
async function mostBeside({ db }: Unit, { kind, source }: CountKey, before: number): Promise<number> {
  const others = db
    .selectFrom('nonce_count')
    .select('held')
    .where('kind', '=', sql.lit(kind))
    .where('source', '<>', source)
  const other = await others.orderBy('held', 'desc').limit(1).executeTakeFirst()
  return Math.max(before, other?.held ?? 0)
}
