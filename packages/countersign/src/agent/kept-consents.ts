import * as platform from '#crypto'
import type { KeptConsent, KeptConsents } from '../editions/agent-protocol.js'
import { serializeBase64url } from '../lib/base64url.js'
import type { OwnRecords } from './own-records.js'

interface Beat {
  /** The consent's state. */
  of: string
  at: number
  by: string
}

/** The consents of one edition in the store of an agent. */
export function keptConsents(records: OwnRecords, now: () => number): KeptConsents {
  /** This agent, among others that use the store. */
  const by = serializeBase64url(platform.randomBytes(12))
  const nameOf = (id: string) => ({ kind: 'consent' as const, id })
  return {
    isShared: records.isShared,
    list: async (owner) => (await records.list(owner, 'consent')).map(({ data }) => data as KeptConsent),
    put: (owner, consent) => records.put(owner, nameOf(consent.id), consent, consent.until),
    add: async (owner, consent) =>
      (await records.add(owner, nameOf(consent.id), consent, consent.until)) as KeptConsent,
    remove: (owner, id) => records.remove(owner, nameOf(id)),
    beat: (owner, of) =>
      records.put(owner, { kind: 'waiting', id: `${of} ${by}` }, { of, at: now(), by } satisfies Beat, now() + 60),
    async rest(owner, of) {
      await records.remove(owner, { kind: 'waiting', id: `${of} ${by}` })
    },
    async claim(owner, taken, state) {
      return (await records.add(owner, { kind: 'waiting', id: taken }, state, now() + 60)) as string
    },
    async lastBeat(owner, of) {
      const beats = (await records.list(owner, 'waiting')).map(({ data }) => data as Beat)
      const others = beats.filter((beat) => beat.of === of && beat.by !== by)
      return others.length === 0 ? undefined : Math.max(...others.map(({ at }) => at))
    },
  }
}
