import type { AgentRecord, AgentStore, RecordName } from './agent-store.js'

/** Maximum number of owners per kind. Beyond this limit, the least recently used owner is evicted. */
const maxOwners = 10_000

type Records = Map<string, AgentRecord>

/** Creates a store in this process's memory; its contents are lost on restart. */
export function memoryStore(): AgentStore {
  // Separate maps, because an attacker can start any number of consents, and these must not evict anyone's tokens.
  const withToken = new Map<string, Records>()
  const withoutToken = new Map<string, Records>()
  const keyOf = ({ kind, id }: RecordName) => `${kind} ${id}`
  const find = (owner: string) => withToken.get(owner) ?? withoutToken.get(owner)

  function drop(owner: string): void {
    withToken.delete(owner)
    withoutToken.delete(owner)
  }

  /** Stores an owner's records and marks the owner as the most recently used. */
  function place(owner: string, records: Records): void {
    drop(owner)
    if (records.size === 0) return
    const hasToken = [...records.values()].some(({ kind }) => kind === 'token')
    const owners = hasToken ? withToken : withoutToken
    owners.set(owner, records)
    const [oldest] = owners.keys()
    if (owners.size > maxOwners && oldest !== undefined) owners.delete(oldest)
  }

  function put(owner: string, record: AgentRecord): void {
    const records = find(owner) ?? new Map<string, AgentRecord>()
    place(owner, records.set(keyOf(record), record))
  }

  return {
    isShared: false,
    list(owner) {
      const records = find(owner)
      if (!records) return []
      place(owner, records)
      return [...records.values()]
    },
    put,
    add(owner, record) {
      const there = find(owner)?.get(keyOf(record))
      if (!there) put(owner, record)
      return there ?? record
    },
    remove(owner, name) {
      const records = find(owner)
      const wasThere = records?.delete(keyOf(name)) ?? false
      if (records && wasThere) place(owner, records)
      return wasThere
    },
    forget: drop,
  }
}
