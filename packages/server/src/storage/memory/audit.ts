import type { AuditEvent, EventFilter, RecordedEvent } from '../audit-storage.js'
import { generateId } from '../generate-id.js'
import type { MemoryUnit } from './tables.js'

export function writeEvent({ tables, now }: MemoryUnit, event: AuditEvent): void {
  const present = Object.entries(event).filter(([, value]) => value !== undefined)
  tables.events.push({ ...structuredClone(Object.fromEntries(present)), event: event.event, id: generateId(), at: now })
}

export function listEvents({ tables }: MemoryUnit, filter: EventFilter = {}): RecordedEvent[] {
  const { userId, agent, event, after, limit = 1000, newest = false } = filter
  const direction = newest ? -1 : 1
  const matching = tables.events
    .filter((recorded) => userId === undefined || recorded.userId === userId)
    .filter((recorded) => agent === undefined || recorded.agent === agent)
    .filter((recorded) => event === undefined || recorded.event === event)
    .filter((recorded) => after === undefined || compare(recorded, after) * direction > 0)
    .sort((a, b) => compare(a, b) * direction)
  return structuredClone(matching.slice(0, limit))
}

type Place = Pick<RecordedEvent, 'at' | 'id'>

function compare(a: Place, b: Place): number {
  if (a.at !== b.at) return a.at - b.at
  if (a.id === b.id) return 0
  return a.id < b.id ? -1 : 1
}
