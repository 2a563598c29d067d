import { createSigner, type FetchDocument, generatePrivateJwk, type Signer } from 'countersign'
import {
  type AuthTokenClaims,
  january,
  type RevocationClaims,
  type RevokedKind,
  revocationEntry,
  revocationListLimits,
} from 'countersign/editions'
import { createResource, type DenyListOptions, type ResourceOptions } from 'countersign/resource'
import { signRequest } from 'countersign/signatures'
import { issueToken, type TokenType } from 'countersign/tokens'
import { describe, expect, it, vi } from 'vitest'
import { issuerDocuments } from '../origins.js'
import { refusal, refusalCode } from '../refusal.js'

const issuer = 'https://auth.example'
const id = 'https://api.example'
const listUri = `${issuer}/.well-known/aauth-revocations`
const issuerSigner = await createSigner(await generatePrivateJwk({ kid: 'auth-key-1' }))
const otherSigner = await createSigner(await generatePrivateJwk({ kid: 'auth-key-1' }))
const holder = await createSigner(await generatePrivateJwk({ kid: 'holder-1' }))
const resourceSigner = await createSigner(await generatePrivateJwk({ kid: 'resource-1' }))

type Changes = { [C in 'agent' | 'sub' | 'jti']?: string | undefined } & {
  iss?: string
  iat?: number | undefined
  exp?: number
}
type Answer = string | ((signal?: AbortSignal) => Response | Promise<Response>)

