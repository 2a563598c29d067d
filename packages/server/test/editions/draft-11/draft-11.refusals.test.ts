import type { Signer } from 'countersign'
import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { decodeToken, issueToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { createScriptedUser, signInToAccount } from '../../scripted-user.js'
import { createWorld, ids } from '../../world.js'
import { draft11 } from './draft-11.js'
import type { ResourceTokenClaims } from './library/tokens.js'
import {
  agentToken,
  deciding,
  exchangesAt,
  lastAt,
  newSigner,
  openPending,
  openStage,
  postTo,
  type Stage,
  sendWith,
} from './stage.js'

const call = () => new Request(`${ids.resource}/data-auth`)
const promptUser = () => postTo('/person/token', { resource: ids.resource })

/**
 * Checks that an error response contains problem details, and `Signature-Error` only if the signature is at fault. Returns its status and
 * `error`.
 */
async function problemIn(response: Response): Promise<unknown> {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const body = (await response.json()) as { status: number; error: string; type: string; detail: string }
  expect(body).toMatchObject({ status: response.status, detail: expect.any(String) })
  const signatureError = response.headers.get('signature-error')
  expect(body.type).toBe(signatureError === null ? 'about:blank' : `urn:ietf:params:sig-error:${body.error}`)
  if (signatureError !== null) expect(signatureError).toMatch(new RegExp(`^error=${body.error}\\b`))
  return { status: response.status, error: body.error }
}

describe('a pending request in draft -11', () => {
  const poll = async (stage: Stage, location: string, by: { signer?: Signer; sub?: string; iss?: string } = {}) =>
    sendWith(stage, await agentToken(stage, by), new Request(location), by.signer)

  it('is visible only to the agent and key that made it', async () => {
    const stage = await openStage()
    const { location } = await openPending(stage)
    expect((await poll(stage, location)).status).toBe(202)
    const others = [{ signer: await newSigner('other') }, { sub: 'aauth:other@agent.example' }]
    for (const other of others) {
      expect(await problemIn(await poll(stage, location, other))).toEqual({ status: 404, error: 'invalid_request' })
    }
    expect((await poll(stage, location)).headers.get('retry-after')).toBe('5')
  })

  it.each([
    ['a different random part', (location: string) => location.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))],
    ['a different kind of token', (location: string) => location.replace('/person.', '/auth.')],
    ['a different expiry', (location: string) => location.replace(/\.(\d+)\./, '.9999999999.')],
    ['nothing', (location: string) => location.replace(/[^/]*$/, 'x')],
  ])('is not found at a URL with %s', async (_, change) => {
    const stage = await openStage()
    const { location } = await openPending(stage)
    expect(await problemIn(await poll(stage, change(location)))).toEqual({ status: 404, error: 'invalid_request' })
  })

  it('reports when a user has opened it, and returns its token once', async () => {
    const stage = await openStage()
    const { location, page } = await openPending(stage)
    const user = createScriptedUser(stage.fetch)
    await signInToAccount(user, ids.authServer, { username: 'testuser', password: 'testpass' })
    const shown = await (await user.open(page)).text()
    const waiting = await poll(stage, location)
    expect(waiting.headers.get('aauth-requirement')).toBe('requirement=approval')
    expect(await waiting.json()).toEqual({ status: 'interacting' })
    await user.submit(shown, page, { consent: 'grant' })
    const given = await poll(stage, location)
    expect(await given.json()).toEqual({ person_token: expect.any(String), expires_in: 3600 })
    expect(await problemIn(await poll(stage, location))).toEqual({ status: 410, error: 'invalid_code' })
  })

  it('expires if no one decides', async () => {
    const stage = await openStage()
    const { location } = await openPending(stage)
    stage.clock.now += 601
    expect(await problemIn(await poll(stage, location))).toEqual({ status: 408, error: 'expired' })
  })

  it('can be opened in a browser with its code, however it is typed, but not with the agent’s URL', async () => {
    const stage = await openStage()
    const { location, page } = await openPending(stage)
    const typed = page.replace(/code=(.*)$/, (_, code: string) => `code=${code.replaceAll('-', '').toLowerCase()}`)
    expect((await stage.fetch(typed)).status).toBe(200)
    const id = location.slice(location.lastIndexOf('/') + 1)
    expect((await stage.fetch(`${ids.authServer}/person/interact?code=${id}`)).status).toBe(400)
  })

  it('returns problem details to programs at any URL under its path', async () => {
    const stage = await openStage()
    const location = `${ids.authServer}/person/pending/x`
    expect(await problemIn(await stage.fetch(location))).toEqual({ status: 401, error: 'invalid_signature' })
    const posted = await stage.fetch(location, { method: 'POST' })
    expect(posted.headers.get('allow')).toBe('GET')
    expect(await problemIn(posted)).toEqual({ status: 405, error: 'invalid_request' })
  })
})

