import { createSigner, generatePrivateJwk } from 'countersign'
import { type Agent, type AgentOptions, createAgent } from 'countersign/agent'
import { afterEach, describe, expect, it } from 'vitest'
import { createScriptedUser, decideAs } from '../../packages/server/test/scripted-user.js'
import { freePort } from '../free-port.js'
import { has } from '../needs.js'
import { createLoopback } from '../peer/loopback.js'
import { startAuthServer } from './our-parties.js'
import { createPythonProcesses } from './python-processes.js'

const runnable = has('Python with cryptography')
const { listen, closeAll } = createLoopback()
const { runExample, keyFile, stopAll } = createPythonProcesses()
const now = () => Math.floor(Date.now() / 1000)

afterEach(async () => {
  await stopAll()
  await closeAll()
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
    const issuer = await startAuthServer(listen, now)
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
    const issuer = await startAuthServer(listen, now)
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
    const issuer = await startAuthServer(listen, now)
    const api = await pythonResource(issuer)
    const unsigned = await fetch(`${api}/orders`)
    expect(unsigned.status).toBe(401)
    expect(unsigned.headers.get('agent-auth')).toBe('httpsig; identity=?1')
    expect(unsigned.headers.get('signature-error')).toBe('error=invalid_signature')
  })
})
