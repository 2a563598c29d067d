import { type NonceClaim, type NonceLimits, nonceRoom, type ReachedLimit, reachedLimit } from 'countersign/signatures'
import { sql } from 'kysely'
import { StorageError } from '../api/storage-error.js'
import {
  addToCounts,
  allHeld,
  type Counted,
  countAll,
  countedBy,
  deleteCount,
  mostOf,
  type OwnedNonce,
} from '../rows/nonce-counts.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import { keptQuery, keptQueryOfRows, type Placeholders } from '../sql/kept-query.js'
import type { Row } from '../sql/tables.js'
import { hashBytes, hashText } from '../sql/values.js'

const batch = 200

/** More than are claimed at once. */
const nearlyFull = 1000

/**
 * Claims a nonce, and counts it for its source. The counts hold nonces that have ended until {@link forgetNonces}: where
 * the claim is refused, forget and claim again.
 */
export async function claimNonce(unit: Unit, claim: NonceClaim, limits: Required<NonceLimits>): Promise<boolean> {
  const nonce = ownedNonce(claim)
  let all = await insertNonce(unit, nonce, claim.lifetime)
  if (all === undefined && (await forget(unit, [nonce.key_hash])) > 0)
    all = await insertNonce(unit, nonce, claim.lifetime)
  if (all === undefined) return false
  await requireCounted(unit, nonce, all, limits)
  return true
}

/** Takes the place of a nonce; gives how many of its kind there were before, or undefined: it is held, be it by one that has ended. */
export async function takeNonce(statement: Statement, claim: NonceClaim): Promise<number | undefined> {
  return insertNonce(statement, ownedNonce(claim), claim.lifetime)
}

/**
 * Does what is asked with a nonce that was taken. It is counted last, since the counts are those of a whole network, whose
 * other agents wait for them.
 */
export async function withNonce<T>(
  unit: Unit,
  { claim, before }: { claim: NonceClaim; before: number },
  limits: Required<NonceLimits>,
  work: () => Promise<T>,
): Promise<{ outcome: T }> {
  const outcome = await work()
  await requireCounted(unit, ownedNonce(claim), before, limits)
  return { outcome }
}

/** Nonces of agents that were taken. */
export interface TakenNonces {
  /** Those that were not held, by their place among all that were asked for; of several that are one, the first. */
  claims: ReadonlyMap<number, NonceClaim>
  /** How many there were before. */
  before: number
}

/** Takes the places of nonces of agents, as many as a query is kept for, where these are not held. */
export async function takeNonces(statement: Statement, wanted: readonly NonceClaim[]): Promise<TakenNonces> {
  const first = new Map<string, number>()
  for (const [place, { key }] of wanted.entries()) if (!first.has(key)) first.set(key, place)
  const rows = wanted
    .filter(({ key, lifetime }, place) => first.get(key) === place && !mayBeForgotten(statement, lifetime))
    .map((claim) => ({ lifetime: claim.lifetime, ...ownedNonce(claim) }))
  // In one order: two that claim the same must not wait for each other.
  rows.sort((one, other) => Buffer.compare(one.key_hash, other.key_hash))
  const [taken, [all]] = await Promise.all([agentNoncesInsertion(statement, rows), allOfAgents(statement, {})])
  const keys = new Set(taken.map(({ key_hash }) => hashText(key_hash)))
  const claims = new Map([...wanted.entries()].filter(([place, { key }]) => keys.has(key) && first.get(key) === place))
  return { claims, before: Number(all?.held ?? 0) }
}

/** Counts nonces of agents that were taken; gives those that may be too many: all are to be taken back then. */
export async function countNonces(
  unit: Unit,
  { claims, before }: TakenNonces,
  limits: Required<NonceLimits>,
): Promise<NonceClaim[]> {
  if (claims.size === 0) return []
  if (before + claims.size >= nonceRoom(true, limits).full - nearlyFull) return [...claims.values()]
  const nonces = Array.from(claims.values(), (claim) => ({ claim, nonce: ownedNonce(claim) }))
  const counts = await addToCounts(
    unit,
    nonces.map(({ nonce }) => nonce),
    1,
  )
  // Each is judged as if it had come last.
  const reached: NonceClaim[] = []
  for (const { claim, nonce } of nonces)
    if (await limitReached(unit, nonce, { before, counts }, limits)) reached.push(claim)
  return reached
}

function ownedNonce({ key, source: { agent, thumbprint, network } }: NonceClaim): OwnedNonce {
  const holder =
    agent === undefined ? ({ kind: 'key', holder: thumbprint } as const) : ({ kind: 'agent', holder: agent } as const)
  return { key_hash: hashBytes(key), ...holder, network }
}

/** Forgetting a live nonce would let it be used again: refuses instead, so that all is taken back. */
async function requireCounted(
  unit: Unit,
  nonce: OwnedNonce,
  before: number,
  limits: Required<NonceLimits>,
): Promise<void> {
  const counts = await addToCounts(unit, [nonce], 1)
  const reached = await limitReached(unit, nonce, { before, counts }, limits)
  if (reached) throw new StorageError('too_many_nonces', refusals[reached])
}

