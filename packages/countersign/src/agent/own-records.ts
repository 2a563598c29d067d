import type { AgentRecord, AgentStore, RecordName } from './agent-store.js'

/** The records of one agent and edition in a store that others may use, too. */
export interface OwnRecords {
  readonly isShared: boolean
  /** Those of one kind, by their ids among these. */
  list(owner: string, kind: AgentRecord['kind']): Promise<readonly { id: string; data: unknown }[]>
  /** @param until Unix seconds after which a store may drop it; absent: never */
  put(owner: string, name: RecordName, data: unknown, until?: number): Promise<void>
  /** Gives the data of the record that is there then. */
  add(owner: string, name: RecordName, data: unknown, until?: number): Promise<unknown>
  remove(owner: string, name: RecordName): Promise<boolean>
  forget(owner: string): Promise<void>
}

export function ownRecords(store: AgentStore, { agent, edition }: { agent: string; edition: string }): OwnRecords {
  const prefix = `${edition} ${agent} `
  const recordOf = ({ kind, id }: RecordName, data: unknown, until: number | undefined): AgentRecord => ({
    agent,
    edition,
    kind,
    id: prefix + id,
    data,
    until,
  })
  return {
    isShared: store.isShared,
    async list(owner, kind) {
      const records = (await store.list(owner)).filter(
        (record) => record.kind === kind && record.agent === agent && record.edition === edition,
      )
      return records.map(({ id, data }) => ({ id: id.slice(prefix.length), data }))
    },
    put: async (owner, name, data, until) => store.put(owner, recordOf(name, data, until)),
    add: async (owner, name, data, until) => (await store.add(owner, recordOf(name, data, until))).data,
    remove: async (owner, { kind, id }) => store.remove(owner, { kind, id: prefix + id }),
    forget: async (owner) => store.forget(owner),
  }
}
