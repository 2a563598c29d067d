import type { AgentRecord } from '../agent/agent-store.js'
import { type DelegateStore, pageLength, type StoredDelegate } from '../agent/delegate-store.js'
import type { IssuedToken } from '../editions/agent-server-edition.js'
import { fileStore } from './file-store.js'

/** What is stored about an enrollment. */
type Enrolled = Pick<StoredDelegate, 'thumbprint' | 'enrolledAt'>

/** The owner of the records that list all names. */
const everyone = 'names'
/** The owners of the records about a name and about a key. */
const ofName = (name: string) => `name ${name}`
const ofKey = (thumbprint: string) => `key ${thumbprint}`

/**
 * Stores the delegates of one agent server in a folder, with the guarantees of {@link fileStore}: several processes on one machine can share
 * it. Listing reads every name; for more than a few thousand delegates, use a database.
 *
 * @param folder created if missing; do not use it for anything else
 * @throws FileStoreError if the folder cannot be created, if others have access to it, or if another user owns it
 */
export function fileDelegates(folder: string): DelegateStore {
  const store = fileStore(folder)
  const record = (kind: AgentRecord['kind'], data: unknown, id = ''): AgentRecord => ({
    agent: '',
    edition: '',
    kind,
    id,
    data,
  })

  /** A revocation is a record beside the enrollment, so that no concurrent enrollment can overwrite it. */
  async function read(name: string): Promise<StoredDelegate | undefined> {
    const records = await store.list(ofName(name))
    const dataOf = <T>(kind: AgentRecord['kind']) => records.find((each) => each.kind === kind)?.data as T | undefined
    const enrolled = dataOf<Enrolled>('delegate')
    return (
      enrolled && {
        name,
        ...enrolled,
        renewedAt: dataOf<number>('renewal'),
        revokedAt: dataOf<number>('revocation'),
      }
    )
  }

  async function find(thumbprint: string): Promise<StoredDelegate | undefined> {
    const [key] = await store.list(ofKey(thumbprint))
    const delegate = key && (await read(key.data as string))
    return delegate?.thumbprint === thumbprint ? delegate : undefined
  }

  return {
    async enroll({ name, thumbprint, enrolledAt }, replace) {
      const there = await read(name)
      if (there?.revokedAt !== undefined) return 'revoked'
      if (there?.thumbprint === thumbprint) return 'enrolled'
      if (there && !replace) return 'name_taken'
      if (await find(thumbprint)) return 'key_taken'
      // The enrollment is written last: until then, the key proves nothing. A name is listed before it can be used.
      await store.put(ofKey(thumbprint), record('delegate', name))
      await store.put(everyone, record('name', name, name))
      await store.remove(ofName(name), record('renewal', undefined))
      const enrolled = record('delegate', { thumbprint, enrolledAt } satisfies Enrolled)
      if (there) await store.put(ofName(name), enrolled)
      else {
        const { data } = await store.add(ofName(name), enrolled)
        if ((data as Enrolled).thumbprint !== thumbprint) return 'name_taken'
      }
      // In the meantime, another process may have enrolled the key under another name, or revoked this one.
      const stored = await find(thumbprint)
      if (stored?.name !== name) return 'key_taken'
      return stored.revokedAt === undefined ? 'enrolled' : 'revoked'
    },
    find,
    async renew(thumbprint, at) {
      const there = await find(thumbprint)
      if (!there || there.revokedAt !== undefined) return there
      await store.put(ofName(there.name), record('renewal', at))
      return { ...there, renewedAt: at }
    },
    async recordToken(name, token) {
      await store.put(ofName(name), { ...record('issued', token, token.jti), until: token.expiresAt })
    },
    async listTokens(name) {
      const issued = (await store.list(ofName(name))).filter(({ kind }) => kind === 'issued')
      return issued.map(({ data }) => data as IssuedToken)
    },
    async revoke(name, at) {
      if (!(await read(name))) return false
      await store.add(ofName(name), record('revocation', at))
      return true
    },
    async remove(name) {
      const there = await read(name)
      await store.forget(ofName(name))
      await store.remove(everyone, { kind: 'name', id: name })
      return there !== undefined
    },
    async list({ after, limit = pageLength } = {}) {
      const names = (await store.list(everyone)).map(({ id }) => id).sort()
      const from = after === undefined ? names : names.filter((name) => name > after)
      const delegates: StoredDelegate[] = []
      for (const name of from) {
        if (delegates.length >= limit) break
        const delegate = await read(name)
        if (delegate) delegates.push(delegate)
      }
      return delegates
    },
  }
}