function open(
  denyList: DenyListOptions | null = {},
  options: Pick<ResourceOptions, 'ownAgent' | 'endpointOrigins'> = {},
) {
  const fetched: string[] = []
  const clock = { now: 1_800_000_000 }
  const documents: Record<string, object> = {
    ...issuerDocuments(issuer, [issuerSigner.jwk]),
    ...issuerDocuments('https://other-auth.example', [issuerSigner.jwk]),
  }
  const metadata = documents[`${issuer}/.well-known/aauth-issuer`] as Record<string, unknown>
  metadata.revocation_list_uri = listUri
  const state = {
    revoked: [] as string[],
    claims: {} as Partial<RevocationClaims>,
    polls: 0,
    accept: undefined as string | undefined,
    answer: undefined as Answer | undefined,
  }
  const signList = (by: Signer = issuerSigner, type: TokenType = january.tokens.revocations) => {
    const claims = { iss: issuer, iat: clock.now, exp: clock.now + 120, revoked: state.revoked, ...state.claims }
    return issueToken(type, claims as never, { signer: by })
  }
  const fetch: FetchDocument = async (url, init) => {
    fetched.push(url)
    if (url !== listUri) return documents[url] ? Response.json(documents[url]) : new Response(null, { status: 404 })
    state.polls++
    state.accept = init?.headers?.accept
    const { answer } = state
    if (typeof answer === 'function') return answer(init?.signal)
    return new Response(answer ?? (await signList()))
  }
  const resource = createResource({
    id,
    signer: resourceSigner,
    authServer: issuer,
    fetch,
    now: () => clock.now,
    ...options,
    ...(denyList ? { denyList } : {}),
  })
  const issuedAt = clock.now
  async function ask(
    claims: Changes = {},
    require: 'signature' | 'authorization' = 'authorization',
    whileUploading?: () => Promise<void>,
  ) {
    const token = {
      iss: issuer,
      aud: id,
      agent: 'https://agent.example',
      sub: 'person-1',
      scope: 'data.read',
      jti: 'grant-1.random',
      iat: issuedAt,
      exp: issuedAt + 3600,
      cnf: { jwk: holder.jwk },
      ...claims,
    }
    const jwt = await issueToken(january.tokens.auth, token as AuthTokenClaims, { signer: issuerSigner })
    const signatureKey = { scheme: 'jwt', jwt } as const
    const request = await signRequest(new Request(`${id}/read`), {
      profile: january.signing,
      signer: holder,
      signatureKey,
      created: clock.now,
    })
    const rawHeaders = [...request.headers, ['host', 'api.example']].flat()
    const upload = { isAnnounced: false, take: async () => whileUploading?.() }
    const message = { method: 'GET', rawTarget: '/read', rawHeaders, body: () => new Uint8Array(0), upload }
    const source = whileUploading ? message : request
    return require === 'signature'
      ? resource.verify(source, { require })
      : resource.verify(source, { require, scope: 'data.read' })
  }
  const verdict = async (claims?: Changes) => {
    try {
      await ask(claims)
      return 'accepted'
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  const revoke = async (kind: RevokedKind, value: string) => void state.revoked.push(await revocationEntry(kind, value))
  return { clock, state, metadata, fetched, resource, ask, verdict, revoke, signList }
}

describe('T23: with a revocation list', () => {
  it('the list is requested as a JWT', async () => {
    const { state, verdict } = open()
    expect(await verdict()).toBe('accepted')
    expect(state.accept).toBe('application/jwt')
  })

  it.each<[RevokedKind, string, string]>([
    ['grant', 'grant-1', 'grant-2'],
    ['agent', 'https://agent.example', 'https://agent.example.evil'],
    ['sub', 'person-1', 'grant-1'],
  ])('a token whose %s was revoked yields 401 invalid_auth_token within 5 s', async (kind, value, other) => {
    const { clock, verdict, revoke, resource, ask } = open()
    expect(await verdict()).toBe('accepted')
    await revoke(kind, other)
    clock.now += 4
    expect(await verdict()).toBe('accepted')
    await revoke(kind, value)
    clock.now += 4
    const error = await refusal(() => ask())
    const response = await resource.toResponse(error)
    expect(response.status).toBe(401)
    expect(response.headers.get('agent-auth')).toBe('httpsig; auth-token')
    expect(await response.json()).toMatchObject({ error: 'invalid_auth_token' })
  })

  it('it is also rejected if it is revoked while its content arrives (B26)', async () => {
    const { clock, verdict, revoke, ask } = open()
    async function whileUploading() {
      await revoke('grant', 'grant-1')
      clock.now += 4
    }
    expect(await verdict()).toBe('accepted')
    for (const require of ['signature', 'authorization'] as const)
      expect(await refusalCode(() => ask({}, require, whileUploading))).toBe('auth_token_invalid')
  })

  it('it is also rejected under traffic, through background polling, and at every level', async () => {
    const { clock, verdict, revoke, ask } = open()
    await verdict()
    await revoke('grant', 'grant-1')
    for (let second = 0; second < 4; second++) {
      const found = await verdict()
      if (second < 2) expect(found).toBe('accepted')
      clock.now += 1
    }
    await expect.poll(verdict).toBe('auth_token_invalid')
    expect(await refusalCode(() => ask({}, 'signature'))).toBe('auth_token_invalid')
  })

  it('a token that names no agent counts as a token of the resource’s own agent', async () => {
    const { verdict, revoke } = open({}, { ownAgent: true })
    const own = { agent: undefined }
    expect(await verdict(own)).toBe('accepted')
    await revoke('agent', id)
    const other = open({}, { ownAgent: true })
    await other.revoke('agent', id)
    expect(await other.verdict(own)).toBe('auth_token_invalid')
  })

  it('if a list overflows, every token issued up to a time is rejected, and later ones are not', async () => {
    const { state, clock, verdict } = open()
    state.claims.before = clock.now
    expect(await verdict()).toBe('auth_token_invalid')
    expect(await verdict({ iat: clock.now + 1 })).toBe('accepted')
    expect(await verdict({ jti: 'policy.random', sub: undefined })).toBe('auth_token_invalid')
  })

  it('if a user’s revocations overflow, the user’s tokens issued up to a time are rejected; later ones and those of other users are not', async () => {
    const { state, clock, verdict } = open()
    state.claims.revoked_before = { [await revocationEntry('sub', 'person-1')]: clock.now }
    expect(await verdict()).toBe('auth_token_invalid')
    expect(await verdict({ agent: 'https://other-agent.example', jti: 'grant-9.x' })).toBe('auth_token_invalid')
    expect(await verdict({ iat: undefined })).toBe('auth_token_invalid')
    expect(await verdict({ iat: clock.now + 1 })).toBe('accepted')
    expect(await verdict({ sub: 'person-2' })).toBe('accepted')
    expect(await verdict({ sub: undefined, jti: 'policy.x' })).toBe('accepted')
    state.claims.revoked_before = { [await revocationEntry('sub', 'person-1')]: clock.now - 1 }
    clock.now += 4
    expect(await verdict()).toBe('accepted')
  })

  it('the largest possible list is accepted, and a longer one is not', async () => {
    const { entries, characters } = revocationListLimits
    expect({ entries, characters }).toEqual({ entries: 10_000, characters: 524_288 })
    const { state, clock, verdict, signList } = open()
    const people = [await revocationEntry('sub', 'person-1')]
    while (people.length < entries) people.push(await revocationEntry('sub', `somebody-${people.length}`))
    state.claims.revoked_before = Object.fromEntries(people.map((entry) => [entry, clock.now]))
    expect(await verdict()).toBe('auth_token_invalid')
    expect(await verdict({ sub: 'person-2' })).toBe('accepted')
    const { length } = await signList()
    // Four characters in the token encode three of the payload.
    const padding = (longer: number) => 'x'.repeat(Math.floor(((characters - length) * 3) / 4) + longer)
    for (const [longer, outcome] of [
      [-40, 'accepted'],
      [40, 'unavailable'],
    ] as const) {
      const other = open()
      Object.assign(other.state.claims, state.claims, { padding: padding(longer) })
      expect(await other.verdict({ sub: 'person-2' })).toBe(outcome)
    }
  })

  it('a token is accepted again once its entry is no longer on the list', async () => {
    const { state, clock, verdict, revoke } = open()
    await revoke('agent', 'https://agent.example')
    expect(await verdict()).toBe('auth_token_invalid')
    state.revoked.length = 0
    clock.now += 4
    expect(await verdict()).toBe('accepted')
  })

  it('it polls every 2 s under traffic, once for all requests, and not at all without traffic', async () => {
    const { state, clock, verdict } = open()
    await Promise.all(Array.from({ length: 50 }, () => verdict()))
    expect(state.polls).toBe(1)
    for (let second = 0; second < 60; second++) {
      clock.now += 1
      await Promise.all([verdict(), verdict()])
    }
    expect(state.polls).toBe(31)
    clock.now += 3600
    expect(state.polls).toBe(31)
  })

  it('under steady traffic, no request waits for a poll', async () => {
    const { state, clock, verdict } = open()
    await verdict()
    const gaveUp = vi.fn()
    state.answer = (signal) => new Promise(() => signal?.addEventListener('abort', gaveUp))
    clock.now += 2
    expect(await verdict()).toBe('accepted')
    expect(gaveUp).not.toHaveBeenCalled()
    expect(state.polls).toBe(2)
  })

  it('an expired token is reported as expired, whether or not it was revoked', async () => {
    const { clock, verdict, revoke } = open()
    await revoke('grant', 'grant-1')
    expect(await verdict({ exp: clock.now })).toBe('auth_token_expired')
  })

  it.each(['https://evil.example/list', 'https://auth.example:8443/list', 'http://auth.example/list'])(
    'a list at another origin is not fetched: %s',
    async (url) => {
      const { metadata, fetched, ask } = open()
      metadata.revocation_list_uri = url
      const error = await refusal(() => ask())
      expect(error.code).toBe('unavailable')
      expect(fetched).not.toContain(url)
      if (url.startsWith('http:')) return
      expect(String(error.cause)).toContain(`set endpointOrigins: { '${issuer}': ['${new URL(url).origin}'] }`)
    },
  )

  it('unless endpointOrigins contains it', async () => {
    const elsewhere = 'https://lists.example/list'
    const { metadata, fetched, verdict } = open({}, { endpointOrigins: { [issuer]: ['https://lists.example'] } })
    metadata.revocation_list_uri = elsewhere
    await verdict()
    expect(fetched).toContain(elsewhere)
  })

  it('endpointOrigins applies to the resource’s auth server', () => {
    const endpointOrigins = { 'https://other-auth.example': ['https://lists.example'] }
    expect(() => open({}, { endpointOrigins })).toThrow(
      'https://other-auth.example, which is not a configured auth server',
    )
  })

  it('R01: a stranger’s request causes no poll', async () => {
    const { state, ask, resource } = open()
    await refusalCode(() => ask({ iss: 'https://other-auth.example' }))
    await refusalCode(() => ask({ exp: 1 }))
    await refusalCode(() => resource.verify(new Request(`${id}/read`), { require: 'signature' }))
    expect(state.polls).toBe(0)
  })
})

describe('an unavailable revocation list', () => {
  type Stage = ReturnType<typeof open>
  const answering = (answer: Answer) => (stage: Stage) => Object.assign(stage.state, { answer })
  const claiming = (claims: object) => (stage: Stage) => Object.assign(stage.state.claims, claims)
  const located = (uri: string | undefined) => (stage: Stage) =>
    Object.assign(stage.metadata, { revocation_list_uri: uri })
  const broken: readonly [string, (stage: Stage) => unknown][] = [
    ['is not responding', answering(() => Promise.reject(new TypeError('down')))],
    ['returns 503', answering(() => new Response(null, { status: 503 }))],
    ['redirects', answering(() => Response.redirect('https://elsewhere.example/list'))],
    ['is not a token', answering('{"revoked":[]}')],
    ['is larger than 512 KiB', answering('x'.repeat(524_289))],
    ['is of another typ', async (stage) => answering(await stage.signList(issuerSigner, january.tokens.auth))(stage)],
    ['is signed with another key', async (stage) => answering(await stage.signList(otherSigner))(stage)],
    ['is from another issuer', claiming({ iss: 'https://other-auth.example' })],
    ['has expired', claiming({ exp: 1_800_000_000 })],
    ['has too long a lifetime', claiming({ exp: 1_800_000_601 })],
    ['has no valid iat', claiming({ iat: 'now' })],
    ['is issued in the future', claiming({ iat: 1_800_000_061 })],
    ['contains invalid entries', claiming({ revoked: [1] })],
    ['contains an entry of 33 characters', claiming({ revoked: ['x'.repeat(33)] })],
    ['contains invalid times', claiming({ revoked_before: { entry: 'now' } })],
    ['contains a negative time', claiming({ revoked_before: { entry: -1 } })],
    ['contains its times as a list', claiming({ revoked_before: [1] })],
    ['contains null for its times', claiming({ revoked_before: null })],
    ['contains a number for its times', claiming({ revoked_before: 5 })],
    ['contains a boolean for its times', claiming({ revoked_before: true })],
    ['contains a string for its times', claiming({ revoked_before: '' })],
    ['contains a time for an entry of 33 characters', claiming({ revoked_before: { ['x'.repeat(33)]: 1 } })],
    ['is not named in the document', located(undefined)],
    ['is at a private address', located('http://169.254.169.254/')],
  ]

  it.each(broken)('that %s causes 503 from the first request on', async (_what, breakIt) => {
    const stage = open()
    await breakIt(stage)
    const response = await stage.resource.toResponse(await refusal(() => stage.ask()))
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('2')
    expect(await response.json()).toEqual({
      error: 'temporarily_unavailable',
      error_description: 'Try again in a moment.',
    })
  })

  it.each(broken)('that %s does not affect tokens until they expire, if so configured', async (_what, breakIt) => {
    const stage = open({ whenUnreachable: 'accept' })
    await breakIt(stage)
    expect(await stage.verdict()).toBe('accepted')
    stage.clock.now += 31
    expect(await stage.verdict()).toBe('accepted')
  })

  it('is replaced by the last one for 30 s, then requests are refused, and it recovers by itself', async () => {
    const { state, clock, verdict, revoke } = open()
    await revoke('grant', 'grant-2')
    await verdict()
    state.answer = () => new Response(null, { status: 503 })
    for (let second = 0; second < 30; second++) {
      clock.now += 1
      expect(await verdict()).toBe('accepted')
      expect(await verdict({ jti: 'grant-2.x' })).toBe('auth_token_invalid')
    }
    clock.now += 1
    expect(await verdict()).toBe('unavailable')
    state.answer = undefined
    clock.now += 2
    await expect.poll(() => verdict()).toBe('accepted')
  })

  it('does not restore revoked tokens, even if other tokens are accepted', async () => {
    const { state, clock, verdict, revoke } = open({ whenUnreachable: 'accept' })
    await revoke('grant', 'grant-2')
    await verdict()
    state.answer = () => new Response(null, { status: 503 })
    clock.now += 300
    expect(await verdict()).toBe('accepted')
    expect(await verdict({ jti: 'grant-2.x' })).toBe('auth_token_invalid')
  })

  it('may be up to 10 s older than the last one, since two instances may differ that much', async () => {
    for (const [older, outcome] of [
      [10, 'accepted'],
      [11, 'auth_token_invalid'],
    ] as const) {
      const { state, clock, verdict, revoke } = open()
      await revoke('grant', 'grant-1')
      expect(await verdict()).toBe('auth_token_invalid')
      const before = clock.now
      state.revoked.length = 0
      clock.now += 4
      state.claims.iat = before - older
      expect(await verdict()).toBe(outcome)
    }
  })

  it('is rejected if it is older than the last one', async () => {
    const { state, clock, verdict, revoke, signList } = open()
    const old = await signList()
    clock.now += 20
    await revoke('grant', 'grant-1')
    expect(await verdict()).toBe('auth_token_invalid')
    state.answer = old
    clock.now += 4
    expect(await verdict()).toBe('auth_token_invalid')
  })
})

it('without a revocation list nothing is polled, and a token works until it expires', async () => {
  const { state, verdict, revoke } = open(null)
  await revoke('grant', 'grant-1')
  expect(await verdict()).toBe('accepted')
  expect(state.polls).toBe(0)
})
