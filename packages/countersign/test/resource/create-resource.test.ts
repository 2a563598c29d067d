import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { january, parseChallenge } from 'countersign/editions'
import { createResource, type Requirement, type ResourceOptions } from 'countersign/resource'
import { type KeyReference, signRequest } from 'countersign/signatures'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it, vi } from 'vitest'
import { agentDocuments, documentFetch } from '../origins.js'
import { refusalCode } from '../refusal.js'

const id = 'https://api.example'
const agentId = 'https://agent.example'
const authServer = 'https://auth.example'
const [resourceSigner, agentSigner] = await Promise.all(
  ['resource-1', 'key-1'].map(async (kid) => createSigner(await generatePrivateJwk({ kid }))),
)
if (!resourceSigner || !agentSigner) throw new TypeError('expected two signers')

const { fetch } = documentFetch(agentDocuments(agentId, [agentSigner.jwk]))
const start = 1_800_000_000
const open = (options: Partial<ResourceOptions> = {}) =>
  createResource({ id, signer: resourceSigner, authServer, fetch, now: () => start, ...options })

const published: KeyReference = { scheme: 'jwks', id: agentId, kid: 'key-1', wellKnown: 'aauth-agent' }
const signed = (request: Request, created = start, signer: Signer = agentSigner) =>
  signRequest(request, { profile: january.signing, signer, signatureKey: published, created })

/** The response from a resource to a request that it refuses, or 200. */
async function answerTo(options: Partial<ResourceOptions>, request: Request, require: Requirement = 'identity') {
  const resource = open(options)
  try {
    await resource.verify(request, require === 'authorization' ? { require, scope: 'data.read' } : { require })
    return new Response(null)
  } catch (error) {
    return resource.toResponse(error)
  }
}

/** The resource token of a challenge. */
async function challenged(options: Partial<ResourceOptions> = {}, created = start) {
  const answer = await answerTo(options, await signed(new Request(`${id}/data`), created), 'authorization')
  const challenge = parseChallenge(answer.headers.get('agent-auth') ?? '')
  if (challenge.level !== 'authorization' || challenge.resourceToken === undefined)
    throw new TypeError('expected a resource token')
  return decodeToken(challenge.resourceToken)?.payload
}

it.each<[Requirement, string]>([
  ['signature', 'agent_token_invalid'],
  ['identity', 'agent_token_invalid'],
  ['authorization', 'auth_token_invalid'],
])('takes text that is not a token for a token of the kind that a route needs: %s', async (require, code) => {
  const signatureKey: KeyReference = { scheme: 'jwt', jwt: 'a.b.c' }
  const request = await signRequest(new Request(`${id}/data`), {
    profile: january.signing,
    signer: agentSigner,
    signatureKey,
    created: start,
  })
  const required = require === 'authorization' ? { require, scope: 'data.read' } : { require }
  expect(await refusalCode(() => open().verify(request, required))).toBe(code)
})

it('refuses a store of revoked tokens in an edition that reports none', () => {
  const revokedTokens = { add: () => true, has: () => false }
  expect(() => open({ revokedTokens })).toThrow(
    new TypeError('revokedTokens: the January 2026 edition reports no revocations'),
  )
})

