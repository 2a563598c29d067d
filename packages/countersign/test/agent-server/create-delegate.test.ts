import { AgentError, type AgentOptions, createAgent } from 'countersign/agent'
import { type AgentServerOptions, memoryDelegates } from 'countersign/agent-server'
import { createDelegate, type DelegateOptions } from 'countersign/delegate'
import { january } from 'countersign/editions'
import { createResource, type Requirement } from 'countersign/resource'
import { decodeToken, issueToken } from 'countersign/tokens'
import { expect, it } from 'vitest'
import { api, id, newSigner, openAgentServer } from './agent-server-stage.js'

const redirectUri = 'http://127.0.0.1:53123/callback'

/** An agent server and an API in one world, and the paths at the agent server that were requested. */
async function openStage(options: Partial<AgentServerOptions> = {}, require: Requirement = 'identity') {
  const stage = await openAgentServer(options)
  const { world, server } = stage
  const requested: string[] = []
  world.origins.set(id, (request) => {
    requested.push(new URL(request.url).pathname)
    return server.handler(request)
  })
  const resource = createResource({ id: api, ...world.forResource, scopes: { 'events.read': 'See your events' } })
  world.origins.set(api, async (request) => {
    if (new URL(request.url).pathname !== '/events') return resource.handler(request)
    try {
      const scope = require === 'authorization' ? { scope: 'events.read' } : {}
      const { agent, delegate } = await resource.verify(request, { require, ...scope })
      return Response.json({ agent, delegate })
    } catch (error) {
      return resource.toResponse(error)
    }
  })
  const delegateAs = async (name: string, more: Partial<DelegateOptions> = {}) =>
    createDelegate({
      id,
      signer: await newSigner(),
      credential: () => name,
      fetch: world.fetch,
      now: world.now,
      ...more,
    })
  const agentOf = (delegate: Awaited<ReturnType<typeof delegateAs>>, more: Partial<AgentOptions> = {}) =>
    createAgent({
      ...delegate,
      authServers: [world.authServer],
      redirectUri,
      fetch: world.fetch,
      now: world.now,
      ...more,
    })
  return { ...stage, requested, delegateAs, agentOf, events: `${api}/events` }
}

it('enrolls on first use, and renews a few minutes before the token expires', async () => {
  const { world, requested, delegateAs, agentOf, events } = await openStage()
  const agent = agentOf(await delegateAs('laptop-7'))
  const token = '/delegates/token'
  expect(await (await agent.fetch(events)).json()).toEqual({ agent: id, delegate: 'laptop-7' })
  const documents = ['/.well-known/aauth-agent', '/jwks.json']
  expect(requested).toEqual([token, '/delegates', token, ...documents])
  await agent.fetch(events)
  world.advance(3200)
  expect((await agent.fetch(events)).status).toBe(200)
  expect(requested.filter((path) => !documents.includes(path))).toEqual([token, '/delegates', token])
  world.advance(200)
  expect((await agent.fetch(events)).status).toBe(200)
  expect(requested.filter((path) => path === token)).toHaveLength(3)
})

it('acts for a user, with separate tokens for the API and the auth server', async () => {
  const { world, delegateAs, agentOf, events } = await openStage({ redirectUris: [redirectUri] }, 'authorization')
  const person = world.person('alice')
  const audiences: unknown[] = []
  const delegate = await delegateAs('laptop-7')
  const agentToken = async (url?: string) => {
    const jwt = await delegate.agentToken(url)
    audiences.push(decodeToken(jwt)?.payload.aud)
    return jwt
  }
  const agent = agentOf(
    { ...delegate, agentToken },
    {
      onConsent: async ({ url }) => {
        await person.open(url)
      },
    },
  )
  world.origins.set('http://127.0.0.1:53123', (request) => agent.handler(request))
  expect(await (await agent.fetch(events)).json()).toMatchObject({ agent: id })
  expect(new Set(audiences)).toEqual(new Set([api, world.authServer]))
})

it('enrolls once for requests to several recipients at the same time', async () => {
  const { checked, delegateAs } = await openStage()
  const { agentToken } = await delegateAs('laptop-7')
  await Promise.all([agentToken(`${api}/a`), agentToken(`${api}/b`), agentToken('https://other.test/a')])
  expect(checked).toHaveLength(1)
})

