import { january } from 'countersign/editions'
import { importVerificationKey, receiveRequest, signRequest } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { createAuthServer, fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { createParty, newSigner } from './attacks/party.js'
import { keepRefusals, type ToldRefusal } from './told-refusals.js'

const issuer = 'https://auth.example'

/** A server that fetches at most this many documents a minute on behalf of one address, with an agent and a resource. */
async function openBusy(fetchesPerSource: number) {
  const clock = { now: 1_800_000_000 }
  const [agent, resource] = await Promise.all([
    createParty('agent', 'https://agent.example', { redirect_uris: ['https://agent.example/callback'] }),
    createParty('resource', 'https://api.example', {}),
  ])
  const storage = sqliteStorage(':memory:', { sweepInterval: 0, now: () => clock.now })
  onTestFinished(() => storage.close())
  const told: ToldRefusal[] = []
  const server = createAuthServer({
    issuer,
    keys: fixedKeys({ signer: await newSigner(), secret: new Uint8Array(32).fill(7) }),
    storage,
    now: () => clock.now,
    fetch: (url) => (url.startsWith(agent.id) ? agent : resource).handler(new Request(url)),
    discovery: { failureTime: 'shortest', fetchesPerSource },
    onEvent: keepRefusals(told),
  })
  const audit = () => storage.listEvents({ event: 'agent.refused' })
  async function ask(): Promise<Response> {
    const claims = { iss: resource.id, aud: issuer, agent: agent.id, agent_jkt: agent.signer.thumbprint, scope: 'read' }
    const token = await issueToken(
      january.tokens.resource,
      { ...claims, exp: clock.now + 60 },
      { signer: resource.signer },
    )
    const form = { request_type: 'auth', resource_token: token, redirect_uri: `${agent.id}/callback` }
    const request = new Request(`${issuer}/agent/token`, { method: 'POST', body: new URLSearchParams(form) })
    const signatureKey = { scheme: 'jwks', id: agent.id, kid: agent.signer.kid, wellKnown: 'aauth-agent' } as const
    const signed = await signRequest(request, {
      profile: january.signing,
      signer: agent.signer,
      signatureKey,
      created: clock.now,
    })
    return server.handler(signed, receiveRequest(signed, '192.0.2.1'))
  }
  return { ask, told, audit, clock }
}

it.each([
  [0, 'the signature’s key'],
  [1, 'the keys that the agent’s document names'],
  [2, 'the resource token’s key'],
  [3, 'the resource’s keys'],
])('with a limit of %i documents, a request gets a retry response instead of an error: %s', async (most) => {
  const { ask, told, audit, clock } = await openBusy(most)
  const response = await ask()
  expect(response.status).toBe(429)
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await response.json()).toMatchObject({ error: 'too_many_requests' })
  expect(told).toMatchObject([{ status: 429, code: 'too_many_requests', agent: 'https://agent.example' }])
  expect(told[0]?.lookup).toBeUndefined()
  expect(await audit()).toEqual([])
  if (most < 2) return
  clock.now += 61
  expect((await ask()).status).toBe(200)
})

it.each([
  [0, { status: 429, error: 'too_many_requests', error_description: 'Too many documents are being fetched.' }],
  [
    9,
    {
      status: 401,
      error: 'invalid_signature',
      error_description:
        'No usable key was found at the location in the signature: check what is published there with countersign discover.',
    },
  ],
])('refuses an agent with a certificate while its document cannot be fetched: limit %i', async (most, expected) => {
  const id = 'https://agent.example'
  const signer = await newSigner()
  const key = await importVerificationKey(signer.jwk)
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  onTestFinished(() => storage.close())
  const server = createAuthServer({
    issuer,
    keys: fixedKeys({ signer: await newSigner(), secret: new Uint8Array(32).fill(7) }),
    storage,
    certificates: async () => ({ found: { key, agent: id } }),
    fetch: async () => new Response(null, { status: 404 }),
    discovery: { fetchesPerSource: most, failureTime: 'shortest' },
  })
  const form = { request_type: 'auth', scope: 'read', redirect_uri: `${id}/callback` }
  const request = new Request(`${issuer}/agent/token`, { method: 'POST', body: new URLSearchParams(form) })
  const signatureKey = { scheme: 'x509', x5u: `${id}/agent.pem`, x5t: 'x'.repeat(43) } as const
  const signed = await signRequest(request, { profile: january.signing, signer, signatureKey })
  const response = await server.handler(signed, receiveRequest(signed, '192.0.2.1'))
  expect({ status: response.status, ...((await response.json()) as object) }).toEqual(expected)
})
