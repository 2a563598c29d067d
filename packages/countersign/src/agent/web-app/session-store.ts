import { AgentError } from '../../lib/agent-error.js'
import type { AgentStore } from '../agent-store.js'

export interface SessionStoreOptions {
  store: AgentStore
  /** Keeps a session that has begun but is not kept yet. */
  keep: (session: string) => Promise<void>
  /** Whether a session is kept, and was not forgotten meanwhile. */
  isKept: (session: string) => Promise<boolean>
}

/**
 * A store whose owners are sessions of browsers: a session is kept with the first record in it, and no record is left in one
 * that was forgotten, also by another process, while the record was written.
 */
export function createSessionStore({ store, keep, isKept }: SessionStoreOptions): AgentStore {
  async function inSession<T>(session: string, write: () => Promise<T>): Promise<T> {
    await keep(session)
    const written = await write()
    // Afterwards: who forgets it later removes this record, too.
    if (await isKept(session)) return written
    await store.forget(session)
    throw new AgentError('session_forgotten', 'The session had ended.')
  }

  return {
    isShared: store.isShared,
    list: (session) => store.list(session),
    put: (session, record) => inSession(session, async () => store.put(session, record)),
    add: (session, record) => inSession(session, async () => store.add(session, record)),
    remove: (session, name) => store.remove(session, name),
    forget: (session) => store.forget(session),
  }
}
