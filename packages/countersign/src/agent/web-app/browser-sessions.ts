import * as platform from '#crypto'
import { AgentError } from '../../lib/agent-error.js'
import { LruCache } from '../../lib/lru-cache.js'
import type { AgentStore } from '../agent-store.js'
import type { OwnRecords } from '../scoped-records.js'
import { type OwnCookies, readCookie } from './own-cookies.js'

/** Sessions of browsers, each identified by a cookie. */
interface BrowserSessions {
  /** Returns the session in a `Cookie` header; undefined if the agent did not create the session, or if it has expired. */
  find(header: string | undefined): Promise<string | undefined>
  /** Like `find`, but for a callback, which may have been sent before the session was renewed. */
  findForAnswer(header: string | undefined): Promise<string | undefined>
  /**
   * Returns an unguessable session for a visit by a browser without a session. All first visits of a browser share one session. The session
   * is stored and its cookie is set together with its first record, so visits that store nothing cost nothing. Returns undefined if that
   * session has since been renewed or removed.
   *
   * @param visitCookie the value that a first visit left in the browser
   */
  begin(visitCookie: string, giveCookie: GiveCookie): Promise<string | undefined>
  /** Ends a visit. If its session has not been stored by then, it is discarded. */
  endVisit(session: string, giveCookie: GiveCookie): void
  /** Returns a new cookie for the session and invalidates the old one: anyone who knew the old value loses access. */
  renew(header: string | undefined): Promise<string | undefined>
  /** Stores an agent's data for these sessions. */
  readonly store: AgentStore
  /** The cookie that ends the session in the browser. */
  readonly end: string
}

type GiveCookie = (cookie: string) => void

interface BrowserSessionsOptions {
  store: AgentStore
  /** The agent's records in this store: a session and the access granted in it are stored and removed together. */
  records: OwnRecords
  cookies: OwnCookies
  /** Session lifetime, in seconds. */
  lifetime: number
  /** Removes all data of an expired session. */
  forget: (session: string) => Promise<void>
  now: () => number
}

/** Hash of the secret that a browser must present to use a session. */
interface Known {
  hash: string
  /** Unix seconds. */
  until: number
}

interface KeptSession extends Known {
  /** The secret before the last renewal. */
  before?: Known
}

/** A session started by one browser's visits. */
interface Begun {
  session: string
  secret: string
  visits: Set<GiveCookie>
  kept: Promise<void> | undefined
}

/** How long a browser's first visits share one session, in seconds. */
export const firstVisits = 600

/** How long a callback with the previous cookie is accepted after a renewal, in seconds. */
const renewalGrace = 60

const name = { kind: 'session', id: 'browser' } as const

