import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createSigner, generatePrivateJwk, type PrivateJwk } from 'countersign'
import { type Agent, type AgentOptions, createAgent } from 'countersign/agent'
import { january } from 'countersign/editions'
import { createResource } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { issueToken } from 'countersign/tokens'
import { createAuthServer, fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { Hono } from 'hono'
import { afterEach, describe, expect, it } from 'vitest'
import { createScriptedUser, decideAs } from '../../packages/server/test/scripted-user.js'
import { freePort } from '../free-port.js'
import { has, python } from '../needs.js'
import { createLoopback } from '../peer/loopback.js'

const runnable = has('Python with cryptography')
const { listen, closeAll } = createLoopback()
const processes: ChildProcess[] = []
const files: string[] = []
const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url))
/** How far the clock of every party is ahead, in seconds. */
let offset = 0
const now = () => Math.floor(Date.now() / 1000) + offset

afterEach(async () => {
  for (const child of processes.splice(0)) {
    if (child.exitCode !== null) continue
    const exited = once(child, 'exit')
    child.kill()
    await exited
  }
  for (const path of files.splice(0)) rmSync(dirname(path), { recursive: true })
  await closeAll()
  offset = 0
})

async function authServer(): Promise<string> {
  return listen(async (issuer) => {
    const signer = await createSigner(await generatePrivateJwk())
    const server = createAuthServer({
      issuer,
      keys: fixedKeys({ signer, secret: new Uint8Array(32).fill(7) }),
      storage: sqliteStorage(':memory:', { now, sweepInterval: 0 }),
      lifetimes: { authToken: 600 },
      allowInsecureLoopback: true,
      now,
    })
    await server.addUser({ username: 'testuser', password: 'testpass' })
    return (request, received) => server.handler(request, received)
  })
}

async function resource(issuer: string): Promise<string> {
  return listen(async (id) => {
    const signer = await createSigner(await generatePrivateJwk())
    const options = { id, signer, authServer: issuer, nonce: 'required' as const, allowInsecureLoopback: true, now }
    const created = createResource({ ...options, scopes: { 'data.read': 'Read', 'data.write': 'Write' } })
    const app = new Hono()
    const read = aauth(created, { require: 'authorization', scope: 'data.read' })
    const write = aauth(created, { require: 'authorization', scope: 'data.write' })
    app.get('/data', read, (c) => {
      const { agent, delegate, scope } = c.var.aauth
      return c.json({ agent, delegate, scope, query: c.req.query() })
    })
    app.post('/data', write, async (c) => c.json({ received: await c.req.text(), scope: c.var.aauth.scope }))
    app.get('/who', aauth(created, { require: 'identity' }), (c) => c.json(c.var.aauth.agent))
    app.all('*', (c) => created.handler(c.req.raw))
    return async (request) => app.fetch(request)
  })
}

/** Reads the lines that a process prints, one after the other. */
function linesOf(child: ChildProcess): () => Promise<string> {
  if (!child.stdout) throw new Error('the process has no output')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the process ended')
    return value as string
  }
}

/** Writes a private key to a file. */
function keyFile(jwk: PrivateJwk): string {
  const path = join(mkdtempSync(join(tmpdir(), 'python-key-')), 'key.json')
  files.push(path)
  writeFileSync(path, JSON.stringify(jwk), { mode: 0o600 })
  return path
}

function runExample(name: string, settings: Record<string, string>) {
  const child = spawn(python, [folder(`../../python/examples/${name}`)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PYTHONPATH: folder('../../python'),
      PYTHONDONTWRITEBYTECODE: '1',
      ALLOW_INSECURE_LOOPBACK: '1',
      ...settings,
    },
  })
  processes.push(child)
  return child
}

interface PythonAgent {
  id: string
  /** Sends a request as the agent; a user makes the decision for each consent. */
  fetch(url: string, request?: { method?: string; headers?: Record<string, string>; body?: string }): Promise<object>
  consents: string[]
}

