import { createSigner, generatePrivateJwk } from 'countersign'
import type { AgentError } from 'countersign/agent'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { agentSigner, ended, ids, openStage, type Stage, settled } from './stage.js'

const data = `${ids.api}/data`
const session = 's1'
const ask = (stage: Stage, url = data) => stage.agent.for(session).fetch(url)
const errorOf = async (stage: Stage): Promise<AgentError> => {
  const error: unknown = await ask(stage).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ name: 'AgentError' })
  return error as AgentError
}
/** Whether the session’s token is still used at this age, in seconds. */
async function isShown(stage: Stage, age: number): Promise<boolean> {
  stage.clock.now += age
  stage.seen.length = 0
  await ask(stage)
  stage.clock.now -= age
  return stage.seen[0]?.scheme === 'jwt'
}

describe('a token request', () => {
  it('is a signed form with a nonce, and follows no redirect', async () => {
    const stage = openStage()
    const redirects: string[] = []
    const answering = stage.token.auth
    stage.token.auth = (form, seen) => {
      expect(seen).toMatchObject({ method: 'POST', scheme: 'jwks', url: `${ids.authServer}/agent/token` })
      expect(seen.headers.get('content-type')).toBe('application/x-www-form-urlencoded')
      expect(seen.headers.get('nonce')).toMatch(/^[\w-]{22}$/)
      redirects.push(seen.redirect)
      return answering(form, seen)
    }
    void ended(ask(stage))
    await settled()
    expect(redirects).toEqual(['manual'])
    void stage.agent.forget(session)
  })

  it.each<[string, Response | object, Partial<AgentError>]>([
    [
      'an error',
      Response.json({ error: 'invalid_scope', error_description: 'No such scope.' }, { status: 400 }),
      {
        code: 'token_request_failed',
        error: 'invalid_scope',
        message: 'The auth server returned 400 invalid_scope: No such scope.',
      },
    ],
    [
      'an error with a success status',
      { error: 'invalid_scope' },
      {
        code: 'token_request_failed',
        error: undefined,
        message: 'The auth server returned neither an auth_token nor a request_token.',
      },
    ],
    [
      'an error without a description',
      Response.json({ error: 'invalid_scope' }, { status: 400 }),
      { message: 'The auth server returned 400 invalid_scope' },
    ],
    [
      'an error and a description that are not strings',
      Response.json({ error: 7, error_description: 7 }, { status: 400 }),
      { code: 'token_request_failed', error: undefined, message: 'The auth server returned 400' },
    ],
    ['a page', new Response('<p>', { status: 502 }), { error: undefined, message: 'The auth server returned 502' }],
    ['a page with a success status', new Response('<p>'), { message: 'The auth server returned 200' }],
    ['no body', new Response(null, { status: 503 }), { message: 'The auth server returned 503' }],
    ['a list', Response.json([1]), { message: 'The auth server returned 200' }],
    [
      'a redirect',
      new Response(null, { status: 307, headers: { location: '/' } }),
      { message: 'The auth server returned 307' },
    ],
    [
      'access_denied',
      Response.json({ error: 'access_denied' }, { status: 403 }),
      { code: 'access_denied', error: 'access_denied', message: 'Access was denied.' },
    ],
    [
      'unknown_key',
      Response.json(
        { error: 'invalid_signature' },
        { status: 401, headers: { 'signature-error': 'error=unknown_key' } },
      ),
      { code: 'key_unknown', error: 'invalid_signature' },
    ],
  ])('that returns %s rejects with it', async (_what, answer, expected) => {
    const stage = openStage()
    stage.token.auth = () => answer
    expect(await errorOf(stage)).toMatchObject(expected)
  })

  it('truncates an error description at 200 characters', async () => {
    const stage = openStage()
    const answer = (length: number) =>
      Response.json({ error: 'a', error_description: 'x'.repeat(length) }, { status: 400 })
    for (const [length, kept] of [
      [200, 200],
      [201, 200],
    ] as const) {
      stage.token.auth = () => answer(length)
      expect((await errorOf(stage)).message).toBe(`The auth server returned 400 a: ${'x'.repeat(kept)}`)
    }
  })

  it.each([
    [65_536, 'invalid_scope'],
    [65_537, undefined],
  ])('limits the response, here %d bytes', async (length, error) => {
    const stage = openStage()
    const text = '{"error":"invalid_scope"}'.padEnd(length, ' ')
    stage.token.auth = () => new Response(text, { status: 400 })
    const thrown = await errorOf(stage)
    expect(thrown).toMatchObject({ code: 'token_request_failed', error })
    if (error === undefined) {
      expect(thrown.message).toBe('The auth server’s response is larger than 65536 bytes.')
      expect(thrown.cause).toMatchObject({ code: 'body_too_large' })
    } else expect('cause' in thrown).toBe(false)
  })

  it('rejects with the cause if the response breaks off', async () => {
    const stage = openStage()
    stage.token.auth = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            controller.error(new Error('reset'))
          },
        }),
      )
    await expect(ask(stage)).rejects.toThrow('reset')
  })

  it.each([
    ['cannot be fetched', () => new Response(null, { status: 404 })],
    ['belongs to another issuer', () => Response.json({ issuer: 'https://other.example' })],
  ])('to an auth server whose document %s rejects immediately, with the cause', async (_what, answer) => {
    const stage = openStage({ fetchDocument: async () => answer() })
    // A delay would never end.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const error = await errorOf(stage)
    expect(error).toMatchObject({ code: 'auth_server_unknown', cause: { message: expect.any(String) } })
    expect(error.message).toMatch(
      /^The metadata of https:\/\/auth\.example cannot be used: .+\. Run countersign discover https:\/\/auth\.example\.$/,
    )
    expect(stage.forms()).toEqual([])
  })

  it('fetches documents with fetchDocument if it is given, not with fetch', async () => {
    const fetched: string[] = []
    const stage = openStage({
      fetchDocument: async (url) => {
        fetched.push(url)
        return new Response(null, { status: 404 })
      },
    })
    await errorOf(stage)
    expect(fetched).toEqual([`${ids.authServer}/.well-known/aauth-issuer`])
  })

  it('is not sent to an auth server that is not accepted, and the error names who refers users there', async () => {
    const stage = openStage({ authServers: (server) => server !== ids.authServer })
    expect((await errorOf(stage)).message).toBe(
      'api.example sends users to https://auth.example, which authServers does not accept: add it if users may type their passwords there.',
    )
    await expect(stage.agent.for(session).signIn({ authServer: ids.authServer })).rejects.toMatchObject({
      code: 'auth_server_refused',
      message: 'authServers does not accept https://auth.example.',
    })
    expect(stage.forms()).toEqual([])
  })

  it('is rejected before authServers is called if the auth server is not a valid identifier', async () => {
    const asked: string[] = []
    const stage = openStage({
      authServers: (server) => {
        asked.push(server)
        return true
      },
    })
    const long = `https://${'a.'.repeat(150)}example/`
    await expect(stage.agent.for(session).signIn({ authServer: long })).rejects.toMatchObject({
      message: `authServers does not accept ${long.slice(0, 200)}.`,
    })
    expect(asked).toEqual([])
  })
})

