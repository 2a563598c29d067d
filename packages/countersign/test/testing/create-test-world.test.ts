import { AgentError, createAgent, createWebAgent } from 'countersign/agent'
import { createAppAgent } from 'countersign/agent/hono'
import { createDiscovery } from 'countersign/discovery'
import { january } from 'countersign/editions'
import { createTestWorld } from 'countersign/testing'
import { Hono } from 'hono'
import { expect, it, vi } from 'vitest'
import { api, creating, openApi } from './world-api.js'

it('gives an agent what its user allows, with no page, no network and no port', async () => {
  const world = await createTestWorld()
  openApi(world)
  const network = vi.spyOn(globalThis, 'fetch')
  const alice = world.person('Alice')
  const agent = await world.agent({ person: alice })
  const response = await agent.fetch(`${api}/events`)
  expect(await response.json()).toEqual({ agent: 'https://agent.test', sub: alice.sub, scope: ['events.read'] })
  expect(alice.asked).toEqual([{ agent: 'https://agent.test', resource: api, scope: 'events.read' }])
  await agent.fetch(`${api}/events`, creating)
  expect(alice.asked).toHaveLength(1)
  expect(network).not.toHaveBeenCalled()
})

it('keeps users and agents separate', async () => {
  const world = await createTestWorld()
  openApi(world)
  const [alice, bob] = [world.person('Alice'), world.person('Bob')]
  const agents = [await world.agent({ person: alice }), await world.agent({ person: bob })]
  const seen = await Promise.all(agents.map(async ({ fetch }) => (await fetch(`${api}/events`)).json()))
  expect(seen).toMatchObject([
    { agent: 'https://agent.test', sub: alice.sub },
    { agent: 'https://agent-2.test', sub: bob.sub },
  ])
})

it('supports a user who denies everything, and one who allows a part', async () => {
  const world = await createTestWorld()
  openApi(world)
  const nobody = await world.agent({ person: world.person('Nora', { allows: [] }) })
  await expect(nobody.fetch(`${api}/events`)).rejects.toMatchObject({ code: 'access_denied' })
  const reader = await world.agent({ person: world.person('Rita', { allows: ['events.read'] }) })
  expect((await reader.fetch(`${api}/events`)).status).toBe(200)
  expect((await reader.fetch(`${api}/both`, creating)).status).toBe(403)
  reader.person.allows = 'all'
  expect((await reader.fetch(`${api}/both`, creating)).status).toBe(200)
})

it('supports a user who decides slowly, and one who decides too late', async () => {
  const world = await createTestWorld()
  openApi(world)
  const before = world.now()
  const slow = world.person('Sue', { takes: 590 })
  const agent = await world.agent({ person: slow })
  expect((await agent.fetch(`${api}/events`)).status).toBe(200)
  expect(world.now()).toBe(before + 590)
  slow.takes = 601
  await expect(agent.fetch(`${api}/both`, creating)).rejects.toThrow('The user could not decide')
})

it('renews expired tokens without prompting, until the user revokes access', async () => {
  const world = await createTestWorld()
  openApi(world, { denyList: {} })
  const agent = await world.agent()
  const { person } = agent
  await agent.fetch(`${api}/events`)
  world.advance(700)
  expect((await agent.fetch(`${api}/events`)).status).toBe(200)
  expect(person.asked).toHaveLength(1)
  await person.revoke(agent.id)
  world.advance(5)
  expect((await agent.fetch(`${api}/events`)).status).toBe(200)
  expect(person.asked).toHaveLength(2)
})

it('revokes the access of one agent, or of all', async () => {
  const world = await createTestWorld()
  openApi(world)
  const alice = world.person('Alice')
  const [first, second] = [await world.agent({ person: alice }), await world.agent({ person: alice })]
  const askAgain = async () => {
    world.advance(700)
    const before = alice.asked.length
    await first.fetch(`${api}/events`)
    await second.fetch(`${api}/events`)
    return alice.asked.slice(before).map(({ agent }) => agent)
  }
  expect(await askAgain()).toEqual([first.id, second.id])
  await alice.revoke(first.id)
  expect(await askAgain()).toEqual([first.id])
  await alice.revoke()
  expect(await askAgain()).toEqual([first.id, second.id])
})

