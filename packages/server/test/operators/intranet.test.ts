import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { january } from 'countersign/editions'
import { createGuardedFetch } from 'countersign/node'
import type { ResourceOptions } from 'countersign/resource'
import { type KeyReference, signRequest } from 'countersign/signatures'
import { expect, it, onTestFinished } from 'vitest'
import { inNetworkNamespace, startInside } from '../../../countersign/test/network-namespace.js'
import { agentDocuments } from '../../../countersign/test/origins.js'
import { startInsideAgent, startInsideResource } from './inside-parties.js'
import { createOperatorStage } from './operator-stage.js'

const hosts = {
  'auth.corp.example': '10.77.0.1',
  'agent.corp.example': '10.77.0.2',
  'api.corp.example': '10.77.0.3',
  // In the allowed network, by a name that is not allowed.
  'other.corp.example': '10.77.0.4',
  // Allowed names in the allowed network, whose owner is hostile.
  'evil-1.corp.example': '10.77.0.5',
  'evil-2.corp.example': '10.77.0.5',
  'evil-3.corp.example': '10.77.0.5',
  'evil-4.corp.example': '10.77.0.5',
  'evil-5.corp.example': '10.77.0.5',
  // Allowed names in other networks.
  'far.corp.example': '10.88.0.1',
  'meta.corp.example': '169.254.169.254',
} as const

const issuer = 'https://auth.corp.example'
const agentId = 'https://agent.corp.example'
const api = 'https://api.corp.example'
const person = { username: 'alice', password: 'a password of alice' }

const named = ['agent', 'api', 'evil-1', 'evil-2', 'evil-3', 'evil-4', 'evil-5', 'far', 'meta'].map(
  (name) => `${name}.corp.example`,
)
const allowNetworks = [{ cidr: '10.77.0.0/24', hosts: named, ports: [443] }]
const signerOf = async (kid: string) => createSigner(await generatePrivateJwk({ kid }))

