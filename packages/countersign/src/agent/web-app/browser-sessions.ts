import * as platform from '#crypto'
import { serializeBase64url } from '../../lib/base64url.js'
import type { AgentStore } from '../agent-store.js'
import type { OwnRecords } from '../own-records.js'
import { type OwnCookies, readCookie } from './own-cookies.js'
import { createSessionStore } from './session-store.js'

/** The sessions of browsers, each known by a cookie. */
export interface BrowserSessions {
  /** The session of a header `Cookie`; undefined for what was not made here, or has ended. */
  find(header: string | undefined): Promise<string | undefined>
  /**
   * Begins a session that nobody can guess, for one visit of a browser that has none. It is kept, and its cookie given, with the
   * first record in it: visits that leave nothing cost nothing.
   */
  begin(giveCookie: (cookie: string) => void): string
  /** Ends a visit: what was not kept until then is no session. */
  settle(session: string): void
  /** Where an agent keeps what belongs to these sessions. */
  readonly store: AgentStore
  /** The cookie that ends it in the browser. */
  readonly end: string
}

export interface BrowserSessionsOptions {
  store: AgentStore
  /** Those of the agent in this store: a session and what was allowed in it are kept, and forgotten, together. */
  records: OwnRecords
  cookies: OwnCookies
  /** Seconds that a session lasts. */
  lifetime: number
  /** Drops all that is kept of a session that has ended. */
  forget: (session: string) => Promise<void>
  now: () => number
}

interface KeptSession {
  /** Unix seconds. */
  until: number
}

/** @throws TypeError for a lifetime that is none */
export function createBrowserSessions({
  store,
  records,
  cookies,
  lifetime,
  forget,
  now,
}: BrowserSessionsOptions): BrowserSessions {
  if (!(lifetime > 0)) throw new TypeError('sessionTime must be more than 0 seconds')
  /** What keeps those that are of visits that still go on. */
  const begun = new Map<string, () => Promise<void>>()

  function keeperOf(session: string, giveCookie: (cookie: string) => void): () => Promise<void> {
    let keeping: Promise<void> | undefined
    const keep = async () => {
      // First: it throws where an answer has gone out already.
      giveCookie(cookies.write(cookies.name, session))
      const until = now() + lifetime
      await records.put(session, { kind: 'session', id: 'browser' }, { until } satisfies KeptSession, until)
    }
    return () => {
      keeping ??= keep()
      return keeping
    }
  }

  return {
    async find(header) {
      const id = readCookie(header, cookies.name)
      if (id === undefined || !/^[\w-]{43}$/.test(id)) return undefined
      const [kept] = await records.list(id, 'session')
      if (kept && (kept.data as KeptSession).until > now()) return id
      if (kept) await forget(id)
      return undefined
    },
    begin(giveCookie) {
      const session = serializeBase64url(platform.randomBytes(32))
      begun.set(session, keeperOf(session, giveCookie))
      return session
    },
    settle: (session) => void begun.delete(session),
    store: createSessionStore({
      store,
      keep: async (session) => begun.get(session)?.(),
      isKept: async (session) => (await records.list(session, 'session')).length > 0,
    }),
    end: cookies.write(cookies.name, '', 0),
  }
}