/** @throws TypeError for an invalid lifetime */
export function createBrowserSessions({
  store,
  records,
  cookies,
  lifetime,
  forget,
  now,
}: BrowserSessionsOptions): BrowserSessions {
  if (!(lifetime > 0)) throw new TypeError('sessionTime must be more than 0 seconds')
  /** Sessions by the value that a first visit left in the browser. */
  const begun = new LruCache<Begun>(10_000)
  /** The sessions of visits in progress. */
  const open = new Map<string, Begun>()

  const cookieOf = (session: string, secret: string) => cookies.write(cookies.name, `${session}.${secret}`)

  async function read(session: string): Promise<KeptSession | undefined> {
    const [kept] = await records.list(session, name.kind)
    return kept?.data as KeptSession | undefined
  }

  async function known(
    header: string | undefined,
  ): Promise<(KeptSession & { session: string; shown: string }) | undefined> {
    const given = /^([\w-]{22})\.([\w-]{43})$/.exec(readCookie(header, cookies.name) ?? '')
    if (!given) return undefined
    const [session, secret] = given.slice(1) as [string, string]
    const kept = await read(session)
    if (!kept) return undefined
    if (kept.until > now()) return { ...kept, session, shown: await hashOf(secret) }
    await forget(session)
    return undefined
  }

  /** Called before anything is stored, because it throws if a response has already been sent. */
  function giveCookies({ session, secret, visits }: Begun): void {
    const late: unknown[] = []
    for (const giveCookie of visits) {
      try {
        giveCookie(cookieOf(session, secret))
      } catch (error) {
        late.push(error)
      }
    }
    if (late.length === visits.size) throw late[0]
  }

  async function keep(each: Begun): Promise<void> {
    giveCookies(each)
    const until = now() + lifetime
    await records.put(each.session, name, { hash: await hashOf(each.secret), until } satisfies KeptSession, until)
  }

  return {
    async find(header) {
      const found = await known(header)
      return found && found.shown === found.hash ? found.session : undefined
    },
    async findForAnswer(header) {
      const found = await known(header)
      if (!found) return undefined
      const { session, shown, hash, before } = found
      return shown === hash || (before?.hash === shown && before.until > now()) ? session : undefined
    },
    async begin(visitCookie, giveCookie) {
      const there = begun.get(visitCookie, now())
      if (there?.kept) {
        await there.kept
        if ((await read(there.session))?.hash !== (await hashOf(there.secret))) return undefined
        // The response that set the cookie may not have reached the browser.
        giveCookie(cookieOf(there.session, there.secret))
      }
      const each = there ?? { session: randomText(16), secret: randomText(32), visits: new Set(), kept: undefined }
      if (!there) begun.set(visitCookie, each, now() + firstVisits)
      each.visits.add(giveCookie)
      open.set(each.session, each)
      return each.session
    },
    endVisit(session, giveCookie) {
      const each = open.get(session)
      each?.visits.delete(giveCookie)
      if (each?.visits.size === 0) open.delete(session)
    },
    async renew(header) {
      const found = await known(header)
      if (!found || found.shown !== found.hash) return undefined
      const { session, hash, until } = found
      const secret = randomText(32)
      const renewed: KeptSession = { hash: await hashOf(secret), until, before: { hash, until: now() + renewalGrace } }
      await records.put(session, name, renewed, until)
      return cookieOf(session, secret)
    },
    store: createSessionStore({
      store,
      async keep(session) {
        const each = open.get(session)
        if (!each) return
        each.kept ??= keep(each).catch((error: unknown) => {
          each.kept = undefined
          throw error
        })
        await each.kept
      },
      isKept: async (session) => (await read(session)) !== undefined,
    }),
    end: cookies.write(cookies.name, '', 0),
  }
}

function randomText(bytes: number): string {
  return platform.serializeBase64url(platform.randomBytes(bytes))
}

async function hashOf(secret: string): Promise<string> {
  return platform.hashText(secret)
}

interface SessionStoreOptions {
  store: AgentStore
  /** Stores a session that has been started but not stored yet. */
  keep: (session: string) => Promise<void>
  /** Whether a session is stored and has not been removed in the meantime. */
  isKept: (session: string) => Promise<boolean>
}

/**
 * A store whose owners are browser sessions. A session is stored with its first record. If a session is removed while a record is being
 * written, even by another process, that record does not remain.
 */
function createSessionStore({ store, keep, isKept }: SessionStoreOptions): AgentStore {
  async function inSession<T>(session: string, write: () => Promise<T>): Promise<T> {
    await keep(session)
    const written = await write()
    // Checked after the write: a process that removes the session after this check also removes this record.
    if (await isKept(session)) return written
    await store.forget(session)
    throw new AgentError('session_forgotten', 'The session has ended.')
  }

  return {
    isShared: store.isShared,
    list: (session) => store.list(session),
    put: (session, record) => inSession(session, async () => store.put(session, record)),
    // Records of an edition, not of a session, have an owner that starts with this.
    add: (owner, record) =>
      owner[0] === '\0' ? store.add(owner, record) : inSession(owner, async () => store.add(owner, record)),
    remove: (session, name) => store.remove(session, name),
    forget: (session) => store.forget(session),
  }
}