/** TLS in front of the auth server, as an operator configures it. */
function passOn(origin: string) {
  return (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { method = 'GET', url = '/', headers } = incoming
    const passed = httpRequest(new URL(origin), { method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  }
}

/** An auth server on an intranet, started through its command. */
async function startAuthServer(settings: object = {}) {
  const stage = await createOperatorStage({
    issuer,
    allowInsecureLoopback: false,
    trustProxy: ['127.0.0.1'],
    allowNetworks,
    // The duration of a refusal is not tested here.
    discovery: { failureTime: 'shortest' },
    ...settings,
  })
  const instance = await stage.serve()
  const added = await stage.run('server users add alice --password-stdin', { input: `${person.password}\n` })
  expect(added).toMatchObject({ status: 0 })
  return startInside(hosts['auth.corp.example'], passOn(instance.origin))
}

const startResource = (options: Partial<ResourceOptions> = {}) =>
  startInsideResource({ id: api, address: hosts['api.corp.example'], issuer, agents: 'agent.corp.example', options })
const startAgent = () => startInsideAgent({ id: agentId, address: hosts['agent.corp.example'], issuer, person })

/** A server that publishes an agent, or any documents. */
const publishing =
  (documents: Readonly<Record<string, object>>) => (request: IncomingMessage, response: ServerResponse) => {
    const document = documents[`https://${request.headers.host}${request.url}`]
    response.writeHead(document ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(document))
  }

/** Requests a token from the auth server, with a key that is looked up according to `signatureKey`. */
async function askForToken(signer: Signer, signatureKey: KeyReference) {
  const body = 'request_type=auth&scope=openid&redirect_uri=https%3A%2F%2Fa.example%2Fcb'
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const request = new Request(`${issuer}/agent/token`, { method: 'POST', headers, body })
  const response = await fetch(await signRequest(request, { profile: january.signing, signer, signatureKey }))
  return { status: response.status, error: response.headers.get('signature-error') }
}

inNetworkNamespace(import.meta.url, hosts, () => {
  it('countersign server start, a resource and an agent on an intranet complete a flow from nothing to an allowed response', async () => {
    const auth = await startAuthServer()
    await startResource()
    const { agent, asked } = await startAgent()
    const response = await agent.fetch(`${api}/data-auth`)
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 200,
      body: { agent: agentId },
    })
    expect(asked).toHaveLength(1)
    // By the resource, which may connect because this is its auth server.
    expect(auth.asked).toContain('auth.corp.example /.well-known/aauth-revocations')
  })

  it('without allowNetworks, the same auth server fetches from no one', async () => {
    await startAuthServer({ allowNetworks: [] })
    const { server } = await startAgent()
    const signer = await signerOf('agent-1')
    const signatureKey = { scheme: 'jwks', id: agentId, kid: 'agent-1', wellKnown: 'aauth-agent' } as const
    expect(await askForToken(signer, signatureKey)).toEqual({ status: 401, error: 'error=unknown_key' })
    expect(server.connections()).toBe(0)
  })

  it('strangers reach no other host, network or port through it, whatever they name and publish', async () => {
    await startAuthServer()
    const signer = await signerOf('key-1')
    const canaries = await Promise.all([
      startInside(hosts['other.corp.example'], publishing(agentDocuments('https://other.corp.example', [signer.jwk]))),
      startInside(hosts['far.corp.example'], publishing(agentDocuments('https://far.corp.example', [signer.jwk]))),
      startInside(hosts['meta.corp.example'], publishing(agentDocuments('https://meta.corp.example', [signer.jwk]))),
      startInside(
        hosts['agent.corp.example'],
        publishing(agentDocuments('https://agent.corp.example:8443', [signer.jwk])),
        8443,
      ),
    ])
    const named = (id: string): KeyReference => ({ scheme: 'jwks', id, kid: 'key-1', wellKnown: 'aauth-agent' })
    const refused = { status: 401, error: 'error=unknown_key' }
    const ids = ['other.corp.example', 'far.corp.example', 'meta.corp.example', 'agent.corp.example:8443']
    const outcomes = await Promise.all(ids.map((host) => askForToken(signer, named(`https://${host}`))))
    expect(outcomes).toEqual(ids.map(() => refused))
    expect(canaries.map(({ connections }) => connections())).toEqual([0, 0, 0, 0])
  })

  it('hostile agents in the allowed network cannot redirect it through their documents', async () => {
    const auth = await startAuthServer()
    const signer = await signerOf('key-1')
    const jwksUris = {
      'https://evil-1.corp.example': 'https://other.corp.example/jwks.json',
      'https://evil-2.corp.example': `${issuer}/jwks.json`,
      'https://evil-3.corp.example': 'https://evil-3.corp.example:8443/jwks.json',
      'https://evil-4.corp.example': 'https://evil-4.corp.example/redirect',
      // Control: this agent’s keys are at an allowed address.
      'https://evil-5.corp.example': 'https://evil-5.corp.example/jwks.json',
    }
    const evil = publishing({
      ...Object.fromEntries(
        Object.entries(jwksUris).map(([agent, jwksUri]) => [
          `${agent}/.well-known/aauth-agent`,
          { agent, jwks_uri: jwksUri },
        ]),
      ),
      'https://evil-5.corp.example/jwks.json': { keys: [signer.jwk] },
    })
    const keys = publishing(Object.fromEntries(Object.values(jwksUris).map((url) => [url, { keys: [signer.jwk] }])))
    const server = await startInside(hosts['evil-1.corp.example'], (request, response) => {
      if (request.url !== '/redirect') evil(request, response)
      else response.writeHead(302, { location: 'https://other.corp.example/jwks.json' }).end()
    })
    const other = await startInside(hosts['other.corp.example'], keys)
    const port = await startInside(hosts['evil-3.corp.example'], keys, 8443)
    const ask = (id: string) => askForToken(signer, { scheme: 'jwks', id, kid: 'key-1', wellKnown: 'aauth-agent' })
    const [first = '', ...rest] = Object.keys(jwksUris).toReversed()
    expect(await ask(first)).toEqual({ status: 400, error: null })
    const refused = { status: 401, error: 'error=unknown_key' }
    expect(await Promise.all(rest.map(ask))).toEqual([refused, refused, refused, refused])
    // The control’s document is fetched again, since it does not list the redirect URI.
    expect(server.asked.filter((asked) => asked.endsWith('/.well-known/aauth-agent'))).toHaveLength(6)
    expect([other.connections(), port.connections()]).toEqual([0, 0])
    expect(auth.asked.filter((asked) => asked.endsWith('/jwks.json'))).toEqual([])
  })

  it('a stranger that names the resource’s private auth server does not cause a fetch from it', async () => {
    const auth = await startInside(hosts['auth.corp.example'], publishing({}))
    await startResource()
    const signer = await signerOf('key-1')
    const keys: KeyReference[] = [
      { scheme: 'jwks', id: issuer, kid: 'key-1', wellKnown: 'aauth-agent' },
      { scheme: 'jwks', id: issuer, kid: 'key-1', wellKnown: 'aauth-resource' },
      { scheme: 'jwks', jwksUri: `${issuer}/jwks.json`, kid: 'key-1' },
    ]
    for (const signatureKey of keys) {
      const response = await fetch(
        await signRequest(new Request(`${api}/data`), { profile: january.signing, signer, signatureKey }),
      )
      expect(response.status).toBe(401)
      expect(response.headers.get('signature-error')).toBe('error=unknown_key')
    }
    expect(auth.connections()).toBe(0)
  })

  it('countersign server start uses its proxy for external hosts, and for nothing else', async () => {
    const connects: (string | undefined)[] = []
    const proxy = createServer().on('connect', (request: IncomingMessage, socket: Duplex) => {
      connects.push(request.url)
      socket.end('HTTP/1.1 502 Bad gateway\r\n\r\n')
    })
    await new Promise<void>((resolve) => proxy.listen(3128, '127.0.0.1', resolve))
    onTestFinished(() => void proxy.close())
    await startAuthServer({ egressProxy: 'http://127.0.0.1:3128' })
    const signer = await signerOf('agent-1')
    const ask = (id: string) => askForToken(signer, { scheme: 'jwks', id, kid: 'agent-1', wellKnown: 'aauth-agent' })
    const refused = { status: 401, error: 'error=unknown_key' }
    expect(await ask('https://outside.example')).toEqual(refused)
    expect(await ask('https://other.corp.example')).toEqual(refused)
    const { server } = await startAgent()
    await ask(agentId)
    expect(server.asked).toContain('agent.corp.example /.well-known/aauth-agent')
    expect(connects).toEqual(['outside.example:443'])
  })

  it('an allowed host is connected to at its own address, and others are not, although they would respond', async () => {
    const answer = (_request: IncomingMessage, response: ServerResponse) => void response.end('{}')
    const [agent, other, meta] = await Promise.all([
      startInside(hosts['agent.corp.example'], answer),
      startInside(hosts['other.corp.example'], answer),
      startInside(hosts['meta.corp.example'], answer),
    ])
    const guarded = createGuardedFetch({ allowNetworks })
    expect((await guarded(`${agentId}/`)).status).toBe(200)
    for (const host of ['other.corp.example', 'meta.corp.example', 'localhost'])
      await expect(guarded(`https://${host}/`)).rejects.toMatchObject({ code: 'EREFUSED' })
    for (const url of ['https://10.77.0.2/', 'http://agent.corp.example:443/', 'https://agent.corp.example:444/'])
      await expect(guarded(url)).rejects.toMatchObject({ code: 'EREFUSED' })
    // Each of them would have responded: only the guard prevented it.
    expect((await fetch('https://other.corp.example/')).status).toBe(200)
    expect((await fetch('https://meta.corp.example/')).status).toBe(200)
    expect([agent, other, meta].map(({ connections }) => connections())).toEqual([1, 1, 1])
  })
})
