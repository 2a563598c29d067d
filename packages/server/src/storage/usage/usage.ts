import { sql } from 'kysely'
import type { Unit } from '../engines/engine.js'

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
export function joined(one: Usage, other = noUsage()): Usage {
  const refreshes = new Map(one.refreshes)
  for (const [grant, count] of other.refreshes) refreshes.set(grant, (refreshes.get(grant) ?? 0) + count)
  return { refreshes, sessions: new Set([...one.sessions, ...other.sessions]) }
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
  const { db } = unit
  const there = db
    .selectFrom('consent_grant')
    .select('id')
    .where('id', 'in', [...refreshes.keys()])
    .orderBy('id')
  await unit.lockRows('shared', there)
  const kept = await there.execute()
  if (kept.length === 0) return
  const dayAt = at - (at % day)
  await db
    .insertInto('grant_usage_day')
    .values(kept.map(({ id }) => ({ grant_id: id, day_at: dayAt, refreshes: refreshes.get(id) ?? 0 })))
    .onConflict((conflict) =>
      conflict
        .columns(['grant_id', 'day_at'])
        .doUpdateSet((e) => ({ refreshes: e('grant_usage_day.refreshes', '+', e.ref('excluded.refreshes')) })),
    )
    .execute()
}