describe('a received auth token', () => {
  const direct = (
    answer: (stage: Stage) => object | Promise<object>,
    options: Parameters<typeof openStage>[0] = {},
  ) => {
    const stage = openStage(options)
    stage.token.auth = () => answer(stage)
    return stage
  }

  it.each<[string, unknown, number]>([
    ['before its exp', 100, 100],
    ['at its exp', 600, 600],
    ['after its exp', 700, 600],
    ['never: it is missing', undefined, 600],
    ['never: it is a string', '100', 600],
  ])('whose expires_in ends %s is stored until the earlier of the two', async (_what, expires_in, life) => {
    const stage = direct(async ({ authToken, clock }) => ({
      auth_token: await authToken({ exp: clock.now + 600 }),
      expires_in,
    }))
    await ask(stage)
    expect(await isShown(stage, life - 6)).toBe(true)
    expect(await isShown(stage, life - 5)).toBe(false)
  })

  it.each([
    ['now', 0, 'auth_token_refused'],
    ['before', -1, 'auth_token_refused'],
    ['a second later', 1, 'data'],
  ])('with an exp that is %s', async (_when, offset, end) => {
    const stage = direct(async ({ authToken, clock }) => ({ auth_token: await authToken({ exp: clock.now + offset }) }))
    expect(await ended(ask(stage))).toBe(end)
  })

  it.each([
    ['a list with the resource', ['https://other.example', ids.api], 'data'],
    ['a list without the resource', ['https://other.example'], 'auth_token_refused'],
    ['an empty list', [], 'auth_token_refused'],
    ['a string that contains it', `${ids.api} https://other.example`, 'auth_token_refused'],
  ])('with an aud that is %s', async (_what, aud, end) => {
    const stage = direct(async ({ authToken }) => ({ auth_token: await authToken({ aud: aud as string }) }))
    expect(await ended(ask(stage))).toBe(end)
  })

  it.each<[string, object | null | undefined | string]>([
    ['nothing', undefined],
    ['null', null],
    ['a string', 'key'],
    ['no jwk', {}],
    ['a jwk that is null', { jwk: null }],
    ['a jwk without kty', { jwk: { crv: 'Ed25519', x: agentSigner.jwk.x } }],
    ['a jwk whose kty is not a string', { jwk: { ...agentSigner.jwk, kty: ['OKP'] } }],
    ['a jwk of an unknown key type', { jwk: { kty: 'XYZ' } }],
  ])('with a cnf that is %s is rejected without an exception of another kind', async (_what, cnf) => {
    const stage = direct(async ({ authToken }) => ({ auth_token: await authToken({ cnf } as never) }))
    expect(await ended(ask(stage))).toBe('auth_token_refused')
  })

  it('is rejected with the reason', async () => {
    const other = await createSigner(await generatePrivateJwk())
    const stage = direct(async ({ authToken }) => ({ auth_token: await authToken({ cnf: { jwk: other.jwk } }) }))
    expect((await errorOf(stage)).message).toBe('The auth token was rejected: it is bound to another key.')
    stage.token.auth = () => ({ auth_token: 'abc' })
    expect((await errorOf(stage)).message).toBe('The auth token was rejected: it is not a token of type auth+jwt.')
    stage.token.auth = () => ({ request_token: 'a' })
    stage.token.code = () => ({ auth_token: 7 })
    const error = errorOf(stage)
    await settled()
    await stage.answer(stage.asked.at(-1) ?? expect.fail())
    expect((await error).message).toBe('The auth token was rejected: the response contains no token.')
  })

  it.each([
    ['no scope', { scope: undefined }],
    ['a scope that is not a string', { scope: 7 as never }],
    ['a scope with invalid characters', { scope: 'data.read "' }],
  ])('with %s is stored for requests that require nothing more', async (_what, changes) => {
    const stage = direct(async ({ authToken }) => ({ auth_token: await authToken(changes as { scope: string }) }))
    expect(await ended(ask(stage))).toBe('data')
    stage.seen.length = 0
    expect(await ended(ask(stage))).toBe('data')
    expect(stage.seen).toHaveLength(1)
  })

  it('from a refresh with another refresh token: the old refresh token stays (S§9.7)', async () => {
    const stage = direct(async ({ authToken }) => ({
      auth_token: await authToken(),
      refresh_token: 'old',
      expires_in: 600,
    }))
    stage.token.refresh = async () => ({ auth_token: await stage.authToken(), refresh_token: 'new', expires_in: 600 })
    await ask(stage)
    for (let round = 0; round < 2; round++) {
      stage.clock.now += 601
      stage.seen.length = 0
      await ask(stage)
      expect(stage.forms()).toEqual([{ request_type: 'refresh', refresh_token: 'old' }])
    }
  })

  it.each<[string, (stage: Stage) => object | Promise<object>, string]>([
    ['fails', () => Response.json({ error: 'server_error' }, { status: 500 }), 'token_request_failed'],
    [
      'returns a token for another resource',
      async ({ authToken }) => ({ auth_token: await authToken({ aud: 'https://other.example' }) }),
      'auth_token_refused',
    ],
    ['returns no token', () => ({}), 'auth_token_refused'],
  ])(
    'is missing because a refresh %s: the request rejects, and the next one tries again',
    async (_what, answer, code) => {
      const stage = direct(async ({ authToken }) => ({
        auth_token: await authToken(),
        refresh_token: 'old',
        expires_in: 600,
      }))
      await ask(stage)
      const refreshing = stage.token.refresh
      stage.token.refresh = () => answer(stage)
      stage.clock.now += 601
      expect(await ended(ask(stage))).toBe(code)
      stage.token.refresh = refreshing
      expect(await ended(ask(stage))).toBe('data')
      expect(stage.asked).toEqual([])
    },
  )
})