describe('a resource token', () => {
  it('is valid for 600 s by default', async () => {
    expect(await challenged()).toMatchObject({ iss: id, aud: authServer, agent: agentId, iat: start, exp: start + 600 })
  })

  it.each([1, 900])('can be valid for %d s', async (resourceTokenLifetime) => {
    expect(await challenged({ resourceTokenLifetime })).toMatchObject({ exp: start + resourceTokenLifetime })
  })

  it.each([0, 901, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'cannot be valid for %d s',
    (resourceTokenLifetime) => {
      expect(() => open({ resourceTokenLifetime })).toThrow(
        new TypeError('resourceTokenLifetime must be whole seconds, 1 to 900'),
      )
    },
  )

  it('from the endpoint states its lifetime, and is not cached', async () => {
    const form = () =>
      new Request(`${id}/resource/token`, { method: 'POST', body: new URLSearchParams({ scope: 'a b' }) })
    for (const [options, expires] of [
      [{}, 600],
      [{ resourceTokenLifetime: 30 }, 30],
    ] as const) {
      const answer = await open(options).handler(await signed(form()))
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
      const body = (await answer.json()) as { resource_token: string; auth_server: string; expires_in: number }
      expect(body).toMatchObject({ auth_server: authServer, expires_in: expires })
      expect(decodeToken(body.resource_token)?.payload).toMatchObject({ scope: 'a b', exp: start + expires })
    }
  })
})

describe('a resource without options', () => {
  it('uses the system clock', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: (start + 1000) * 1000 })
    try {
      const resource = createResource({ id, signer: resourceSigner, authServer, fetch })
      const verdict = async (created: number) =>
        resource.verify(await signed(new Request(`${id}/data`), created), { require: 'identity' }).then(
          () => 'accepted',
          ({ code }: { code: string }) => code,
        )
      expect(await verdict(start + 940)).toBe('accepted')
      expect(await verdict(start + 939)).toBe('signature_created_outside_window')
      expect(await verdict(start + 1060)).toBe('accepted')
      expect(await verdict(start + 1061)).toBe('signature_created_outside_window')
    } finally {
      vi.useRealTimers()
    }
  })

  it('reads bodies of up to 1 MiB, and returns 413 for larger ones', async () => {
    for (const [length, status] of [
      [1_048_576, 200],
      [1_048_577, 413],
    ] as const) {
      const request = new Request(`${id}/data`, { method: 'POST', body: 'x'.repeat(length) })
      expect((await answerTo({}, await signed(request))).status).toBe(status)
    }
    const request = new Request(`${id}/data`, { method: 'POST', body: '12345' })
    expect((await answerTo({ maxBody: 5 }, await signed(request.clone()))).status).toBe(200)
    expect((await answerTo({ maxBody: 4 }, await signed(request))).status).toBe(413)
  })

  it('requires no nonce, and accepts only the host of its id', async () => {
    const request = new Request(`${id}/data`, { method: 'POST', body: '{}' })
    const options = {
      profile: january.signing,
      signer: agentSigner,
      signatureKey: published,
      created: start,
      nonce: 'never',
    } as const
    expect((await answerTo({}, await signRequest(request.clone(), options))).status).toBe(200)
    expect((await answerTo({ nonce: 'required' }, await signRequest(request, options))).status).toBe(401)
    const elsewhere = await signed(new Request('https://other.example/data'))
    expect((await answerTo({}, elsewhere.clone())).status).toBe(401)
    expect((await answerTo({ authorities: ['other.example'] }, elsewhere)).status).toBe(200)
  })

  it('names no algorithms in its challenge; if configured, it names them and accepts no others', async () => {
    const unsigned = () => new Request(`${id}/data`)
    expect((await answerTo({}, unsigned())).headers.get('agent-auth')).toBe('httpsig; identity=?1')
    const options = { algorithms: ['ecdsa-p256-sha256'] } as const
    const offered = (await answerTo(options, unsigned())).headers.get('agent-auth')
    expect(offered).toBe('httpsig; identity=?1; algs=("ecdsa-p256-sha256")')
    const refused = await answerTo(options, await signed(unsigned()))
    expect(refused.headers.get('signature-error')).toContain('error=unsupported_algorithm')
    const asked = await answerTo({ algorithms: ['ed25519'] }, await signed(unsigned()), 'authorization')
    expect(asked.headers.get('agent-auth')).toContain('; algs=("ed25519")')
  })
})

describe('the handler of a resource', () => {
  const ask = (path: string, method = 'GET', options: Partial<ResourceOptions> = {}) =>
    open(options).handler(new Request(id + path, { method }))

  it('publishes its document and its keys, including the retired ones, for five minutes', async () => {
    const retired = { ...agentSigner.jwk, kid: 'retired' }
    const options = { scopes: { 'data.read': 'See your data' }, retiredKeys: [retired] }
    const document = await ask('/.well-known/aauth-resource', 'GET', options)
    expect(await document.json()).toEqual({
      resource: id,
      jwks_uri: `${id}/jwks.json`,
      resource_token_endpoint: `${id}/resource/token`,
      supported_scopes: ['data.read'],
      scope_descriptions: { 'data.read': 'See your data' },
    })
    const keys = await ask('/jwks.json', 'GET', options)
    expect(await keys.json()).toEqual({ keys: [resourceSigner.jwk, retired] })
    for (const { status, headers } of [document, keys])
      expect([status, headers.get('cache-control')]).toEqual([200, 'public, max-age=300'])
    expect(await (await ask('/jwks.json')).json()).toEqual({ keys: [resourceSigner.jwk] })
    const plain = (await (await ask('/.well-known/aauth-resource')).json()) as object
    expect(Object.keys(plain)).toEqual(['resource', 'jwks_uri', 'resource_token_endpoint'])
  })

  it.each([
    ['/.well-known/aauth-resource', 'POST', 405, 'GET, HEAD'],
    ['/jwks.json', 'DELETE', 405, 'GET, HEAD'],
    ['/jwks.json', 'HEAD', 200, null],
    ['/resource/token', 'GET', 405, 'POST'],
    ['/resource/token', 'PUT', 405, 'POST'],
    ['/elsewhere', 'GET', 404, null],
    ['/elsewhere', 'POST', 404, null],
  ])('responds to %s %s with %d', async (path, method, status, allow) => {
    const answer = await ask(path, method)
    expect([answer.status, answer.headers.get('allow')]).toEqual([status, allow])
  })
})

it('toResponse rethrows an error that is not one of the library’s refusals', async () => {
  const mistake = new RangeError('a bug in the application')
  await expect(open().toResponse(mistake)).rejects.toBe(mistake)
})
