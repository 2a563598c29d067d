import { sql } from 'kysely'
import type { AuditEventName } from '../api/audit-events.js'
import type { PreparedIssue } from '../api/grant-storage.js'
import type { Rotation, RotationOutcome } from '../api/refresh-storage.js'
import type { ReasonOf } from '../api/storage-error.js'
import { writeEvent } from '../rows/audit.js'
import { isUseDue } from '../rows/grant-lists.js'
import { commonScope, isCurrent, requireCurrent } from '../rows/granted-scopes.js'
import { knownSubjects, toUser } from '../rows/users.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import {
  cachedQueryOfRows,
  hashBytes,
  hashText,
  idBytes,
  idText,
  type Placeholders,
  padded,
} from '../sql/kept-query.js'
import { blockedHosts, hostBlockedAt } from './agents.js'
import { markUsed } from './grants.js'
import {
  type FoundToken,
  grantParties,
  heldTokens,
  markTokenRevoked,
  refreshRefusal,
  toToken,
  useOfTokens,
  writeRefusal,
} from './refreshes.js'
import { generateTokenIssue } from './token-issues.js'

/** The outcome of a rotation, and the grant whose use must be counted. */
export interface PerformedRotation {
  outcome: RotationOutcome
  use?: { grantId: number; at: number }
}

/** A stored family and its grant. */
type FoundFamily = FoundToken & { row: Awaited<ReturnType<typeof familyRows>>[number]; isHostBlocked: boolean }

/** Implements {@link RefreshStorage.prepareRotation} for a family from {@link readFamilies}. */
export function prepareRotation(
  token: FoundFamily | undefined,
  rotation: Rotation,
): PreparedIssue | 'reused' | undefined {
  if (!token) return undefined
  const { row, grant } = token
  const judged = judge(token, rotation, row.read_at)
  if ('reason' in judged) return judged.reason === 'reused' ? 'reused' : undefined
  const subjects = knownSubjects(row)
  const issue = generateTokenIssue(grant, judged.scope, { ...rotation, now: row.read_at, subjects })
  return { grant, user: toUser(row), issue }
}

/** Implements {@link RefreshStorage.rotateRefresh}. */
export async function rotateRefresh(unit: Unit, rotation: Rotation): Promise<PerformedRotation> {
  const token = await lockFamily(unit, rotation)
  if (!token) return refused('unknown')
  const judged = judge(token, rotation, unit.now)
  if ('reason' in judged) {
    if (judged.reason === 'reused') await revokeReused(unit, token, rotation)
    else if (judged.event) await writeRefusal(unit, token, rotation, judged.event)
    return refused(judged.reason)
  }
  if (rotation.issue) requireCurrent(rotation.issue, token.grant, judged.scope)
  const accepted = { token, rotation, ...judged }
  await writeRotations(unit, [accepted])
  return performed(unit, accepted)
}

/**
 * Like {@link rotateRefresh}, but for many families, which {@link lockFamilies} has locked. Returns undefined for a rotation that must run
 * separately, and changes nothing for it: if its family was not locked or is already in this batch, or if the rotation would be refused.
 */
export async function rotateTogether(
  unit: Unit,
  found: readonly (FoundFamily | undefined)[],
  rotations: readonly Rotation[],
): Promise<(PerformedRotation | undefined)[]> {
  const families = new Set<string>()
  const accepted = rotations.map((rotation, place) => {
    const token = found[place]
    if (!token || families.has(rotation.family)) return undefined
    families.add(rotation.family)
    const judged = judge(token, rotation, unit.now)
    if ('reason' in judged) return undefined
    if (rotation.issue && !isCurrent(rotation.issue, token.grant, judged.scope)) return undefined
    return { token, rotation, ...judged }
  })
  await writeRotations(
    unit,
    accepted.filter((each) => each !== undefined),
  )
  return accepted.map((each) => each && performed(unit, each))
}

/** A rotation that is not refused. */
interface AcceptedRotation {
  token: FoundFamily
  rotation: Rotation
  presented: 'current' | 'previous'
  scope: string
}

