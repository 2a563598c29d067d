import { createSigner, generatePrivateJwk } from 'countersign'
import { january, type RevocationClaims, revocationEntry } from 'countersign/editions'
import { createRateLimit, createResource, type Resource, type ResourceOptions } from 'countersign/resource'
import { aauth } from 'countersign/resource/express'
import { issueToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { signAccessToken } from '../access-token.js'
import { issuerDocuments, oauthDocuments } from '../origins.js'

const issuer = 'https://auth.example'
const id = 'https://notes.example'
const client = 'https://client.example/oauth/client.json'
const now = () => Math.floor(Date.now() / 1000)

const signers = {
  api: await createSigner(await generatePrivateJwk({ kid: 'api-1' })),
  aauth: await createSigner(await generatePrivateJwk({ kid: 'auth-1' })),
  oauth: await createSigner(await generatePrivateJwk({ kid: 'oauth-1' })),
  stranger: await createSigner(await generatePrivateJwk({ kid: 'oauth-1' })),
}

type Claims = Record<string, unknown>

const tokenWith = (claims: Claims = {}, typ?: string, signer = signers.oauth) =>
  signAccessToken(
    { iss: issuer, aud: `${id}/mcp`, sub: 'user-1', client_id: client, scope: 'connect notes.read', ...claims },
    { signer, typ },
  )

function openResource(options: Partial<ResourceOptions> = {}, revoked: string[] = []) {
  const documents: Record<string, object> = issuerDocuments(issuer, [signers.aauth.jwk])
  const lists = `${issuer}/.well-known/aauth-revocations`
  Object.assign(documents[`${issuer}/.well-known/aauth-issuer`] ?? {}, { revocation_list_uri: lists })
  Object.assign(documents, oauthDocuments(issuer, [signers.oauth.jwk]))
  const fetched: string[] = []
  const unreachable = new Set<string>()
  const fetch: typeof globalThis.fetch = async (input) => {
    const { url } = new Request(input)
    fetched.push(url)
    if (unreachable.has(url)) throw new TypeError('fetch failed')
    if (url === lists) {
      const claims: RevocationClaims = { iss: issuer, iat: now(), exp: now() + 120, revoked }
      return new Response(await issueToken(january.tokens.revocations, claims, { signer: signers.aauth }))
    }
    const document = documents[url]
    return document ? Response.json(document) : new Response(null, { status: 404 })
  }
  const resource = createResource({
    id,
    signer: signers.api,
    authServer: issuer,
    scopes: {
      connect: 'Connect',
      'notes.read': 'See your notes',
      'notes.write': 'Change your notes',
      'notes.delete': 'Delete your notes',
    },
    fetch,
    ...options,
  })
  return { resource, documents, fetched, unreachable }
}

const mcp = (options?: Partial<ResourceOptions>, revoked?: string[]) =>
  openResource(options, revoked).resource.oauthEndpoint({ path: '/mcp', name: 'Notes' })

const both = ['aauth', 'oauth'] as const

const requestWith = (headers: Record<string, string>, path = '/mcp') => new Request(id + path, { headers })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** The outcome of a request: who may do what, or the refusal. */
async function outcomeOf(endpoint: Resource, request: Request, scope = 'notes.read') {
  try {
    const {
      agent,
      iss,
      sub,
      scope: granted,
      scheme,
    } = await endpoint.verify(request, { require: 'authorization', scope })
    return { agent, iss, sub, granted, scheme }
  } catch (error) {
    const response = await endpoint.toResponse(error)
    const { error: name } = (await response.json().catch(() => ({}))) as { error?: string }
    return { status: response.status, challenge: response.headers.get('www-authenticate'), error: name }
  }
}

const metadataUrl = `${id}/.well-known/oauth-protected-resource/mcp`
const invalidToken = {
  status: 401,
  challenge: expect.stringMatching(
    /^Bearer error="invalid_token", resource_metadata="https:\/\/notes\.example\/\.well-known\/oauth-protected-resource\/mcp", scope="connect notes\.read notes\.write", error_description="[^"=]*"$/,
  ) as string,
}

it('accepts an access token that was issued for the endpoint', async () => {
  expect(await outcomeOf(mcp(), requestWith(bearer(await tokenWith())))).toEqual({
    agent: client,
    iss: issuer,
    sub: 'user-1',
    granted: ['connect', 'notes.read'],
    scheme: 'bearer',
  })
})