interface PythonAgentOptions {
  issuer: string
  consent?: 'grant' | 'deny'
  /** Whether it is a delegate: the agent server has another key, and issues an agent token. */
  isDelegate?: boolean
  authServers?: string[]
}

async function pythonAgent({ issuer, consent = 'grant', isDelegate = false, authServers }: PythonAgentOptions) {
  const key = await generatePrivateJwk()
  const served = new Map<string, object>()
  const id = await listen(async () => async ({ url }) => {
    const document = served.get(new URL(url).pathname)
    return document ? Response.json(document) : new Response('', { status: 404 })
  })
  const redirectUri = `http://127.0.0.1:${await freePort()}/callback`
  const agentToken = isDelegate ? await delegate(id, key, served) : undefined
  const options = { id, key, redirectUri, authServers: authServers ?? [issuer], ...(agentToken && { agentToken }) }
  const child = spawn(python, [folder('agent_driver.py'), JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  processes.push(child)
  const next = linesOf(child)
  const { documents } = JSON.parse(await next()) as { documents: Record<string, { redirect_uris?: string[] }> }
  for (const [path, document] of Object.entries(documents)) if (!served.has(path)) served.set(path, document)
  const consents: string[] = []
  return {
    id,
    consents,
    async fetch(url, request = {}) {
      child.stdin.write(`${JSON.stringify({ url, offset, ...request })}\n`)
      for (;;) {
        const message = JSON.parse(await next()) as { consent?: string }
        if (message.consent === undefined) return message
        consents.push(message.consent)
        const callback = await decideAs(createScriptedUser(globalThis.fetch), message.consent, consent)
        void fetch(callback)
      }
    },
  } satisfies PythonAgent
}

/** Issues an agent token for a key, and publishes the agent server's key instead of the delegate's. */
async function delegate(id: string, { d: _secret, ...jwk }: PrivateJwk, served: Map<string, object>): Promise<string> {
  const signer = await createSigner(await generatePrivateJwk())
  served.set('/jwks.json', { keys: [signer.jwk] })
  const claims = { iss: id, sub: 'laptop', exp: Math.floor(Date.now() / 1000) + 3600, cnf: { jwk } }
  return issueToken(january.tokens.agent, claims, { signer })
}

const bodyOf = (answer: object) => JSON.parse((answer as { body: string }).body) as unknown

describe.skipIf(!runnable)('the Python agent, at our resource and auth server', () => {
  it('obtains consent, retries, and uses the token again', async () => {
    const issuer = await authServer()
    const api = await resource(issuer)
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
    const issuer = await authServer()
    const api = await resource(issuer)
    const agent = await pythonAgent({ issuer })
    await agent.fetch(`${api}/data`)
    const headers = { 'content-type': 'text/plain; charset=utf-8' }
    const answer = await agent.fetch(`${api}/data`, { method: 'POST', headers, body: 'größer' })
    expect(bodyOf(answer)).toEqual({ received: 'größer', scope: ['data.read', 'data.write'] })
    expect(agent.consents).toHaveLength(2)
  })

  it('refreshes the token without the user once it has expired', async () => {
    const issuer = await authServer()
    const api = await resource(issuer)
    const agent = await pythonAgent({ issuer })
    await agent.fetch(`${api}/data`)
    for (const later of [700, 1400]) {
      offset = later
      expect(await agent.fetch(`${api}/data`)).toMatchObject({ status: 200 })
    }
    expect(agent.consents).toHaveLength(1)
  })

  it('acts as a delegate with an agent token', async () => {
    const issuer = await authServer()
    const api = await resource(issuer)
    const agent = await pythonAgent({ issuer, isDelegate: true })
    const answer = await agent.fetch(`${api}/data`)
    expect(bodyOf(answer)).toMatchObject({ agent: agent.id, delegate: 'laptop' })
  })

  it('runs as the example, which prints the link', async () => {
    const issuer = await authServer()
    const api = await resource(issuer)
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
    const issuer = await authServer()
    const api = await resource(issuer)
    const agent = await pythonAgent({ issuer, consent: 'deny' })
    expect(await agent.fetch(`${api}/data`)).toMatchObject({ error: 'access_denied' })
  })

  it('does not call an auth server that it does not accept', async () => {
    const issuer = await authServer()
    const api = await resource(issuer)
    const agent = await pythonAgent({ issuer, authServers: ['https://auth.example'] })
    expect(await agent.fetch(`${api}/data`)).toMatchObject({ error: 'auth_server_refused' })
    expect(agent.consents).toEqual([])
  })
})

/** Starts the example of an API. */
async function pythonResource(issuer: string): Promise<string> {
  const port = await freePort()
  const id = `http://127.0.0.1:${port}`
  const key = keyFile(await generatePrivateJwk())
  // It logs each request to stderr.
  runExample('resource.py', { API: id, API_KEY: key, AUTH_SERVER: issuer, PORT: String(port) }).stderr.resume()
  await expect.poll(async () => (await fetch(`${id}/jwks.json`).catch(() => undefined))?.status).toBe(200)
  return id
}

async function ourAgent(issuer: string, options: Partial<AgentOptions> = {}): Promise<Agent & { consents: string[] }> {
  const signer = await createSigner(await generatePrivateJwk())
  const created: Agent[] = []
  const consents: string[] = []
  await listen(async (id) => {
    const agent = createAgent({
      id,
      signer,
      authServers: [issuer],
      onConsent: async ({ url }) => {
        consents.push(url)
        void fetch(await decideAs(createScriptedUser(globalThis.fetch), url, 'grant'))
      },
      allowInsecureLoopback: true,
      ...options,
    })
    created.push(agent)
    return (request) => agent.handler(request)
  })
  const [agent] = created
  if (!agent) throw new Error('the agent was not created')
  return { ...agent, consents }
}

describe.skipIf(!runnable)('our agent, at the Python resource', () => {
  it('obtains consent through our auth server, and is then served', async () => {
    const issuer = await authServer()
    const api = await pythonResource(issuer)
    const agent = await ourAgent(issuer)
    const response = await agent.fetch(`${api}/orders?page=2`)
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('private, no-store')
    expect(await response.json()).toEqual({ agent: agent.id, user: [issuer, expect.any(String)], received: '' })
    const placed = await agent.fetch(`${api}/orders`, { method: 'POST', body: 'one book' })
    expect(await placed.json()).toMatchObject({ received: 'one book' })
    expect((await agent.fetch(`${api}/orders`)).status).toBe(200)
    expect(agent.consents).toHaveLength(2)
  })

  it('is refused without a nonce, and a copy of its request is refused', async () => {
    const issuer = await authServer()
    const api = await pythonResource(issuer)
    const sent: Request[] = []
    const record: typeof fetch = async (input, init) => {
      const request = new Request(input, init)
      sent.push(request.clone())
      return fetch(request)
    }
    const agent = await ourAgent(issuer, { fetch: record })
    expect((await agent.fetch(`${api}/orders`, { method: 'POST', body: 'one book' })).status).toBe(200)
    const last = sent.filter(({ url }) => url === `${api}/orders`).at(-1)
    if (!last) throw new Error('nothing was sent')
    const copy = await fetch(last)
    expect(copy.status).toBe(401)
    expect(await copy.json()).toMatchObject({ error: 'invalid_signature' })
    const without = await ourAgent(issuer, { interop: { nonce: 'never' } })
    const refused = await without.fetch(`${api}/orders`, { method: 'POST', body: 'one book' })
    expect(refused.headers.get('signature-error')).toBe('error=invalid_input, required_input=("nonce")')
  })

  it('receives no resource token for a request that proves nothing', async () => {
    const issuer = await authServer()
    const api = await pythonResource(issuer)
    const unsigned = await fetch(`${api}/orders`)
    expect(unsigned.status).toBe(401)
    expect(unsigned.headers.get('agent-auth')).toBe('httpsig; identity=?1')
    expect(unsigned.headers.get('signature-error')).toBe('error=invalid_signature')
  })
})
