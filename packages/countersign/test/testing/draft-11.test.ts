import { createAgent } from 'countersign/agent'
import { draft11Resource } from 'countersign/editions/draft-11'
import { createResource } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { createTestWorld, type TestFault, type TestWorld, type TestWorldOptions } from 'countersign/testing'
import { draft11TestEdition } from 'countersign/testing/draft-11'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { api, creating, openApi } from './world-api.js'

const createWorld = (options: TestWorldOptions = {}) => createTestWorld({ edition: draft11TestEdition, ...options })

/** Adds an API with a route for users, whatever they allow. */
function openUserApi(world: TestWorld): void {
  const resource = createResource({ id: api, ...world.forResource })
  const app = new Hono()
  app.get('/me', aauth(resource, { require: 'user' }), (c) => c.json({ sub: c.var.aauth.sub }))
  app.all('*', (c) => resource.handler(c.req.raw))
  world.origins.set(api, (request) => app.fetch(request))
}

describe('a world in draft -11', () => {
  it('asks a user whether the agent may act for them, and what it may do', async () => {
    const world = await createWorld()
    expect(world.forResource.edition).toBe(draft11Resource)
    openApi(world)
    const alice = world.person('Alice')
    const agent = await world.agent({ person: alice })
    const response = await agent.fetch(`${api}/events`)
    expect(await response.json()).toEqual({ sub: alice.sub, scope: ['events.read'] })
    const asked = { agent: agent.id, resource: api }
    expect(alice.asked).toEqual([
      { ...asked, scope: '' },
      { ...asked, scope: 'events.read' },
    ])
    expect((await agent.fetch(`${api}/known`, creating)).status).toBe(200)
  })
})

describe('its users', () => {
  it('deny a request for none of the scopes that they allow, and an agent that may do nothing', async () => {
    const world = await createWorld()
    openApi(world)
    for (const allows of [[], ['events.write']]) {
      const agent = await world.agent({ person: world.person('Bob', { allows }) })
      await expect(agent.fetch(`${api}/events`)).rejects.toMatchObject({ code: 'access_denied' })
      expect(agent.person.asked).toHaveLength(allows.length + 1)
    }
  })

  it('may allow less than the API requires', async () => {
    const world = await createWorld()
    openApi(world)
    const agent = await world.agent({ person: world.person('Bob', { allows: ['events.read'] }) })
    expect((await agent.fetch(`${api}/both`, creating)).status).toBe(401)
    // For the agent to act for Bob, for what the API requires, and once more when that is not enough.
    expect(agent.person.asked).toHaveLength(3)
  })

  it('are not asked again when a token expires, but after they revoke the access', async () => {
    const world = await createWorld()
    const { served } = openApi(world)
    const agent = await world.agent()
    for (let turn = 0; turn < 2; turn++) {
      expect((await agent.fetch(`${api}/events`)).status).toBe(200)
      world.advance(700)
    }
    expect(agent.person.asked).toHaveLength(2)
    expect((await agent.fetch(`${api}/events`)).status).toBe(200)
    await agent.person.revoke(agent.id)
    expect((await agent.fetch(`${api}/events`)).status).toBe(200)
    expect(agent.person.asked).toHaveLength(4)
    expect(served).toHaveLength(4)
  })

  it('may decide too late', async () => {
    const world = await createWorld()
    openApi(world)
    const slow = await world.agent({ person: world.person('Carol', { takes: 700 }) })
    await expect(slow.fetch(`${api}/events`)).rejects.toThrow('The user decided too late')
  })

  it('only identify themselves where a route requires a user', async () => {
    const world = await createWorld()
    openUserApi(world)
    const agent = await world.agent()
    expect(await (await agent.fetch(`${api}/me`)).json()).toEqual({ sub: agent.person.sub })
    expect(agent.person.asked).toEqual([{ agent: agent.id, resource: api, scope: '' }])
  })

  it('return to agents of your own', async () => {
    const world = await createWorld()
    openApi(world)
    const alice = world.person('Alice')
    const pages: string[] = []
    const agent = createAgent({
      id: 'https://my-agent.test',
      onePerson: true,
      onConsent: async ({ url }) => void pages.push(await (await alice.open(url)).text()),
      ...world.forAgent,
    })
    world.origins.set(agent.id, (request) => agent.handler(request))
    expect((await agent.fetch(`${api}/events`)).status).toBe(200)
    expect(pages).toEqual([expect.stringContaining('You’re done'), expect.stringContaining('You’re done')])
  })
})

const refusals: Record<
  Exclude<TestFault, 'key-only'>,
  [status: number, problem: string | null, requirement: string]
> = {
  unsigned: [401, 'invalid_signature', 'person-token'],
  'no-token': [401, null, 'person-token'],
  'other-key': [401, 'invalid_signature', 'person-token'],
  'old-signature': [401, 'invalid_signature', 'person-token'],
  'changed-body': [401, 'invalid_signature', 'person-token'],
  replayed: [401, 'invalid_signature', 'person-token'],
  'expired-token': [401, 'expired_jwt', 'person-token'],
  'early-token': [401, 'clock_skew', 'person-token'],
  'narrow-token': [401, null, 'auth-token'],
  'wrong-audience': [401, 'invalid_jwt', 'person-token'],
  'wrong-issuer': [403, null, ''],
  'forged-token': [401, 'invalid_jwt', 'person-token'],
  'stolen-token': [401, 'invalid_signature', 'person-token'],
  'revoked-token': [401, 'revoked_jwt', 'person-token'],
}

describe('one request with one fault', () => {
  it.each(Object.entries(refusals))('is refused: %s', async (fault, expected) => {
    const world = await createWorld()
    const { served } = openApi(world)
    const agent = await world.agent()
    const { status, headers } = await agent.send(fault as TestFault, `${api}/both`, creating)
    const problem = /error=(\w+)/.exec(headers.get('signature-error') ?? '')?.[1] ?? null
    const requirement = /requirement=([\w-]+)/.exec(headers.get('aauth-requirement') ?? '')?.[1] ?? ''
    expect([status, problem, requirement]).toEqual(expected)
    // The original of a replayed request is handled normally.
    expect(served).toEqual(fault === 'replayed' ? ['/both'] : [])
  })

  it('is about the agent where the route does not require a token', async () => {
    const world = await createWorld()
    const { served } = openApi(world)
    const agent = await world.agent()
    for (const fault of ['other-key', 'old-signature', 'changed-body'] as const)
      expect((await agent.send(fault, `${api}/known`, creating)).status).toBe(401)
    expect(served).toEqual([])
    expect((await agent.send('no-token', `${api}/known`, creating)).status).toBe(200)
  })

  it('throws an error if the edition or the route has no such fault', async () => {
    const world = await createWorld()
    openApi(world)
    const agent = await world.agent()
    await expect(agent.send('key-only', `${api}/signed`)).rejects.toThrow('does not exist in this edition')
    await expect(agent.send('expired-token', `${api}/known`, creating)).rejects.toThrow('does not require a token')
    await expect(agent.send('old-signature', `${api}/open`)).rejects.toThrow('the route verifies nothing')
    openUserApi(world)
    await expect(agent.send('narrow-token', `${api}/me`)).rejects.toThrow('requires a route with a scope')
  })
})
