import { createRateLimit, memoryDelegates } from 'countersign/agent-server'
import { january } from 'countersign/editions'
import { createMemoryNonces, createResource } from 'countersign/resource'
import { receiveRequest, signRequest } from 'countersign/signatures'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import {
  type AgentServerStage,
  api,
  codeOf,
  id,
  keyInHeader,
  newSigner,
  openAgentServer,
  signForm,
} from './agent-server-stage.js'

const own = await newSigner()
const other = await newSigner()

/** Sends a signed form. */
const post = async (
  stage: AgentServerStage,
  ...form: Parameters<typeof signForm> extends [unknown, ...infer F] ? F : never
) => stage.server.handler(await signForm(stage, ...form))

const enrollAs = async (stage: AgentServerStage, name: string, signer = own) =>
  post(stage, '/delegates', { credential: name }, signer)

const renewFor = async (stage: AgentServerStage, audience = api, signer = own) =>
  post(stage, '/delegates/token', { audience }, signer)

const tokenIn = async (response: Response) => ((await response.json()) as { agent_token: string }).agent_token

/** The response of a resource to a request with an agent token. */
async function callWith(stage: AgentServerStage, jwt: string, resourceId = api, signer = own): Promise<Response> {
  const resource = createResource({ id: resourceId, ...stage.world.forResource })
  const request = await signRequest(new Request(`${resourceId}/data`), {
    signer,
    profile: january.signing,
    signatureKey: { scheme: 'jwt', jwt },
    created: stage.world.now(),
  })
  try {
    const { agent, delegate } = await resource.verify(request, { require: 'identity' })
    return Response.json({ agent, delegate })
  } catch (error) {
    return resource.toResponse(error)
  }
}

it('publishes the agent’s document and keys, and nothing else', async () => {
  const previous = await newSigner()
  const { server, signer } = await openAgentServer({ otherKeys: [previous.jwk], about: { name: 'Planner' } })
  const get = async (path: string) => server.handler(new Request(id + path))
  expect(await (await get('/.well-known/aauth-agent')).json()).toEqual({
    agent: id,
    jwks_uri: `${id}/jwks.json`,
    redirect_uris: ['http://127.0.0.1/callback'],
    name: 'Planner',
  })
  expect(await (await get('/jwks.json')).json()).toEqual({ keys: [signer.jwk, previous.jwk] })
  expect((await get('/delegates')).status).toBe(405)
  expect((await get('/delegates')).headers.get('allow')).toBe('POST')
  expect((await get('/elsewhere')).status).toBe(404)
})

it('issues a token for one installation, its key and one recipient, for an hour', async () => {
  const stage = await openAgentServer()
  const enrolled = await enrollAs(stage, 'laptop-7')
  expect([enrolled.status, await enrolled.json()]).toEqual([201, { name: 'laptop-7' }])
  const renewed = await renewFor(stage)
  expect(renewed.headers.get('cache-control')).toBe('no-store')
  const { agent_token: jwt, ...rest } = (await renewed.json()) as { agent_token: string }
  expect(rest).toEqual({ expires_in: 3600, name: 'laptop-7' })
  const { kty, crv, x } = own.jwk
  expect(decodeToken(jwt)?.payload).toMatchObject({
    iss: id,
    sub: 'laptop-7',
    aud: api,
    exp: stage.world.now() + 3600,
    cnf: { jwk: { kty, crv, x } },
  })
  expect(await (await callWith(stage, jwt)).json()).toEqual({ agent: id, delegate: 'laptop-7' })
  stage.world.advance(3600)
  expect(await codeOf(await callWith(stage, jwt))).toEqual([401, 'expired_agent_token'])
})

it('gives the vendor’s check the key, the credential, the headers and the address', async () => {
  const stage = await openAgentServer()
  const request = await signForm(stage, '/delegates', { credential: 'laptop-7' }, own)
  request.headers.set('cookie', 'session=1')
  await stage.server.handler(request, receiveRequest(request, '192.0.2.7'))
  const [{ headers, ...seen }] = stage.checked as [(typeof stage.checked)[0]]
  expect(seen).toMatchObject({ credential: 'laptop-7', thumbprint: own.thumbprint, remoteAddress: '192.0.2.7' })
  expect(headers.get('cookie')).toBe('session=1')
})

