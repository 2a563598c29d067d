import type { KeptConsent, KeptConsents } from '../editions/agent-protocol.js'
import type { AgentRecord, AgentStore } from './agent-store.js'

/** The consents of one edition in the store of an agent. */
export function keptConsents(
  store: AgentStore,
  { edition, now }: { edition: string; now: () => number },
): KeptConsents {
  const recordOf = (consent: KeptConsent): AgentRecord => ({ edition, kind: 'consent', id: consent.id, data: consent })
  async function dataOf(owner: string, kind: AgentRecord['kind']): Promise<readonly AgentRecord[]> {
    return (await store.list(owner)).filter((record) => record.kind === kind && record.edition === edition)
  }
  return {
    isShared: store.isShared,
    list: async (owner) => (await dataOf(owner, 'consent')).map(({ data }) => data as KeptConsent),
    put: async (owner, consent) => store.put(owner, recordOf(consent)),
    add: async (owner, consent) => (await store.add(owner, recordOf(consent))).data as KeptConsent,
    remove: async (owner, id) => store.remove(owner, { kind: 'consent', id }),
    beat: async (owner, id) => store.put(owner, { edition, kind: 'waiting', id, data: { at: now() } }),
    async lastBeat(owner, id) {
      const record = (await dataOf(owner, 'waiting')).find((each) => each.id === id)
      return (record?.data as { at: number } | undefined)?.at
    },
  }
}