it('challenges a request without proof for both editions, Bearer first', async () => {
  const endpoint = mcp({ wwwAuthenticate: 'Basic realm="notes"' })
  for (const method of ['GET', 'POST', 'HEAD', 'DELETE', 'PUT']) {
    const refused: unknown = await endpoint
      .verify(new Request(`${id}/mcp`, { method }), { require: 'identity', accept: both })
      .catch((error: unknown) => error)
    const response = await endpoint.toResponse(refused)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer resource_metadata="${metadataUrl}", scope="connect notes.read notes.write", Basic realm="notes"`,
    )
    expect(response.headers.get('agent-auth')).toBe('httpsig; identity=?1')
  }
})

it('publishes the metadata of each endpoint for clients in browsers', async () => {
  const { resource } = openResource()
  const endpoint = resource.oauthEndpoint({ path: '/mcp', name: 'Notes', initialScopes: ['connect'] })
  resource.oauthEndpoint({ path: '/other', scopes: ['connect'] })
  const response = await endpoint.handler(new Request(metadataUrl))
  expect(response.headers.get('access-control-allow-origin')).toBe('*')
  expect(await response.json()).toEqual({
    resource: `${id}/mcp`,
    authorization_servers: [issuer],
    scopes_supported: ['connect'],
    bearer_methods_supported: ['header'],
    resource_name: 'Notes',
    scope_descriptions: { connect: 'Connect', 'notes.read': 'See your notes', 'notes.write': 'Change your notes' },
  })
  const preflight = await endpoint.handler(new Request(metadataUrl, { method: 'OPTIONS' }))
  expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([
    204,
    'mcp-protocol-version',
  ])
  const other = await resource.handler(new Request(`${id}/.well-known/oauth-protected-resource/other`))
  expect(await other.json()).toMatchObject({ resource: `${id}/other`, scope_descriptions: { connect: 'Connect' } })
  expect((await resource.handler(new Request(`${id}/.well-known/oauth-protected-resource`))).status).toBe(404)
  expect(() => resource.oauthEndpoint({ path: '/mcp' })).toThrow('already accepts')
})

it('asks for what was allowed and what is missing, because some clients ask for just that', async () => {
  const refused = await outcomeOf(mcp(), requestWith(bearer(await tokenWith())), 'notes.write')
  expect(refused).toMatchObject({ status: 403, error: 'insufficient_scope' })
  expect(refused.challenge).toContain('scope="connect notes.read notes.write"')
})

it('never lets an access token use a scope that is dangerous, even if it names the scope', async () => {
  const token = await tokenWith({ scope: 'connect notes.read notes.delete' })
  expect(await outcomeOf(mcp(), requestWith(bearer(token)), 'notes.delete')).toEqual({
    status: 403,
    challenge: null,
    error: 'access_denied',
  })
  expect(await outcomeOf(mcp(), requestWith(bearer(token)))).toMatchObject({ granted: ['connect', 'notes.read'] })
  const chosen = mcp({
    scopes: {
      'notes.read': { description: 'See', oauth: false },
      'notes.delete': { description: 'Delete', oauth: true },
    },
  })
  expect(await outcomeOf(chosen, requestWith(bearer(token)), 'notes.delete')).toMatchObject({
    granted: ['notes.delete'],
  })
})

describe('refuses', () => {
  const formOf = (type: string) => (token: string) =>
    new Request(`${id}/mcp`, {
      method: 'POST',
      headers: { ...bearer(token), 'content-type': type },
      body: `access_token=${token}`,
    })
  const malformed: Record<string, (token: string) => Request> = {
    'a token in a form': formOf('application/x-www-form-urlencoded'),
    'a token in a form, before another type': formOf('application/x-www-form-urlencoded,text/plain'),
    'a token in a form, after another type': formOf('text/plain, application/x-www-form-urlencoded'),
    'a token besides a signature': (token) => requestWith({ ...bearer(token), 'signature-key': 'sig=hwk' }),
  }
  it.each(Object.entries(malformed))('%s (B21)', async (_, requestOf) => {
    const refused = await outcomeOf(mcp(), requestOf(await tokenWith()))
    expect(refused).toMatchObject({ status: 400, error: 'invalid_request' })
    expect(refused.challenge).toMatch(/^Bearer error="invalid_request", resource_metadata="/)
  })
})

it.each(['grant', 'sub', 'agent', 'family'] as const)(
  'refuses a token within seconds once its %s is revoked',
  async (kind) => {
    const values = { grant: 'grant-1', sub: 'user-1', agent: client, family: 'family-1' }
    const endpoint = mcp({ denyList: {} }, [await revocationEntry(kind, values[kind])])
    expect(await outcomeOf(endpoint, requestWith(bearer(await tokenWith())))).toMatchObject(invalidToken)
    const others = mcp({ denyList: {} }, [await revocationEntry(kind, 'another')])
    const request = requestWith(bearer(await tokenWith()))
    const verified = await others.verify(request, { require: 'identity', accept: both })
    expect(await others.isStillAuthorized(verified)).toBe(true)
  },
)

it('is unavailable, and does not refuse the token, while the keys cannot be fetched', async () => {
  const { resource, documents } = openResource()
  delete documents[`${issuer}/.well-known/oauth-authorization-server`]
  const endpoint = resource.oauthEndpoint({ path: '/mcp' })
  expect(await outcomeOf(endpoint, requestWith(bearer(await tokenWith())))).toMatchObject({
    status: 503,
    challenge: null,
  })
})

it('is refused if the key of its issuer cannot be used', async () => {
  const { resource, documents } = openResource()
  // Both have the same kid.
  documents[`${issuer}/oauth/jwks.json`] = { keys: [signers.oauth.jwk, signers.stranger.jwk] }
  const endpoint = resource.oauthEndpoint({ path: '/mcp' })
  expect(await outcomeOf(endpoint, requestWith(bearer(await tokenWith())))).toMatchObject({ status: 401 })
})

it('is unavailable, and does not refuse the token, while a new key of the auth server cannot be fetched', async () => {
  const clock = { now: now() }
  const { resource, documents, unreachable } = openResource({ now: () => clock.now })
  const endpoint = resource.oauthEndpoint({ path: '/mcp' })
  expect(await outcomeOf(endpoint, requestWith(bearer(await tokenWith())))).toMatchObject({ agent: client })
  const renewed = await createSigner(await generatePrivateJwk({ kid: 'oauth-2' }))
  const keys = `${issuer}/oauth/jwks.json`
  documents[keys] = { keys: [signers.oauth.jwk, renewed.jwk] }
  unreachable.add(keys)
  clock.now += 61
  const token = await tokenWith({ jti: 'grant-1.family-1.y' }, 'at+jwt', renewed)
  const refused = await endpoint
    .verify(requestWith(bearer(token)), { require: 'identity', accept: both })
    .catch((error) => error)
  const response = await endpoint.toResponse(refused)
  expect([response.status, response.headers.get('retry-after'), response.headers.get('www-authenticate')]).toEqual([
    503,
    '5',
    null,
  ])
  unreachable.clear()
  clock.now += 5
  expect(await outcomeOf(endpoint, requestWith(bearer(token)))).toMatchObject({ agent: client })
})

it('accepts a token beside a signature for another protocol, as proxies add it', async () => {
  const signature = {
    signature: 'sig=:AAAA:',
    'signature-input': 'sig=("@authority");created=1;keyid="a";tag="web-bot-auth"',
  }
  const request = requestWith({ ...bearer(await tokenWith()), ...signature })
  expect(await outcomeOf(mcp(), request)).toMatchObject({ scheme: 'bearer' })
})

it('does not let a handler change the claims of later requests', async () => {
  const endpoint = mcp()
  const token = await tokenWith()
  const { claims, scope } = await endpoint.verify(requestWith(bearer(token)), {
    require: 'authorization',
    scope: 'notes.read',
  })
  expect(() => Object.assign(claims, { sub: 'another' })).toThrow(TypeError)
  ;(scope as string[]).push('notes.write')
  const again = await outcomeOf(endpoint, requestWith(bearer(token)))
  expect(again).toMatchObject({ sub: 'user-1', granted: ['connect', 'notes.read'] })
})

it('counts all clients of a user together', async () => {
  const endpoint = mcp({ rateLimit: createRateLimit({ authorization: 2 }) })
  const statusOf = async (client_id: string, sub = 'user-1') =>
    outcomeOf(endpoint, requestWith(bearer(await tokenWith({ client_id, sub, jti: `g.f.${client_id}` }))))
  expect(await statusOf('https://one.example/c')).toMatchObject({ scheme: 'bearer' })
  expect(await statusOf('https://two.example/c')).toMatchObject({ scheme: 'bearer' })
  expect(await statusOf('https://three.example/c')).toMatchObject({ status: 429, error: 'too_many_requests' })
  expect(await statusOf('https://three.example/c', 'user-2')).toMatchObject({ scheme: 'bearer' })
})

it('B26: does not count requests with a token that is refused, because its user’s other clients share the limit', async () => {
  const revoked = [await revocationEntry('grant', 'stolen')]
  const endpoint = mcp({ rateLimit: createRateLimit({ authorization: 1 }), denyList: {} }, revoked)
  const stolen = requestWith(bearer(await tokenWith({ jti: 'stolen.f.1', client_id: 'https://thief.example/c' })))
  const narrow = requestWith(bearer(await tokenWith({ jti: 'grant-2.f.1', scope: 'connect' })))
  for (let count = 0; count < 3; count++) {
    expect(await outcomeOf(endpoint, stolen)).toMatchObject(invalidToken)
    expect(await outcomeOf(endpoint, narrow)).toMatchObject({ status: 403 })
  }
  expect(await outcomeOf(endpoint, requestWith(bearer(await tokenWith())))).toMatchObject({ scheme: 'bearer' })
})

describe('a request whose content arrives slowly', () => {
  async function outcomeAfter(seconds: number, revoked: string[] = []) {
    const clock = { now: now() }
    const list: string[] = []
    const endpoint = mcp({ now: () => clock.now, denyList: {} }, list)
    async function take() {
      list.push(...revoked)
      clock.now += seconds
    }
    const token = await tokenWith({ exp: clock.now + 30 })
    const message = {
      method: 'POST',
      rawTarget: '/mcp',
      rawHeaders: ['Host', 'notes.example', 'Authorization', `Bearer ${token}`],
      body: () => new Uint8Array(0),
      upload: { isAnnounced: true, take },
    }
    try {
      return (await endpoint.verify(message, { require: 'authorization', scope: 'notes.read' })).scheme
    } catch (error) {
      return (await endpoint.toResponse(error)).headers.get('www-authenticate')
    }
  }

  it('B26: is refused if its token expires or is revoked in the meantime', async () => {
    expect(await outcomeAfter(20)).toBe('bearer')
    expect(await outcomeAfter(30)).toContain('error="invalid_token"')
    expect(await outcomeAfter(4, [await revocationEntry('grant', 'grant-1')])).toContain('error="invalid_token"')
  })
})

it('does not look at access tokens without the option', async () => {
  const { resource } = openResource()
  const refused = await outcomeOf(resource, requestWith(bearer(await tokenWith()), '/mcp?access_token=x'))
  expect(refused).toMatchObject({ status: 401, challenge: null })
})

it('createResource: accept makes the whole API one OAuth resource', async () => {
  const { resource } = openResource({ accept: ['aauth', 'oauth'] })
  expect(resource.protectedResource).toMatchObject({ id, metadataUrl: `${id}/.well-known/oauth-protected-resource` })
  const token = await tokenWith({ aud: id })
  expect(await outcomeOf(resource, requestWith(bearer(token), '/any'))).toMatchObject({ scheme: 'bearer' })
  expect(await outcomeOf(resource, requestWith(bearer(await tokenWith())))).toMatchObject({ status: 401 })
})

describe('an access token', () => {
  const request = async () => requestWith(bearer(await tokenWith()))
  const refusalOf = async (endpoint: Resource, required: Parameters<Resource['verify']>[1]) => {
    const error: unknown = await endpoint.verify(await request(), required).catch((thrown: unknown) => thrown)
    const { status, headers } = await endpoint.toResponse(error)
    return [status, headers.get('www-authenticate'), headers.get('agent-auth')]
  }

  it('does not suffice where no scope is required (B24), and its client is not asked for another one', async () => {
    const endpoint = mcp({ wwwAuthenticate: 'Basic realm="notes"' })
    const basic = 'Basic realm="notes"'
    expect(await refusalOf(endpoint, { require: 'signature' })).toEqual([401, basic, 'httpsig'])
    expect(await refusalOf(endpoint, { require: 'identity' })).toEqual([401, basic, 'httpsig; identity=?1'])
    const unscoped = { require: 'authorization', scope: 'notes.read', accept: ['aauth'] } as const
    expect(await refusalOf(endpoint, unscoped)).toEqual([401, basic, 'httpsig; identity=?1'])
  })

  it('may be valid for an hour, and have 4096 characters', async () => {
    const at = now()
    const statusOf = async (claims: Claims) => {
      const endpoint = mcp({ now: () => at })
      const outcome = await outcomeOf(endpoint, requestWith(bearer(await tokenWith({ iat: at, ...claims }))))
      return 'status' in outcome ? outcome.status : 'accepted'
    }
    expect(await statusOf({ exp: at + 3600 })).toBe('accepted')
    expect(await statusOf({ exp: at + 3601 })).toBe(401)
    const { length } = await tokenWith({ iat: at, pad: '' })
    const pad = (most: number) => 'a'.repeat(Math.floor(((most - length) * 3) / 4))
    expect((await tokenWith({ iat: at, pad: pad(4096) })).length).toBe(4096)
    expect(await statusOf({ pad: pad(4096) })).toBe('accepted')
    expect(await statusOf({ pad: `${pad(4096)}a` })).toBe(401)
  })

  it('suffices if the route says so', async () => {
    for (const require of ['signature', 'identity'] as const)
      expect(await mcp().verify(await request(), { require, accept: both })).toMatchObject({ scheme: 'bearer' })
  })

  it('cannot be accepted by a route of a resource that accepts none', async () => {
    const { resource } = openResource()
    const required = { require: 'identity', accept: both } as const
    expect(() => aauth(resource, required)).toThrow("add 'oauth' to accept of createResource")
    expect(() => aauth(mcp(), required)).not.toThrow()
    expect(() => aauth(mcp(), { ...required, accept: ['oauth'] })).toThrow('accept must be')
    await expect(resource.verify(await request(), required)).rejects.toThrow("add 'oauth' to accept of createResource")
  })
})

describe('rejects invalid options:', () => {
  it.each([
    ['accept without aauth', () => openResource({ accept: ['oauth'] }), 'accept must be'],
    ['an unknown way', () => openResource({ accept: ['aauth', 'basic' as never] }), 'accept must be'],
    ['a path with a slash at its end', () => openResource().resource.oauthEndpoint({ path: '/mcp/' }), 'path must be'],
    ['a path with a dot segment', () => openResource().resource.oauthEndpoint({ path: '/a/../mcp' }), 'path must be'],
    [
      'a path that looks like a parameter',
      () => openResource().resource.oauthEndpoint({ path: '/scope=x' }),
      'path must be',
    ],
    ['two scopes in one name', () => openResource({ scopes: { 'a b': 'See' } }), 'not the name of one scope'],
    ['a quote in a scope', () => openResource({ scopes: { 'a"b': 'See' } }), 'not the name of one scope'],
    [
      'text instead of false',
      () => openResource({ scopes: { a: { description: 'See', oauth: 'false' as never } } }),
      'must be true or false',
    ],
    ['a confusing challenge with spaces', () => mcp({ wwwAuthenticate: 'X scope ="a"' }), 'wwwAuthenticate'],
    ['a path with a query', () => openResource().resource.oauthEndpoint({ path: '/mcp?x' }), 'path must be'],
    [
      'only dangerous scopes',
      () => openResource().resource.oauthEndpoint({ path: '/mcp', scopes: ['notes.delete'] }),
      'no scope',
    ],
    [
      'a dangerous initial scope',
      () => openResource().resource.oauthEndpoint({ path: '/mcp', initialScopes: ['notes.delete'] }),
      'initialScopes',
    ],
    ['a confusing challenge', () => mcp({ wwwAuthenticate: 'X scope="a"' }), 'wwwAuthenticate'],
    [
      'a scope without a description',
      () => openResource({ scopes: { a: { oauth: true } as never } }),
      'needs a description',
    ],
  ])('%s', (_, open, message) => {
    expect(open).toThrow(message)
  })
})