it('renews with the stored key after a restart, without a credential', async () => {
  const { delegateAs } = await openStage()
  const signer = await newSigner()
  await (await delegateAs('laptop-7', { signer })).agentToken(api)
  const again = await delegateAs('laptop-7', { signer, credential: undefined })
  expect(decodeToken(await again.agentToken(api))?.payload.sub).toBe('laptop-7')
})

it('finds its enrollment if the response to it was lost', async () => {
  const { world, checked, delegateAs } = await openStage()
  let isLost = true
  const delegate = await delegateAs('laptop-7', {
    fetch: async (input, init) => {
      const response = await world.fetch(input, init)
      if (response.status !== 201 || !isLost) return response
      isLost = false
      throw new TypeError('fetch failed', { cause: new Error('ECONNRESET') })
    },
  })
  await expect(delegate.agentToken(api)).rejects.toMatchObject({ code: 'agent_server_unreachable' })
  expect(decodeToken(await delegate.agentToken(api))?.payload.sub).toBe('laptop-7')
  expect(checked).toHaveLength(1)
})

it('reports refusals with the agent server’s code', async () => {
  const { world, server, delegateAs, agentOf, events } = await openStage({ audiences: [api] })
  const code = 'agent_token_refused'
  const laptop = agentOf(await delegateAs('laptop-7'))
  expect((await laptop.fetch(events)).status).toBe(200)
  const failing = (fetched: Promise<unknown>) =>
    fetched.then(
      () => undefined,
      (error: unknown) => (error instanceof AgentError ? [error.code, error.error] : error),
    )
  expect(await failing(agentOf(await delegateAs('laptop-7')).fetch(events))).toEqual([code, 'name_taken'])
  const nameless = await delegateAs('', { credential: undefined })
  expect(await failing(nameless.agentToken(api))).toEqual([code, 'unknown_delegate'])
  expect(await failing((await delegateAs('b')).agentToken('https://other.test/'))).toEqual([code, 'audience_denied'])
  await server.revoke('laptop-7')
  expect((await laptop.fetch(events)).status).toBe(200)
  world.advance(3400)
  expect(await failing(laptop.fetch(events))).toEqual([code, 'revoked_delegate'])
})

it.each([
  ['does not respond', () => Promise.reject(new TypeError('fetch failed')), 'agent_server_unreachable'],
  ['is busy', async () => new Response('{}', { status: 503, headers: { 'retry-after': '5' } }), 'agent_token_refused'],
])('uses its token until it expires while the agent server %s', async (_, respond, code) => {
  const { world, delegateAs } = await openStage()
  let isDown = false
  const delegate = await delegateAs('laptop-7', {
    fetch: async (input, init) => {
      if (isDown) return respond()
      return world.fetch(input, init)
    },
  })
  const jwt = await delegate.agentToken(api)
  isDown = true
  world.advance(3500)
  expect(await delegate.agentToken(api)).toBe(jwt)
  world.advance(100)
  await expect(delegate.agentToken(api)).rejects.toMatchObject({ code })
  isDown = false
  expect(await delegate.agentToken(api)).not.toBe(jwt)
})

it('does not return a token that expired while it waited for the agent server', async () => {
  const { world, delegateAs } = await openStage()
  let isDown = false
  const delegate = await delegateAs('laptop-7', {
    fetch: async (input, init) => {
      if (!isDown) return world.fetch(input, init)
      world.advance(15)
      throw new TypeError('timed out')
    },
  })
  await delegate.agentToken(api)
  isDown = true
  world.advance(3590)
  await expect(delegate.agentToken(api)).rejects.toMatchObject({ code: 'agent_server_unreachable' })
})

it.each([
  ['lost', 'agent_server_unreachable', () => Promise.reject(new TypeError('terminated'))],
  ['too long', 'agent_token_refused', () => Promise.resolve('x'.repeat(1_000_000))],
])('reports a response whose body is %s: %s', async (_, code, pull) => {
  const { delegateAs } = await openStage()
  const body = () =>
    new ReadableStream({ pull: async (stream) => stream.enqueue(new TextEncoder().encode(await pull())) })
  const delegate = await delegateAs('laptop-7', { fetch: async () => new Response(body()) })
  await expect(delegate.agentToken(api)).rejects.toMatchObject({ name: 'AgentError', code })
})

