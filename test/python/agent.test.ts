import { createInterface } from 'node:readline'
import { createSigner, generatePrivateJwk, type PrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { createResource } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { createTestWorld } from 'countersign/testing'
import { issueToken } from 'countersign/tokens'
import { Hono } from 'hono'
import { afterEach, describe, expect, it } from 'vitest'
import { createScriptedUser, decideAs } from '../../packages/server/test/scripted-user.js'
import { freePort } from '../free-port.js'
import { has } from '../needs.js'
import { createLoopback } from '../peer/loopback.js'
import { startAuthServer, startResource } from './our-parties.js'
import { createPythonProcesses, linesOf, type PythonAnswer, type PythonRequest } from './python-processes.js'

const runnable = has('Python with cryptography')
const { listen, closeAll } = createLoopback()
const { startAgent, runExample, keyFile, stopAll } = createPythonProcesses()
/** How far the clock of every party is ahead, in seconds. */
let offset = 0
const now = () => Math.floor(Date.now() / 1000) + offset

afterEach(async () => {
  await stopAll()
  await closeAll()
  offset = 0
})

interface AgentOptions {
  issuer: string
  consent?: 'grant' | 'deny'
  /** Whether it is a delegate: the agent server has another key, and issues an agent token. */
  isDelegate?: boolean
  authServers?: string[]
}

/** Starts the Python agent; a user makes the decision for each consent. */
async function pythonAgent({ issuer, consent = 'grant', isDelegate = false, authServers = [issuer] }: AgentOptions) {
  const key = await generatePrivateJwk()
  const served = new Map<string, object>()
  const id = await listen(async () => async ({ url }) => {
    const document = served.get(new URL(url).pathname)
    return document ? Response.json(document) : new Response('', { status: 404 })
  })
  const redirectUri = `http://127.0.0.1:${await freePort()}/callback`
  const agentToken = isDelegate ? await delegate(id, key, served) : undefined
  const consents: string[] = []
  const agent = await startAgent({ id, key, redirectUri, authServers, agentToken }, async (url) => {
    consents.push(url)
    await fetch(await decideAs(createScriptedUser(globalThis.fetch), url, consent))
  })
  for (const [path, document] of Object.entries(agent.documents)) if (!served.has(path)) served.set(path, document)
  return { id, consents, fetch: (url: string, request: PythonRequest = {}) => agent.fetch(url, { offset, ...request }) }
}

/** Issues an agent token for a key, and publishes the agent server's key instead of the delegate's. */
async function delegate(id: string, { d: _secret, ...jwk }: PrivateJwk, served: Map<string, object>): Promise<string> {
  const signer = await createSigner(await generatePrivateJwk())
  served.set('/jwks.json', { keys: [signer.jwk] })
  const claims = { iss: id, sub: 'laptop', exp: Math.floor(Date.now() / 1000) + 3600, cnf: { jwk } }
  return issueToken(january.tokens.agent, claims, { signer })
}

const bodyOf = (answer: PythonAnswer) => ('body' in answer ? (JSON.parse(answer.body) as unknown) : answer)

describe.skipIf(!runnable)('the Python agent, at our resource and auth server', () => {
  it('obtains consent, retries, and uses the token again', async () => {
    const issuer = await startAuthServer(listen, now)
    const api = await startResource(listen, issuer, now)
    const agent = await pythonAgent({ issuer })
    expect(bodyOf(await agent.fetch(`${api}/who`))).toBe(agent.id)
    const answer = await agent.fetch(`${api}/data?x=1%202`)
    expect(answer).toMatchObject({ status: 200 })
    expect(bodyOf(answer)).toEqual({ agent: agent.id, scope: ['data.read'], query: { x: '1 2' } })
    expect(agent.consents).toHaveLength(1)
    expect(await agent.fetch(`${api}/data`)).toMatchObject({ status: 200 })
    expect(agent.consents).toHaveLength(1)
  })

  it('sends bodies with a nonce, and steps up to a larger scope', async () => {
    const issuer = await startAuthServer(listen, now)
    const api = await startResource(listen, issuer, now)
    const agent = await pythonAgent({ issuer })
    await agent.fetch(`${api}/data`)
    const headers = { 'content-type': 'text/plain; charset=utf-8' }
    const answer = await agent.fetch(`${api}/data`, { method: 'POST', headers, body: 'größer' })
    expect(bodyOf(answer)).toEqual({ received: 'größer', scope: ['data.read', 'data.write'] })
    expect(agent.consents).toHaveLength(2)
  })

  it('refreshes the token without the user once it has expired', async () => {
    const issuer = await startAuthServer(listen, now)
    const api = await startResource(listen, issuer, now)
    const agent = await pythonAgent({ issuer })
    await agent.fetch(`${api}/data`)
    for (const later of [700, 1400]) {
      offset = later
      expect(await agent.fetch(`${api}/data`)).toMatchObject({ status: 200 })
    }
    expect(agent.consents).toHaveLength(1)
  })

  it('acts as a delegate with an agent token', async () => {
    const issuer = await startAuthServer(listen, now)
    const api = await startResource(listen, issuer, now)
    const agent = await pythonAgent({ issuer, isDelegate: true })
    const answer = await agent.fetch(`${api}/data`)
    expect(bodyOf(answer)).toMatchObject({ agent: agent.id, delegate: 'laptop' })
  })

  it('runs as the example, which prints the link', async () => {
    const issuer = await startAuthServer(listen, now)
    const api = await startResource(listen, issuer, now)
    const jwk = await generatePrivateJwk()
    const { d: _secret, ...publicJwk } = jwk
    const redirectUri = `http://127.0.0.1:${await freePort()}/callback`
    const id = await listen(async (agent) => async ({ url }) => {
      const document = { agent, jwks_uri: `${agent}/jwks.json`, redirect_uris: [redirectUri] }
      return Response.json(url.endsWith('/jwks.json') ? { keys: [publicJwk] } : document)
    })
    const settings = { AGENT: id, AUTH_SERVER: issuer, API: `${api}/data`, REDIRECT_URI: redirectUri }
    const child = runExample('agent.py', { ...settings, AGENT_KEY: keyFile(jwk) })
    createInterface({ input: child.stderr }).on('line', (line) => {
      const [url = ''] = /http\S+/.exec(line) ?? []
      void decideAs(createScriptedUser(globalThis.fetch), url, 'grant').then((callback) => fetch(callback))
    })
    const printed = await linesOf(child)()
    expect(printed).toBe(`200 ${JSON.stringify({ agent: id, scope: ['data.read'], query: {} })}`)
  })

  it('reports that the user denied access', async () => {
    const issuer = await startAuthServer(listen, now)
    const api = await startResource(listen, issuer, now)
    const agent = await pythonAgent({ issuer, consent: 'deny' })
    expect(await agent.fetch(`${api}/data`)).toMatchObject({ error: 'access_denied' })
  })

  it('does not call an auth server that it does not accept', async () => {
    const issuer = await startAuthServer(listen, now)
    const api = await startResource(listen, issuer, now)
    const agent = await pythonAgent({ issuer, authServers: ['https://auth.example'] })
    expect(await agent.fetch(`${api}/data`)).toMatchObject({ error: 'auth_server_refused' })
    expect(agent.consents).toEqual([])
  })
})

describe.skipIf(!runnable)('the Python agent, in the test kit', () => {
  it('obtains consent, steps up, and prompts the user again after they have revoked access', async () => {
    const world = await createTestWorld()
    const id = 'https://agent.test'
    const api = createResource({ id: 'https://api.test', ...world.forResource, denyList: {} })
    const app = new Hono()
    app.get('/orders', aauth(api, { require: 'authorization', scope: 'orders.read' }), (c) => c.json(c.var.aauth.sub))
    app.post('/orders', aauth(api, { require: 'authorization', scope: 'orders.write' }), (c) =>
      c.json(c.var.aauth.scope),
    )
    app.all('*', (c) => api.handler(c.req.raw))
    world.origins.set(api.id, app.fetch)
    // The world has no ports: this one stands for all of its origins.
    const proxy = await listen(async () => async (request) => {
      const { pathname, search } = new URL(request.url)
      const url = `${request.headers.get('x-origin')}${pathname}${search}`
      const body = request.method === 'GET' ? null : await request.arrayBuffer()
      const headers = new Headers(request.headers)
      headers.delete('host')
      return world.fetch(new Request(url, { method: request.method, headers, body }))
    })
    const redirectUri = `http://127.0.0.1:${await freePort()}/callback`
    world.origins.set(new URL(redirectUri).origin, (request) => fetch(request.url))
    const person = world.person('Alice')
    const options = { id, key: await generatePrivateJwk(), redirectUri, authServers: [world.authServer], proxy }
    const agent = await startAgent(options, (url) => person.open(url))
    world.origins.set(id, ({ url }) => Response.json(agent.documents[new URL(url).pathname]))
    expect(bodyOf(await agent.fetch(`${api.id}/orders`))).toBe(person.sub)
    expect(bodyOf(await agent.fetch(`${api.id}/orders`, { method: 'POST' }))).toEqual(['orders.read', 'orders.write'])
    expect(person.asked.map(({ scope }) => scope)).toEqual(['orders.read', 'orders.read orders.write'])
    await person.revoke()
    world.advance(10)
    expect(bodyOf(await agent.fetch(`${api.id}/orders`, { offset: 10 }))).toBe(person.sub)
    expect(person.asked).toHaveLength(3)
  })
})
