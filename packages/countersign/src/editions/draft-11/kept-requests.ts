import * as platform from '#crypto'
import { utf8 } from '../../lib/encodings.js'
import { AAuthError } from '../../lib/errors.js'
import { LruCache } from '../../lib/lru-cache.js'
import type { SessionStore } from '../session-store.js'
import { codeOfBytes, displayCode, handleOf, readCode } from './interaction-code.js'

/** An agent, as its signature proves it. */
export interface Caller {
  /** The party that vouches for the agent. */
  agent: string
  /** The agent's name: `aauth:assistant@agent.example`. */
  delegate: string
  /** The thumbprint of its key. */
  thumbprint: string
}

/** The call of an agent that waits for its user. */
export interface KeptCall {
  method: string
  /** The request target, as received. */
  target: string
  headers: readonly (readonly [name: string, value: string])[]
  /** In base64. */
  body: string
}

/** A call as it is stored until its user has decided and the agent has fetched the response. */
interface KeptRequest extends Caller {
  /** The hashes of the secret in the agent's URL, and of the code. */
  poll: string
  code: string
  state: 'open' | 'opened' | 'allowed' | 'denied' | 'blocked' | 'done'
  /** Unix seconds. */
  deadline: number
  /** How many wrong codes named this request. */
  wrong: number
  /** The user who opened it. */
  user?: string
  /** The session that the user allowed. */
  session?: string
  /** Absent once it has been executed. */
  call?: KeptCall | undefined
}

/** A stored request as it was read. */
interface Found {
  key: string
  text: string
  kept: KeptRequest
}

/** A request that an agent polls. */
export interface Polled {
  secret: string
  code: string
  isOpened: boolean
}

/** What a user has allowed. */
export interface Allowed extends Caller {
  session: string
  user: string
  call: KeptCall
  /** Lets another poll receive it, because this one could not start the call. */
  release: () => Promise<unknown>
}

/** How long a request waits for a user, at least how long once one has opened it, and for the agent afterwards, in seconds. */
const times = { open: 600, opened: 300, decided: 300 } as const

/** Wrong codes that end a request, codes that a user may get wrong in an hour, and requests of one agent. */
const limits = { wrong: 5, misses: 20, requests: 20 } as const

export type KeptRequests = ReturnType<typeof createKeptRequests>