it('gives users a browser that keeps cookies for their host until they expire', async () => {
  const world = await createTestWorld()
  world.origins.set('https://app.test', (request) => {
    const { pathname } = new URL(request.url)
    const headers = new Headers({ location: 'https://app.test/end' })
    if (pathname === '/begin') headers.append('set-cookie', 'a=1; Path=/; HttpOnly')
    if (pathname === '/begin') headers.append('set-cookie', 'b=2; Path=/')
    if (pathname === '/forget') headers.append('set-cookie', 'a=; Path=/; Max-Age=0')
    if (pathname !== '/end') return new Response(null, { status: 302, headers })
    return new Response(request.headers.get('cookie') ?? 'none')
  })
  world.origins.set('https://other.test', (request) => new Response(request.headers.get('cookie') ?? 'none'))
  world.origins.set('https://round.test', () => new Response(null, { status: 302, headers: { location: '/' } }))
  const alice = world.person('Alice')
  const seen = async (url: string) => (await alice.open(url)).text()
  expect(await seen('https://app.test/begin')).toBe('a=1; b=2')
  expect(await seen('https://other.test/')).toBe('none')
  expect(await seen('https://app.test/forget')).toBe('b=2')
  await expect(alice.open('https://round.test/')).rejects.toThrow('more than 10 redirects')
})

it('serves your own agent, and its sign-in', async () => {
  const world = await createTestWorld()
  openApi(world)
  const alice = world.person('Alice')
  const agent = createAgent({
    id: 'https://mine.test',
    onePerson: true,
    onConsent: async ({ url }) => void (await alice.open(url)),
    ...world.forAgent,
  })
  world.origins.set(agent.id, (request) => agent.handler(request))
  expect((await agent.fetch(`${api}/events`)).status).toBe(200)
  const claims = await agent.signIn({ authServer: world.authServer })
  expect(claims).toMatchObject({ iss: world.authServer, sub: alice.sub })
})

it('rejects an agent whose document or redirect URI is missing', async () => {
  const world = await createTestWorld()
  openApi(world)
  const agent = createAgent({ id: 'https://mine.test', onePerson: true, ...world.forAgent })
  expect((await agent.fetch(`${api}/events`)).status).toBe(401)
  world.origins.set(agent.id, (request) =>
    request.url.endsWith('aauth-agent')
      ? Response.json({ agent: agent.id, jwks_uri: `${agent.id}/jwks.json`, redirect_uris: [] })
      : agent.handler(request),
  )
  world.advance(700)
  await expect(agent.fetch(`${api}/events`)).rejects.toThrow("redirect URI is not in the agent's document")
})

it('has a separate browser for each user, so that a web agent keeps two users apart', async () => {
  const world = await createTestWorld()
  openApi(world)
  const calendar = createAppAgent({ id: 'https://calendar.test', ...world.forAgent })
  const app = new Hono()
  app.use(calendar.ownRoutes)
  app.get(
    '/events',
    calendar.page(async (c, { fetch }) => c.json(await (await fetch(`${api}/events`)).json())),
  )
  app.post('/sign-out', calendar.signOut)
  app.get('/', (c) => c.text('home'))
  world.origins.set('https://calendar.test', (request) => app.fetch(request))
  const [alice, bob] = [world.person('Alice'), world.person('Bob', { allows: [] })]
  expect(await (await alice.open('https://calendar.test/events')).json()).toMatchObject({ sub: alice.sub })
  const denied = await bob.open('https://calendar.test/events')
  expect(await denied.text()).not.toContain(bob.sub)
  expect(bob.asked).toHaveLength(1)
  await alice.open('https://calendar.test/events')
  expect(alice.asked).toHaveLength(1)
  const home = await alice.open('https://calendar.test/sign-out', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: '',
  })
  expect(await home.text()).toBe('home')
  await alice.open('https://calendar.test/events')
  expect(alice.asked).toHaveLength(2)
})

