import {
  type NonceClaim,
  type NonceLimits,
  nonceRoom,
  type ReachedLimit,
  reachedLimit,
  widerNetwork,
} from 'countersign/signatures'
import { sql } from 'kysely'
import { StorageError } from '../api/storage-error.js'
import type { Statement, Unit } from '../sql/engine.js'
import { hashBytes, hashText, keptInsertion, keptQueryOfRows, mostRows, type Placeholders } from '../sql/kept-query.js'
import type { NewRow, Row } from '../sql/tables.js'

type Kind = Row<'nonce'>['kind']
type Count = Row<'nonce_count'>
type Nonce = Omit<NewRow<'nonce'>, 'expires_at'>

/** Nonces that were taken, to be counted in the same transaction. */
export interface TakenNonces {
  /** By their places among all that were wanted; of several claims of one nonce, the first. */
  claims: ReadonlyMap<number, NonceClaim>
  /** How many nonces of each kind were held before. */
  held: Readonly<Record<Kind, number>>
}

/**
 * Takes nonces that are not held, be it by one that has expired. At most as many as a query is kept for. None is taken that
 * would have expired by the time before the clock of the machine was set back.
 */
export async function takeNonces(statement: Statement, wanted: readonly NonceClaim[]): Promise<TakenNonces> {
  const places = new Map<string, number>()
  for (const [place, { key, lifetime }] of wanted.entries())
    if (!places.has(key) && !mayBeForgotten(statement, lifetime)) places.set(key, place)
  const rows = wanted.flatMap((claim, place) =>
    places.get(claim.key) === place ? { ...nonceOf(claim), lifetime: claim.lifetime } : [],
  )
  if (rows.length === 0) return { claims: new Map(), held: { agent: 0, key: 0 } }
  // In one order: two transactions that claim the same nonces must not wait for each other.
  rows.sort((one, other) => Buffer.compare(one.key_hash, other.key_hash))
  const taken = await nonceInsertion(statement, rows)
  const claims = new Map<number, NonceClaim>()
  for (const { key_hash } of taken) {
    const place = places.get(hashText(key_hash)) ?? -1
    const claim = wanted[place]
    if (claim) claims.set(place, claim)
  }
  return { claims, held: { agent: Number(taken[0]?.agents ?? 0), key: Number(taken[0]?.keys ?? 0) } }
}

/** Counts nonces that were taken; returns those that exceed a limit, with that limit. The transaction is to be rolled back then. */
export async function countNonces(
  unit: Unit,
  { claims, held }: TakenNonces,
  limits: Required<NonceLimits>,
): Promise<Map<NonceClaim, ReachedLimit>> {
  const exceeding = new Map<NonceClaim, ReachedLimit>()
  if (claims.size === 0) return exceeding
  const nonces = Array.from(claims.values(), (claim) => ({ claim, nonce: nonceOf(claim) }))
  const counts = await addToCounts(
    unit,
    nonces.map(({ nonce }) => nonce),
    1,
  )
  // In one order: two transactions with nonces of both kinds must not wait for each other.
  for (const kind of ['agent', 'key'] as const) {
    const ofKind = nonces.filter(({ nonce }) => nonce.kind === kind)
    if (ofKind.length === 0) continue
    const all = await countedBefore(unit, kind, held[kind], limits)
    // Each is judged as if it had come last.
    for (const { claim, nonce } of ofKind) {
      const reached = await limitReachedBy(unit, nonce, { counts, all }, limits)
      if (reached) exceeding.set(claim, reached)
    }
  }
  return exceeding
}

/** The same for one nonce. @throws StorageError `too_many_nonces` */
export async function requireCounted(unit: Unit, taken: TakenNonces, limits: Required<NonceLimits>): Promise<void> {
  for (const reached of (await countNonces(unit, taken, limits)).values())
    throw new StorageError('too_many_nonces', refusals[reached])
}

const refusals: Readonly<Record<ReachedLimit, string>> = {
  perKey: 'too many nonces of this key are remembered',
  perNetwork: 'too many nonces of keys in this network are remembered',
  perAgent: 'too many nonces of this agent are remembered',
  network: 'too many nonces are remembered, most of this network',
  strangers: 'too many nonces of keys that prove no agent are remembered',
  total: 'too many nonces are remembered',
}

/**
 * Claims a nonce; false: it is held. Nonces that have expired count until {@link forgetNonces}: forget and claim again if
 * the claim is refused.
 *
 * @throws StorageError `too_many_nonces`; `unavailable` if the clock of the machine was set back too far
 */
export async function claimNonce(unit: Unit, claim: NonceClaim, limits: Required<NonceLimits>): Promise<boolean> {
  if (mayBeForgotten(unit, claim.lifetime)) {
    const behind = `${unit.behind} seconds behind what it said before`
    const what = `The clock of this machine is ${behind}, when nonces ended that are still good by it: set it right, by NTP.`
    throw new StorageError('unavailable', what)
  }
  let taken = await takeNonces(unit, [claim])
  if (taken.claims.size === 0 && (await forget(unit, [hashBytes(claim.key)])) > 0)
    taken = await takeNonces(unit, [claim])
  if (taken.claims.size === 0) return false
  await requireCounted(unit, taken, limits)
  return true
}

/** How many are forgotten at once. */
const batch = 200

