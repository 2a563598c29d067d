import { AAuthError, createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { draft11Resource } from 'countersign/editions/draft-11'
import { createResource, type Resource, serveEditions } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { protectMcp } from 'countersign/resource/mcp'
import { signRequest } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { signAccessToken } from '../access-token.js'
import { openStage, requestOf, requestWith, scopes, signers, tokenOf } from '../editions/draft-11/resource-stage.js'
import { ids, now } from '../editions/draft-11/wire.js'
import { documentFetch, issuerDocuments, oauthDocuments } from '../origins.js'

const auth = 'https://auth.example'
const authSigner = await createSigner(await generatePrivateJwk({ kid: 'auth-1' }))
const agentSigner = await createSigner(await generatePrivateJwk({ kid: 'agent-1' }))
const januarySigner = await createSigner(await generatePrivateJwk({ kid: 'january-1' }))
const oauthSigner = await createSigner(await generatePrivateJwk({ kid: 'oauth-1' }))

function openBoth() {
  const { resource: draft11 } = openStage()
  const own = createResource({
    id: ids.resource,
    signer: januarySigner,
    authServer: auth,
    scopes,
    now: () => now,
    fetch: documentFetch({
      ...issuerDocuments(auth, [authSigner.jwk]),
      ...oauthDocuments(auth, [oauthSigner.jwk]),
    }).fetch,
  })
  return { january: own, draft11, both: serveEditions(own, draft11) }
}

async function januaryRequest(init: RequestInit = {}): Promise<Request> {
  const claims = {
    iss: auth,
    aud: ids.resource,
    agent: 'https://agent.example',
    cnf: { jwk: agentSigner.jwk },
    sub: 'u1',
    scope: 'data.read',
    exp: now + 300,
  }
  const jwt = await issueToken(january.tokens.auth, claims, { signer: authSigner, now: () => now })
  return signRequest(new Request(`${ids.resource}/data`, init), {
    profile: january.signing,
    signer: agentSigner,
    signatureKey: { scheme: 'jwt', jwt },
    created: now,
  })
}

async function draft11Request(kind: 'agent' | 'person' | 'auth' = 'auth'): Promise<Request> {
  return requestOf(await requestWith(await tokenOf(kind)))
}

const read = { require: 'authorization', scope: 'data.read' } as const

async function refused(
  resource: Resource,
  request: Request,
  required: Parameters<Resource['verify']>[1] = read,
): Promise<Response> {
  try {
    await resource.verify(request, required)
  } catch (error) {
    return resource.toResponse(error)
  }
  throw new Error('accepted')
}

describe('an API in two editions', () => {
  it('verifies each signed request in its own edition', async () => {
    const { both } = openBoth()
    expect(await both.verify(await januaryRequest(), read)).toMatchObject({
      iss: auth,
      sub: 'u1',
      agent: 'https://agent.example',
    })
    expect(await both.verify(await draft11Request(), read)).toMatchObject({
      iss: ids.personServer,
      sub: 'p1',
      agent: undefined,
    })
  })

  it('recognizes the Signature-Key of either', async () => {
    const { both } = openBoth()
    for (const request of [await januaryRequest(), await draft11Request()])
      expect(both.recognizes(request.headers.get('signature-key') ?? '')).toBe(true)
    expect(both.recognizes('sig=1')).toBe(false)
  })

  it('challenges unsigned requests in both', async () => {
    const { both } = openBoth()
    const response = await refused(both, new Request(`${ids.resource}/data`))
    expect(response.status).toBe(401)
    expect(response.headers.get('agent-auth')).toBe('httpsig; identity=?1')
    expect(response.headers.get('aauth-requirement')).toBe('requirement=person-token')
    expect(response.headers.get('signature-error')).toBe('error=invalid_signature')
  })

  it('refuses a signed request in its own edition alone, byte for byte as without the other', async () => {
    const { both, january: alone, draft11 } = openBoth()
    const wrong = { require: 'authorization', scope: 'data.write' } as const
    const of = async (resource: Resource, request: Request) => {
      const response = await refused(resource, request, wrong)
      const { status, headers } = response
      const names = [...headers.keys()]
      return { status, names, problem: headers.get('signature-error'), body: await response.text() }
    }
    expect(await of(both, await januaryRequest())).toEqual(await of(alone, await januaryRequest()))
    expect(await of(both, await draft11Request('person'))).toEqual(await of(draft11, await draft11Request('person')))
    expect((await of(both, await draft11Request('person'))).names).toContain('aauth-requirement')
    expect((await of(both, await januaryRequest())).names).toContain('agent-auth')
  })

  it.each([
    ['January’s first', (own: string) => `sig1=(scheme=jwt jwt="a.b.c"), ${own}`],
    ['draft -11’s first', (own: string) => `${own}, sig1=(scheme=jwt jwt="a.b.c")`],
  ])('refuses a Signature-Key with members of both: %s', async (_what, field) => {
    const { both } = openBoth()
    const request = await draft11Request()
    request.headers.set('signature-key', field(request.headers.get('signature-key') ?? ''))
    const response = await refused(both, request)
    expect([response.status, response.headers.get('signature-error')]).toEqual([401, 'error=invalid_signature'])
  })

  it('responds to an error of the program in its first edition, also before a request was verified', async () => {
    const { both } = openBoth()
    const response = await both.toResponse(new AAuthError('too_many_requests', 'Try again later.', { retryAfter: 7 }))
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '7'])
  })

  it('does not accept the token of one edition in the form of the other', async () => {
    const { both } = openBoth()
    const toJanuary = await draft11Request()
    const jwt = /jwt="([^"]+)"/.exec(toJanuary.headers.get('signature-key') ?? '')?.[1] ?? ''
    const requests = [
      await signRequest(new Request(`${ids.resource}/data`), {
        profile: january.signing,
        signer: signers.agent,
        signatureKey: { scheme: 'jwt', jwt },
        created: now,
      }),
      await signRequest(new Request(`${ids.resource}/data`), {
        profile: draft11Resource.signing,
        signer: agentSigner,
        signatureKey: {
          scheme: 'jwt',
          jwt: /jwt="([^"]+)"/.exec((await januaryRequest()).headers.get('signature-key') ?? '')?.[1] ?? '',
        },
        created: now,
      }),
    ]
    for (const request of requests) expect((await refused(both, request)).status).toBe(401)
  })

  it('serves the documents and endpoints of both', async () => {
    const { both } = openBoth()
    const paths = ['/.well-known/aauth-resource', '/jwks.json', '/.well-known/aauth-resource.json', '/aauth/jwks.json']
    const responses = await Promise.all(paths.map((path) => both.handler(new Request(ids.resource + path))))
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    const [, keys, , otherKeys] = await Promise.all(responses.map((response) => response.text()))
    expect(keys).not.toContain('resource-1')
    expect(otherKeys).not.toContain('january-1')
    expect((await both.handler(new Request(`${ids.resource}/nothing`))).status).toBe(404)
    const revoke = await both.handler(new Request(`${ids.resource}/aauth/revoke`, { method: 'POST', body: '{}' }))
    expect([revoke.status, revoke.headers.get('content-type')]).toEqual([401, 'application/problem+json'])
    const token = await both.handler(new Request(`${ids.resource}/resource/token`, { method: 'POST', body: 'a=b' }))
    expect([token.status, token.headers.get('content-type')]).toEqual([401, 'application/json'])
  })

  it('works in frameworks, and knows which requests are still authorized', async () => {
    const { both, january: own, draft11 } = openBoth()
    const app = new Hono<{ Variables: { aauth: { sub?: string | undefined } } }>()
    app.get('/data', aauth(both, read), (c) => c.text(c.var.aauth.sub ?? ''))
    expect(await (await app.request(await januaryRequest())).text()).toBe('u1')
    expect(await (await app.request(await draft11Request())).text()).toBe('p1')
    expect((await app.request(`${ids.resource}/data`)).headers.get('aauth-requirement')).toBe(
      'requirement=person-token',
    )
    for (const request of [await januaryRequest(), await draft11Request()])
      expect(await both.isStillAuthorized(await both.verify(request, read))).toBe(true)
    const { authorization } = await both.verify(await draft11Request(), read)
    expect(await both.isStillAuthorized({ authorization })).toBe(true)
    expect(
      await serveEditions(own, { ...draft11, isStillAuthorized: async () => false }).isStillAuthorized({
        authorization,
      }),
    ).toBe(false)
  })

  it('is created only from resources with one id and different editions', () => {
    const { january: own, draft11 } = openBoth()
    expect(() => serveEditions(own, own)).toThrow('each resource must have its own edition')
    expect(() => serveEditions(own, { ...draft11, id: 'https://other.example' })).toThrow('must have the same id')
    const whole = own.oauthEndpoint({ path: '/' })
    expect(() => serveEditions(whole, draft11)).toThrow("accept: call oauthEndpoint({ path: '/' }) of the result")
  })
})

