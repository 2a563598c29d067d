import { createWebAgent, type WebAgent, type WebConsentRequest } from 'countersign/agent'
import { describe, expect, it } from 'vitest'
import { quickHash } from './quick-hash.js'
import { createScriptedUser, decideAs } from './scripted-user.js'
import { createWorld, ids, type World } from './world.js'

const people = { alice: 'correct horse', bob: 'battery staple' } as const
type Name = keyof typeof people

interface Scene {
  world: World
  agent: WebAgent
  /** The requested consents, in order. */
  asked: WebConsentRequest[]
  /** Decides the last one as this user; returns the URL that the browser is redirected to. */
  decide(name: Name, consent?: 'grant' | 'deny'): Promise<string>
  /** Opens the callback in the browser of a session. */
  arrive(callback: string, session: string): Promise<string>
  /** Sends a request as a session, and returns the user that the resource reports. */
  ask(session: string, path?: string): Promise<{ sub?: string; iss?: string }>
}

async function openScene({ refreshable = false } = {}): Promise<Scene> {
  const world = await createWorld(
    refreshable ? { server: { lifetimes: { authToken: 600 }, durations: ['until-removed'] } } : {},
  )
  for (const [username, password] of Object.entries(people))
    await world.storage.createUser({ username, passwordHash: await quickHash(password) })
  const asked: WebConsentRequest[] = []
  const agent = createWebAgent({
    id: ids.agent,
    signer: world.agentSigner,
    authServers: [ids.authServer],
    sessionOf: (request) => /(?:^|; )sid=(\w+)/.exec(request.headers.get('cookie') ?? '')?.[1],
    onConsent: (consent) => void asked.push(consent),
    fetch: world.fetch,
    now: () => world.clock.now,
  })
  world.origins.set(ids.agent, (request) => agent.handler(request))
  return {
    world,
    agent,
    asked,
    decide: (name, consent = 'grant') =>
      decideAs(createScriptedUser(world.fetch), asked.at(-1)?.url ?? '', consent, {
        username: name,
        password: people[name],
      }),
    arrive: async (callback, session) =>
      (await agent.handler(new Request(callback, { headers: { cookie: `sid=${session}` } }))).text(),
    ask: async (session, path = '/data-auth') =>
      (await (await agent.for(session).fetch(`${ids.resource}${path}`)).json()) as { sub?: string },
  }
}

/** Has a user allow what a session requests; returns the resource’s response. */
async function allow(scene: Scene, session: string, name: Name): Promise<{ sub?: string }> {
  const { length } = scene.asked
  const answer = scene.ask(session)
  await expect.poll(() => scene.asked.length).toBe(length + 1)
  expect(await scene.arrive(await scene.decide(name), session)).toContain('data-state="allowed"')
  return answer
}

const ended = (promise: Promise<unknown>) =>
  promise.then(
    () => 'answered',
    (error: { code?: string }) => error.code,
  )

/** Holds the token endpoint’s responses to one type of form until they are released. */
function holdTokenRequests({ origins, server }: World, type: string) {
  let letGo: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    letGo = resolve
  })
  let held = 0
  origins.set(ids.authServer, async (request) => {
    const form = request.url.endsWith('/agent/token') ? await request.clone().text() : ''
    const response = await server.handler(request)
    if (new URLSearchParams(form).get('request_type') !== type) return response
    held++
    await gate
    return response
  })
  return { letGo: () => letGo(), held: () => held }
}

describe('a web agent', () => {
  it('offers neither fetch nor signIn outside of a session (W25)', async () => {
    const { agent } = await openScene()
    expect(Object.keys(agent).sort()).toEqual(['for', 'forget', 'handler', 'id', 'metadata'])
  })

  it('L08: requests separate consent for each session, names the session, and returns each session its own user’s data', async () => {
    const scene = await openScene()
    const alice = await allow(scene, 'a1', 'alice')
    const bob = await allow(scene, 'b2', 'bob')
    expect(scene.asked.map(({ session }) => session)).toEqual(['a1', 'b2'])
    expect(alice.sub).toBeTypeOf('string')
    expect(bob.sub).not.toBe(alice.sub)
    expect(await scene.ask('a1')).toMatchObject({ sub: alice.sub })
    expect(await scene.ask('b2')).toMatchObject({ sub: bob.sub })
    expect(scene.asked).toHaveLength(2)
  })

  it('L08: gives nothing to an attacker who sent the link to someone else: the consent is bound to the attacker’s own browser', async () => {
    const scene = await openScene()
    const attacker = scene.ask('attacker')
    await expect.poll(() => scene.asked.length).toBe(1)
    const callback = await scene.decide('alice')
    expect(await scene.arrive(callback, 'a1')).toContain('This request was started in another browser')
    expect(await scene.arrive(callback, '')).toContain('The agent does not recognize this browser')
    expect(await Promise.race([attacker, new Promise((resolve) => setTimeout(resolve, 50, 'waits'))])).toBe('waits')
    void scene.agent.forget('attacker')
    expect(await ended(attacker)).toBe('session_forgotten')
  })

  it('keeps several pending consents of one session apart', async () => {
    const scene = await openScene()
    const first = scene.ask('a1')
    await expect.poll(() => scene.asked.length).toBe(1)
    const allowed = await scene.decide('alice')
    const second = scene.agent.for('a1').fetch(`${ids.resource}/data`, { method: 'DELETE' })
    await expect.poll(() => scene.asked.length).toBe(2)
    const denied = await scene.decide('alice', 'deny')
    expect(await scene.arrive(denied, 'a1')).toContain('data-state="denied"')
    expect(await ended(second)).toBe('access_denied')
    expect(await scene.arrive(allowed, 'a1')).toContain('data-state="allowed"')
    expect((await first).sub).toBeTypeOf('string')
  })

  it('signs in each session separately', async () => {
    const scene = await openScene()
    const claims = scene.agent.for('a1').signIn({ authServer: ids.authServer, scope: 'openid profile' })
    await expect.poll(() => scene.asked.length).toBe(1)
    await scene.arrive(await scene.decide('alice'), 'a1')
    expect(await claims).toMatchObject({ name: 'alice' })
    expect(scene.asked[0]).toMatchObject({ session: 'a1', resource: ids.agent })
  })

  it.each([undefined, null, '', 7, {}])('rejects %j as a session', async (session) => {
    const { agent } = await openScene()
    expect(() => agent.for(session as string)).toThrow(TypeError)
    expect(() => agent.forget(session as string)).toThrow(/^a session (?:is required|must be a string)/)
  })
})

