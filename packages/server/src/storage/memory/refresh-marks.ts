import { generateId } from '../generate-id.js'
import { listedRefreshMarks, type RefreshMark } from '../refresh-mark-storage.js'
import { writeEvent } from './audit.js'
import type { MemoryUnit } from './tables.js'

export function requestRefresh(unit: MemoryUnit, { identifier, by }: { identifier: string; by: string }): void {
  const { tables, now } = unit
  tables.refreshMarks.set(identifier, { identifier, id: generateId(), at: now })
  writeEvent(unit, { event: 'agent.refreshed', agent: identifier, data: { by } })
}

export function listRefreshMarks({ tables }: MemoryUnit): RefreshMark[] {
  return [...tables.refreshMarks.values()]
    .sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1))
    .slice(0, listedRefreshMarks)
    .map((mark) => ({ ...mark }))
}