const refusals: Readonly<Record<ReachedLimit, string>> = {
  perKey: 'too many nonces of this key are remembered',
  perNetwork: 'too many nonces of keys in this network are remembered',
  perAgent: 'too many nonces of this agent are remembered',
  network: 'too many nonces are remembered, most of this network',
  strangers: 'too many nonces of keys that prove no agent are remembered',
  total: 'too many nonces are remembered',
}

/** Forgets some of the nonces that have ended; returns how many. */
export async function forgetNonces(unit: Unit): Promise<number> {
  const { db, now } = unit
  const ended = await db.selectFrom('nonce').select('key_hash').where('expires_at', '<=', now).limit(batch).execute()
  const keys = ended.map(({ key_hash }) => key_hash)
  return keys.length === 0 ? 0 : forget(unit, keys)
}

/** Forgets those of the nonces that have ended. */
async function forget(unit: Unit, keys: readonly Uint8Array[]): Promise<number> {
  const { db, now } = unit
  const forgotten = await db
    .deleteFrom('nonce')
    .where('key_hash', 'in', keys)
    .where('expires_at', '<=', now)
    .returning(['key_hash', 'kind', 'holder', 'network'])
    .execute()
  if (forgotten.length === 0) return 0
  const counts = await addToCounts(unit, forgotten, -1)
  for (const { kind, source, held } of counts) if (held <= 0) await deleteCount(unit, { kind, source })
  return forgotten.length
}

/**
 * Whether the nonce would have ended, had it been claimed before the clock of the machine was set back. `lifetime` counts
 * from then on to the moment at which the signature is no longer accepted.
 */
function mayBeForgotten({ behind }: Statement, lifetime: number): boolean {
  return behind >= lifetime
}

/** How many there were before; undefined: this one is held. */
async function insertNonce(statement: Statement, nonce: OwnedNonce, lifetime: number): Promise<number | undefined> {
  if (mayBeForgotten(statement, lifetime)) {
    const { behind } = statement
    throw new StorageError(
      'unavailable',
      `The clock of this machine is ${behind} seconds behind what it said before, when nonces ended that are still good by it: set it right, by NTP.`,
    )
  }
  const [inserted] = await nonceInsertions[nonce.kind](statement, { lifetime, ...nonce })
  return inserted && Number(inserted.all ?? 0)
}

const nonceInsertions = { agent: nonceInsertion('agent'), key: nonceInsertion('key') }

type NewNonce = Placeholders<Omit<OwnedNonce, 'kind'> & { lifetime: number }>

function nonceInsertion(kind: Row<'nonce'>['kind']) {
  return keptQuery((parts, nonce: NewNonce) =>
    insertionOf(parts, kind, [nonce]).returning(allHeld(parts.db, kind).as('all')),
  )
}

const agentNoncesInsertion = keptQueryOfRows((parts, nonces: readonly NewNonce[]) =>
  insertionOf(parts, 'agent', nonces).returning('key_hash'),
)

const allOfAgents = keptQuery(({ db }) => allHeld(db, 'agent'))

function insertionOf({ db, clock }: Parts, kind: Row<'nonce'>['kind'], nonces: readonly NewNonce[]) {
  return db
    .insertInto('nonce')
    .values(
      nonces.map(({ key_hash, holder, network, lifetime }) => ({
        key_hash,
        kind,
        holder,
        network,
        expires_at: sql<number>`${clock} + ${lifetime}`,
      })),
    )
    .onConflict((conflict) => conflict.column('key_hash').doNothing())
}

async function limitReached(
  unit: Unit,
  nonce: OwnedNonce,
  { before: heldBefore, counts }: { before: number; counts: readonly Row<'nonce_count'>[] },
  limits: Required<NonceLimits>,
): Promise<ReachedLimit | undefined> {
  const { kind } = nonce
  const sources = new Map(countedBy(nonce).map((counted) => [counted.kind, counted.source]))
  const own = counts.filter((count) => sources.get(count.kind) === count.source)
  const before = (kind: Counted['kind']) => (own.find((count) => count.kind === kind)?.held ?? 1) - 1
  const isAgent = kind === 'agent'
  const { full } = nonceRoom(isAgent, limits)
  let all = heldBefore
  if (all >= full - nearlyFull) {
    // What others are claiming at this moment is not counted yet: near the end one waits for the other.
    await unit.exclusive(`nonces of ${kind}s`)
    all = (await countAll(unit, kind)) - 1
  }
  const isFull = all >= full
  // What is most counts in a full store alone.
  const most = async (of: Counted['kind']) => (isFull ? await mostOf(unit, of, own) : 0)
  return reachedLimit(
    {
      isAgent,
      ofHolder: before(kind),
      ofNetwork: before(`${kind}s`),
      most: await most(`${kind}s`),
      ofWider: before(`${kind}s-wider`),
      mostOfWider: await most(`${kind}s-wider`),
      all,
    },
    limits,
  )
}
