import * as platform from '#crypto'
import { serializeBase64url } from '../../lib/base64url.js'
import type { OwnRecords } from '../own-records.js'
import { type OwnCookies, readCookie } from './own-cookies.js'

/** The sessions of browsers, each known by a cookie. */
export interface BrowserSessions {
  /** The session of a header `Cookie`; undefined for what was not made here, or has ended. */
  find(header: string | undefined): Promise<string | undefined>
  /** Makes a session that nobody can guess, and keeps it; with its cookie. */
  start(): Promise<{ session: string; cookie: string }>
  /** The cookie that ends it in the browser. */
  readonly end: string
}

export interface BrowserSessionsOptions {
  /** What the agent keeps: a session and what was allowed in it are kept, and forgotten, together. */
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
  records,
  cookies,
  lifetime,
  forget,
  now,
}: BrowserSessionsOptions): BrowserSessions {
  if (!(lifetime > 0)) throw new TypeError('sessionTime must be more than 0 seconds')
  return {
    async find(header) {
      const id = readCookie(header, cookies.name)
      if (id === undefined || !/^[\w-]{43}$/.test(id)) return undefined
      const [kept] = await records.list(id, 'session')
      if (kept && (kept.data as KeptSession).until > now()) return id
      if (kept) await forget(id)
      return undefined
    },
    async start() {
      const session = serializeBase64url(platform.randomBytes(32))
      const until = now() + lifetime
      await records.put(session, { kind: 'session', id: 'browser' }, { until } satisfies KeptSession, until)
      return { session, cookie: cookies.write(cookies.name, session) }
    },
    end: cookies.write(cookies.name, '', 0),
  }
}