describe('signIn', () => {
  async function signIn(stage: Stage, request: { scope?: string; signal?: AbortSignal } = {}) {
    const claims = stage.agent.for(session).signIn({ authServer: ids.authServer, ...request })
    claims.catch(() => undefined)
    await expect.poll(() => stage.asked.length).toBe(1)
    await stage.answer(stage.asked[0] ?? expect.fail())
    return claims
  }
  const own = (stage: Stage) => {
    stage.token.code = async () => ({ auth_token: await stage.authToken({ aud: ids.agent }) })
    return stage
  }

  it.each([
    [undefined, 'openid'],
    ['openid notes.read', 'openid notes.read'],
  ])('requests %j, without a resource token', async (scope, asked) => {
    const stage = own(openStage())
    expect(await signIn(stage, scope === undefined ? {} : { scope })).toMatchObject({
      iss: ids.authServer,
      sub: 'alice',
    })
    expect(stage.forms()[0]).toEqual({ request_type: 'auth', scope: asked, redirect_uri: `${ids.agent}/callback` })
    expect(stage.asked[0]).toMatchObject({ resource: ids.agent, scope: asked })
  })

  it.each([
    ['is for another resource', { aud: ids.api }],
    ['is from another issuer', { iss: 'https://other.example' }],
  ])('rejects if the token %s', async (_what, changes) => {
    const stage = openStage()
    stage.token.code = async () => ({ auth_token: await stage.authToken({ aud: ids.agent, ...changes }) })
    await expect(signIn(stage)).rejects.toMatchObject({ code: 'auth_token_refused' })
  })

  it('rejects if the token is not signed with the auth server’s key', async () => {
    const stage = own(openStage())
    const forge = stage.authToken
    stage.authToken = async (changes) => {
      const [header, payload, signature = ''] = (await forge(changes)).split('.')
      return [header, payload, (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1)].join('.')
    }
    await expect(signIn(stage)).rejects.toMatchObject({ code: 'auth_token_invalid' })
  })

  it('rejects if the auth server’s key cannot be fetched, with the cause', async () => {
    const stage = own(openStage())
    stage.document = { jwks_uri: `${ids.authServer}/nothing.json` }
    await expect(signIn(stage)).rejects.toMatchObject({
      code: 'auth_token_refused',
      message: 'The key that signed the token was not found.',
      cause: expect.anything(),
    })
  })

  it('rejects as unreachable if the auth server does not respond with its keys', async () => {
    const refused = Object.assign(new TypeError('fetch failed'), {
      cause: new Error('connect ECONNREFUSED 192.0.2.1:443'),
    })
    const stage: Stage = own(
      openStage({
        fetchDocument: async (url, init) => {
          if (url.endsWith('/jwks.json')) throw refused
          return stage.toPeers(url, init)
        },
      }),
    )
    await expect(signIn(stage)).rejects.toMatchObject({
      code: 'auth_server_unreachable',
      message: 'The auth server https://auth.example does not respond (ECONNREFUSED). Try again later.',
    })
  })

  it('shares its consent with another call for the same scope, and with no other', async () => {
    const stage = own(openStage())
    const calls = ['openid', 'openid', 'openid profile'].map((scope) =>
      stage.agent.for(session).signIn({ authServer: ids.authServer, scope }),
    )
    await expect.poll(() => stage.asked.length).toBe(2)
    await settled()
    expect(new Set(stage.asked.map(({ scope }) => scope))).toEqual(new Set(['openid', 'openid profile']))
    for (const consent of stage.asked) await stage.answer(consent)
    expect((await Promise.all(calls)).map(({ sub }) => sub)).toEqual(['alice', 'alice', 'alice'])
  })

  it('stores the token for the agent’s own API', async () => {
    const stage = own(openStage())
    await signIn(stage)
    stage.api = () => new Response('mine')
    await stage.agent.for(session).fetch(`${ids.agent}/notes`)
    expect(stage.seen.at(-1)).toMatchObject({ url: `${ids.agent}/notes`, scheme: 'jwt' })
  })

  it('accepts identifiers with a path if allowed, including in the token', async () => {
    const id = `${ids.agent}/~me`
    const stage = openStage({ id, allowPath: true })
    stage.token.code = async () => ({ auth_token: await stage.authToken({ aud: id, agent: id }) })
    expect(await signIn(stage)).toMatchObject({ aud: id, agent: id })
  })

  it('rejects with the reason if it is aborted', async () => {
    const abort = new AbortController()
    const stage = own(openStage())
    const claims = stage.agent.for(session).signIn({ authServer: ids.authServer, signal: abort.signal })
    await settled()
    abort.abort(new Error('given up'))
    await expect(claims).rejects.toThrow('given up')
  })
})
