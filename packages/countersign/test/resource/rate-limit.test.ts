import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { january } from 'countersign/editions'
import {
  type CountedRequest,
  createRateLimit,
  createResource,
  type RateLimit,
  type Requirement,
} from 'countersign/resource'
import { type KeyReference, receiveRequest, signRequest } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { describe, expect, it, vi } from 'vitest'
import { agentDocuments, documentFetch, issuerDocuments } from '../origins.js'

const id = 'https://api.example'
const agentId = 'https://agent.example'
const authServer = 'https://auth.example'
const newSigner = async (kid = 'key-1') => createSigner(await generatePrivateJwk({ kid }))
const [resourceSigner, agentSigner, issuerSigner] = await Promise.all([newSigner(), newSigner(), newSigner()])

function open(limit?: (now: () => number) => RateLimit) {
  const clock = { now: 1_800_000_000 }
  const now = () => clock.now
  const { fetch } = documentFetch({
    ...agentDocuments(agentId, [agentSigner.jwk]),
    ...issuerDocuments(authServer, [issuerSigner.jwk]),
  })
  let minted = 0
  const said: unknown[] = []
  const signer: Signer = {
    ...resourceSigner,
    sign: (data) => {
      minted++
      return resourceSigner.sign(data)
    },
  }
  const resource = createResource({ id, signer, authServer, fetch, now, ...(limit ? { rateLimit: limit(now) } : {}) })

  async function send(
    signer: Signer,
    signatureKey: KeyReference,
    address?: string,
    require: Requirement = 'signature',
  ) {
    const request = await signRequest(new Request(`${id}/data`), {
      profile: january.signing,
      signer,
      signatureKey,
      created: clock.now,
    })
    const message = receiveRequest(request, address)
    const options = require === 'authorization' ? { require, scope: 'data.read' } : { require }
    try {
      await resource.verify(message, options)
      return { status: 200, challenge: null, retryAfter: null }
    } catch (error) {
      const response = await resource.toResponse(error)
      const { status, headers } = response
      if (status === 429) said.push(((await response.json()) as Record<string, unknown>).error_description)
      return { status, challenge: headers.get('agent-auth'), retryAfter: headers.get('retry-after') }
    }
  }
  const stranger = async (address?: string, signer?: Signer) => {
    const by = signer ?? (await newSigner())
    const { kty, crv = '', x = '' } = by.jwk
    return send(by, { scheme: 'hwk', jwk: { kty, crv, x } }, address)
  }
  const known = (address?: string, require?: Requirement) =>
    send(agentSigner, { scheme: 'jwks', id: agentId, kid: 'key-1', wellKnown: 'aauth-agent' }, address, require)
  const allowed = async (sub: string, address?: string) => {
    const claims = { iss: authServer, aud: id, agent: agentId, sub, scope: 'data.read', cnf: { jwk: agentSigner.jwk } }
    const token = { ...claims, exp: clock.now + 600 }
    const jwt = await issueToken(january.tokens.auth, token, { signer: issuerSigner, now })
    return send(agentSigner, { scheme: 'jwt', jwt }, address, 'authorization')
  }
  return { clock, resource, stranger, known, allowed, minted: () => minted, said }
}

async function times<T>(count: number, call: () => Promise<T>): Promise<T[]> {
  const answers: T[] = []
  for (let i = 0; i < count; i++) answers.push(await call())
  return answers
}
const statuses = (answers: { status: number }[]) => answers.map(({ status }) => status)