describe('forget, at sign-out', () => {
  it('deletes the tokens of that session and no other', async () => {
    const scene = await openScene()
    await allow(scene, 'a1', 'alice')
    const bob = await allow(scene, 'b2', 'bob')
    void scene.agent.forget('a1')
    await allow(scene, 'a1', 'bob')
    expect(scene.asked.map(({ session }) => session)).toEqual(['a1', 'b2', 'a1'])
    expect(await scene.ask('a1')).toMatchObject({ sub: bob.sub })
    expect(await scene.ask('b2')).toMatchObject({ sub: bob.sub })
    expect(scene.asked).toHaveLength(3)
  })

  it('drops its pending consents: the requests are aborted, and a later callback matches nothing', async () => {
    const scene = await openScene()
    const requests = [scene.ask('a1'), scene.ask('a1'), scene.ask('a1', '/read')].map(ended)
    await expect.poll(() => scene.asked.length).toBe(2)
    const callback = await scene.decide('alice')
    const other = scene.ask('b2')
    await expect.poll(() => scene.asked.length).toBe(3)
    void scene.agent.forget('a1')
    expect(await scene.arrive(callback, 'a1')).toContain('No request is waiting for this response')
    expect(await Promise.all(requests)).toEqual(Array(3).fill('session_forgotten'))
    expect(scene.asked.map(({ signal }) => signal.aborted)).toEqual([true, true, false])
    await scene.arrive(await scene.decide('bob'), 'b2')
    expect((await other).sub).toBeTypeOf('string')
  })

  it('lets the session start again immediately', async () => {
    const scene = await openScene()
    const before = ended(scene.ask('a1'))
    await expect.poll(() => scene.asked.length).toBe(1)
    void scene.agent.forget('a1')
    await allow(scene, 'a1', 'alice')
    expect(await before).toBe('session_forgotten')
  })

  it.each([
    ['a consent is requested', 'auth'],
    ['a code is exchanged', 'code'],
  ])('while %s, stores nothing and prompts no one', async (_when, type) => {
    const scene = await openScene()
    const { letGo, held } = holdTokenRequests(scene.world, type)
    const answer = ended(scene.ask('a1'))
    let page: Promise<string> | undefined
    if (type === 'code') {
      await expect.poll(() => scene.asked.length).toBe(1)
      page = scene.arrive(await scene.decide('alice'), 'a1')
    }
    await expect.poll(held).toBe(1)
    void scene.agent.forget('a1')
    expect(await answer).toBe('session_forgotten')
    letGo()
    if (page) expect(await page).toContain('data-state="failed"')
    await new Promise((resolve) => setTimeout(resolve, 50))
    const requestedBefore = scene.asked.length
    expect(requestedBefore).toBe(type === 'code' ? 1 : 0)
    const again = ended(scene.ask('a1'))
    await expect.poll(() => scene.asked.length).toBe(requestedBefore + 1)
    void scene.agent.forget('a1')
    expect(await again).toBe('session_forgotten')
  })

  it.each([
    ['in the background', 0.9],
    ['before a request', 1.1],
  ])('while a token is refreshed %s, the new one is not stored', async (_when, life) => {
    const scene = await openScene({ refreshable: true })
    await allow(scene, 'a1', 'alice')
    const { letGo, held } = holdTokenRequests(scene.world, 'refresh')
    scene.world.clock.now += life * 600
    const answer = ended(scene.ask('a1'))
    await expect.poll(held).toBe(1)
    if (life < 1) expect(await answer).toBe('answered')
    void scene.agent.forget('a1')
    letGo()
    if (life > 1) expect(await answer).toBe('session_forgotten')
    await new Promise((resolve) => setTimeout(resolve, 50))
    const again = ended(scene.ask('a1'))
    await expect.poll(() => scene.asked.length).toBe(2)
    void scene.agent.forget('a1')
    expect(await again).toBe('session_forgotten')
  })

  it('while the resource responds, the response is not returned to the next user of the session', async () => {
    const scene = await openScene()
    await allow(scene, 'a1', 'alice')
    const answering = scene.world.origins.get(ids.resource)
    let cancelled = false
    scene.world.origins.set(ids.resource, async (request) => {
      await answering?.(request)
      void scene.agent.forget('a1')
      const cancel = () => {
        cancelled = true
      }
      return new Response(new ReadableStream({ cancel }))
    })
    expect(await ended(scene.ask('a1'))).toBe('session_forgotten')
    expect(cancelled).toBe(true)
  })

  it('during a sign-in, signs no one in', async () => {
    const scene = await openScene()
    const claims = ended(scene.agent.for('a1').signIn({ authServer: ids.authServer }))
    await expect.poll(() => scene.asked.length).toBe(1)
    void scene.agent.forget('a1')
    expect(await claims).toBe('session_forgotten')
  })

  it('does nothing for a session without data', async () => {
    const { agent } = await openScene()
    expect(await agent.forget('a1')).toBeUndefined()
  })
})
