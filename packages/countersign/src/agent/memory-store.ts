import type { AgentRecord, AgentStore, RecordName } from './agent-store.js'

/** More than that many owners at once, and those that were not asked for for longest are forgotten. */
const maxOwners = 10_000

/** A store in this process, which a restart empties. */
export function memoryStore(): AgentStore {
  const owners = new Map<string, Map<string, AgentRecord>>()
  const keyOf = ({ kind, id }: RecordName) => `${kind} ${id}`

  function recordsOf(owner: string): Map<string, AgentRecord> {
    const records = owners.get(owner) ?? new Map<string, AgentRecord>()
    owners.delete(owner)
    owners.set(owner, records)
    const oldest = owners.keys().next()
    if (owners.size > maxOwners && !oldest.done) owners.delete(oldest.value)
    return records
  }

  return {
    isShared: false,
    list: (owner) => (owners.has(owner) ? [...recordsOf(owner).values()] : []),
    put: (owner, record) => void recordsOf(owner).set(keyOf(record), record),
    add(owner, record) {
      const there = owners.get(owner)?.get(keyOf(record))
      if (!there) recordsOf(owner).set(keyOf(record), record)
      return there ?? record
    },
    remove(owner, name) {
      const records = owners.get(owner)
      const wasThere = records?.delete(keyOf(name)) ?? false
      if (records?.size === 0) owners.delete(owner)
      return wasThere
    },
    forget: (owner) => void owners.delete(owner),
  }
}
