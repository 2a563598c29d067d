import { memoryStore } from 'countersign/agent'
import { expect, it } from 'vitest'
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
  return { clock, sessions, kept }
}

it('fails for an expired session if the store cannot forget it', async () => {
  const { clock, sessions } = openSessions(() => Promise.reject(lost))
  let cookie = ''
  const session = await sessions.begin('visit-1', (given) => {
    cookie = given
  })
  await sessions.store.put(session ?? '', { agent: 'a', edition: 'e', kind: 'token', id: '1', data: {} })
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
  const put = () => sessions.store.put(session ?? '', { agent: 'a', edition: 'e', kind: 'token', id: '1', data: {} })
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
  await sessions.store.put(session, { agent: 'a', edition: 'e', kind: 'token', id: '1', data: {} })
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
  await sessions.store.put(session ?? '', { agent: 'a', edition: 'e', kind: 'token', id: '1', data: {} })
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
  const stored = sessions.store.put(session, { agent: 'a', edition: 'e', kind: 'token', id: '1', data: {} })
  expect(await begin()).toBe(session)
  await stored
  expect(cookies).toHaveLength(2)
  expect(await sessions.find(cookies[1])).toBe(session)
})