describe('a request in draft -11 is refused', () => {
  it.each([
    ['without a signature', async (stage: Stage) => stage.fetch(call()), 'invalid_signature'],
    [
      'with a key that has no alg',
      async (stage: Stage) => sendWith(stage, await agentToken(stage, { cnf: { jwk: stage.agentSigner.jwk } }), call()),
      'unsupported_algorithm',
    ],
    [
      'with a key whose alg is EdDSA',
      async (stage: Stage) =>
        sendWith(stage, await agentToken(stage, { cnf: { jwk: { ...stage.agentSigner.jwk, alg: 'EdDSA' } } }), call()),
      'unsupported_algorithm',
    ],
    [
      'with an agent on another host',
      async (stage: Stage) => sendWith(stage, await agentToken(stage, { sub: 'aauth:agent@other.example' }), call()),
      'invalid_jwt',
    ],
    [
      'with a token that names another document',
      async (stage: Stage) => sendWith(stage, await agentToken(stage, { dwk: 'aauth-person.json' }), call()),
      'invalid_jwt',
    ],
    [
      'with an expired token',
      async (stage: Stage) =>
        sendWith(stage, await agentToken(stage, { iat: stage.clock.now - 60, exp: stage.clock.now }), call()),
      'expired_jwt',
    ],
    [
      'if signed with a key other than the token’s',
      async (stage: Stage) => sendWith(stage, await agentToken(stage), call(), await newSigner('other')),
      'invalid_signature',
    ],
  ])('%s', async (_, send, error) => {
    const response = await send(await openStage())
    expect(response.headers.get('aauth-requirement')).toBe('requirement=person-token')
    expect(await problemIn(response)).toEqual({ status: 401, error })
  })

  it('if its issuer publishes a key without alg', async () => {
    const stage = await openStage()
    stage.origins.set(ids.agent, (request) =>
      request.url.endsWith('/jwks.json')
        ? Response.json({ keys: [stage.agentSigner.jwk] })
        : stage.agent.handler(request),
    )
    const refused = await sendWith(stage, await agentToken(stage), call())
    expect(await problemIn(refused)).toEqual({ status: 401, error: 'unknown_key' })
  })

  it('with a scheme that agents may not use', async () => {
    const stage = await openStage()
    const request = call()
    request.headers.set('signature-key', 'sig=hwk;kty="OKP"')
    const response = await stage.fetch(request)
    expect(response.headers.get('accept-signature-scheme')).toBe('jwt')
    expect(await problemIn(response)).toEqual({ status: 401, error: 'unsupported_scheme' })
  })

  it('if its signature does not cover the body', async () => {
    const stage = await openStage()
    const signed = await signRequest(new Request(promptUser().url, { method: 'POST' }), {
      profile: draft11.signing,
      signer: stage.agentSigner,
      signatureKey: { scheme: 'jwt', jwt: await agentToken(stage) },
      created: stage.clock.now,
    })
    const headers = new Headers(signed.headers)
    headers.set('content-type', 'application/json')
    const response = await stage.fetch(new Request(signed.url, { method: 'POST', headers, body: '{}' }))
    expect(response.headers.get('signature-error')).toContain('required_input=("content-type" "content-digest")')
    expect(await problemIn(response)).toEqual({ status: 401, error: 'invalid_input' })
  })

  it.each([
    ['no resource', {}, 'invalid_request'],
    ['an invalid resource', { resource: 'https://API.example/' }, 'invalid_request'],
    ['a mission', { resource: ids.resource, mission_s256: 'x' }, 'invalid_request'],
  ])('if it requests a person token with %s', async (_, members, error) => {
    const stage = await openStage()
    const response = await sendWith(stage, await agentToken(stage), postTo('/person/token', members))
    expect(await problemIn(response)).toEqual({ status: 400, error })
  })

  it('but not because of Signature-Key members of other signatures', async () => {
    const stage = await openStage()
    const signed = await signRequest(new Request(`${ids.resource}/data`), {
      profile: {
        ...draft11.signing,
        serializeKey: (label, key) => `other=(1 2);x, ${draft11.signing.serializeKey(label, key)}`,
      },
      signer: stage.agentSigner,
      signatureKey: { scheme: 'jwt', jwt: await agentToken(stage) },
      created: stage.clock.now,
    })
    expect((await stage.fetch(signed)).status).toBe(200)
  })
})

