import { AAuthError, createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { january } from 'countersign/editions'
import { createRateLimit, createResource, type ResourceOptions, type VerifyRequestOptions } from 'countersign/resource'
import { type KeyReference, type NonceClaim, receiveRequest, signRequest } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { agentDocuments, documentFetch, issuerDocuments } from '../origins.js'

const id = 'https://api.example'
const agentId = 'https://agent.example'
const authServer = 'https://auth.example'
const newSigner = async (kid = 'key-1') => createSigner(await generatePrivateJwk({ kid }))
const [resourceSigner, agentSigner, issuerSigner, delegateSigner] = await Promise.all([
  newSigner(),
  newSigner(),
  newSigner(),
  newSigner(),
])

type Level = VerifyRequestOptions<'signature' | 'identity' | 'authorization'>
interface Sent {
  signer: Signer
  signatureKey: KeyReference
  from?: string | undefined
  path?: string
  body?: string
}

function open(options: Partial<ResourceOptions> = {}) {
  const clock = { now: 1_800_000_000 }
  const now = () => clock.now
  const { fetch } = documentFetch({
    ...agentDocuments(agentId, [agentSigner.jwk]),
    ...agentDocuments(id, [resourceSigner.jwk]),
    ...issuerDocuments(authServer, [issuerSigner.jwk]),
  })
  const resource = createResource({ id, signer: resourceSigner, authServer, fetch, now, ...options })
  const sign = ({ signer, signatureKey, path = '/data', body = '{}' }: Sent) =>
    signRequest(new Request(id + path, { method: 'POST', body }), {
      profile: january.signing,
      signer,
      signatureKey,
      created: clock.now,
    })
  async function present(request: Request, from?: string, level: Level = { require: 'signature' }) {
    try {
      await resource.verify(receiveRequest(request.clone(), from), level)
      return { status: 200, error: undefined, challenge: null, retryAfter: null }
    } catch (error) {
      const response = await resource.toResponse(error)
      const { status, headers } = response
      const isJson = headers.get('content-type')?.includes('json')
      const { error: name } = isJson ? ((await response.json()) as { error?: string }) : {}
      return { status, error: name, challenge: headers.get('agent-auth'), retryAfter: headers.get('retry-after') }
    }
  }
  const send = async (sent: Sent, level?: Level) => present(await sign(sent), sent.from, level)
  const authToken = (claims: object = {}) => {
    const token = { iss: authServer, aud: id, agent: agentId, sub: 'alice', scope: 'data.read', exp: clock.now + 600 }
    return issueToken(
      january.tokens.auth,
      { ...token, cnf: { jwk: agentSigner.jwk }, ...claims },
      { signer: issuerSigner, now },
    )
  }
  return { clock, now, resource, sign, present, send, authToken }
}

const published = { scheme: 'jwks', id: agentId, kid: 'key-1', wellKnown: 'aauth-agent' } as const
const known: Sent = { signer: agentSigner, signatureKey: published }
const reading: Level = { require: 'authorization', scope: 'data.read' }

function strange(signer: Signer, from?: string): Sent {
  const { kty, crv = '', x = '' } = signer.jwk
  return { signer, signatureKey: { scheme: 'hwk', jwk: { kty, crv, x } }, from }
}

async function times(count: number, send: () => Promise<{ status: number }>): Promise<number[]> {
  const statuses: number[] = []
  for (let sent = 0; sent < count; sent++) statuses.push((await send()).status)
  return statuses
}

/** A `claimNonce` that stores nothing and records every claim. */
function noting() {
  const claims: NonceClaim[] = []
  return { claims, claimNonce: (claim: NonceClaim) => claims.push(claim) > 0 }
}

describe('a resource without its own claimNonce', () => {
  it('S41: rejects a replay at every level, with the challenge of that level', async () => {
    const { sign, present, authToken } = open()
    const jwt = { scheme: 'jwt', jwt: await authToken() } as const
    for (const [sent, level, challenge] of [
      [strange(agentSigner), { require: 'signature' }, 'httpsig'],
      [known, { require: 'identity' }, 'httpsig; identity=?1'],
      [{ signer: agentSigner, signatureKey: jwt }, reading, 'httpsig; identity=?1'],
    ] as const) {
      const request = await sign(sent)
      expect((await present(request, undefined, level)).status).toBe(200)
      expect(await present(request, undefined, level)).toMatchObject({
        status: 401,
        error: 'invalid_signature',
        challenge,
      })
    }
  })

  it('S50: stores a nonce by its own clock for as long as created is fresh', async () => {
    const { clock, sign, present } = open()
    const request = await signRequest(new Request(`${id}/data`, { method: 'POST' }), {
      profile: january.signing,
      ...strange(agentSigner),
      created: clock.now + 59,
    })
    expect((await present(request)).status).toBe(200)
    for (const seconds of [1, 60, 119]) {
      clock.now = 1_800_000_000 + seconds
      expect(await present(request)).toMatchObject({ status: 401, error: 'invalid_signature' })
    }
    expect((await present(await sign(strange(agentSigner)))).status).toBe(200)
  })

  it('counts the nonces of a key by its own clock, and names the level with a higher limit', async () => {
    const { clock, send } = open()
    const flood = strange(agentSigner, '192.0.2.1')
    expect(await times(256, () => send(flood))).toEqual(Array(256).fill(200))
    const challenge = 'httpsig; identity=?1'
    expect(await send(flood)).toEqual({ status: 429, error: 'too_many_requests', challenge, retryAfter: '60' })
    expect((await send({ ...flood, from: '198.51.100.1' })).status).toBe(429)
    expect((await send(strange(await newSigner(), '192.0.2.1'))).status).toBe(200)
    expect((await send({ ...known, from: '192.0.2.1' })).status).toBe(200)
    clock.now += 119
    expect((await send(flood)).status).toBe(429)
    clock.now += 1
    expect((await send(flood)).status).toBe(200)
  })
})

describe('a full nonce store', () => {
  it.each([
    ['of a key that proves no agent', strange(agentSigner), 'httpsig; identity=?1'],
    ['of an agent', known, null],
  ])('%s', async (_claim, sent, challenge) => {
    const claimNonce = () => {
      throw new AAuthError('too_many_requests', 'Too many.', { retryAfter: 7 })
    }
    const refused = await open({ claimNonce }).send(sent)
    expect(refused).toEqual({ status: 429, error: 'too_many_requests', challenge, retryAfter: '7' })
  })
})

describe('a nonce is claimed only if nothing else rejects the request', () => {
  it('not over the rate limit', async () => {
    const { claims, claimNonce } = noting()
    const { send } = open({ claimNonce, rateLimit: createRateLimit({ signature: 3, now: () => 0 }) })
    expect(await times(9, () => send(strange(agentSigner, '192.0.2.1')))).toEqual([
      200,
      200,
      200,
      ...Array(6).fill(429),
    ])
    expect(claims).toHaveLength(3)
  })

  it('not below the required level, and not with too narrow a scope', async () => {
    const { claims, claimNonce } = noting()
    const { send, authToken } = open({ claimNonce })
    expect((await send(strange(agentSigner), { require: 'identity' })).status).toBe(401)
    expect((await send(known, reading)).status).toBe(401)
    const signatureKey = { scheme: 'jwt', jwt: await authToken({ scope: 'data.list' }) } as const
    expect((await send({ signer: agentSigner, signatureKey }, reading)).status).toBe(403)
    const expired = { scheme: 'jwt', jwt: await authToken({ iat: 1_799_999_000, exp: 1_799_999_999 }) } as const
    expect((await send({ signer: agentSigner, signatureKey: expired }, reading)).status).toBe(401)
    expect(claims).toEqual([])
  })

  it('not while the revocation status of the token is unknown', async () => {
    const { claims, claimNonce } = noting()
    const { send, authToken } = open({ claimNonce, denyList: {} })
    const signatureKey = { scheme: 'jwt', jwt: await authToken() } as const
    // No list is published, so the status of every token is unknown.
    expect((await send({ signer: agentSigner, signatureKey }, reading)).status).toBe(503)
    expect(claims).toEqual([])
  })

  it('also at the resource token endpoint, once', async () => {
    const { claims, claimNonce } = noting()
    let wait: number | undefined = 7
    const { resource, sign } = open({ claimNonce, rateLimit: () => wait })
    const path = '/resource/token'
    const form = { path, body: 'scope=data.read' }
    const ask = async (sent: Sent) => {
      const request = await signRequest(
        new Request(id + path, { method: 'POST', body: new URLSearchParams({ scope: 'data.read' }) }),
        { profile: january.signing, ...sent, created: 1_800_000_000 },
      )
      return (await resource.handler(request)).status
    }
    expect(await ask(known)).toBe(429)
    wait = undefined
    expect(await ask(strange(agentSigner))).toBe(401)
    expect(claims).toEqual([])
    expect(await ask(known)).toBe(200)
    expect(claims).toHaveLength(1)
    expect((await resource.handler(await sign({ ...known, ...form }))).status).toBe(415)
  })

  it('S43: one of 50 concurrent copies is accepted, although all passed the limits', async () => {
    const { sign, present } = open({ rateLimit: createRateLimit({ now: () => 0 }) })
    const request = await sign(known)
    const answers = await Promise.all(Array.from({ length: 50 }, () => present(request)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })
})

describe('a nonce counts toward the signer of the request', () => {
  it('a key that proves no agent, in its network; otherwise the agent, whichever key signed', async () => {
    const { claims, claimNonce } = noting()
    const { send, authToken, now } = open({ claimNonce, ownAgent: true })
    const claimsOfToken = { iss: agentId, sub: 'laptop', exp: 1_800_000_600, cnf: { jwk: delegateSigner.jwk } }
    const agentToken = await issueToken(january.tokens.agent, claimsOfToken, { signer: agentSigner, now })
    const own = await authToken({ agent: undefined })
    for (const sent of [
      strange(agentSigner, '192.0.2.77'),
      strange(agentSigner, '2001:db8:1:2::3'),
      strange(agentSigner),
      { ...known, from: '192.0.2.77' },
      { signer: delegateSigner, signatureKey: { scheme: 'jwt', jwt: agentToken } as const },
      { signer: agentSigner, signatureKey: { scheme: 'jwt', jwt: await authToken() } as const },
      { signer: agentSigner, signatureKey: { scheme: 'jwt', jwt: own } as const },
    ])
      expect((await send(sent)).status).toBe(200)
    const { thumbprint } = agentSigner
    const unknown = { thumbprint, network: 'unknown' }
    expect(claims.map(({ source }) => source)).toEqual([
      { agent: undefined, thumbprint, network: '192.0.2' },
      { agent: undefined, thumbprint, network: '2001:db8:1' },
      { agent: undefined, ...unknown },
      { agent: agentId, thumbprint, network: '192.0.2' },
      { agent: agentId, thumbprint: delegateSigner.thumbprint, network: 'unknown' },
      { agent: agentId, ...unknown },
      { agent: id, ...unknown },
    ])
    expect(new Set(claims.map(({ lifetime }) => lifetime))).toEqual(new Set([120]))
    expect(new Set(claims.map(({ key }) => key)).size).toBe(claims.length)
  })
})
