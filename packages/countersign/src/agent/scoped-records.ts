import * as platform from '#crypto'
import type { ConsentStore, HeldToken, KeptConsent } from '../editions/agent-protocol.js'
import type { ConsentReason } from '../lib/agent-error.js'
import type { AgentRecord, AgentStore, RecordName } from './agent-store.js'

/** The records of one agent and edition, in a store that may also contain others. */
export interface OwnRecords {
  readonly isShared: boolean
  /** Lists the records of one kind. */
  list(owner: string, kind: AgentRecord['kind']): Promise<readonly { id: string; data: unknown }[]>
  /** @param until Unix time in seconds after which a store may drop the record; if absent, the record does not expire */
  put(owner: string, name: RecordName, data: unknown, until?: number): Promise<void>
  /** Resolves to the data of the record that is stored. */
  add(owner: string, name: RecordName, data: unknown, until?: number): Promise<unknown>
  remove(owner: string, name: RecordName): Promise<boolean>
  forget(owner: string): Promise<void>
}

export function scopedRecords(store: AgentStore, { agent, edition }: { agent: string; edition: string }): OwnRecords {
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

/** The consents of one edition in an agent's store. */
export function keptConsents(records: OwnRecords, now: () => number): ConsentStore {
  const nameOf = (id: string) => ({ kind: 'consent' as const, id })
  return {
    isShared: records.isShared,
    list: async (owner) =>
      (await records.list(owner, 'consent')).map(({ id, data }) => ({ ...(data as KeptConsent), id })),
    put: (owner, consent) => records.put(owner, nameOf(consent.id), consent, consent.until),
    add: async (owner, consent) =>
      (await records.add(owner, nameOf(consent.id), consent, consent.until)) as KeptConsent,
    remove: (owner, id) => records.remove(owner, nameOf(id)),
    async lease(owner, state, until, overdue) {
      const by = platform.serializeBase64url(platform.randomBytes(12))
      // Other processes never remove an expired lease, because they could remove its successor by mistake. They try the next name instead.
      for (let turn = 0; ; turn += 1) {
        const name = { kind: 'lease' as const, id: `${state} ${turn}` }
        const there = (await records.add(owner, name, { by, until }, until)) as { by: string; until: number }
        if (there.by === by)
          return { until, release: async () => void (until > now() && (await records.remove(owner, name))) }
        if (there.until > now() && there.by !== overdue) return { holder: there.by }
      }
    },
  }
}

/** The access that is being decided. */
export type Place = Pick<HeldToken, 'authServer' | 'resource'>

export function placeOf({ authServer, resource }: Place): string {
  return `${authServer} ${resource}`
}

/** The part of a stored consent, or of a record of past access, that contains the resource. */
interface AboutNeed {
  need?: { resource?: unknown }
}

/** How an owner's earlier access to resources ended. */
export interface PastAccess {
  note(owner: string, at: Place, reason: ConsentReason): Promise<void>
  /**
   * Why a need requires the owner's decision.
   *
   * @param held the tokens that can be used
   */
  reasonFor(
    owner: string,
    need: Place & { scope?: string | undefined },
    held: readonly (Place & { scope: readonly string[] })[],
  ): Promise<ConsentReason>
  /** Removes what is stored about a resource, along with its pending consents if the store is shared. */
  forget(owner: string, resource: string): Promise<void>
}

/** Maximum number of records of past access per owner. They have no expiry. */
const maxPast = 100

/** The records in an agent's store of how access ended. */
export function pastAccess(records: OwnRecords): PastAccess {
  const kind = 'past'
  return {
    async note(owner, { authServer, resource }, reason) {
      const surplus = (await records.list(owner, kind))[maxPast - 1]
      if (surplus) await records.remove(owner, { kind, id: surplus.id })
      await records.put(owner, { kind, id: placeOf({ authServer, resource }) }, { need: { resource }, reason })
    },
    async reasonFor(owner, need, held) {
      const there = held.filter((each) => placeOf(each) === placeOf(need))
      const wanted = need.scope?.split(' ') ?? []
      // A token with this scope was refused.
      if (there[0])
        return there.some(({ scope }) => wanted.every((each) => scope.includes(each))) ? 'revoked' : 'step_up'
      const past = (await records.list(owner, kind)).find(({ id }) => id === placeOf(need))
      return past ? (past.data as { reason: ConsentReason }).reason : 'first_time'
    },
    async forget(owner, resource) {
      for (const kind of records.isShared ? (['past', 'consent'] as const) : (['past'] as const))
        for (const { id, data } of await records.list(owner, kind))
          if ((data as AboutNeed | null)?.need?.resource === resource) await records.remove(owner, { kind, id })
    },
  }
}