describe('a resource with createRateLimit', () => {
  const few = (now: () => number) => createRateLimit({ signature: 2, address: 3, identity: 4, authorization: 5, now })

  it('R04: counts a flood with a new key for each request by its address', async () => {
    const { clock, stranger, known } = open(few)
    expect(statuses(await times(5, () => stranger('192.0.2.1')))).toEqual([200, 200, 200, 429, 429])
    expect(await stranger('192.0.2.1')).toEqual({ status: 429, challenge: 'httpsig; identity=?1', retryAfter: '60' })
    expect((await stranger('192.0.2.2')).status).toBe(200)
    expect((await known('192.0.2.1')).status).toBe(200)
    clock.now += 59
    expect(await stranger('192.0.2.1')).toMatchObject({ status: 429, retryAfter: '1' })
    clock.now += 1
    expect((await stranger('192.0.2.1')).status).toBe(200)
  })

  it('R04: lets a caller wait for at most a minute if the clock is set back', async () => {
    const { clock, stranger } = open(few)
    expect(statuses(await times(4, () => stranger('192.0.2.1')))).toEqual([200, 200, 200, 429])
    clock.now -= 86_400
    expect(statuses(await times(3, () => stranger('192.0.2.1')))).toEqual([200, 200, 200])
    expect(await stranger('192.0.2.1')).toMatchObject({ status: 429, retryAfter: '60' })
  })

  it('says what helps at each level: at the highest only waiting', async () => {
    const { stranger, known, allowed, said } = open(() => () => 7)
    expect(statuses([await stranger(), await known(), await allowed('alice')])).toEqual([429, 429, 429])
    expect(said).toEqual([
      'Too many requests: sign as an identified agent, or wait for the time given in Retry-After.',
      "Too many requests: obtain a user's authorization and send the token, or wait for the time given in Retry-After.",
      'Too many requests: wait for the time given in Retry-After.',
    ])
  })

  it('counts the addresses of one IPv6 network together', async () => {
    const { stranger } = open(few)
    let host = 0
    const next = () => stranger(`2001:db8:0:1::${(++host).toString(16)}`)
    expect(statuses(await times(4, next))).toEqual([200, 200, 200, 429])
    expect((await stranger('2001:db8:0:2::1')).status).toBe(200)
  })

  it('R04: counts a flood without known addresses as coming from one address', async () => {
    const { stranger } = open(few)
    expect(statuses(await times(4, () => stranger()))).toEqual([200, 200, 200, 429])
    expect((await stranger('192.0.2.1')).status).toBe(200)
  })

  it('counts a key from any address, even if no address is known', async () => {
    const { stranger } = open(few)
    const signer = await newSigner()
    let host = 0
    expect(statuses(await times(3, () => stranger(`192.0.2.${++host}`, signer)))).toEqual([200, 200, 429])
    const other = await newSigner()
    expect(statuses(await times(3, () => stranger(undefined, other)))).toEqual([200, 200, 429])
  })

  it('counts an agent by its identifier, and signs nothing for one over its limit', async () => {
    const { known, minted } = open(few)
    expect(statuses(await times(4, () => known('192.0.2.1', 'authorization')))).toEqual([401, 401, 401, 401])
    expect(minted()).toBe(4)
    const beyond = await known('192.0.2.2', 'authorization')
    expect(beyond).toEqual({ status: 429, challenge: 'httpsig; auth-token', retryAfter: '60' })
    expect(minted()).toBe(4)
  })

  it('counts an agent separately for each user, and names no higher level', async () => {
    const { allowed } = open(few)
    expect(statuses(await times(6, () => allowed('alice')))).toEqual([200, 200, 200, 200, 200, 429])
    expect(await allowed('alice')).toEqual({ status: 429, challenge: null, retryAfter: '60' })
    expect((await allowed('bob')).status).toBe(200)
  })

  it('has the limits of S§4.5', async () => {
    const limit = createRateLimit({ now: () => 0 })
    const of = { thumbprint: 'a', agent: agentId, iss: authServer, sub: 'b', remoteAddress: '192.0.2.1' }
    for (const [level, most] of [
      ['signature', 10],
      ['identity', 100],
      ['authorization', 1000],
    ] as const) {
      for (let i = 0; i < most; i++) expect(await limit({ ...of, level })).toBeUndefined()
      expect(await limit({ ...of, level })).toBe(60)
    }
  })

  it('by default, allows 100 requests a minute from keys at one address, by the system clock', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 })
    try {
      const limit = createRateLimit()
      let made = 0
      const of = { level: 'signature', agent: undefined, iss: undefined, sub: undefined } as const
      const stranger = () => limit({ ...of, thumbprint: `key ${++made}`, remoteAddress: '192.0.2.1' })
      for (let sent = 0; sent < 100; sent++) expect(await stranger()).toBeUndefined()
      expect(await stranger()).toBe(60)
      vi.setSystemTime(1_800_000_059_000)
      expect(await stranger()).toBe(1)
      vi.setSystemTime(1_800_000_060_000)
      expect(await stranger()).toBeUndefined()
    } finally {
      vi.useRealTimers()
    }
  })

  it('a request over the limit of its address does not use up the limit of its key', async () => {
    const { stranger } = open(few)
    await times(3, () => stranger('192.0.2.1'))
    const signer = await newSigner()
    expect(statuses(await times(2, () => stranger('192.0.2.1', signer)))).toEqual([429, 429])
    expect(statuses(await times(3, () => stranger('192.0.2.2', signer)))).toEqual([200, 200, 429])
  })

  it('tracks up to 100,000 callers, and evicts the oldest beyond that', async () => {
    const of = { level: 'identity', thumbprint: 'a', iss: undefined, sub: undefined, remoteAddress: undefined } as const
    for (const [others, wait] of [
      [99_999, 60],
      [100_000, undefined],
    ] as const) {
      const limit = createRateLimit({ identity: 1, now: () => 0 })
      for (let agent = 0; agent <= others; agent++) await limit({ ...of, agent: `${agent}` })
      expect(await limit({ ...of, agent: '0' })).toBe(wait)
    }
  })
})

describe('a custom rateLimit', () => {
  it('is called once for each request with a valid signature, and for no other', async () => {
    const counted: CountedRequest[] = []
    const { resource, stranger, known, allowed } = open(() => (request) => void counted.push(request))
    await stranger('192.0.2.1', agentSigner)
    await known()
    await allowed('alice')
    const unsigned = resource.verify(new Request(`${id}/data`), { require: 'signature' })
    await expect(unsigned).rejects.toMatchObject({ code: 'signature_missing' })
    const { thumbprint } = agentSigner
    const nobody = { agent: undefined, iss: undefined, sub: undefined, remoteAddress: undefined, thumbprint }
    expect(counted).toEqual([
      { ...nobody, level: 'signature', remoteAddress: '192.0.2.1' },
      { ...nobody, level: 'identity', agent: agentId },
      { ...nobody, level: 'authorization', agent: agentId, iss: authServer, sub: 'alice' },
    ])
  })

  it('also counts at the resource token endpoint', async () => {
    const { resource } = open(() => () => 7)
    const request = await signRequest(
      new Request(`${id}/resource/token`, { method: 'POST', body: new URLSearchParams({ scope: 'data.read' }) }),
      {
        profile: january.signing,
        signer: agentSigner,
        signatureKey: { scheme: 'jwks', id: agentId, kid: 'key-1', wellKnown: 'aauth-agent' },
        created: 1_800_000_000,
      },
    )
    const { status, headers } = await resource.handler(request)
    expect([status, headers.get('retry-after')]).toEqual([429, '7'])
  })

  it('is optional', async () => {
    const { stranger } = open()
    const signer = await newSigner()
    expect(statuses(await times(30, () => stranger('192.0.2.1', signer)))).toEqual(Array(30).fill(200))
  })
})
