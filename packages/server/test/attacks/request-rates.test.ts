import { createHash, randomUUID } from 'node:crypto'
import { receiveRequest } from 'countersign/signatures'
import { createAuthServer, fixedKeys, type Storage } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it } from 'vitest'
import { createScriptedUser } from '../scripted-user.js'
import { issuer, openCrowd } from './crowd.js'
import { newSigner } from './party.js'

it('A20: new agents at one address can send 1,000 requests to two instances together, and rejected requests add no rows', async () => {
  const { ask, clock, storage, rows } = await openCrowd()
  const counts = new Map<number, number>()
  let refused: Response | undefined
  for (let count = 0; count < 1020; count++) {
    const response = await ask(`https://a${count}.crowd.example`, '2001:db8:0:1::1')
    counts.set(response.status, (counts.get(response.status) ?? 0) + 1)
    if (response.status === 429) refused = response
  }
  expect(Object.fromEntries(counts)).toEqual({ 200: 1000, 429: 20 })
  expect(refused?.headers.get('retry-after')).toBe('60')
  const tables = () => Object.fromEntries(['auth_request', 'agent', 'attempt'].map((table) => [table, rows(table)]))
  expect(tables()).toEqual({ auth_request: 1000, agent: 1000, attempt: 1002 })

  expect((await ask('https://b.crowd.example', '2001:db8:0:1:ffff::2')).status, 'of the same subscriber').toBe(429)
  expect((await ask('https://b.crowd.example', '2001:db8:0:2::1')).status, 'of another subscriber').toBe(200)
  clock.now += 3599
  expect((await ask('https://c.crowd.example', '2001:db8:0:1::1')).status, 'within the hour').toBe(429)
  clock.now += 1
  expect((await ask('https://c.crowd.example', '2001:db8:0:1::1')).status, 'an hour later').toBe(200)

  clock.now += 86_400 + 600
  await storage.sweep()
  expect(tables()).toMatchObject({ auth_request: 0, attempt: 0 })
  clock.now += 90 * 86_400
  await storage.sweep()
  expect(await storage.listAgents()).toEqual([])
  // The audit log refers to them for 400 days.
  clock.now += 310 * 86_400
  await storage.sweep()
  expect(tables()).toEqual({ auth_request: 0, agent: 0, attempt: 0 })
  expect([rows('resource'), rows('display')]).toEqual([0, 0])
})

it('A20: an agent beyond its own limit does not use up the limit of the others at its address', async () => {
  const { ask } = await openCrowd({ policy: () => ({ deny: 'nobody' }) })
  for (let count = 0; count < 1010; count++) {
    const { status } = await ask('https://noisy.crowd.example', '192.0.2.7')
    expect(status).toBe(count < 300 ? 403 : 429)
  }
  expect((await ask('https://quiet.crowd.example', '192.0.2.7')).status).toBe(403)
})

it('raises the limit by the configured factor', async () => {
  const { ask } = await openCrowd({ policy: () => ({ deny: 'nobody' }), limits: { rateFactor: 2 } })
  for (let count = 0; count < 601; count++) {
    const { status } = await ask('https://a.crowd.example', '192.0.2.7')
    expect(status).toBe(count < 600 ? 403 : 429)
  }
})

it('A20: a request rejected for its redirect_uri counts only toward the limit per minute', async () => {
  const { ask, clock, rows } = await openCrowd()
  for (let count = 0; count < 1010; count++) {
    if (count % 250 === 0) clock.now += 60
    const answer = await ask('https://a.crowd.example', '192.0.2.7', 'https://a.crowd.example/other')
    expect(answer.status).toBe(400)
  }
  expect(rows('attempt')).toBe(2)
  expect((await ask('https://b.crowd.example', '192.0.2.7')).status).toBe(200)
  expect(rows('attempt')).toBe(4)
})

it('A13: an agent that no user has allowed anything can have at most 20 open requests, even if the limit for others is higher', async () => {
  const { ask } = await openCrowd({ limits: { openRequests: 1000 } })
  for (let count = 0; count < 20; count++) expect((await ask('https://a.crowd.example', '192.0.2.7')).status).toBe(200)
  expect((await ask('https://a.crowd.example', '192.0.2.7')).status).toBe(429)
  expect((await ask('https://b.crowd.example', '192.0.2.7')).status).toBe(200)
})

