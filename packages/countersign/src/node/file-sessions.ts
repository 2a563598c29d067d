import { createSessionStore, type SessionRecord, type SessionStore } from '../editions/session-store.js'
import { systemClock } from '../lib/clock.js'
import { openExpiringFiles } from './expiring-files.js'
import { FileStoreError, randomSuffix } from './private-files.js'

export interface FileSessionsOptions {
  /**
   * Number of sessions of all agents above which only the domains with the most are refused, with all their subdomains; the hard limit is
   * twice this number. Each process counts the sessions of other processes once per minute.
   * @default 100000
   */
  total?: number | undefined
  /** Unix seconds. @default the system clock */
  now?: (() => number) | undefined
}

/** A record, or one of its later values. Each value has its own file, because a file can be created only once. */
interface StoredValue extends SessionRecord {
  /** Names the files with the later values of this record, and of no other with the same key. */
  chain: string
}

/**
 * Creates a `store` for `createSessions` that survives restarts, and that the processes of one machine share. Each record is in a small file
 * until it expires. A record is on disk before the agent receives the response. The files contain the calls that wait for a user, and the
 * hashes of the sessions' tokens. If the folder cannot be read or written, requests are refused (503).
 *
 * @param folder created if missing; readable only by its owner. Do not use it for anything else
 * @throws FileStoreError if the folder cannot be created, if others have access to it, or if another user owns it
 *
 * @example const sessions = createSessions({ page, store: fileSessions('/var/lib/api/sessions') })
 */
export function fileSessions(folder: string, options: FileSessionsOptions = {}): SessionStore {
  const { total, now = systemClock } = options
  const counted = createSessionStore(now, total)
  const files = openExpiringFiles<StoredValue>(folder, {
    now,
    recordIn: (members) => {
      const { key, value, chain, until, provider = '' } = members
      const isText = [key, value, chain].every((member) => typeof member === 'string')
      return isText && typeof until === 'number' && URL.canParse(provider) ? (members as StoredValue) : undefined
    },
    count: (record) => counted.add({ ...record, value: '' }),
    keyOf: ({ key }) => key,
    forget: (key) => void counted.remove(key),
  })
  const laterName = (chain: string, version: number) => `${chain} ${version}`

  /** @throws FileStoreError for a damaged file: without it, an earlier value would count again */
  async function read(name: string): Promise<StoredValue | undefined> {
    const found = await files.read(name)
    if (found === 'damaged')
      throw new FileStoreError(`${files.pathOf(name)} is damaged: remove it, and the user it is about decides again.`)
    return found
  }

  /** The current value of a record, with its number. */
  async function current(key: string): Promise<{ stored: StoredValue; version: number } | undefined> {
    let stored = await read(key)
    if (!stored || stored.key !== key || stored.until <= now()) return undefined
    let version = 0
    for (;;) {
      const later = await read(laterName(stored.chain, version + 1))
      // An emptied value had a successor, which is gone.
      if (!later) return stored.value === '' ? undefined : { stored, version }
      stored = later
      version++
    }
  }

  return {
    async add(record) {
      await files.sweep()
      const outcome = await counted.add({ ...record, value: '' })
      if (outcome !== 'added') return outcome
      let isStored = false
      try {
        isStored = await files.create(record.key, { ...record, chain: randomSuffix() })
      } finally {
        if (!isStored) await counted.remove(record.key)
      }
      return isStored ? 'added' : 'taken'
    },
    get: async (key) => (await current(key))?.stored.value,
    async replace(key, from, to) {
      const found = await current(key)
      if (found?.stored.value !== from) return false
      const { stored, version } = found
      if (!(await files.create(laterName(stored.chain, version + 1), { ...stored, value: to }))) return false
      // The name of the earlier value stays taken, so that no one who has read that value can replace it.
      await files.write(version === 0 ? key : laterName(stored.chain, version), { ...stored, value: '' })
      return true
    },
    remove: (key) => files.remove(key),
  }
}
