import { createSigner, generatePrivateJwk } from 'countersign'
import {
  draft11Jose,
  draft11Resource,
  draft11ResourceWith,
  draft11ResourceWithBaseCoverage,
  draft11Tokens,
  parseRequirement,
} from 'countersign/editions/draft-11'
import { createRateLimit, createResource } from 'countersign/resource'
import { importVerificationKey } from 'countersign/signatures'
import { decodeToken, publishedJwk, verifyToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import {
  openStage,
  otherServer,
  requestWith,
  revocation,
  revokes,
  said,
  scopes,
  serve,
  signers,
  type TokenKind,
  tokenOf,
} from './resource-stage.js'
import { agentName, boundTo, ids, newSigner, now } from './wire.js'

const read = { require: 'authorization', scope: 'data.read' } as const

const stranger = await newSigner('stranger')

describe('each need, with each token', () => {
  type Need = 'signature' | 'identity' | 'user' | 'authorization'
  const rows: [Need, Record<TokenKind | 'none', string>][] = [
    ['signature', { none: 'agent-token', agent: 'served', person: 'served', auth: 'served' }],
    ['identity', { none: 'agent-token', agent: 'served', person: 'agent-token', auth: 'agent-token' }],
    ['user', { none: 'person-token', agent: 'person-token', person: 'served', auth: 'served' }],
    [
      'authorization',
      { none: 'person-token', agent: 'person-token', person: 'auth-token;resource-token="…"', auth: 'served' },
    ],
  ]
  it.each(
    rows.flatMap(([need, cells]) => Object.entries(cells).map(([kind, outcome]) => [need, kind, outcome] as const)),
  )('%s, with %s: %s', async (need, kind, outcome) => {
    const { send } = openStage()
    const message = await requestWith(await tokenOf(kind === 'none' ? 'agent' : (kind as TokenKind)))
    if (kind === 'none') message.headers.splice(1)
    const { verified, response } = await send(message, need === 'authorization' ? read : { require: need })
    if (outcome === 'served') return expect(verified?.tokenType).toBe(draft11Tokens[kind as TokenKind].typ)
    const problem = kind === 'none' ? 'error=invalid_signature' : undefined
    expect(said(response)).toEqual({ status: 401, requirement: `requirement=${outcome}`, problem })
    return undefined
  })

  it.each([
    ['kid', 'agent-1'],
    ['thumbprint', signers.agent.thumbprint],
  ])('accepts a keyid that is the %s of the key', async (_what, keyid) => {
    const { send } = openStage()
    const jwt = await tokenOf('auth', { cnf: { jwk: { ...boundTo(signers.agent).jwk, kid: 'agent-1' } } })
    for (const nonce of ['first', 'from the cache'])
      expect(
        (await send(await requestWith(jwt, { parameters: `;nonce="${nonce}";keyid="${keyid}"` }), read)).response,
      ).toBeUndefined()
    const other = await send(await requestWith(jwt, { parameters: ';keyid="another"' }), read)
    expect(said(other.response).problem).toBe('error=invalid_signature')
  })

  it('an agent token names the agent, and the others the user', async () => {
    const { send } = openStage()
    const byAgent = await send(await requestWith(await tokenOf('agent')), { require: 'identity' })
    expect(byAgent.verified).toMatchObject({ agent: ids.agent, delegate: agentName, authorization: undefined })
    const forUser = await send(await requestWith(await tokenOf('person')), { require: 'user' })
    expect(forUser.verified).toMatchObject({
      iss: ids.personServer,
      sub: 'p1',
      agent: undefined,
      authorization: undefined,
    })
    const allowed = await send(await requestWith(await tokenOf('auth')), read)
    expect(allowed.verified).toMatchObject({ iss: ids.personServer, sub: 'p1', agent: undefined, scope: ['data.read'] })
  })
})

describe('the resource token', () => {
  async function resourceTokenFor(kind: 'person' | 'auth', claims: Record<string, unknown>, scope = 'data.read') {
    const stage = openStage()
    const jwt = await tokenOf(kind, claims)
    const { response } = await stage.send(await requestWith(jwt), { require: 'authorization', scope })
    expect(response?.status).toBe(401)
    const required = parseRequirement(response?.headers.get('aauth-requirement') ?? '')
    return required?.requirement === 'auth-token' ? required.resourceToken : ''
  }

  it('repeats the person token that was presented, for its person server and the key', async () => {
    const issued = await resourceTokenFor('person', { jti: 'j1', tenant: 't1', mission_s256: 'm1', ps: otherServer })
    const key = await importVerificationKey(signers.resource.jwk)
    const options = { audience: ids.personServer, now: () => now, findKey: () => ({ key }) }
    const { claims } = await verifyToken(draft11Tokens.resource, issued, options)
    expect(claims).toEqual({
      iss: ids.resource,
      dwk: 'aauth-resource.json',
      aud: ids.personServer,
      ps: ids.personServer,
      sub: 'p1',
      presented_jti: 'j1',
      agent_jkt: signers.agent.thumbprint,
      scope: 'data.read',
      tenant: 't1',
      mission_s256: 'm1',
      iat: now,
      exp: now + 300,
      jti: expect.stringMatching(/^[\w-]{22}$/) as unknown,
    })
    expect(decodeToken(issued)?.header).toEqual({ alg: 'Ed25519', kid: 'resource-1', typ: 'aa-resource+jwt' })
  })

  it('names the auth token if that lacks a scope, and requires both', async () => {
    const issued = await resourceTokenFor('auth', { jti: 'j2' }, 'data.read data.write')
    expect(decodeToken(issued)?.payload).toMatchObject({
      presented_jti: 'j2',
      scope: 'data.read data.write',
      ps: ids.personServer,
    })
    expect(decodeToken(issued)?.payload).not.toHaveProperty('tenant')
  })
})

describe('a token is refused', () => {
  const noAlg = { jwk: signers.agent.jwk }
  const rows: [string, TokenKind, Record<string, unknown>, string][] = [
    ['for another resource', 'auth', { aud: 'https://other.example' }, 'invalid_jwt'],
    ['bound to another key', 'auth', { cnf: boundTo(stranger) }, 'invalid_signature'],
    ['with a key that has no alg', 'auth', { cnf: noAlg }, 'unsupported_algorithm'],
    ['with a key of another type', 'auth', { cnf: { jwk: { ...boundTo(stranger).jwk, alg: 'ES256' } } }, 'invalid_key'],
    ['without a key', 'auth', { cnf: undefined }, 'invalid_jwt'],
    ['without a user', 'auth', { sub: undefined }, 'invalid_jwt'],
    ['that has expired', 'auth', { exp: now }, 'expired_jwt'],
    ['from the future', 'auth', { iat: now + 61 }, 'clock_skew'],
    ['with the document of an agent', 'auth', { dwk: 'aauth-agent.json' }, 'invalid_jwt'],
    ['that lives for a day', 'auth', { exp: now + 86_400 }, 'invalid_jwt'],
    ['from an agent at another host', 'agent', { sub: 'aauth:a@other.example' }, 'invalid_jwt'],
    [
      'from an agent that publishes nothing',
      'agent',
      { iss: 'https://none.example', sub: 'aauth:a@none.example' },
      'unknown_key',
    ],
  ]
  it.each(rows)('%s', async (_if, kind, claims, problem) => {
    const { send } = openStage()
    const { response } = await send(
      await requestWith(await tokenOf(kind, claims)),
      kind === 'agent' ? { require: 'identity' } : read,
    )
    const requirement = `requirement=${kind === 'agent' ? 'agent' : 'person'}-token`
    expect(said(response)).toEqual({
      status: 401,
      requirement,
      problem: expect.stringMatching(`^error=${problem}`) as unknown,
    })
  })

  it('that another party signed', async () => {
    const { send } = openStage()
    for (const kind of ['agent', 'person', 'auth'] as const) {
      const { response } = await send(await requestWith(await tokenOf(kind, {}, stranger)), { require: 'signature' })
      expect(said(response).problem).toMatch(/^error=(unknown_key|invalid_jwt)$/)
    }
  })

  it('of January 2026, as an unsupported token', async () => {
    const { send } = openStage()
    const [header = '', ...rest] = (await tokenOf('auth')).split('.')
    const changed = { ...(JSON.parse(Buffer.from(header, 'base64url').toString()) as object), typ: 'auth+jwt' }
    const jwt = [Buffer.from(JSON.stringify(changed)).toString('base64url'), ...rest].join('.')
    const { response } = await send(await requestWith(jwt), read)
    expect(said(response).problem).toBe('error=invalid_jwt')
  })
})

describe('the person servers', () => {
  const foreign = async () =>
    requestWith(await tokenOf('auth', { iss: otherServer, ps: otherServer }, signers.otherServer))

  it('are only those that are listed: others get 403, and nothing is fetched', async () => {
    const { send, fetched } = openStage()
    const { response } = await send(await foreign(), read)
    expect(said(response)).toEqual({ status: 403, requirement: undefined, problem: undefined })
    expect(await response?.json()).toMatchObject({ error: 'denied' })
    expect(fetched).toEqual([])
  })

  it.each([
    ['any', 'any' as const, true],
    ['a function that accepts it', (issuer: string) => issuer === otherServer, true],
    ['a function that does not', (issuer: string) => issuer === ids.personServer, false],
    ['a list with it', [ids.personServer, otherServer], true],
  ])('can be %s', async (_what, authServers, isAccepted) => {
    const { send } = openStage({ authServers })
    const { verified, response } = await send(await foreign(), read)
    expect(verified?.authorization?.claims.iss ?? response?.status).toBe(isAccepted ? otherServer : 403)
  })

  it('can be one, as in January', async () => {
    const { send } = openStage({ authServers: undefined, authServer: ids.personServer })
    expect((await send(await requestWith(await tokenOf('auth')), read)).verified).toBeDefined()
  })

  it.each<[string, (jwk: object) => object[], string]>([
    ['two keys with one kid', (jwk) => [jwk, { ...boundTo(stranger).jwk, kid: 'ps-1' }], 'invalid_key'],
    ['a key without alg', (jwk) => [{ ...jwk, alg: undefined }], 'unsupported_algorithm'],
    ['no key', () => [], 'unknown_key'],
  ])('that publish %s are refused', async (_what, keysFrom, problem) => {
    const { send, documents } = openStage()
    const [jwk] = (documents.get(`${ids.personServer}/jwks.json`) as { keys: object[] }).keys
    documents.set(`${ids.personServer}/jwks.json`, { keys: keysFrom(jwk ?? {}) })
    const { response } = await send(await requestWith(await tokenOf('auth')), read)
    expect(said(response)).toMatchObject({ status: 401, problem: `error=${problem}` })
  })

  it('that were listed and cannot be reached cause 503', async () => {
    const { send, documents } = openStage()
    documents.clear()
    const unreachable = openStage({ fetch: async () => new Response(null, { status: 503 }) })
    const { response } = await unreachable.send(await requestWith(await tokenOf('auth')), read)
    expect(response?.status).toBe(503)
    const missing = await send(await requestWith(await tokenOf('auth')), read)
    expect(said(missing.response).problem).toBe('error=unknown_key')
  })
})

describe('the keys of a party', () => {
  const elsewhere = 'https://keys.example'
  function openElsewhere(issuer: string, options: Parameters<typeof openStage>[0] = {}) {
    const stage = openStage(options)
    const dwk = issuer === ids.agent ? 'aauth-agent.json' : 'aauth-person.json'
    const url = `${issuer}/.well-known/${dwk}`
    stage.documents.set(url, { ...stage.documents.get(url), jwks_uri: `${elsewhere}/jwks.json` })
    stage.documents.set(`${elsewhere}/jwks.json`, stage.documents.get(`${issuer}/jwks.json`) ?? {})
    return stage
  }

  it.each(['agent', 'auth'] as const)('must be on its own origin, for an %s token', async (kind) => {
    const { send, fetched } = openElsewhere(kind === 'agent' ? ids.agent : ids.personServer)
    const { response } = await send(await requestWith(await tokenOf(kind)), { require: 'signature' })
    expect(said(response).problem).toBe('error=unknown_key')
    expect(fetched.filter((url) => url.startsWith(elsewhere))).toEqual([])
  })

  it('must be on its own origin, for a revocation and for the tokens after it', async () => {
    const { resource, send, fetched } = openElsewhere(ids.personServer)
    expect((await serve(resource, await revocation(revokes('j1')))).status).toBe(401)
    const { response } = await send(await requestWith(await tokenOf('auth')), read)
    expect(said(response).problem).toBe('error=unknown_key')
    expect(fetched.filter((url) => url.startsWith(elsewhere))).toEqual([])
  })

  it('may be elsewhere if the operator lists that origin', async () => {
    const { send } = openElsewhere(ids.personServer, { endpointOrigins: { [ids.personServer]: [elsewhere] } })
    expect((await send(await requestWith(await tokenOf('auth')), read)).verified).toBeDefined()
  })
})

describe('the document', () => {
  it('describes the resource', async () => {
    const { resource } = openStage()
    const response = await resource.handler(new Request(`${ids.resource}/.well-known/aauth-resource.json`))
    expect(response.headers.get('cache-control')).toBe('public, max-age=300')
    expect(await response.json()).toEqual({
      issuer: ids.resource,
      jwks_uri: `${ids.resource}/aauth/jwks.json`,
      accept_signature_algs: ['Ed25519', 'ES256'],
      access_mode: 'auth-token',
      authorization_endpoint: `${ids.resource}/aauth/authorize`,
      scope_descriptions: scopes,
      signature_window: 60,
      additional_signature_components: ['@query', 'content-type', 'content-digest'],
      revocation_endpoint: `${ids.resource}/aauth/revoke`,
    })
    const jwks = await resource.handler(new Request(`${ids.resource}/aauth/jwks.json`))
    expect(await jwks.json()).toEqual({ keys: [publishedJwk(signers.resource.jwk, draft11Jose)] })
  })

  it('lists only what is accepted', async () => {
    const { resource } = openStage({
      scopes: undefined,
      algorithms: ['ecdsa-p256-sha256'],
      edition: draft11ResourceWithBaseCoverage,
    })
    expect(resource.metadata).toMatchObject({
      accept_signature_algs: ['ES256'],
      access_mode: 'agent-token',
      additional_signature_components: [],
    })
    expect(resource.metadata).not.toHaveProperty('authorization_endpoint')
  })
})

describe('createResource with draft -11', () => {
  const create = (options: object) => () =>
    createResource({
      edition: draft11Resource,
      id: ids.resource,
      signer: signers.resource,
      authServers: 'any',
      ...options,
    })

  it.each<[string, object, string]>([
    [
      'an id with a port',
      { id: 'https://api.example:8443' },
      'id must be https:// and a host, without a port or a path',
    ],
    ['an id with a path', { id: 'https://api.example/a', allowPath: true }, 'id must be https:// and a host'],
    [
      'a deny list',
      { authServers: undefined, authServer: ids.personServer, denyList: {} },
      'report revoked tokens to https://api.example/aauth/revoke',
    ],
    ['both forms of auth servers', { authServer: ids.personServer }, 'set either authServer or authServers'],
    ['no auth server', { authServers: undefined }, 'set either authServer or authServers'],
    ['an empty list of auth servers', { authServers: [] }, 'authServers must be a list'],
    ['an auth server that is no URL', { authServers: ['ps.example'] }, 'add https:// in front'],
    ['access tokens, but no auth server for them', { accept: ['aauth', 'oauth'], scopes }, 'needs authServer'],
  ])('refuses %s', (_what, options, message) => {
    expect(create(options)).toThrow(message)
  })

  it('refuses an RSA key, and accepts loopback in development', async () => {
    const rsa = await createSigner(await generatePrivateJwk({ algorithm: 'rsa-pss-sha512' }))
    expect(create({ signer: rsa })).toThrow('signer must have an Ed25519 or P-256 key')
    expect(create({ id: 'http://localhost:3000', allowInsecureLoopback: true })).not.toThrow()
  })

  it('is needed for several auth servers, and for the level user', async () => {
    const january = { id: ids.resource, signer: signers.resource }
    for (const authServers of ['any', [ids.personServer]] as const)
      expect(() => createResource({ ...january, authServers })).toThrow(
        'set edition, or authServer instead of authServers: in January 2026, a resource has one auth server',
      )
    expect(() => createResource({ ...january, authServer: undefined })).toThrow('authServer is not a valid identifier')
    const resource = createResource({ ...january, authServer: ids.personServer })
    await expect(resource.verify(new Request(ids.resource), { require: 'user' })).rejects.toThrow(TypeError)
  })
})

describe('requests', () => {
  it('work once with a nonce', async () => {
    const { send } = openStage()
    const message = await requestWith(await tokenOf('auth'), { parameters: ';nonce="n1"' })
    expect((await send(message, read)).verified).toBeDefined()
    expect(said((await send(message, read)).response)).toMatchObject({
      status: 401,
      problem: 'error=invalid_signature',
    })
  })

  it('without a nonce work once, too, if the resource derives one', async () => {
    const { send } = openStage({ nonce: 'derived' })
    const post = { method: 'POST', body: '{}', also: ['content-type', 'content-digest'] }
    const message = await requestWith(await tokenOf('auth'), post)
    expect((await send(message, read)).verified).toBeDefined()
    expect(said((await send(message, read)).response).problem).toBe('error=invalid_signature')
    const other = await requestWith(await tokenOf('auth'), { ...post, target: '/other' })
    expect((await send(other, read)).verified).toBeDefined()
    const get = await requestWith(await tokenOf('auth'))
    for (const _ of [1, 2]) expect((await send(get, read)).verified).toBeDefined()
  })

  it('of a user count together, however many keys the agent has', async () => {
    const { send } = openStage({ rateLimit: createRateLimit({ authorization: 2, now: () => now }) })
    const keys = await Promise.all(['a', 'b', 'c'].map((kid) => newSigner(kid)))
    const statuses: unknown[] = []
    for (const signer of keys) {
      const jwt = await tokenOf('person', { cnf: boundTo(signer) })
      const { verified, response } = await send(await requestWith(jwt, { signer }), { require: 'user' })
      statuses.push(verified ? 'served' : response?.status)
    }
    expect(statuses).toEqual(['served', 'served', 429])
  })

  it('must cover the query and the body, unless the resource accepts the base coverage', async () => {
    const parts = { method: 'POST', target: '/data?a=1', body: '{}' }
    const message = await requestWith(await tokenOf('auth'), parts)
    const { response } = await openStage().send(message, read)
    expect(said(response)).toMatchObject({
      status: 401,
      problem:
        'error=invalid_input, required_input=("@method" "@authority" "@path" "signature-key" "@query" "content-type" "content-digest")',
    })
    expect((await openStage({ edition: draft11ResourceWithBaseCoverage }).send(message, read)).verified).toBeDefined()
  })

  it('with a token are verified again once its issuer’s key is no longer fresh', async () => {
    const { send, documents, clock } = openStage()
    const jwt = await tokenOf('auth', { exp: now + 3600 })
    expect((await send(await requestWith(jwt), read)).verified).toBeDefined()
    documents.set(`${ids.personServer}/jwks.json`, { keys: [] })
    clock.now += 700
    const { response } = await send(await requestWith(jwt, { created: clock.now }), read)
    expect(said(response).problem).toBe('error=unknown_key')
  })
})

it.each<[TokenKind, Record<string, unknown>, string]>([
  ['person', {}, 'This request needs an auth token.'],
  ['auth', { scope: 'data.write' }, 'The auth token lacks the scopes data.read.'],
  ['auth', { account: 'work' }, 'The auth token is for another account.'],
])('a request with the %s token %j is told what it lacks', async (kind, claims, detail) => {
  const edition = draft11ResourceWith({
    accounts: { has: () => true, of: () => (claims.account ? 'home' : undefined) },
  })
  const { response } = await openStage({ edition }).send(await requestWith(await tokenOf(kind, claims)), read)
  expect(await response?.json()).toMatchObject({ detail })
})

describe('the authorization endpoint', () => {
  const also = ['content-type', 'content-digest']
  const ask = async (resource: Parameters<typeof serve>[0], kind: TokenKind, body: string, fields = {}) =>
    serve(
      resource,
      await requestWith(await tokenOf(kind, { jti: 'j3' }), {
        method: 'POST',
        target: '/aauth/authorize',
        body,
        also,
        fields,
      }),
    )

  it('issues a resource token for a person token', async () => {
    const { resource } = openStage()
    const response = await ask(resource, 'person', '{"scope":"data.read data.write email"}')
    expect(response.status).toBe(200)
    const { resource_token: issued } = (await response.json()) as { resource_token: string }
    expect(decodeToken(issued)?.payload).toMatchObject({
      scope: 'data.read data.write email',
      presented_jti: 'j3',
      aud: ids.personServer,
      agent_jkt: signers.agent.thumbprint,
    })
  })

  it.each(['openid', 'profile', 'email', 'address', 'phone', 'tenant', 'groups', 'roles'])(
    'accepts the identity scope %s if the person server offers it',
    async (scope) => {
      const { resource, publish, person } = openStage()
      const offered = { ...person(ids.personServer), scopes_supported: [scope] }
      publish(ids.personServer, 'aauth-person.json', signers.personServer, offered)
      expect((await ask(resource, 'person', JSON.stringify({ scope }))).status).toBe(200)
    },
  )

  it.each(['agent', 'auth'] as const)('requires a person token instead of an %s token', async (kind) => {
    const { resource } = openStage()
    expect(said(await ask(resource, kind, '{"scope":"data.read"}'))).toMatchObject({
      status: 401,
      requirement: 'requirement=person-token',
    })
  })

  it.each<[string, string, number, string]>([
    ['no scope', '{}', 400, 'invalid_scope'],
    ['an unknown scope', '{"scope":"data.read admin"}', 400, 'invalid_scope'],
    ['an identity scope that the person server does not offer', '{"scope":"phone"}', 400, 'invalid_scope'],
    ['an account', '{"scope":"data.read","account":"work"}', 400, 'invalid_account'],
    ['a repeated member', '{"scope":"data.read","scope":"data.write"}', 400, 'invalid_request'],
    ['no object', '[]', 400, 'invalid_request'],
  ])('refuses %s', async (_what, body, status, error) => {
    const { resource } = openStage()
    const response = await ask(resource, 'person', body)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error })
  })

  it('accepts JSON of at most 32 KiB', async () => {
    const { resource } = openStage()
    const padded = (length: number) => {
      const body = '{"scope":"data.read","pad":""}'
      return body.replace('""', `"${'a'.repeat(length - body.length)}"`)
    }
    expect((await ask(resource, 'person', padded(32_768))).status).toBe(200)
    expect((await ask(resource, 'person', padded(32_769))).status).toBe(413)
  })

  it('refuses a form', async () => {
    const { resource } = openStage()
    expect(
      (await ask(resource, 'person', 'scope=data.read', { 'content-type': 'application/x-www-form-urlencoded' }))
        .status,
    ).toBe(415)
  })
})
