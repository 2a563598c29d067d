import { generateId } from '../generate-id.js'
import { listedRefreshMarks, type RefreshMark } from '../refresh-mark-storage.js'
import { writeEvent } from './audit.js'
import type { Unit } from './unit.js'

export async function requestRefresh(
  unit: Unit,
  { identifier, by }: { identifier: string; by: string },
): Promise<void> {
  const { db, tenant, now } = unit
  const mark = { id: generateId(), requested_at: now }
  await db
    .insertInto('refresh_mark')
    .values({ tenant_id: tenant, identifier, ...mark })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'identifier']).doUpdateSet(mark))
    .execute()
  await writeEvent(unit, { event: 'agent.refreshed', agent: identifier, data: { by } })
}

export async function listRefreshMarks({ db, tenant }: Unit): Promise<RefreshMark[]> {
  const rows = await db
    .selectFrom('refresh_mark')
    .selectAll()
    .where('tenant_id', '=', tenant)
    .orderBy('requested_at', 'desc')
    .orderBy('id', 'desc')
    .limit(listedRefreshMarks)
    .execute()
  return rows.map(({ identifier, id, requested_at: at }) => ({ identifier, id, at }))
}