/** The calls that wait for a user (draft -11 §6.3, 11.8, 13.2). */
export function createKeptRequests(store: SessionStore, now: () => number) {
  const misses = new LruCache<number>(10_000)

  const read = (handle: string) => findKept(store, handle)
  const change = async ({ key, text, kept }: Found, changed: Partial<KeptRequest>) =>
    store.replace(key, text, JSON.stringify({ ...kept, ...changed }))

  /** The request that a code names. Everyone except the user who opened it gets undefined from then on. */
  async function findByCode(typed: string, user: string): Promise<Found | undefined> {
    const code = readCode(typed)
    if (code === undefined || (misses.get(user, now()) ?? 0) >= limits.misses) return undefined
    for (;;) {
      const found = await read(handleOf(code))
      if (!found) break
      const { state, deadline, wrong } = found.kept
      if (deadline <= now() || (state !== 'open' && state !== 'opened')) break
      const isRight = found.kept.code === (await hashOf(code))
      if (state === 'opened') return isRight && found.kept.user === user ? found : undefined
      if (isRight) return found
      const count = wrong + 1
      if (await change(found, { wrong: count, state: count >= limits.wrong ? 'blocked' : 'open' })) break
    }
    misses.set(user, (misses.get(user, now()) ?? 0) + 1, now() + 3600)
    return undefined
  }

  return {
    /** Keeps a call. @throws AAuthError `too_many_requests` */
    async keep(caller: Caller, call: KeptCall): Promise<Polled> {
      const createdAt = now()
      for (let left = 5; left > 0; left--) {
        const random = platform.serializeBase64url(platform.randomBytes(32))
        const secret = handleOf(codeOfBytes(platform.randomBytes(12))) + random
        const code = await codeOf(secret)
        const kept: KeptRequest = {
          ...caller,
          poll: await hashOf(secret),
          code: await hashOf(code),
          state: 'open',
          deadline: createdAt + times.open,
          wrong: 0,
          call,
        }
        const { agent: provider, delegate: holder } = caller
        const added = await store.add({
          kind: 'request',
          key: `request ${handleOf(secret)}`,
          value: JSON.stringify(kept),
          until: createdAt + times.open + times.opened + times.decided,
          provider,
          holder,
          most: limits.requests,
        })
        if (added === 'added') return { secret, code: displayCode(code), isOpened: false }
        if (added === 'full') break
      }
      throw new AAuthError('too_many_requests', 'Too many requests wait for users: try again later.', {
        retryAfter: 60,
      })
    },

    /** Opens the request that a code names, for a user who has signed in. Undefined for a code that is wrong, used or too late. */
    async open(typed: string, user: string): Promise<(Caller & { code: string }) | undefined> {
      for (;;) {
        const found = await findByCode(typed, user)
        if (!found) return undefined
        const { agent, delegate, thumbprint, state, deadline } = found.kept
        const opened = { agent, delegate, thumbprint, code: displayCode(readCode(typed) ?? '') }
        if (state === 'opened') return opened
        const until = Math.max(deadline, now() + times.opened)
        if (await change(found, { state: 'opened', user, deadline: until })) return opened
      }
    },

    /** Records the decision of the user who opened a request. Undefined if the request has ended. */
    async decide(
      typed: string,
      user: string,
      isAllowed: boolean,
    ): Promise<(Caller & { session: string | undefined }) | undefined> {
      const found = await findByCode(typed, user)
      if (found?.kept.state !== 'opened') return undefined
      const { agent, delegate, thumbprint } = found.kept
      const session = isAllowed ? platform.serializeBase64url(platform.randomBytes(16)) : undefined
      const state = isAllowed ? 'allowed' : 'denied'
      const decided = { state, deadline: now() + times.decided, ...(session === undefined ? {} : { session }) } as const
      return (await change(found, decided)) ? { agent, delegate, thumbprint, session } : undefined
    },

    /**
     * What has become of a request: it still waits, or its user allowed it, which only one poll receives.
     *
     * @throws AAuthError if it has ended, or is not this agent's and key's
     */
    async poll(secret: string, caller: Caller): Promise<Polled | Allowed> {
      for (;;) {
        const found = await requireOwn(store, secret, caller)
        const { state, deadline, user = '', session = '', call } = found.kept
        const isOver = deadline <= now()
        if (!isOver && (state === 'open' || state === 'opened'))
          return { secret, code: displayCode(await codeOf(secret)), isOpened: state === 'opened' }
        const done = JSON.stringify({ ...found.kept, state: 'done', call: undefined })
        if (!(await store.replace(found.key, found.text, done))) continue
        const release = async () => store.replace(found.key, done, found.text)
        if (state === 'allowed' && !isOver && call) return { ...caller, session, user, call, release }
        throw (endings[isOver ? `${state} too long` : state] ?? endings[state] ?? gone)()
      }
    },

    /** Ends a request, because its agent no longer waits. */
    async abandon(secret: string, caller: Caller): Promise<void> {
      let isEnded = false
      while (!isEnded)
        isEnded = await change(await requireOwn(store, secret, caller), { state: 'done', call: undefined })
    },
  }
}

async function findKept(store: SessionStore, handle: string): Promise<Found | undefined> {
  const key = `request ${handle}`
  const text = await store.get(key)
  return text === undefined ? undefined : { key, text, kept: JSON.parse(text) as KeptRequest }
}

/** For anyone but the agent and key that made it, a request does not exist. */
async function requireOwn(store: SessionStore, secret: string, caller: Caller): Promise<Found> {
  const { agent, delegate, thumbprint } = caller
  const found = await findKept(store, handleOf(secret))
  const { kept } = found ?? {}
  const isOwn = kept?.agent === agent && kept.delegate === delegate && kept.thumbprint === thumbprint
  if (!found || !isOwn || kept.poll !== (await hashOf(secret)))
    throw new AAuthError('not_found', 'No such request was made by this agent and key.')
  if (kept.state === 'done') throw gone()
  return found
}

/** How requests end without a session, by their state. */
const endings: Readonly<Record<string, () => AAuthError>> = {
  denied: () => new AAuthError('consent_denied', 'The user did not allow this.', { error: 'denied' }),
  blocked: () => new AAuthError('consent_ended', 'The request ended because of too many wrong codes.'),
  'open too long': () => new AAuthError('consent_expired', 'No user opened the request in time.'),
  'opened too long': () => new AAuthError('consent_denied', 'The user did not decide in time.', { error: 'abandoned' }),
}

function gone(): AAuthError {
  return new AAuthError('consent_ended', 'This request has ended.')
}

/** The code of a request, derived from the secret in the agent's URL. Its handle begins the secret, and the code reveals nothing else of it. */
async function codeOf(secret: string): Promise<string> {
  const derived = codeOfBytes(await platform.sha256(utf8(`code ${secret}`)))
  return handleOf(secret) + derived.slice(handleOf(derived).length)
}

async function hashOf(text: string): Promise<string> {
  return platform.hashText(text)
}