describe('refuses', () => {
  it('an installation that the vendor does not recognize', async () => {
    const stage = await openAgentServer()
    expect(await codeOf(await post(stage, '/delegates', {}, own))).toEqual([403, 'enrollment_denied'])
    expect(await codeOf(await renewFor(stage))).toEqual([403, 'unknown_delegate'])
    expect(await stage.server.list()).toEqual([])
  })

  it('a name that the vendor must not use, as the vendor’s mistake', async () => {
    for (const name of ['', ' laptop', 'laptop\n7', 'Zoë', 'x'.repeat(256)]) {
      const stage = await openAgentServer({ enroll: () => ({ name }) })
      await expect(enrollAs(stage, 'any')).rejects.toThrow('must be 1 to 255 printable ASCII characters')
      expect(await stage.server.list()).toEqual([])
    }
  })

  it('an enrollment and a renewal with someone else’s key (T25)', async () => {
    const stage = await openAgentServer()
    await enrollAs(stage, 'laptop-7')
    const signatureKey = keyInHeader(own)
    for (const [path, form] of [
      ['/delegates', { credential: 'laptop-8' }],
      ['/delegates/token', { audience: api }],
    ] as const)
      expect(await codeOf(await post(stage, path, form, other, { signatureKey }))).toEqual([401, 'invalid_signature'])
    expect(stage.checked).toHaveLength(1)
  })

  it('a key that a standard prints', async () => {
    const stage = await openAgentServer()
    // RFC 9421 B.1.4
    const printed = { kty: 'OKP', crv: 'Ed25519', x: 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs' }
    const response = await post(stage, '/delegates', { credential: 'a' }, own, {
      signatureKey: { scheme: 'hwk', jwk: printed },
    })
    expect([response.status, await response.text()]).toEqual([401, expect.stringContaining('example in RFC 9421')])
  })

  it('a request that names its key in any other way, even with the delegate’s own agent token (T26)', async () => {
    const stage = await openAgentServer()
    await enrollAs(stage, 'laptop-7')
    const jwt = await tokenIn(await renewFor(stage, id))
    const form = { audience: api }
    for (const signatureKey of [
      { scheme: 'jwt', jwt },
      { scheme: 'jwks', id, kid: stage.signer.kid, wellKnown: 'aauth-agent' },
    ] as const)
      expect(await codeOf(await post(stage, '/delegates/token', form, own, { signatureKey }))).toEqual([
        401,
        'invalid_request',
      ])
  })

  it('a key that is not enrolled, even the agent server’s own: its signature alone confers nothing (T26)', async () => {
    const stage = await openAgentServer()
    expect(await codeOf(await renewFor(stage, api, stage.signer))).toEqual([403, 'unknown_delegate'])
  })

  it('a request without a nonce, and one with a body that was changed', async () => {
    const stage = await openAgentServer()
    const bare = await post(stage, '/delegates', { credential: 'a' }, own, { nonce: 'never' })
    expect([bare.status, bare.headers.get('signature-error')]).toEqual([401, expect.stringContaining('"nonce"')])
    const signed = await signForm(stage, '/delegates', { credential: 'a' }, own)
    const { method, headers } = signed
    const changed = new Request(signed.url, { method, headers, body: 'credential=b' })
    expect(await codeOf(await stage.server.handler(changed))).toEqual([401, 'invalid_signature'])
    expect(stage.checked).toEqual([])
  })

  it('a replayed enrollment, before it reaches the vendor’s check (T27)', async () => {
    const stage = await openAgentServer()
    const request = await signForm(stage, '/delegates', { credential: 'laptop-7' }, own)
    expect((await stage.server.handler(request.clone())).status).toBe(201)
    await stage.server.remove('laptop-7')
    expect(await codeOf(await stage.server.handler(request.clone()))).toEqual([401, 'invalid_signature'])
    expect([stage.checked.length, await stage.server.list()]).toEqual([1, []])
  })

  it('a signed enrollment at the path of another one', async () => {
    const stage = await openAgentServer()
    const { headers } = await signForm(stage, '/delegates/token', { credential: 'a' }, own)
    const moved = new Request(`${id}/delegates`, { method: 'POST', headers, body: 'credential=a' })
    expect(await codeOf(await stage.server.handler(moved))).toEqual([401, 'invalid_signature'])
  })

  it('a request of an installation whose clock is wrong (T31)', async () => {
    const stage = await openAgentServer()
    for (const offset of [-120, 120]) {
      const created = stage.world.now() + offset
      const response = await post(stage, '/delegates', { credential: 'a' }, own, { created })
      expect([response.status, await response.text()]).toEqual([401, expect.stringContaining('clock')])
    }
  })

  it('a renewal after revocation, and enrollment of the revoked name with any key (T28)', async () => {
    const stage = await openAgentServer({ enroll: ({ credential = '' }) => ({ name: credential, replace: true }) })
    await enrollAs(stage, 'laptop-7')
    expect((await renewFor(stage)).status).toBe(200)
    expect(await stage.server.revoke('laptop-7'), 'January 2026 has no revocations to report').toEqual([])
    expect(await codeOf(await renewFor(stage))).toEqual([403, 'revoked_delegate'])
    for (const signer of [own, other])
      expect(await codeOf(await enrollAs(stage, 'laptop-7', signer))).toEqual([403, 'revoked_delegate'])
    expect(await codeOf(await enrollAs(stage, 'laptop-8'))).toEqual([409, 'key_taken'])
    expect(await stage.server.list()).toMatchObject([{ name: 'laptop-7', revokedAt: stage.world.now() }])
    expect(await stage.server.revoke('laptop-9')).toBeUndefined()
  })

  it('a renewal that was revoked while it was being handled (T28)', async () => {
    const delegates = memoryDelegates()
    const stage = await openAgentServer({
      delegates,
      audiences: async () => {
        await delegates.revoke('laptop-7', 1)
        return true
      },
    })
    await enrollAs(stage, 'laptop-7')
    expect(await codeOf(await renewFor(stage))).toEqual([403, 'revoked_delegate'])
  })

  it('a second installation with the same name, unless the vendor vouches that it is the same (T29)', async () => {
    let replace = false
    const stage = await openAgentServer({ enroll: ({ credential = '' }) => ({ name: credential, replace }) })
    await enrollAs(stage, 'laptop')
    expect(await codeOf(await enrollAs(stage, 'laptop', other))).toEqual([409, 'name_taken'])
    expect(await codeOf(await renewFor(stage, api, other))).toEqual([403, 'unknown_delegate'])
    replace = true
    expect((await enrollAs(stage, 'laptop', other)).status).toBe(201)
    expect(await codeOf(await renewFor(stage))).toEqual([403, 'unknown_delegate'])
    expect((await renewFor(stage, api, other)).status).toBe(200)
  })

  it('a token for another recipient, or with another key (T30)', async () => {
    const stage = await openAgentServer()
    await enrollAs(stage, 'laptop-7')
    const jwt = await tokenIn(await renewFor(stage))
    expect(await codeOf(await callWith(stage, jwt, 'https://elsewhere.test'))).toEqual([401, 'invalid_agent_token'])
    expect(await codeOf(await callWith(stage, jwt, api, other))).toEqual([401, 'invalid_signature'])
  })

  it('a recipient that is missing, malformed or not in the list', async () => {
    const stage = await openAgentServer({ audiences: [api] })
    await enrollAs(stage, 'laptop-7')
    expect(await codeOf(await post(stage, '/delegates/token', {}, own))).toEqual([400, 'invalid_request'])
    for (const audience of [`${api}/`, 'api.test', `${api} ${id}`, 'http://127.0.0.1:8080'])
      expect(await codeOf(await renewFor(stage, audience))).toEqual([400, 'invalid_request'])
    expect(await codeOf(await renewFor(stage, 'https://elsewhere.test'))).toEqual([403, 'audience_denied'])
    expect((await renewFor(stage)).status).toBe(200)
  })

  it.each([undefined, null, false])('a recipient for which audiences returns %s', async (allowed) => {
    const stage = await openAgentServer({ audiences: () => allowed as boolean })
    await enrollAs(stage, 'laptop-7')
    expect(await codeOf(await renewFor(stage))).toEqual([403, 'audience_denied'])
  })

  it('a body that is not a form, or is too large', async () => {
    const stage = await openAgentServer()
    const json = new Request(`${id}/delegates`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    const signing = {
      signer: own,
      profile: january.signing,
      signatureKey: keyInHeader(own),
      created: stage.world.now(),
    }
    expect((await stage.server.handler(await signRequest(json, signing))).status).toBe(415)
    const large = await enrollAs(stage, 'x'.repeat(70_000))
    expect(large.status).toBe(413)
  })
})

describe('limits', () => {
  const from = async (stage: AgentServerStage, address: string, name: string) => {
    const request = await signForm(stage, '/delegates', { credential: name }, await newSigner())
    return stage.server.handler(request, receiveRequest(request, address))
  }

  it('enrollments from one network, without keeping out another (T32)', async () => {
    const stage = await openAgentServer({ rateLimit: createRateLimit({ address: 3, now: () => 1_800_000_000 }) })
    for (const name of ['a', 'b', 'c']) expect((await from(stage, '192.0.2.7', name)).status).toBe(201)
    const refused = await from(stage, '192.0.2.7', 'd')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60'])
    expect((await from(stage, '198.51.100.7', 'd')).status).toBe(201)
    expect(stage.checked).toHaveLength(4)
  })

  it('renewals of each installation, whatever its network', async () => {
    const rateLimit = createRateLimit({ identity: 2, address: 3, now: () => 1_800_000_000 })
    const stage = await openAgentServer({ rateLimit })
    await enrollAs(stage, 'laptop-7')
    await enrollAs(stage, 'laptop-8', other)
    for (const status of [200, 200, 429]) expect((await renewFor(stage)).status).toBe(status)
    for (const status of [200, 200, 429]) expect((await renewFor(stage, api, other)).status).toBe(status)
  })

  it('nonces of keys that are not enrolled, without keeping out installations', async () => {
    const claimNonce = createMemoryNonces({ perNetwork: 1, now: () => 1_800_000_000 })
    const stage = await openAgentServer({ claimNonce })
    await enrollAs(stage, 'laptop-7')
    expect((await enrollAs(stage, 'laptop-8', other)).status).toBe(429)
    for (const status of [200, 200]) expect((await renewFor(stage)).status).toBe(status)
  })
})

it('lists installations in pages', async () => {
  const stage = await openAgentServer()
  await enrollAs(stage, 'laptop-7')
  await enrollAs(stage, 'laptop-8', other)
  const [first, ...more] = await stage.server.list({ limit: 1 })
  expect([first?.name, more]).toEqual(['laptop-7', []])
  expect(await stage.server.list({ after: first?.name })).toMatchObject([{ name: 'laptop-8', renewedAt: undefined }])
  for (const limit of [0, -1, 1.5]) await expect(stage.server.list({ limit })).rejects.toThrow('limit must be')
})

it('reports requests and refusals', async () => {
  const events: object[] = []
  const stage = await openAgentServer({ onEvent: (event) => void events.push(event) })
  await enrollAs(stage, 'laptop-7')
  await renewFor(stage, api, other)
  await enrollAs(stage, 'laptop-7', other)
  await stage.server.handler(new Request(`${id}/any/thing`))
  expect(events).toMatchObject([
    { kind: 'request', role: 'agent', route: '/delegates', outcome: 'ok', status: 201 },
    { kind: 'refusal', code: 'unknown_delegate', status: 403, reason: 'This key is not enrolled' },
    { kind: 'request', route: '/delegates/token', outcome: 'unknown_delegate', status: 403 },
    { kind: 'refusal', code: 'name_taken', delegate: 'laptop-7' },
    { kind: 'request', outcome: 'name_taken', status: 409 },
    { kind: 'refusal', code: 'not_found' },
    { kind: 'request', route: 'none', outcome: 'not_found', status: 404 },
  ])
})

it.each([
  [{ id: 'https://agent.test/' }, 'remove the trailing slash'],
  [{ lifetime: 86_400 }, 'lifetime must be from 60 to 82800 seconds'],
  [{ lifetime: 0 }, 'lifetime must be'],
  [{ delegates: undefined }, 'delegates is required'],
  [{ enroll: undefined }, 'enroll is required'],
  [{ redirectUris: 'http://127.0.0.1/callback' }, 'redirectUris must be a list'],
  [{ redirectUris: ['javascript:alert(1)'] }, 'redirectUri must be a URL'],
  [{ audiences: 'https://api.test' }, 'audiences must be a list'],
  [{ audiences: ['https://api.test/'] }, 'audiences must contain identifiers'],
  [{ otherKeys: [{ kty: 'OKP', d: 'x' }] }, 'otherKeys contains a private key'],
  [{ lifeTime: 60 }, 'did you mean lifetime?'],
])('refuses invalid options: %o', async (options, message) => {
  await expect(openAgentServer(options as object)).rejects.toThrow(message)
})
