import { type AgentRecord, memoryStore } from 'countersign/agent'
import { describe, expect, it } from 'vitest'
import { createBrowserSessions } from '../../../src/agent/web-app/browser-sessions.js'

type Options = Parameters<typeof createBrowserSessions>[0]

const lost = new Error('store unavailable')

function openSessions(forget: (session: string) => Promise<void>, failures = 0) {
  const clock = { now: 1_800_000_000 }
  const store = memoryStore()
  const kept = new Map<string, { id: string; data: unknown }>()
  const records: Pick<Options['records'], 'list' | 'put'> = {
    list: async (owner) => [kept.get(owner)].filter((record) => record !== undefined),
    put: async (owner, { id }, data) => {
      if (failures-- > 0) throw lost
      kept.set(owner, { id, data })
    },
  }
  const cookies: Pick<Options['cookies'], 'name' | 'write'> = {
    name: 'agent',
    write: (name, value) => `${name}=${value}`,
  }
  const sessions = createBrowserSessions({
    store,
    records: records as Options['records'],
    cookies: cookies as Options['cookies'],
    lifetime: 600,
    forget,
    now: () => clock.now,
  })
  return { clock, sessions, kept, store }
}

const token: AgentRecord = { agent: 'a', edition: 'e', kind: 'token', id: '1', data: {} }

it('fails for an expired session if the store cannot forget it', async () => {
  const { clock, sessions } = openSessions(() => Promise.reject(lost))
  let cookie = ''
  const session = await sessions.begin('visit-1', (given) => {
    cookie = given
  })
  await sessions.store.put(session ?? '', token)
  expect(await sessions.find(cookie)).toBe(session)
  clock.now += 600
  await expect(sessions.find(cookie)).rejects.toBe(lost)
})

it('stores a session with its next record if the store failed with the first', async () => {
  const { sessions } = openSessions(() => Promise.resolve(), 1)
  let cookie = ''
  const session = await sessions.begin('visit-1', (given) => {
    cookie = given
  })
  const put = () => sessions.store.put(session ?? '', token)
  await expect(put()).rejects.toBe(lost)
  expect(await sessions.find(cookie)).toBeUndefined()
  await put()
  expect(await sessions.find(cookie)).toBe(session)
})

it('does not give out the cookie of a session that was removed in the meantime', async () => {
  const { sessions, kept } = openSessions(() => Promise.resolve())
  const cookies: string[] = []
  const begin = () => sessions.begin('visit-1', (cookie) => void cookies.push(cookie))
  const session = (await begin()) ?? ''
  await sessions.store.put(session, token)
  kept.delete(session)
  expect(await begin()).toBeUndefined()
  expect(cookies).toHaveLength(1)
})

it('renews a session only for its current cookie', async () => {
  const { sessions } = openSessions(() => Promise.resolve())
  let first = ''
  const session = await sessions.begin('visit-1', (given) => {
    first = given
  })
  await sessions.store.put(session ?? '', token)
  const second = await sessions.renew(first)
  expect([await sessions.find(second), await sessions.find(first)]).toEqual([session, undefined])
  for (const cookie of [first, undefined, 'agent=x']) expect(await sessions.renew(cookie)).toBeUndefined()
  expect(await sessions.find(second)).toBe(session)
})

it('remembers the first visits of 10,000 browsers', async () => {
  const { sessions } = openSessions(() => Promise.resolve())
  const begin = (visit: number) => sessions.begin(`visit-${visit}`, () => undefined)
  const [first, second] = [await begin(0), await begin(1)]
  for (let visit = 2; visit < 10_000; visit++) await begin(visit)
  expect(await begin(0)).toBe(first)
  await begin(10_000)
  expect(await begin(0)).toBe(first)
  expect(await begin(1)).not.toBe(second)
})

it('waits for a session that is being stored, and sets its cookie on the next visit', async () => {
  const { sessions } = openSessions(() => Promise.resolve())
  const cookies: string[] = []
  const begin = () => sessions.begin('visit-1', (cookie) => void cookies.push(cookie))
  const session = (await begin()) ?? ''
  const stored = sessions.store.put(session, token)
  expect(await begin()).toBe(session)
  await stored
  expect(cookies).toHaveLength(2)
  expect(await sessions.find(cookies[1])).toBe(session)
})