describe('an API in two editions that also accepts OAuth access tokens', () => {
  const either = { ...read, accept: ['aauth', 'oauth'] } as const
  const names = ['agent-auth', 'aauth-requirement', 'www-authenticate']
  const challengesOf = ({ status, headers }: Response) => [status, ...names.filter((name) => headers.has(name))]
  const withToken = async (request: Request, claims: object = {}) => {
    const iat = { iat: now, exp: now + 300 }
    const token = await signAccessToken(
      { iss: auth, aud: ids.resource, scope: 'data.read', ...iat, ...claims },
      { signer: oauthSigner },
    )
    request.headers.set('authorization', `Bearer ${token}`)
    return request
  }
  const unsigned = () => new Request(`${ids.resource}/data`)

  it('challenges a request that proves nothing in all of them, where tokens are accepted', async () => {
    const whole = openBoth().both.oauthEndpoint({ path: '/' })
    expect(challengesOf(await refused(whole, unsigned(), either))).toEqual([401, ...names])
    const identity = { require: 'identity' } as const
    expect(challengesOf(await refused(whole, unsigned(), identity))).toEqual([401, ...names.slice(0, 2)])
    expect(challengesOf(await refused(whole, await draft11Request('person'), either))).toEqual([401, ...names.slice(1)])
  })

  it('verifies each by its own rules, and refuses a signed request with a token', async () => {
    const whole = openBoth().both.oauthEndpoint({ path: '/' })
    expect(await whole.verify(await withToken(unsigned()), either)).toMatchObject({ scheme: 'bearer', sub: 'alice' })
    expect(await whole.verify(await januaryRequest(), either)).toMatchObject({ iss: auth, sub: 'u1' })
    expect(await whole.verify(await draft11Request(), either)).toMatchObject({ iss: ids.personServer, sub: 'p1' })
    for (const signed of [await januaryRequest(), await draft11Request()])
      expect((await refused(whole, await withToken(signed), either)).status).toBe(400)
    const expired = await refused(whole, await withToken(unsigned(), { exp: now - 300 }), either)
    expect(challengesOf(expired)).toEqual([401, 'www-authenticate'])
  })

  it('serves the metadata beside the documents of the editions', async () => {
    const { both } = openBoth()
    const { protectedResource } = both.oauthEndpoint({ path: '/mcp' })
    const metadata = await both.handler(new Request(`${ids.resource}/.well-known/oauth-protected-resource/mcp`))
    expect(await metadata.json()).toMatchObject({ resource: `${ids.resource}/mcp`, authorization_servers: [auth] })
    expect(both.publishedPaths).toContain(new URL(protectedResource?.metadataUrl ?? '').pathname)
  })

  it('is an MCP server for all of them, in whose sessions each caller is challenged in its own edition', async () => {
    const accept = ['aauth', 'oauth'] as const
    const handler = protectMcp(openBoth().both, { accept, path: '/mcp', tools: { read: 'data.read' } }).around(
      ({ method }) => Response.json({ method }, { headers: { 'mcp-session-id': 'session-1' } }),
    )
    const body = (method: string) =>
      JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: method === 'initialize' ? initialize : {} })
    const post = async (kind: 'agent' | 'auth', method: string, session: object = {}) => {
      const also = ['content-type', 'content-digest']
      const parts = { method: 'POST', target: '/mcp', body: body(method), also }
      const request = requestOf(await requestWith(await tokenOf(kind), parts))
      for (const [name, value] of Object.entries(session)) request.headers.set(name, String(value))
      return handler(request)
    }
    const init = { method: 'POST', body: body('tools/list'), headers: { 'content-type': 'application/json' } }
    const open = () => new Request(`${ids.resource}/mcp`, init)
    expect(challengesOf(await handler(open()))).toEqual([401, ...names])
    expect((await handler(await withToken(open(), { aud: `${ids.resource}/mcp` }))).status).toBe(200)
    expect((await post('auth', 'initialize')).status).toBe(200)
    const session = { 'mcp-session-id': 'session-1' }
    expect((await post('auth', 'tools/list', session)).status).toBe(200)
    expect(challengesOf(await post('agent', 'tools/list', session))).toEqual([401, ...names.slice(1)])
  })
})

const initialize = {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'test', version: '1' },
}