it('reports a failure of its signer as such, although its token is still valid', async () => {
  const { world, delegateAs } = await openStage()
  const refused = new Error('the key service does not respond')
  const signer = await newSigner()
  let isRefusing = false
  const sign = async (data: Uint8Array) => {
    if (isRefusing) throw refused
    return signer.sign(data)
  }
  const delegate = await delegateAs('laptop-7', { signer: { ...signer, sign } })
  await delegate.agentToken(api)
  isRefusing = true
  world.advance(3400)
  await expect(delegate.agentToken(api)).rejects.toBe(refused)
})

it('hides no error that is not a failure of the agent server, although its token is still valid', async () => {
  const { world, delegateAs } = await openStage()
  let isBroken = false
  const clock = () => {
    if (isBroken) throw new RangeError('a bug')
    return world.now()
  }
  const delegate = await delegateAs('laptop-7', {
    fetch: async (input, init) => {
      const response = await world.fetch(input, init)
      isBroken = world.now() > start + 3000
      return response
    },
    now: clock,
  })
  const start = world.now()
  await delegate.agentToken(api)
  world.advance(3500)
  await expect(delegate.agentToken(api)).rejects.toThrow('a bug')
})

it('works although its clock is wrong by up to an hour (T31)', async () => {
  for (const offset of [-3000, 3000]) {
    const { world, delegateAs } = await openStage()
    const delegate = await delegateAs('laptop-7', {
      now: () => world.now() + offset,
      fetch: async (input, init) => {
        const response = await world.fetch(input, init)
        response.headers.set('date', new Date(world.now() * 1000).toUTCString())
        return response
      },
    })
    expect(decodeToken(await delegate.agentToken(api))?.payload.exp).toBe(world.now() + 3600)
  }
})

it('refuses a token that is for another agent, audience or key', async () => {
  const elsewhere = await openAgentServer({ delegates: memoryDelegates() })
  const { delegateAs } = await openStage()
  const mine = await newSigner()
  const others = createDelegate({
    id,
    signer: await newSigner(),
    credential: () => 'laptop-8',
    fetch: elsewhere.world.fetch,
    now: elsewhere.world.now,
  })
  const foreign = await others.agentToken(api)
  const answering = (body: object) => ({ signer: mine, fetch: async () => Response.json(body) })
  const refusing = async (body: object, message: string) =>
    expect((await delegateAs('a', answering(body))).agentToken(api)).rejects.toThrow(message)
  await refusing({ agent_token: foreign, expires_in: 3600 }, 'bound to another key')
  await refusing({ agent_token: await others.agentToken('https://other.test'), expires_in: 3600 }, 'another audience')
  const { jwk } = mine
  const claims = { iss: 'https://other.test', sub: 'a', aud: api, exp: 1_800_003_600, cnf: { jwk } }
  const ofOther = await issueToken(january.tokens.agent, claims, { signer: elsewhere.signer })
  await refusing({ agent_token: ofOther, expires_in: 3600 }, 'names another agent')
  const keyless = await issueToken(january.tokens.agent, { ...claims, iss: id, cnf: { jwk: {} } }, elsewhere)
  await refusing({ agent_token: keyless, expires_in: 3600 }, 'bound to another key')
  const own = await issueToken(january.tokens.agent, { ...claims, iss: id }, elsewhere)
  await refusing({ agent_token: own }, 'has no expires_in')
  await refusing({ expires_in: 3600 }, 'contains no agent token')
  await refusing({ agent_token: 'x'.repeat(70_000) }, 'larger than')
})

it('is called with the URL, from which it derives the recipient', async () => {
  const { delegateAs } = await openStage()
  const delegate = await delegateAs('laptop-7', { audienceOf: (url) => new URL(url).origin.replace('login.', 'auth.') })
  expect(decodeToken(await delegate.agentToken('https://login.test/token'))?.payload.aud).toBe('https://auth.test')
  await expect(delegate.agentToken()).rejects.toThrow('The parameter audience is missing')
})

it('refuses invalid options', async () => {
  const { delegateAs } = await openStage()
  await expect(delegateAs('a', { id: 'agent.test' })).rejects.toThrow('add https:// in front')
  await expect(delegateAs('a', { id: 'http://127.0.0.1:8080' })).rejects.toThrow('allowInsecureLoopback')
  await expect(delegateAs('a', { credentials: 'a' } as object)).rejects.toThrow('did you mean credential?')
})
