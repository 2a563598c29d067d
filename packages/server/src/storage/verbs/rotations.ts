import { sql } from 'kysely'
import type { AuditEventName } from '../api/audit-events.js'
import type { PreparedIssue } from '../api/grant-storage.js'
import type { Rotation, RotationOutcome } from '../api/refresh-storage.js'
import type { ReasonOf } from '../api/storage-error.js'
import { writeEvent } from '../rows/audit.js'
import { isUseDue } from '../rows/grant-lists.js'
import { commonScope, requireCurrent } from '../rows/granted-scopes.js'
import { toUser } from '../rows/users.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import { cachedQuery, hashBytes, hashText, idBytes, type Placeholders } from '../sql/kept-query.js'
import { blockersOf } from './agents.js'
import { generateTokenIssue, markUsed } from './grants.js'
import {
  grantParties,
  heldTokens,
  markTokenRevoked,
  refreshRefusal,
  toToken,
  useOfTokens,
  writeRefusal,
} from './refreshes.js'

/** The outcome of a rotation, and the grant whose use must be counted. */
export interface PerformedRotation {
  outcome: RotationOutcome
  use?: { grantId: number; at: number }
}

type FoundFamily = NonNullable<Awaited<ReturnType<typeof lockFamily>>>

/** Implements {@link RefreshStorage.prepareRotation}. */
export async function prepareRotation(statement: Statement, rotation: Rotation): Promise<PreparedIssue | undefined> {
  const [row] = await readFamily(statement, wantedBy(rotation))
  if (!row) return undefined
  const token = toToken(row)
  const judged = judge(token, rotation, row.read_at)
  if ('reason' in judged) return undefined
  const issue = generateTokenIssue(token.grant, judged.scope, { ...rotation, now: row.read_at })
  return { grant: token.grant, user: toUser(row), issue }
}

/** Implements {@link RefreshStorage.rotateRefresh}. */
export async function rotateRefresh(unit: Unit, rotation: Rotation): Promise<PerformedRotation> {
  const { now } = unit
  const token = await lockFamily(unit, rotation)
  if (!token) return refused('unknown')
  const judged = judge(token, rotation, now)
  if ('reason' in judged) {
    if (judged.reason === 'reused') await revokeReused(unit, token, rotation)
    else if (judged.event) await writeRefusal(unit, token, rotation, judged.event)
    return refused(judged.reason)
  }
  const { row, grant } = token
  const { presented, scope } = judged
  const { issue = generateTokenIssue(grant, scope, { ...rotation, now }) } = rotation
  requireCurrent(issue, grant, scope)
  await Promise.all([
    presented === 'current' && replaceToken(unit, token, rotation),
    presented === 'previous' && isUseDue(row.token_used_at, now) && useOfTokens(unit, [{ id: row.token_id }]),
    isUseDue(row.last_used_at, now) && markUsed(unit, [row]),
  ])
  const issued = { grant, user: toUser(row), issue }
  return {
    outcome:
      presented === 'current'
        ? { outcome: 'rotated', generation: row.generation + 1, ...issued }
        : { outcome: 'repeated', generation: row.generation, ...issued },
    use: { grantId: row.id, at: now },
  }
}

type JudgedRotation =
  | { reason: ReasonOf<RotationOutcome>; event?: AuditEventName }
  | { presented: 'current' | 'previous'; scope: string }

/** Determines which generation was presented and which scope it grants, or why the rotation is refused. */
function judge(token: FoundFamily, rotation: Rotation, now: number): JudgedRotation {
  const refusal = refreshRefusal(token, rotation, now, token.row.host_blocked_at !== null)
  if (refusal) return refusal
  if (rotation.isResource?.(token.grant.resource) === false) return { reason: 'other_resource' }
  const presented = presentedGeneration(token, rotation, now)
  if (presented === 'reused' || presented === 'unknown') return { reason: presented }
  const scope = rotation.scope === undefined ? token.scope : commonScope(token.scope, rotation.scope)
  return scope === '' ? { reason: 'scope_exceeded' } : { presented, scope }
}

function refused(reason: ReasonOf<RotationOutcome>): PerformedRotation {
  return { outcome: { outcome: 'refused', reason } }
}

/**
 * Locks a family, so that no other caller rotates it before the end of the transaction, and protects its grant and user against changes. The
 * agent is not locked, because all its users refresh at the same time.
 */
async function lockFamily(unit: Unit, rotation: Rotation) {
  const wanted = wantedBy(rotation)
  // If this statement waited for a concurrent replacement of the grant, it found no row, because the token now belongs to the new grant.
  // That cannot happen again, because the user is locked.
  const row = (await families(unit, wanted))[0] ?? (await families(unit, wanted))[0]
  return row && toToken(row)
}

interface WantedFamily {
  family: Uint8Array
  /** The identifiers that block every agent on the host of the presenting one: with its port, and without it. */
  host: string
  anyPort: string
}

function wantedBy({ family, agent }: Rotation): WantedFamily {
  return { family: idBytes(family), ...blockersOf(agent) }
}

type Wanted = Placeholders<WantedFamily>

function familyOf(parts: Parts, { family, host, anyPort }: Wanted) {
  return heldTokens(parts)
    .select(['t.generation', 't.previous_hash', 't.rotated_at'])
    .select((e) =>
      e
        .selectFrom('agent as h')
        .select((h) => h.fn.max('h.blocked_at').as('at'))
        .where('h.identifier', 'in', [host, anyPort])
        .as('host_blocked_at'),
    )
    .where('t.family', '=', family)
}

const readFamily = cachedQuery(familyOf)

const families = cachedQuery((parts, wanted: Wanted) =>
  parts.locking(familyOf(parts, wanted), { u: 'shared', g: 'alone', t: 'alone' }),
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
  if (isPrevious && row.rotated_at !== null && row.rotated_at >= now - grace) return 'previous'
  return isPrevious || generation < row.generation ? 'reused' : 'unknown'
}

/** Makes the successor the current generation. */
async function replaceToken(unit: Unit, { row }: FoundFamily, { successorHash, idleSeconds }: Rotation): Promise<void> {
  const { token_id: id, token_hash: previous } = row
  await replacement(unit, { id, previous, successor: hashBytes(successorHash), idleSeconds })
}

interface Replacement {
  id: number
  previous: Uint8Array
  successor: Uint8Array
  idleSeconds: number
}

const replacement = cachedQuery(
  ({ db, clock }, { id, previous, successor, idleSeconds }: Placeholders<Replacement>) => {
    const idleEnd = sql<number>`${clock} + ${idleSeconds}`
    return db
      .updateTable('refresh_token')
      .set((e) => ({
        token_hash: successor,
        previous_hash: previous,
        generation: e('generation', '+', 1),
        rotated_at: clock,
        last_used_at: clock,
        idle_seconds: idleSeconds,
        idle_expires_at: sql`case when expires_at < ${idleEnd} then expires_at else ${idleEnd} end`,
      }))
      .where('id', '=', id)
  },
)

/** Revokes a family one of whose replaced tokens was presented. */
async function revokeReused(unit: Unit, { row }: FoundFamily, rotation: Rotation): Promise<void> {
  const { agent, delegate, jkt, generation } = rotation
  await markTokenRevoked(unit, row.token_id)
  const data = { jkt, presentedBy: agent, delegate, generation, current: row.generation }
  await writeEvent(unit, { event: 'refresh.reused', ...grantParties(row), data })
}
