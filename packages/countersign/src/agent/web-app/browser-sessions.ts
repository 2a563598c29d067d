import * as platform from '#crypto'
import { AgentError } from '../../lib/agent-error.js'
import { utf8 } from '../../lib/encodings.js'
import { LruCache } from '../../lib/lru-cache.js'
import type { AgentStore } from '../agent-store.js'
import type { OwnRecords } from '../own-records.js'
import { type OwnCookies, readCookie } from './own-cookies.js'

/** The sessions of browsers, each known by a cookie. */
interface BrowserSessions {
  /** The session of a header `Cookie`; undefined for what was not made here, or has ended. */
  find(header: string | undefined): Promise<string | undefined>
  /** The same for an answer that a browser brings, which may have begun its way before the session was renewed. */
  findForAnswer(header: string | undefined): Promise<string | undefined>
  /**
   * A session that nobody can guess, for a visit of a browser that has none: the same for all its first visits. It is kept,
   * and its cookie given, with the first record in it: visits that leave nothing cost nothing. Undefined: what the browser
   * brought has had its session.
   *
   * @param brought what a first visit left in the browser
   */
  begin(brought: string, giveCookie: GiveCookie): Promise<string | undefined>
  /** Ends a visit: what was not kept until then is no session. */
  settle(session: string, giveCookie: GiveCookie): void
  /** The cookie with which the session goes on, and no other: whoever knew the one of before knows nothing now. */
  renew(header: string | undefined): Promise<string | undefined>
  /** Where an agent keeps what belongs to these sessions. */
  readonly store: AgentStore
  /** The cookie that ends it in the browser. */
  readonly end: string
}

type GiveCookie = (cookie: string) => void

interface BrowserSessionsOptions {
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

/** What a browser must know to be in a session, as a hash. */
interface Known {
  hash: string
  /** Unix seconds. */
  until: number
}

interface KeptSession extends Known {
  /** What it had to know before. */
  before?: Known
}

/** A session that visits of one browser have begun. */
interface Begun {
  session: string
  secret: string
  visits: Set<GiveCookie>
  kept: Promise<void> | undefined
}

/** Seconds in which first visits of a browser are in one session. */
export const firstVisits = 600

/** Seconds in which an answer is taken that was on its way while its session was renewed. */
const onTheWay = 60

const name = { kind: 'session', id: 'browser' } as const

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
  /** By what their browsers brought. */
  const begun = new LruCache<Begun>(10_000)
  /** Those of visits that still go on. */
  const open = new Map<string, Begun>()

  const cookieOf = (session: string, secret: string) => cookies.write(cookies.name, `${session}.${secret}`)

  async function read(session: string): Promise<KeptSession | undefined> {
    const [kept] = await records.list(session, name.kind)
    return kept?.data as KeptSession | undefined
  }

  async function known(
    header: string | undefined,
  ): Promise<(KeptSession & { session: string; shown: string }) | undefined> {
    const [, session, secret] = /^([\w-]{22})\.([\w-]{43})$/.exec(readCookie(header, cookies.name) ?? '') ?? []
    if (session === undefined || secret === undefined) return undefined
    const kept = await read(session)
    if (!kept) return undefined
    if (kept.until > now()) return { ...kept, session, shown: await hashOf(secret) }
    await forget(session)
    return undefined
  }

  /** First: it throws where an answer has gone out already. */
  function giveCookies({ session, secret, visits }: Begun): void {
    const late: unknown[] = []
    for (const giveCookie of visits) {
      try {
        giveCookie(cookieOf(session, secret))
      } catch (error) {
        late.push(error)
      }
    }
    if (late.length > 0 && late.length === visits.size) throw late[0]
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
    async begin(brought, giveCookie) {
      const there = begun.get(brought, now())
      if (there?.kept) {
        await there.kept
        if ((await read(there.session))?.hash !== (await hashOf(there.secret))) return undefined
        // The answer that gave it may not have arrived.
        giveCookie(cookieOf(there.session, there.secret))
      }
      const each = there ?? { session: randomText(16), secret: randomText(32), visits: new Set(), kept: undefined }
      if (!there) begun.set(brought, each, now() + firstVisits)
      each.visits.add(giveCookie)
      open.set(each.session, each)
      return each.session
    },
    settle(session, giveCookie) {
      const each = open.get(session)
      each?.visits.delete(giveCookie)
      if (each?.visits.size === 0) open.delete(session)
    },
    async renew(header) {
      const found = await known(header)
      if (!found || found.shown !== found.hash) return undefined
      const { session, hash, until } = found
      const secret = randomText(32)
      const renewed: KeptSession = { hash: await hashOf(secret), until, before: { hash, until: now() + onTheWay } }
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
  return platform.serializeBase64url(await platform.sha256(utf8(secret)))
}

interface SessionStoreOptions {
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
function createSessionStore({ store, keep, isKept }: SessionStoreOptions): AgentStore {
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
