import { sql } from 'kysely'
import type { Unit } from '../sql/engine.js'
import { keptInsertion, mostRows } from '../sql/kept-query.js'
import { lockingGrants } from './grant-lists.js'

/** Seconds within which the last use of a row is written once. */
export const usedEvery = 60

/** Whether a use is to be written now. */
export function isUseDue(lastUsedAt: number | null, now: number): boolean {
  return lastUsedAt === null || lastUsedAt <= now - usedEvery
}

const day = 24 * 60 * 60

/** What was used at one time, by the numbers of the rows. It refuses nobody. */
export interface Usage {
  /** How often each grant gave a token by a refresh. */
  refreshes: Map<number, number>
  /** Sessions that were seen. */
  sessions: Set<number>
}

export function noUsage(): Usage {
  return { refreshes: new Map(), sessions: new Set() }
}

/** What was used at the same time. */
export function joined(usages: readonly Usage[]): Usage {
  const all = noUsage()
  for (const { refreshes, sessions } of usages) {
    for (const [grant, count] of refreshes) all.refreshes.set(grant, (all.refreshes.get(grant) ?? 0) + count)
    for (const session of sessions) all.sessions.add(session)
  }
  return all
}

/** The same in parts of some rows at most, each written by itself: a request in between does not wait for all of them. */
export function partsOf({ refreshes, sessions }: Usage): Usage[] {
  return [
    ...piecesOf([...refreshes]).map((piece) => ({ refreshes: new Map(piece), sessions: new Set<number>() })),
    ...piecesOf([...sessions]).map((piece) => ({ refreshes: new Map<number, number>(), sessions: new Set(piece) })),
  ]
}

function piecesOf<T>(all: readonly T[]): T[][] {
  const count = Math.ceil(all.length / mostRows)
  return Array.from({ length: count }, (_, index) => all.slice(index * mostRows, (index + 1) * mostRows))
}

/** Writes what was used at a time. */
export async function writeUsage(unit: Unit, at: number, { refreshes, sessions }: Usage): Promise<void> {
  if (refreshes.size > 0) await countRefreshes(unit, at, refreshes)
  if (sessions.size === 0) return
  await unit.db
    .updateTable('session')
    .set({
      last_seen_at: at,
      idle_expires_at: sql`case when expires_at < ${at} + idle_seconds then expires_at else ${at} + idle_seconds end`,
    })
    .where('id', 'in', [...sessions])
    .where('last_seen_at', '<=', at - usedEvery)
    .execute()
}

/** Of those grants that there still are. */
async function countRefreshes(unit: Unit, at: number, refreshes: ReadonlyMap<number, number>): Promise<void> {
  const kept = await grantsToKeep(
    unit,
    Array.from(refreshes.keys(), (id) => ({ id })),
  )
  const day_at = at - (at % day)
  const rows = kept.map(({ id }) => ({ grant_id: id, day_at, refreshes: refreshes.get(id) ?? 0 }))
  if (rows.length > 0) await usageInsertion(unit, rows)
}

const grantsToKeep = lockingGrants('shared')

const usageInsertion = keptInsertion('grant_usage_day', (insertion) =>
  insertion.onConflict((conflict) =>
    conflict
      .columns(['grant_id', 'day_at'])
      .doUpdateSet((e) => ({ refreshes: e('grant_usage_day.refreshes', '+', e.ref('excluded.refreshes')) })),
  ),
)
