import * as platform from '#crypto'
import type { KeptConsent, KeptConsents } from '../editions/agent-protocol.js'
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

interface Beat {
  /** The consent's state. */
  of: string
  at: number
  by: string
}

/** The consents of one edition in the store of an agent. */
export function keptConsents(records: OwnRecords, now: () => number): KeptConsents {
  /** This agent, among others that use the store. */
  const by = platform.serializeBase64url(platform.randomBytes(12))
  const nameOf = (id: string) => ({ kind: 'consent' as const, id })
  return {
    isShared: records.isShared,
    list: async (owner) => (await records.list(owner, 'consent')).map(({ data }) => data as KeptConsent),
    put: (owner, consent) => records.put(owner, nameOf(consent.id), consent, consent.until),
    add: async (owner, consent) =>
      (await records.add(owner, nameOf(consent.id), consent, consent.until)) as KeptConsent,
    remove: (owner, id) => records.remove(owner, nameOf(id)),
    heartbeat: (owner, of) =>
      records.put(owner, { kind: 'waiting', id: `${of} ${by}` }, { of, at: now(), by } satisfies Beat, now() + 60),
    async stopHeartbeat(owner, of) {
      await records.remove(owner, { kind: 'waiting', id: `${of} ${by}` })
    },
    async claim(owner, taken, state) {
      return (await records.add(owner, { kind: 'waiting', id: taken }, state, now() + 60)) as string
    },
    async lastHeartbeat(owner, of) {
      const beats = (await records.list(owner, 'waiting')).map(({ data }) => data as Beat)
      const others = beats.filter((beat) => beat.of === of && beat.by !== by)
      return others.length === 0 ? undefined : Math.max(...others.map(({ at }) => at))
    },
  }
}
