import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { type Agent, type AgentOptions, createAgent } from 'countersign/agent'
import { createResource } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { type AuthServerOptions, createAuthServer, fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { Hono } from 'hono'
import { afterEach, describe, expect, it } from 'vitest'
import { createScriptedUser, decideAs } from '../packages/server/test/scripted-user.js'
import { freePort } from './free-port.js'
import { createLoopback } from './peer/loopback.js'
import { canRunPeer, type Peer } from './peer/start-peer.js'

const scope = 'data.read data.write'
const runnable = canRunPeer()
const { listen, start, closeAll } = createLoopback()

afterEach(closeAll)

async function ourAuthServer(options: Partial<AuthServerOptions> = {}): Promise<string> {
  return listen(async (issuer) => {
    const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
    const signer = await createSigner(await generatePrivateJwk({ kid: 'auth-key-1' }))
    const server = createAuthServer({
      issuer,
      keys: fixedKeys({ signer, secret: new Uint8Array(32).fill(7) }),
      storage,
      lifetimes: { authToken: 3600 },
      allowInsecureLoopback: true,
      ...options,
    })
    await server.addUser({ username: 'testuser', password: 'testpass' })
    return (request, received) => server.handler(request, received)
  })
}

async function ourResource(authServer: string): Promise<string> {
  return listen(async (id) => {
    const signer = await createSigner(await generatePrivateJwk({ kid: 'resource-key-1' }))
    const resource = createResource({ id, signer, authServer, allowInsecureLoopback: true })
    const app = new Hono()
    app.get('/data-auth', aauth(resource, { require: 'authorization', scope }), (c) => {
      const { agent, scope: granted } = c.var.aauth
      return c.json({ message: 'Access granted', agent, scope: granted.join(' ') })
    })
    app.all('*', (c) => resource.handler(c.req.raw))
    return async (request) => app.fetch(request)
  })
}

/** The options for a peer that supports less than the edition requires. */
const forPeers = (authServer: string, interop: AgentOptions['interop'] = {}): Partial<AgentOptions> => ({
  interop: { stateOptional: [authServer], signatureEncoding: 'base64url', nonce: 'never', ...interop },
})

async function ourAgent(
  authServer: string,
  options: Partial<AgentOptions>,
  consent: 'grant' | 'deny' = 'grant',
): Promise<{ agent: Agent; signer: Signer; callbacks: string[] }> {
  const signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
  const callbacks: string[] = []
  const created: Agent[] = []
  await listen(async (id) => {
    const agent = createAgent({
      id,
      signer,
      authServers: [authServer],
      onConsent: async ({ url }) => {
        const callback = await decideAs(createScriptedUser(globalThis.fetch), url, consent)
        callbacks.push(callback)
        void fetch(callback)
      },
      allowInsecureLoopback: true,
      ...options,
    })
    created.push(agent)
    return (request) => agent.handler(request)
  })
  const [agent] = created
  if (!agent) throw new Error('the agent was not created')
  return { agent, signer, callbacks }
}

/** The last line of a peer agent: the outcome of its flow. */
async function outcomeOf(peer: Peer): Promise<unknown> {
  await peer.ended
  return JSON.parse(peer.lines.at(-1) ?? 'null') as unknown
}

const granted = { message: 'Access granted', scope }

describe.skipIf(!runnable)('a peer in another language', () => {
  it('talks to itself (control)', async () => {
    const authServer = await start('auth-server', '--refuse-nonce', '400')
    const resource = await start('resource', '--auth-server-url', authServer.id, '--refuse-nonce', '400')
    for (const flags of [[], ['--sign-bodies']]) {
      const agent = await start('agent', '--resource-url', `${resource.id}/data-auth`, ...flags)
      expect(await outcomeOf(agent)).toMatchObject({ status: 200, body: { ...granted, agent: agent.id } })
    }
    expect([...authServer.refusals, ...resource.refusals]).toEqual([])
  })

  it('as resource and auth server, serves our agent', async () => {
    const authServer = await start('auth-server', '--refuse-nonce', '400')
    const resource = await start('resource', '--auth-server-url', authServer.id, '--refuse-nonce', '401')
    const { agent, callbacks } = await ourAgent(authServer.id, forPeers(authServer.id))
    const response = await agent.fetch(`${resource.id}/data-auth`)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({
      message: 'Access granted',
      data: 'This is protected data (authorized)',
      scheme: 'jwt',
      token_type: 'auth+jwt',
      method: 'GET',
      agent: agent.id,
      agent_delegate: null,
      scope,
    })
    expect([...new URL(callbacks[0] ?? '').searchParams.keys()]).toEqual(['code'])
    const posted = await agent.fetch(`${resource.id}/data-auth?x=1`, { method: 'POST', body: 'hello' })
    expect(posted.status).toBe(200)
    expect([...authServer.refusals, ...resource.refusals]).toEqual([])
  })

  it('as resource, serves our agent through our auth server', async () => {
    const authServer = await ourAuthServer()
    const resource = await start('resource', '--auth-server-url', authServer, '--refuse-nonce', '400')
    const { agent } = await ourAgent(authServer, forPeers(authServer))
    const response = await agent.fetch(`${resource.id}/data-auth`)
    expect(await response.json()).toMatchObject({ ...granted, agent: agent.id })
    expect(resource.refusals).toEqual([])
  })

  it('as resource, serves our agent after a restart with a new key under the old kid', async () => {
    const authServer = await ourAuthServer()
    const port = String(await freePort())
    const agents = [await ourAgent(authServer, forPeers(authServer)), await ourAgent(authServer, forPeers(authServer))]
    for (const { agent } of agents) {
      const resource = await start('resource', '--port', port, '--auth-server-url', authServer)
      const response = await agent.fetch(`${resource.id}/data-auth`)
      expect(await response.json()).toMatchObject({ ...granted, agent: agent.id })
      await resource.stop()
    }
  })

  it('as auth server, issues a token with which our agent calls our resource', async () => {
    const authServer = await start('auth-server', '--refuse-nonce', '400')
    const resource = await ourResource(authServer.id)
    const { agent } = await ourAgent(authServer.id, forPeers(authServer.id))
    const response = await agent.fetch(`${resource}/data-auth`)
    expect(await response.json()).toEqual({ ...granted, agent: agent.id })
    expect(authServer.refusals).toEqual([])
  })

  it.each([
    ['unsigned', []],
    ['signed', ['--sign-bodies']],
  ])('as agent with %s bodies, calls our resource through our auth server', async (bodies, flags) => {
    const port = await freePort()
    const agent = `http://127.0.0.1:${port}`
    // A function can accept unsigned bodies without checking the agent's name.
    const unsignedBodies = bodies === 'unsigned' ? () => true : []
    const authServer = await ourAuthServer({ interop: { redirectUrisOptional: [agent], unsignedBodies } })
    const resource = await ourResource(authServer)
    const peer = await start('agent', '--port', String(port), '--resource-url', `${resource}/data-auth`, ...flags)
    expect(await outcomeOf(peer)).toEqual({ status: 200, body: { ...granted, agent } })
  })

  it.each(['ours', 'the peer’s'])('reports that its user denied access: auth server is %s', async (whose) => {
    const port = await freePort()
    const interop = { redirectUrisOptional: [`http://127.0.0.1:${port}`], unsignedBodies: [`http://127.0.0.1:${port}`] }
    const authServer = whose === 'ours' ? await ourAuthServer({ interop }) : (await start('auth-server')).id
    const url = `${await ourResource(authServer)}/data-auth`
    const peer = await start('agent', '--port', String(port), '--resource-url', url, '--consent', 'deny')
    expect(await outcomeOf(peer)).toEqual({ error: 'nothing was allowed: access_denied' })
    expect(await peer.ended).toBe(1)
  })

  it('as auth server, reports to our agent that the user denied access', async () => {
    const authServer = await start('auth-server')
    const { agent } = await ourAgent(authServer.id, forPeers(authServer.id), 'deny')
    const resource = await ourResource(authServer.id)
    await expect(agent.fetch(`${resource}/data-auth`)).rejects.toMatchObject({ code: 'access_denied' })
  })
})

describe.skipIf(!runnable)('without the interop options, each side rejects the other', () => {
  it('the peer rejects base64', async () => {
    const authServer = await start('auth-server')
    const resource = await start('resource', '--auth-server-url', authServer.id)
    const { agent } = await ourAgent(authServer.id, forPeers(authServer.id, { signatureEncoding: 'base64' }))
    const response = await agent.fetch(`${resource.id}/data-auth`)
    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({
      error: 'invalid_signature',
      error_description: expect.stringContaining('base64url'),
    })
  })

  it('the peer rejects a nonce', async () => {
    const authServer = await start('auth-server', '--refuse-nonce', '400')
    const { agent } = await ourAgent(authServer.id, forPeers(authServer.id, { nonce: 'automatic' }))
    const resource = await ourResource(authServer.id)
    await expect(agent.fetch(`${resource}/data-auth`)).rejects.toMatchObject({
      code: 'token_request_failed',
      error: 'invalid_request',
      message: expect.stringContaining('Nonce'),
    })
  })

  it.each(['no auth server', 'another auth server'])(
    'our agent rejects a callback without state if stateOptional names %s',
    async (named) => {
      const authServer = await start('auth-server')
      const resource = await ourResource(authServer.id)
      const abort = new AbortController()
      const answers: Response[] = []
      const { agent } = await ourAgent(authServer.id, {
        ...forPeers(authServer.id, { stateOptional: named === 'no auth server' ? [] : ['http://127.0.0.1:1'] }),
        onConsent: async ({ url }) => {
          answers.push(await fetch(await decideAs(createScriptedUser(globalThis.fetch), url, 'grant')))
          abort.abort(new Error('given up'))
        },
      })
      await expect(agent.fetch(`${resource}/data-auth`, { signal: abort.signal })).rejects.toThrow('given up')
      expect(answers.map(({ status }) => status)).toEqual([400])
    },
  )

  const other = ['http://127.0.0.1:1']
  it.each<[string, string[], AuthServerOptions['interop'] | undefined, RegExp]>([
    ['an unsigned body', [], undefined, /401 .*"invalid_signature"/],
    ['an unsigned body, if another agent is named', [], { unsignedBodies: other }, /401 .*"invalid_signature"/],
    ['an unlisted redirect URI', ['--sign-bodies'], undefined, /400 .*"invalid_request".*redirect_uri/],
    [
      'an unlisted redirect URI, if another agent is named',
      ['--sign-bodies'],
      { redirectUrisOptional: other },
      /400 .*"invalid_request".*redirect_uri/,
    ],
  ])('our auth server rejects %s', async (_what, flags, interop, answer) => {
    const authServer = await ourAuthServer(interop ? { interop } : {})
    const url = `${await ourResource(authServer)}/data-auth`
    const peer = await start('agent', '--resource-url', url, ...flags)
    expect(await outcomeOf(peer)).toEqual({ error: expect.stringMatching(answer) })
    expect(await peer.ended).toBe(1)
  })
})
