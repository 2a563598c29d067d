import type { AgentRecord, AgentStore, RecordName } from './agent-store.js'

/** More than that many owners of one kind at once, and those that were not asked for for longest are forgotten. */
const maxOwners = 10_000

type Records = Map<string, AgentRecord>

/** A store in this process, which a restart empties. */
export function memoryStore(): AgentStore {
  // Apart, since a stranger can begin as many consents as they like: that forgets nobody's tokens.
  const withToken = new Map<string, Records>()
  const withoutToken = new Map<string, Records>()
  const keyOf = ({ kind, id }: RecordName) => `${kind} ${id}`
  const find = (owner: string) => withToken.get(owner) ?? withoutToken.get(owner)

  function drop(owner: string): void {
    withToken.delete(owner)
    withoutToken.delete(owner)
  }

  /** Keeps what an owner has now, as the one that was asked for last. */
  function place(owner: string, records: Records): void {
    drop(owner)
    if (records.size === 0) return
    const hasToken = [...records.values()].some(({ kind }) => kind === 'token')
    const owners = hasToken ? withToken : withoutToken
    owners.set(owner, records)
    const oldest = owners.keys().next()
    if (owners.size > maxOwners && !oldest.done) owners.delete(oldest.value)
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