function performed({ now }: Unit, { token, rotation, presented, scope }: AcceptedRotation): PerformedRotation {
  const { row, grant } = token
  const { issue = generateTokenIssue(grant, scope, { ...rotation, now, subjects: knownSubjects(row) }) } = rotation
  const issued = { grant, user: toUser(row), issue }
  return {
    outcome:
      presented === 'current'
        ? { outcome: 'rotated', generation: row.generation + 1, ...issued }
        : { outcome: 'repeated', generation: row.generation, ...issued },
    use: { grantId: row.id, at: now },
  }
}

/** Makes the successors of current generations the current ones, and records uses. Each family occurs once. */
async function writeRotations(unit: Unit, accepted: readonly AcceptedRotation[]): Promise<void> {
  const { now } = unit
  const repeated = accepted.filter(
    ({ presented, token: { row } }) => presented === 'previous' && isUseDue(row.token_used_at, now),
  )
  const due = accepted.filter(({ token: { row } }) => isUseDue(row.last_used_at, now))
  const replaced = accepted
    .filter(({ presented }) => presented === 'current')
    .map(({ token, rotation }) => ({
      id: token.row.token_id,
      successor: hashBytes(rotation.successorHash),
      idleSeconds: rotation.idleSeconds,
    }))
  await Promise.all([
    ...[...new Set(replaced.map(({ idleSeconds }) => idleSeconds))].map((seconds) =>
      replacements(unit, padded(replaced.filter(({ idleSeconds }) => idleSeconds === seconds))),
    ),
    repeated.length > 0 &&
      useOfTokens(
        unit,
        repeated.map(({ token: { row } }) => ({ id: row.token_id })),
      ),
    due.length > 0 &&
      markUsed(
        unit,
        due.map(({ token: { row } }) => row),
      ),
  ])
}

type JudgedRotation =
  | { reason: ReasonOf<RotationOutcome>; event?: AuditEventName }
  | { presented: 'current' | 'previous'; scope: string }

/** Refusals that the operator can lift, so that the family works again: its reuse must not remain unnoticed until then. */
const liftable: ReadonlySet<string> = new Set(['agent_blocked', 'user_disabled'])

/**
 * Determines which generation was presented and which scope it grants, or why the rotation is refused. Nothing that the bearer chooses comes
 * before reuse: otherwise, an attacker with a copied token could hide its reuse.
 */
function judge(token: FoundFamily, rotation: Rotation, now: number): JudgedRotation {
  const refusal = refreshRefusal(token, rotation, now, token.isHostBlocked)
  const presented = presentedGeneration(token, rotation, now)
  const isRevoked = token.row.token_revoked_at !== null
  if (presented === 'reused' && !isRevoked && (!refusal || liftable.has(refusal.reason))) return { reason: 'reused' }
  if (refusal) return refusal
  if (presented === 'reused' || presented === 'unknown') return { reason: presented }
  if (rotation.isResource?.(token.grant.resource) === false) return { reason: 'other_resource' }
  const scope = rotation.scope === undefined ? token.scope : commonScope(token.scope, rotation.scope)
  return scope === '' ? { reason: 'scope_exceeded' } : { presented, scope }
}

function refused(reason: ReasonOf<RotationOutcome>): PerformedRotation {
  return { outcome: { outcome: 'refused', reason } }
}

/** Returns the families of rotations, in order. */
export function readFamilies(statement: Statement, rotations: readonly Rotation[]) {
  return findFamilies(statement, rotations, familyRows)
}

/**
 * Locks families, so that no other caller rotates them before the end of the transaction, and protects their grants and users against
 * changes. Agents are not locked, because all their users refresh at the same time. A family is skipped if another transaction has locked
 * it, its grant or its user: waiting for several of them could cause a deadlock.
 */
export function lockFamilies(statement: Statement, rotations: readonly Rotation[]) {
  return findFamilies(statement, rotations, rowsWithoutWaiting)
}

/** Like {@link lockFamilies}, but for one family, and waits for other transactions. */
async function lockFamily(unit: Unit, rotation: Rotation): Promise<FoundFamily | undefined> {
  const [found] = await findFamilies(unit, [rotation], rowsAfterWaiting)
  if (found) return found
  // If this statement waited for a concurrent replacement of the grant, it found no row, because the token now belongs to the new grant.
  // That cannot happen again, because the user is locked.
  const [again] = await findFamilies(unit, [rotation], rowsAfterWaiting)
  return again
}