it('completes a web agent’s consent only in the browser that started it', async () => {
  const world = await createTestWorld()
  openApi(world)
  const urls: string[] = []
  const agent = createWebAgent({
    id: 'https://web.test',
    sessionOf: (request) => /session-of=(\w+)/.exec(request.headers.get('cookie') ?? '')?.[1],
    onConsent: ({ url }) => void urls.push(url),
    ...world.forAgent,
  })
  world.origins.set(agent.id, (request) => {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname !== '/sign-in') return agent.handler(request)
    return new Response('', { headers: { 'set-cookie': `session-of=${searchParams.get('as')}; Path=/` } })
  })
  const [alice, mallory] = [world.person('Alice'), world.person('Mallory')]
  await alice.open('https://web.test/sign-in?as=alice')
  await mallory.open('https://web.test/sign-in?as=mallory')
  const stop = new AbortController()
  const waiting = agent.for('alice').fetch(`${api}/events`, { signal: stop.signal })
  const ended = expect(waiting).rejects.toThrow('given up')
  await expect.poll(() => urls.length).toBe(1)
  const page = await mallory.open(urls[0] ?? '')
  expect(page.status).not.toBe(200)
  stop.abort(new Error('given up'))
  await ended
})

it('responds to a browser in which no one is signed in, and to a used link', async () => {
  const world = await createTestWorld()
  openApi(world)
  const alice = world.person('Alice')
  let link = ''
  const agent = createAgent({
    id: 'https://mine.test',
    onePerson: true,
    async onConsent({ url }) {
      link = url
      expect((await world.fetch(url)).status).toBe(401)
      await alice.open(url)
    },
    ...world.forAgent,
  })
  world.origins.set(agent.id, (request) => agent.handler(request))
  await agent.fetch(`${api}/events`)
  expect((await alice.open(link)).status).toBe(410)
})

it('verifies what agents send to its token endpoint', async () => {
  const world = await createTestWorld()
  openApi(world)
  const agent = await world.agent()
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const url = `${world.authServer}/agent/token`
  const unsigned = await world.fetch(url, { method: 'POST', headers: form, body: 'request_type=auth' })
  expect(unsigned.status).toBe(401)
  expect(await unsigned.json()).toMatchObject({ error: 'invalid_signature' })
  const anonymous = await agent.send('key-only', url, { method: 'POST', headers: form, body: 'request_type=auth' })
  expect(await anonymous.json()).toMatchObject({ error: 'invalid_request' })
  const unknown = await agent.send('no-token', url, { method: 'POST', headers: form, body: 'request_type=spend' })
  expect(await unknown.json()).toMatchObject({ error: 'unsupported_request_type' })
  const made = await agent.send('no-token', url, {
    method: 'POST',
    headers: form,
    body: 'request_type=code&code=made-up',
  })
  expect(await made.json()).toMatchObject({ error: 'invalid_grant' })
})

it('has names and keys that only its own fetch finds', async () => {
  const world = await createTestWorld()
  const { signer: again } = (await createTestWorld()).forResource
  expect(again.thumbprint).not.toBe(world.forResource.signer.thumbprint)
  const found = await createDiscovery({ fetch: world.fetch }).findMetadata(
    january.documents.authServer,
    world.authServer,
  )
  expect(found).toHaveProperty('found')
  await expect(createTestWorld({ authServer: 'https://auth.example.com' })).rejects.toThrow(TypeError)
  await expect(createTestWorld({ authServer: 'https://test' })).rejects.toThrow(
    'must be an https identifier whose host ends in .test',
  )
  await expect(world.agent({ id: 'https://agent.test.example' })).rejects.toThrow(
    'must be an https identifier whose host ends in .test',
  )
  await expect(world.fetch('https://elsewhere.test/')).rejects.toThrow('nothing is served at https://elsewhere.test')
})

it('is rejected by an API that was not given its fetch', async () => {
  const world = await createTestWorld()
  openApi(world, { fetch: async () => Promise.reject(new TypeError('fetch failed')) })
  const agent = await world.agent()
  expect((await agent.fetch(`${api}/events`)).status).toBe(401)
})

it('has a clock that only moves forward', async () => {
  const world = await createTestWorld({ now: 1_800_000_000 })
  world.advance(1)
  expect(world.now()).toBe(1_800_000_001)
  expect(() => world.advance(-1)).toThrow(TypeError)
})

it('reports the auth server as down if its handler is replaced', async () => {
  const world = await createTestWorld()
  openApi(world)
  world.origins.set(world.authServer, () => new Response('', { status: 503 }))
  const agent = await world.agent()
  await expect(agent.fetch(`${api}/events`)).rejects.toSatisfy(
    (error) => error instanceof AgentError && error.code === 'auth_server_unknown',
  )
})