/** A stored session, with its cookie. */
async function openSession() {
  const opened = openSessions(() => Promise.resolve())
  let cookie = ''
  const session = (await opened.sessions.begin('visit-1', (given) => {
    cookie = given
  })) as string
  await opened.sessions.store.put(session, token)
  return { ...opened, session, cookie }
}

describe('a callback', () => {
  it('may have the cookie from before the renewal, for a minute', async () => {
    const { clock, sessions, session, cookie } = await openSession()
    const renewed = await sessions.renew(cookie)
    clock.now += 59
    for (const each of [renewed, cookie]) expect(await sessions.findForAnswer(each)).toBe(session)
    const [, other = ''] = (await openSession()).cookie.split('.')
    expect(await sessions.findForAnswer(`agent=${session}.${other}`)).toBeUndefined()
    clock.now += 1
    expect(await sessions.findForAnswer(cookie)).toBeUndefined()
    expect(await sessions.findForAnswer(renewed)).toBe(session)
  })

  it.each<[string, (cookie: string) => string | undefined]>([
    ['none', () => undefined],
    ['another secret', (cookie) => `${cookie.slice(0, -1)}${cookie.endsWith('A') ? 'B' : 'A'}`],
    ['text before it', (cookie) => cookie.replace('=', '=x')],
    ['text after it', (cookie) => `${cookie}x`],
    ['another separator', (cookie) => cookie.replace('.', '-')],
    ['another session', (cookie) => cookie.replace(/=.{22}/, `=${'A'.repeat(22)}`)],
  ])('has no session with a cookie that no one was given: %s', async (_what, change) => {
    const { sessions, session, cookie } = await openSession()
    expect(await sessions.findForAnswer(cookie)).toBe(session)
    expect(await sessions.findForAnswer(change(cookie))).toBeUndefined()
    expect(await sessions.find(change(cookie))).toBeUndefined()
  })
})

describe('a session that visits share', () => {
  const late = new TypeError('the response has begun')
  const fail = () => {
    throw late
  }

  it('is stored if one of them can still set its cookie', async () => {
    const { sessions } = openSessions(() => Promise.resolve())
    const cookies: string[] = []
    const session = (await sessions.begin('visit-1', fail)) as string
    await sessions.begin('visit-1', (cookie) => void cookies.push(cookie))
    await sessions.store.put(session, token)
    expect(await sessions.find(cookies[0])).toBe(session)
  })

  it('is not stored if none can', async () => {
    const { sessions, kept, store } = openSessions(() => Promise.resolve())
    const session = (await sessions.begin('visit-1', fail)) as string
    await sessions.begin('visit-1', () => {
      throw new TypeError('this one, too')
    })
    await expect(sessions.store.put(session, token)).rejects.toBe(late)
    expect([kept.size, await store.list(session)]).toEqual([0, []])
  })

  it('can be stored until the last of them has ended', async () => {
    const { sessions, store } = openSessions(() => Promise.resolve())
    const [one, two] = [() => undefined, () => undefined]
    const session = (await sessions.begin('visit-1', one)) as string
    await sessions.begin('visit-1', two)
    sessions.endVisit(session, one)
    await sessions.store.put(session, token)
    const other = (await sessions.begin('visit-2', one)) as string
    sessions.endVisit(other, one)
    sessions.endVisit('unknown', one)
    const ended = expect.objectContaining({ code: 'session_forgotten', message: 'The session has ended.' })
    await expect(sessions.store.put(other, token)).rejects.toEqual(ended)
    await expect(sessions.store.add(other, token)).rejects.toEqual(ended)
    expect([await store.list(session), await store.list(other)]).toEqual([[token], []])
  })
})

it('stores records that belong to no session', async () => {
  const { sessions, store } = openSessions(() => Promise.resolve())
  expect(await sessions.store.add('\0edition', token)).toEqual(token)
  expect(await store.list('\0edition')).toEqual([token])
  await expect(sessions.store.add('a\0', token)).rejects.toThrow('The session has ended.')
})

it('passes everything else on to its store', async () => {
  const { sessions, session, store } = await openSession()
  expect(sessions.store.isShared).toBe(store.isShared)
  expect(await sessions.store.list(session)).toEqual([token])
  expect(await sessions.store.remove(session, token)).toBe(true)
  expect(await store.list(session)).toEqual([])
  await store.put(session, token)
  await sessions.store.forget(session)
  expect(await store.list(session)).toEqual([])
})