describe('an agent token, a person token and an auth token of draft -11', () => {
  it('each satisfy only the levels that they prove', async () => {
    const stage = await openStage()
    await stage.agent.fetch(`${ids.resource}/data-auth`)
    const [agent, person, auth] = exchangesAt(stage, '/data-auth').map(({ request }) => jwtOf(request))
    const statusOf = async (jwt = '', path = '') => {
      const response = await sendWith(stage, jwt, new Request(ids.resource + path))
      return [response.status, response.headers.get('aauth-requirement')?.replace(/;.*/, '') ?? null]
    }
    expect(await statusOf(agent, '/data-jwks')).toEqual([200, null])
    expect(await statusOf(person, '/data-jwks')).toEqual([401, 'requirement=agent-token'])
    expect(await statusOf(person, '/data')).toEqual([200, null])
    expect(await statusOf(agent, '/data-auth')).toEqual([401, 'requirement=person-token'])
    expect(await statusOf(person, '/data-auth')).toEqual([401, 'requirement=auth-token'])
    expect(await statusOf(auth, '/data-auth')).toEqual([200, null])
    for (const jwt of [person, auth]) {
      const refused = await sendWith(stage, jwt ?? '', promptUser())
      expect(await problemIn(refused)).toEqual({ status: 401, error: 'invalid_jwt' })
    }
  })

  it('are not accepted as agent tokens, even if they are for the person server itself', async () => {
    const stage = await openStage()
    const { location, page } = await openPending(stage, ids.authServer)
    await deciding('grant')(stage, page)
    const given = await sendWith(stage, await agentToken(stage), new Request(location))
    const { person_token: person } = await given.json()
    expect(await problemIn(await sendWith(stage, person, promptUser()))).toEqual({ status: 401, error: 'invalid_jwt' })
  })

  it('are rejected if they do not belong together', async () => {
    const stage = await openStage()
    await stage.agent.fetch(`${ids.resource}/data-auth`)
    const { resource_token: resourceToken, presented_token: first } = await lastAt(
      stage,
      '/person/authorize',
    ).request.json()
    const { location, page } = await openPending(stage)
    await deciding('grant')(stage, page)
    const given = await sendWith(stage, await agentToken(stage), new Request(location))
    const { person_token: second } = await given.json()
    const authorize = async (presented: string, by?: Signer) => {
      const jwt = await agentToken(stage, by && { signer: by })
      const members = { resource_token: resourceToken, presented_token: presented }
      return sendWith(stage, jwt, postTo('/person/authorize', members), by)
    }
    expect((await authorize(first)).status).toBe(202)
    expect(await problemIn(await authorize(second))).toEqual({ status: 400, error: 'invalid_resource_token' })
    expect(await problemIn(await authorize(first, await newSigner('other')))).toEqual({
      status: 400,
      error: 'invalid_resource_token',
    })
    expect(await problemIn(await authorize(await agentToken(stage)))).toEqual({ status: 400, error: 'invalid_request' })
  })

  it('are rejected after the user has revoked the grant under which they were issued', async () => {
    const stage = await openStage()
    await stage.agent.fetch(`${ids.resource}/data-auth`)
    const members = await lastAt(stage, '/person/authorize').request.json()
    await stage.storage.revokeGrants({ agent: ids.agent, by: 'test' })
    const refused = await sendWith(stage, await agentToken(stage), postTo('/person/authorize', members))
    expect(await problemIn(refused)).toEqual({ status: 400, error: 'invalid_request' })
  })
})