/** Forgets some of the nonces that have expired; returns how many. */
export async function forgetNonces(unit: Unit): Promise<number> {
  const { db, now } = unit
  const expired = await db.selectFrom('nonce').select('key_hash').where('expires_at', '<=', now).limit(batch).execute()
  const keys = expired.map(({ key_hash }) => key_hash)
  return keys.length === 0 ? 0 : forget(unit, keys)
}

/** Forgets those of the nonces that have expired. */
async function forget(unit: Unit, keys: readonly Uint8Array[]): Promise<number> {
  const { db, now } = unit
  const forgotten = await db
    .deleteFrom('nonce')
    .where('key_hash', 'in', keys)
    .where('expires_at', '<=', now)
    .returning(['key_hash', 'kind', 'holder', 'network'])
    .execute()
  if (forgotten.length === 0) return 0
  for (const { kind, source, held } of await addToCounts(unit, forgotten, -1)) {
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
 * Whether the nonce would have expired, had it been claimed before the clock of the machine was set back. `lifetime` counts
 * from then on to the moment at which the signature is no longer accepted.
 */
function mayBeForgotten({ behind }: Statement, lifetime: number): boolean {
  return behind >= lifetime
}

const nonceInsertion = keptQueryOfRows(({ db, clock }, nonces: readonly Placeholders<Nonce & { lifetime: number }>[]) =>
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

/** All nonces of a kind. A kind is a literal, as in the indexes: a parameter would not match them. */
function heldOf(db: Unit['db'], kind: Kind) {
  const parts = db.selectFrom('nonce_count').where('kind', '=', sql.lit(`${kind}s-part` as const))
  return parts.select((e) => e.fn.sum<number | null>('held').as('held'))
}

/** How many rows share the count of all nonces of a kind. */
const parts = 64

/**
 * The rows that count a nonce. All nonces of a kind have no single row, because every claim would wait for its lock.
 */
function countsOf({ key_hash: [first = 0], kind, holder, network }: Nonce): Pick<Count, 'kind' | 'source'>[] {
  return [
    { kind, source: holder },
    { kind: `${kind}s`, source: network },
    { kind: `${kind}s-part`, source: String(first % parts) },
    { kind: `${kind}s-wider`, source: widerNetwork(network) },
  ]
}

const idOf = ({ kind, source }: Pick<Count, 'kind' | 'source'>) => `${kind} ${source}`

/** Adds to the rows that count nonces; returns them, by {@link idOf}. */
async function addToCounts(statement: Statement, nonces: readonly Nonce[], each: 1 | -1): Promise<Count[]> {
  const rows = new Map<string, Count>()
  for (const counted of nonces.flatMap(countsOf)) {
    const id = idOf(counted)
    rows.set(id, { ...counted, held: (rows.get(id)?.held ?? 0) + each })
  }
  // In one order: two transactions that lock the same rows must not deadlock.
  const sorted = [...rows].sort(([one], [other]) => (one < other ? -1 : 1))
  return countInsertion(
    statement,
    sorted.map(([, row]) => row),
  )
}

const countInsertion = keptInsertion(
  'nonce_count',
  (insertion) =>
    insertion
      .onConflict((conflict) =>
        conflict
          .columns(['source', 'kind'])
          .doUpdateSet((e) => ({ held: e('nonce_count.held', '+', e.ref('excluded.held')) })),
      )
      .returningAll(),
  // Each nonce may be of another agent, network and wider network.
  4 * mostRows,
)

/** From so many before the store is full on, claims wait for each other: those that others are making are not counted yet. */
const nearlyFull = 1000

/** How many nonces of a kind were held before the last of those that were counted. */
async function countedBefore(unit: Unit, kind: Kind, held: number, limits: Required<NonceLimits>): Promise<number> {
  if (held < nonceRoom(kind === 'agent', limits).full - nearlyFull) return held
  await unit.exclusive(`nonces of ${kind}s`)
  const row = await heldOf(unit.db, kind).executeTakeFirst()
  return Number(row?.held ?? 1) - 1
}

async function limitReachedBy(
  unit: Unit,
  nonce: Nonce,
  { counts, all }: { counts: readonly Count[]; all: number },
  limits: Required<NonceLimits>,
): Promise<ReachedLimit | undefined> {
  const { kind } = nonce
  const [ofHolder, ofNetwork, , ofWider] = countsOf(nonce).map((own) => {
    const count = counts.find((each) => each.kind === own.kind && each.source === own.source)
    return { ...own, before: (count?.held ?? 1) - 1 }
  })
  if (!ofHolder || !ofNetwork || !ofWider) throw new TypeError('a nonce is counted by its holder and its networks')
  // The network that holds most matters in a full store only.
  const isFull = all >= nonceRoom(kind === 'agent', limits).full
  const most = isFull ? await mostBeside(unit, ofNetwork) : 0
  const mostOfWider = isFull ? await mostBeside(unit, ofWider) : 0
  return reachedLimit(
    {
      isAgent: kind === 'agent',
      ofHolder: ofHolder.before,
      ofNetwork: ofNetwork.before,
      most,
      ofWider: ofWider.before,
      mostOfWider,
      all,
    },
    limits,
  )
}

/** What the network that holds most held before one more was counted. */
async function mostBeside(
  { db }: Unit,
  { kind, source, before }: Pick<Count, 'kind' | 'source'> & { before: number },
): Promise<number> {
  const others = db
    .selectFrom('nonce_count')
    .select('held')
    .where('kind', '=', sql.lit(kind))
    .where('source', '<>', source)
  const other = await others.orderBy('held', 'desc').limit(1).executeTakeFirst()
  return Math.max(before, other?.held ?? 0)
}
