import { generateId } from '../generate-id.js'
import type { AuditEvent, RecordedEvent } from '../storage.js'
import type { MemoryUnit } from './tables.js'

export function writeEvent({ tables, now }: MemoryUnit, event: AuditEvent): void {
  const present = Object.entries(event).filter(([, value]) => value !== undefined)
  tables.events.push({ ...structuredClone(Object.fromEntries(present)), event: event.event, id: generateId(), at: now })
}

export function listEvents({ tables }: MemoryUnit, filter: { event?: string; limit?: number } = {}): RecordedEvent[] {
  const { event, limit = 1000 } = filter
  const matching = event === undefined ? tables.events : tables.events.filter((recorded) => recorded.event === event)
  return structuredClone(matching.toSorted((a, b) => a.at - b.at).slice(0, limit))
}