describe('A20: an agent that a user has allowed once', () => {
  const hashOf = (text: string) => createHash('sha256').update(text).digest('base64url')
  const manyOpen = { limits: { openRequests: 1000 } }

  /** Has the given number of users allow an agent something, through the storage calls of real decisions. */
  async function allowBy(crowd: Awaited<ReturnType<typeof openCrowd>>, agent: string, people: number, from = 0) {
    for (let person = from; person < from + people; person++) {
      const asked = await crowd.ask(agent, `198.51.100.${person % 250}`)
      const { request_token: requestToken } = (await asked.json()) as { request_token: string }
      const { id: userId, credentialRevision } = await crowd.storage.createUser({
        username: `person${person}`,
        passwordHash: 'none',
      })
      const bound = { tokenHash: hashOf(requestToken), browserHash: hashOf('a browser'), userId, credentialRevision }
      const { request: judged } = await crowd.storage.bindRequest({ ...bound, state: null })
      if (!judged) throw new Error('expected the request to be bound')
      const decided = await crowd.storage.decideRequest({
        ...bound,
        judged,
        revision: judged.revision,
        decision: 'allow',
        handle: { handleHash: hashOf(randomUUID()), handleLifetime: 60 },
        grantLifetime: 3600,
        remembered: false,
      })
      expect(decided.outcome).toBe('allowed')
    }
  }

  /** Counts how many of the given requests are accepted, with the pauses that the limits per minute require. */
  async function letThrough({ ask, clock }: Awaited<ReturnType<typeof openCrowd>>, agent: string, requests: number) {
    let passed = 0
    for (let sent = 0; sent < requests; sent++) {
      if (sent % 250 === 0) clock.now += 60
      const { status } = await ask(agent, `203.0.113.${sent % 250}`)
      if (status === 200) passed++
    }
    return passed
  }

  /** Makes a party's requests count as if it had already sent the given number in each window. */
  const countedBefore = (of: string, requests: number) => (storage: Storage) => ({
    ...storage,
    async countRequest(request: Parameters<Storage['countRequest']>[0]) {
      const { counts, ...standing } = await storage.countRequest(request)
      const more = counts.map((each, index) => {
        const isMeant = request.attempts[index]?.key === hashOf(`requests of ${of}`)
        return each && { ...each, count: isMeant ? each.count + requests : each.count }
      })
      return { ...standing, counts: more }
    },
  })

  it('can send 300 requests an hour, plus 20 for each user, and no more however long it continues', async () => {
    const crowd = await openCrowd(manyOpen)
    await allowBy(crowd, 'https://a.crowd.example', 1)
    expect(await letThrough(crowd, 'https://a.crowd.example', 340)).toBe(320)
    const rows = (await crowd.storage.listEvents({ event: 'request.created', limit: 5000 })).length
    expect(await letThrough(crowd, 'https://a.crowd.example', 20)).toBe(0)
    expect((await crowd.storage.listEvents({ event: 'request.created', limit: 5000 })).length).toBe(rows)
    crowd.clock.now += 3600
    expect((await crowd.ask('https://a.crowd.example', '203.0.113.1')).status).toBe(200)
  })

  it('can send 1,500 requests a day, plus 100 for each user', async () => {
    const before = 1400
    const wrap = countedBefore('agent https://a.crowd.example per day', before)
    const crowd = await openCrowd({ ...manyOpen, wrap })
    await allowBy(crowd, 'https://a.crowd.example', 1)
    expect(await letThrough(crowd, 'https://a.crowd.example', 210)).toBe(1600 - before)
    crowd.clock.now += 3600
    expect(await letThrough(crowd, 'https://a.crowd.example', 10)).toBe(0)
  })

  it.each<[string, { of: string; most: number; window: number }]>([
    ['an hour', { of: 'agent https://a.crowd.example per hour', most: 320, window: 3600 }],
    ['a day', { of: 'agent https://a.crowd.example per day', most: 1600, window: 86_400 }],
    ['an hour from one address', { of: 'small agents at 203.0.113.1', most: 3000, window: 3600 }],
  ])('has its window counted from its first request, for %s', async (_claim, { of, most, window }) => {
    const crowd = await openCrowd({ ...manyOpen, wrap: countedBefore(of, most - 2) })
    await allowBy(crowd, 'https://a.crowd.example', 1)
    const ask = async () => {
      const { status, headers } = await crowd.ask('https://a.crowd.example', '203.0.113.1')
      return [status, headers.get('retry-after')]
    }
    expect(await ask()).toEqual([200, null])
    expect(await ask(), 'the last one').toEqual([200, null])
    expect(await ask(), 'one more').toEqual([429, String(window)])
    crowd.clock.now += window - 1
    expect(await ask()).toEqual([429, '1'])
    crowd.clock.now += 1
    expect(await ask()).toEqual([200, null])
  })

  const repeated = (person: string, times: number) => Array.from({ length: times }, () => person)
  const different = (people: number) => Array.from({ length: people }, (_, person) => `person${person}`)

  it.each<[string, { people: readonly string[]; asked: number; status: number }]>([
    ['500 users, however many requests it sent', { people: different(500), asked: 10_300, status: 200 }],
    [
      '499 users, at the limit of 300 requests plus 20 for each user',
      { people: different(499), asked: 10_280, status: 429 },
    ],
    [
      'two users, the second within the latest 5,000 grants',
      { people: [...repeated('a', 4999), 'b'], asked: 320, status: 200 },
    ],
    [
      'two users, the second before the latest 5,000 grants',
      { people: [...repeated('a', 5000), 'b'], asked: 320, status: 429 },
    ],
  ])('is limited by the number of users in its latest 5,000 grants: %s', async (_claim, { people, asked, status }) => {
    const agent = 'https://a.crowd.example'
    const wrap = (storage: Storage): Storage => ({
      ...countedBefore(`agent ${agent} per hour`, asked)(storage),
      async listGrants({ limit = 100, after } = {}) {
        const [grant] = await storage.listGrants({ agent })
        if (!grant) return []
        const start = after === undefined ? 0 : Number(after) + 1
        const page = people.slice(start, start + limit)
        return page.map((userId, index) => ({ ...grant, userId, id: String(start + index) }))
      },
    })
    const crowd = await openCrowd({ ...manyOpen, wrap })
    await allowBy(crowd, agent, 1)
    expect((await crowd.ask(agent, '203.0.113.1')).status).toBe(status)
  })

  it('can have more than 20 open requests once a user has allowed it something', async () => {
    const crowd = await openCrowd()
    const agent = 'https://a.crowd.example'
    const opened = async (most: number) => {
      for (let count = 0; count < most; count++) {
        const { status } = await crowd.ask(agent, `203.0.113.${count % 250}`)
        if (status !== 200) return { count, status }
      }
      return most
    }
    expect(await opened(30), 'before any grant').toEqual({ count: 20, status: 429 })
    crowd.clock.now += 600
    await allowBy(crowd, agent, 1)
    expect(await opened(200)).toBe(200)
  })

  it('can send more requests once more users have allowed it something', async () => {
    const crowd = await openCrowd(manyOpen)
    await allowBy(crowd, 'https://a.crowd.example', 20)
    expect(await letThrough(crowd, 'https://a.crowd.example', 400)).toBe(400)
  })
})

it('A20: one subscriber can create at most 20 accounts an hour, from any of its addresses', async () => {
  const keys = fixedKeys({ signer: await newSigner(), secret: new Uint8Array(32).fill(7) })
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  const server = createAuthServer({ issuer, keys, storage, accounts: { signUp: true } })
  const url = `${issuer}/account/sign-up`
  const signUpFrom = async (address: string) => {
    const user = createScriptedUser(async (input, init) => {
      const request = new Request(input, init)
      return server.handler(request, receiveRequest(request, address))
    })
    const page = await (await user.open(url)).text()
    const password = 'a password of theirs'
    return (await user.submit(page, url, { username: crypto.randomUUID(), password, action: 'sign-up' })).status
  }
  for (let count = 0; count < 20; count++) expect(await signUpFrom(`2001:db8:0:1::${count}`)).toBe(303)
  expect(await signUpFrom('2001:db8:0:1:abcd::1')).toBe(429)
  expect(await signUpFrom('2001:db8:0:2::1')).toBe(303)
})