describe('an agent of draft -11', () => {
  it.each([
    ['from another resource', { iss: 'https://other.example' }],
    ['for another key', { agent_jkt: 'A'.repeat(43) }],
    ['for another person server', { ps: 'https://other.example' }],
    ['for another user', { sub: 'other' }],
    ['for another presented token', { presented_jti: 'other' }],
    ['without a scope', { scope: '' }],
  ])('rejects a resource token %s', async (_, claims) => {
    const stage = await openStage()
    const answer = stage.origins.get(ids.resource)
    stage.origins.set(ids.resource, async (request) => {
      const response = await answer?.(request)
      const said = response?.headers.get('aauth-requirement') ?? ''
      const token = decodeToken(/resource-token="([^"]+)"/.exec(said)?.[1] ?? '')
      if (!token) return response ?? Response.error()
      const changed = { ...(token.payload as object as ResourceTokenClaims), ...claims }
      const jwt = await issueToken(draft11.tokens.resource, changed, { signer: stage.agentSigner })
      const headers = { 'aauth-requirement': `requirement=auth-token;resource-token="${jwt}"` }
      return new Response(null, { status: 401, headers })
    })
    await expect(stage.agent.fetch(call().url)).rejects.toMatchObject({ code: 'resource_token_refused' })
    expect(exchangesAt(stage, '/person/authorize')).toEqual([])
  })

  it('does not follow a Location to another origin', async () => {
    const stage = await openStage()
    changing(stage, 'location', () => 'https://other.example/person/pending/x')
    await expect(stage.agent.fetch(call().url)).rejects.toMatchObject({ code: 'token_request_failed' })
    expect(stage.sent.some(({ url }) => url.includes('other.example'))).toBe(false)
  })

  it('does not send the user to a page without https', async () => {
    const stage = await openStage()
    changing(stage, 'aauth-requirement', (said) => said.replace('https:', 'http:'))
    await expect(stage.agent.fetch(call().url)).rejects.toMatchObject({ code: 'endpoint_refused' })
    expect(stage.asked).toEqual([])
  })

  it('gives up if its request is aborted while a user decides', async () => {
    const abort = new AbortController()
    const stage = await openStage({ person: async () => abort.abort(new Error('changed my mind')) })
    await expect(stage.agent.fetch(call().url, { signal: abort.signal })).rejects.toThrow('changed my mind')
  })

  it('sends no nonce and covers the query', async () => {
    const stage = await openStage()
    await stage.agent.fetch(`${ids.resource}/data-auth?x=1`, { method: 'POST', body: 'hello' })
    const { request } = lastAt(stage, '/data-auth')
    expect(request.headers.get('nonce')).toBeNull()
    expect(request.headers.get('signature-input')).toContain('"@query" "content-type" "content-digest" "signature-key"')
  })
})

describe('two editions', () => {
  it('are not interoperable: a January request to draft -11 parties', async () => {
    const stage = await openStage()
    const { signing: profile } = january
    const byJanuary = (request: Request) =>
      signRequest(request, {
        profile,
        signer: stage.agentSigner,
        signatureKey: { scheme: 'jwks', id: ids.agent, kid: 'key-1', wellKnown: 'aauth-agent' },
        created: stage.clock.now,
      })
    for (const request of [call(), promptUser()]) {
      const refused = await stage.fetch(await byJanuary(request))
      expect(await problemIn(refused)).toEqual({ status: 401, error: 'invalid_signature' })
    }
    for (const path of ['/.well-known/aauth-issuer', '/agent/token', '/agent/auth']) {
      expect((await stage.fetch(ids.authServer + path)).status).toBe(404)
    }
  })

  it('are not interoperable: a draft -11 request to January parties', async () => {
    const world = await createWorld()
    const stage = { ...world, exchanges: [], asked: [] }
    const jwt = await agentToken(stage)
    for (const request of [call(), new Request(`${ids.authServer}/agent/token`, { method: 'POST' })]) {
      const refused = await sendWith(stage, jwt, request)
      expect(refused.status).toBe(401)
      expect(await refused.json()).toMatchObject({ error: 'invalid_signature' })
    }
  })

  it('do not accept each other’s tokens, even in each other’s header', async () => {
    const world = await createWorld()
    const jwt = await agentToken(world)
    const profile = { ...draft11.signing, serializeKey: january.signing.serializeKey }
    const signed = await signRequest(call(), {
      profile,
      signer: world.agentSigner,
      signatureKey: { scheme: 'jwt', jwt },
      created: world.clock.now,
    })
    const refused = await world.fetch(signed)
    expect(refused.status).toBe(401)
    expect(await refused.json()).toMatchObject({ error: expect.stringMatching(/^invalid_(?:agent|auth)_token$/) })
  })
})

/** Changes a header in those of the auth server's responses that have it. */
function changing(stage: Stage, name: string, change: (said: string) => string): void {
  stage.origins.set(ids.authServer, async (request) => {
    const response = await stage.server.handler(request)
    const said = response.headers.get(name)
    if (said === null) return response
    const headers = new Headers(response.headers)
    headers.set(name, change(said))
    return new Response(response.body, { status: response.status, headers })
  })
}

function jwtOf(request: Request): string {
  return /jwt="([^"]+)"/.exec(request.headers.get('signature-key') ?? '')?.[1] ?? ''
}