async function findFamilies(
  statement: Statement,
  rotations: readonly Rotation[],
  query: typeof familyRows,
): Promise<(FoundFamily | undefined)[]> {
  const [rows, hosts] = await Promise.all([
    query(
      statement,
      padded(rotations).map(({ family }) => ({ family: idBytes(family) })),
    ),
    blockedHosts(
      statement,
      rotations.map(({ agent }) => agent),
    ),
  ])
  const found = new Map(rows.map((row) => [idText(row.family), row]))
  return rotations.map(({ family, agent }) => {
    const row = found.get(family)
    return row && { ...toToken(row), isHostBlocked: hostBlockedAt(hosts, agent) !== null }
  })
}

function familiesOf(parts: Parts, wanted: readonly Placeholders<{ family: Uint8Array }>[]) {
  return heldTokens(parts)
    .select(['t.family', 't.generation', 't.previous_hash', 't.rotated_at'])
    .$narrowType<{ family: Uint8Array }>()
    .where(
      't.family',
      'in',
      wanted.map(({ family }) => family),
    )
}

const locks = { u: 'shared', g: 'alone', t: 'alone' } as const

const familyRows = cachedQueryOfRows(familiesOf)
const rowsAfterWaiting = cachedQueryOfRows((parts, wanted: Parameters<typeof familiesOf>[1]) =>
  parts.locking(familiesOf(parts, wanted), locks),
)
const rowsWithoutWaiting = cachedQueryOfRows((parts, wanted: Parameters<typeof familiesOf>[1]) =>
  parts.locking(familiesOf(parts, wanted), locks, 'passing'),
)

/**
 * Returns which generation was presented, if it can still be used. The successor of the previous generation is the current one, so it has not
 * been used. A generation later than the current one is unknown: the database lost a rotation.
 */
function presentedGeneration(
  { row }: FoundFamily,
  { tokenHash, generation, grace }: Rotation,
  now: number,
): 'current' | 'previous' | 'reused' | 'unknown' {
  if (hashText(row.token_hash) === tokenHash) return 'current'
  const isPrevious = row.previous_hash !== null && hashText(row.previous_hash) === tokenHash
  // The clock may have been set back since.
  if (isPrevious && row.rotated_at !== null && Math.abs(now - row.rotated_at) <= grace) return 'previous'
  return isPrevious || generation < row.generation ? 'reused' : 'unknown'
}

interface Replacement {
  id: number
  successor: Uint8Array
  /** The same for all. */
  idleSeconds: number
}

const replacements = cachedQueryOfRows(({ db, clock }, replaced: readonly Placeholders<Replacement>[]) => {
  const idleSeconds = replaced[0]?.idleSeconds
  const idleEnd = sql<number>`${clock} + ${idleSeconds}`
  const ids = replaced.map(({ id }) => id)
  const cases = replaced.map(({ id, successor }) => sql`when ${id} then ${successor}`)
  return db
    .updateTable('refresh_token')
    .set((e) => ({
      token_hash: sql<Uint8Array>`case id ${sql.join(cases, sql` `)} else token_hash end`,
      previous_hash: e.ref('token_hash'),
      generation: e('generation', '+', 1),
      rotated_at: clock,
      last_used_at: clock,
      idle_seconds: idleSeconds,
      idle_expires_at: sql`case when expires_at < ${idleEnd} then expires_at else ${idleEnd} end`,
    }))
    .where('id', 'in', ids)
})

/** Revokes a family one of whose replaced tokens was presented. */
async function revokeReused(unit: Unit, { row }: FoundFamily, rotation: Rotation): Promise<void> {
  const { agent, delegate, jkt, generation } = rotation
  await markTokenRevoked(unit, row.token_id)
  const data = { jkt, presentedBy: agent, delegate, generation, current: row.generation }
  await writeEvent(unit, { event: 'refresh.reused', ...grantParties(row), data })
}
