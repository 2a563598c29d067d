import type { ErrorCode } from 'countersign'
import { decodeToken } from 'countersign/tokens'
import type { Storage } from 'countersign-server'
import { describe, expect, it, onTestFinished } from 'vitest'
import { resourceToken } from '../../attacks/crafted-token.js'
import {
  allow,
  authRequest,
  ownRequest,
  redeem,
  refresh,
  refreshTokenOf,
  signForm,
  type TokenRequest,
} from '../../attacks/flow.js'
import { identityOf, newSigner } from '../../attacks/party.js'
import { openMapStage, type Stage, type StageOptions } from '../../attacks/stage.js'
import { secretHash } from '../../secret-hash.js'
import { keepRefusals, type ToldRefusal } from '../../told-refusals.js'

async function open(options: StageOptions = {}): Promise<Stage> {
  const stage = await openMapStage(options)
  onTestFinished(() => stage.close())
  return stage
}

async function refusal(response: Response): Promise<{ status: number; error: string }> {
  const { error } = (await response.json()) as { error: string }
  return { status: response.status, error }
}

const send = async (stage: Stage, request: TokenRequest) => refusal(await stage.fetch(await signForm(stage, request)))

it('rejects a resource token whose agent_jkt is not the signing key', async () => {
  const stage = await open()
  const request = await authRequest(stage)
  const { thumbprint } = await newSigner()
  request.form.set('resource_token', await resourceToken(stage, { agent_jkt: thumbprint }))
  expect(await send(stage, request)).toEqual({ status: 400, error: 'invalid_resource_token' })
})

it('rejects a resource token of another agent', async () => {
  const stage = await open()
  const request = await authRequest(stage)
  request.form.set('resource_token', await resourceToken(stage, { agent: stage.otherAgent.id }))
  expect(await send(stage, request)).toEqual({ status: 400, error: 'invalid_resource_token' })
})

it.each([
  ['at another host', { method: 'DELETE', target: 'https://other.example/files/7' }],
  ['with a space in its method', { method: 'GET https://api.example/a', target: 'https://api.example/files/7' }],
  ['with characters that a URL cannot have', { method: 'DELETE', target: 'https://api.example/files/\u202e7' }],
  ['with a URL that is too long', { method: 'DELETE', target: `https://api.example/${'x'.repeat(2100)}` }],
  ['with a digest that is no text', { method: 'DELETE', target: 'https://api.example/files/7', digest: 7 }],
  ['that is no object', 'DELETE https://api.example/files/7'],
  ['that is null', null],
])('rejects a resource token for a call %s', async (_what, call) => {
  const stage = await open()
  const request = await authRequest(stage)
  const named = JSON.parse(JSON.stringify(call).replaceAll('https://api.example', stage.resource.id))
  request.form.set('resource_token', await resourceToken(stage, { scope: 'data.delete', call: named }))
  expect(await send(stage, request)).toEqual({ status: 400, error: 'invalid_resource_token' })
})

it('rejects an auth_request_url next to a resource token', async () => {
  const stage = await open()
  const request = await authRequest(stage)
  request.form.set('auth_request_url', `${stage.resource.id}/request`)
  expect(await send(stage, request)).toEqual({ status: 400, error: 'invalid_request' })
})

it('rejects a revoked refresh token with invalid_grant', async () => {
  const stage = await open()
  const token = await refreshTokenOf(stage, await allow(stage, undefined, { duration: 'until-removed' }))
  const agent = identityOf(stage.agent)
  expect((await refresh(stage, agent, token)).status).toBe(200)
  await stage.storage.revokeRefreshToken({ tokenHash: secretHash(token), agent: agent.agent, delegate: null })
  expect(await refusal(await refresh(stage, agent, token))).toEqual({ status: 400, error: 'invalid_grant' })
})

it('tells agents in full why it refuses a request for access', async () => {
  const told: ToldRefusal[] = []
  const stage = await open({ onEvent: keepRefusals(told) })
  const { agent, resource, otherAgent } = stage
  const redirect = `${agent.id}/callback`
  const valid = { request_type: 'auth', redirect_uri: redirect }
  const own = { ...valid, scope: 'read' }
  const another = await newSigner()
  const withToken = async (claims: Record<string, unknown>, signer = resource.signer) => ({
    ...valid,
    resource_token: await resourceToken(stage, claims, signer),
  })
  const oneSubject = 'Send exactly one of resource_token, scope and auth_request_url.'
  const asScope = '1 to 64 values of up to 128 characters each, separated by single spaces (RFC 6749 section 3.3).'
  const noKey =
    "The resource token's key was not found at its issuer: the resource must serve its documents. Run countersign discover to see what it publishes."
  const unlisted =
    "The agent's document does not list this redirect_uri in redirect_uris. After such a mismatch, the document is fetched again at most once a minute."
  const ambiguous = `${redirect}?code=1`
  agent.document.redirect_uris = [redirect, ambiguous]
  const rows: [Record<string, string>, ErrorCode, string, string][] = [
    [valid, 'request_malformed', 'invalid_request', oneSubject],
    [{ ...own, auth_request_url: agent.id }, 'request_malformed', 'invalid_request', oneSubject],
    [{ ...own, ...(await withToken({})) }, 'request_malformed', 'invalid_request', oneSubject],
    [
      { ...valid, auth_request_url: agent.id },
      'request_malformed',
      'invalid_request',
      'This server does not support auth_request_url: send a scope.',
    ],
    [
      { request_type: 'auth', scope: 'read' },
      'request_malformed',
      'invalid_request',
      'The parameter redirect_uri is missing or empty.',
    ],
    [
      { request_type: 'login' },
      'request_type_unsupported',
      'unsupported_request_type',
      'request_type must be one of: auth, code, refresh.',
    ],
    [{ ...own, scope: 'a  b' }, 'scope_invalid', 'invalid_scope', `The scope must be ${asScope}`],
    [
      { ...own, scope: 'profile' },
      'scope_invalid',
      'invalid_scope',
      'The scopes profile and email grant nothing unless openid is also requested.',
    ],
    [{ ...own, redirect_uri: `${redirect}/2` }, 'redirect_uri_not_listed', 'invalid_request', unlisted],
    [
      { ...own, redirect_uri: ambiguous },
      'redirect_uri_ambiguous',
      'invalid_request',
      "The redirect_uri must not contain the parameter code, because the auth server adds it to the redirect: remove it from the redirect_uri in the request and in the agent's document.",
    ],
    [
      await withToken({ agent: otherAgent.id }),
      'resource_token_invalid',
      'invalid_resource_token',
      'The resource token was issued to another agent.',
    ],
    [
      await withToken({ agent_jkt: another.thumbprint }),
      'resource_token_invalid',
      'invalid_resource_token',
      'The resource token is bound to another key: request a new resource token from the resource, using the key that signed this request.',
    ],
    [
      await withToken({ scope: undefined, auth_request_url: `${resource.id}/request` }),
      'resource_token_invalid',
      'invalid_resource_token',
      'The resource token has an auth_request_url, which this server does not support: request a scope from the resource.',
    ],
    [
      await withToken({ call: { method: 'GET', target: `${resource.id}.evil/files/7` } }),
      'resource_token_invalid',
      'invalid_resource_token',
      "The resource token's call is not at the resource.",
    ],
    [
      await withToken({ scope: 'a  b' }),
      'scope_invalid',
      'invalid_scope',
      `The resource token's scope must be ${asScope}`,
    ],
    [await withToken({}, another), 'resource_token_invalid', 'invalid_resource_token', noKey],
    [await withToken({ iss: 'https://nobody.example' }), 'resource_token_invalid', 'invalid_resource_token', noKey],
  ]
  for (const [fields, code, error, description] of rows) {
    const form = new URLSearchParams(fields)
    const response = await stage.fetch(await signForm(stage, { by: identityOf(agent), form }))
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error, error_description: description })
    expect(told.splice(0)).toMatchObject([{ status: 400, code, agent: agent.id }])
  }
  delete agent.document.redirect_uris
  stage.clock.now += 86_400
  const response = await stage.fetch(await signForm(stage, { by: identityOf(agent), form: new URLSearchParams(own) }))
  expect(await response.json()).toEqual({
    error: 'invalid_request',
    error_description: "The agent's document has no redirect_uris: list the redirect_uri there.",
  })
})

describe('a token', () => {
  const hash = expect.stringMatching(/^[\w-]{43}$/)
  const nonce = expect.any(Object)

  /** A stage, and what this verb of its storage is called with. */
  async function openRecorded(
    verb: 'recordAutonomousIssue' | 'redeemCode' | 'refreshGrant',
    options: StageOptions = {},
  ) {
    const calls: unknown[] = []
    const wrap = (storage: Storage): Storage => ({
      ...storage,
      [verb]: (args: never) => {
        calls.push(args)
        return storage[verb](args)
      },
    })
    return { stage: await open({ ...options, wrap }), calls }
  }

  const claimsOf = (stage: Stage, { auth_token: token }: { auth_token: string }) => {
    const { payload = {} } = decodeToken(token) ?? {}
    const { kid: _kid, use: _use, alg: _alg, ...jwk } = stage.agent.signer.jwk
    expect(payload.cnf).toMatchObject({ jwk })
    const { cnf: _cnf, jti: _jti, ...claims } = payload
    return claims
  }
  const claims = ({ authServer, resource, agent, clock }: Stage) => ({
    iss: authServer,
    aud: resource.id,
    agent: agent.id,
    scope: 'data.read',
    iat: clock.now,
    exp: clock.now + 600,
  })

  it('that a rule grants names no user', async () => {
    const { stage, calls } = await openRecorded('recordAutonomousIssue', { policy: () => ({ grant: 'nightly' }) })
    const response = await stage.fetch(await signForm(stage, await authRequest(stage)))
    expect(response.headers.get('cache-control')).toBe('no-store')
    const body = await response.json()
    expect(body).toEqual({ auth_token: body.auth_token, expires_in: 600, token_type: 'Bearer' })
    expect(claimsOf(stage, body)).toEqual(claims(stage))
    const { id: agent } = stage.agent
    const issue = { agent, delegate: null, resource: stage.resource.id, scope: 'data.read', policy: 'nightly' }
    expect(calls).toEqual([{ ...issue, nonce, tokenLifetime: 600 }])
  })

  it('for a code comes with a refresh token', async () => {
    const { stage, calls } = await openRecorded('redeemCode')
    const allowed = await allow(stage, undefined, { duration: 'until-removed' })
    const body = await (await redeem(stage, allowed)).json()
    expect(body).toEqual({
      auth_token: body.auth_token,
      expires_in: 600,
      token_type: 'Bearer',
      agent_sub: expect.any(String),
      refresh_token: expect.stringMatching(/^aart_/),
    })
    expect(claimsOf(stage, body)).toEqual({ ...claims(stage), sub: expect.any(String) })
    expect(calls).toEqual([
      {
        nonce,
        codeHash: secretHash(allowed.code),
        agent: stage.agent.id,
        delegate: null,
        jkt: stage.agent.signer.thumbprint,
        bindToKey: false,
        redirectUri: allowed.redirectUri,
        requestTokenHash: secretHash(allowed.requestToken),
        tokenLifetime: 600,
        refresh: { tokenHash: hash, idleSeconds: 7_776_000, lifetime: 31_536_000 },
      },
    ])
  })

  it('for a refresh token has the scope that the agent asks for', async () => {
    const { stage, calls } = await openRecorded('refreshGrant')
    const token = await refreshTokenOf(stage, await allow(stage, undefined, { duration: 'until-removed' }))
    const form = new URLSearchParams({ request_type: 'refresh', refresh_token: token, scope: 'data.read' })
    const by = identityOf(stage.agent)
    const body = await (await stage.fetch(await signForm(stage, { by, form }))).json()
    const agent_sub = expect.any(String)
    expect(body).toEqual({ auth_token: body.auth_token, expires_in: 600, token_type: 'Bearer', agent_sub })
    expect(claimsOf(stage, body)).toEqual({ ...claims(stage), sub: expect.any(String) })
    const { id: agent, signer } = stage.agent
    const refreshed = { agent, delegate: null, jkt: signer.thumbprint, tokenLifetime: 600, scope: 'data.read' }
    expect(calls).toEqual([{ ...refreshed, nonce, tokenHash: secretHash(token) }])
  })
})

it('stores with a request what the consent page shows', async () => {
  const requests: Parameters<Storage['createAuthRequest']>[0][] = []
  const stage = await open({
    wrap: (storage) => ({
      ...storage,
      createAuthRequest: (request) => {
        requests.push(request)
        return storage.createAuthRequest(request)
      },
    }),
  })
  const { agent, resource } = stage
  const pages = { homepage: `${agent.id}/about`, policy_uri: `${agent.id}/privacy`, tos_uri: `${agent.id}/terms` }
  Object.assign(agent.document, pages)
  const asked = { form: { prompt: 'p'.repeat(65) } }
  expect((await send(stage, await authRequest(stage, undefined, asked))).status).toBe(200)
  expect((await send(stage, ownRequest(stage, 'openid notes.read'))).status).toBe(200)
  const display = {
    agent: {
      redirectHost: new URL(agent.id).host,
      jkt: agent.signer.thumbprint,
      name: 'First Agent',
      homepage: pages.homepage,
      policyUri: pages.policy_uri,
      tosUri: pages.tos_uri,
    },
    resource: {
      supportedScopes: resource.document.supported_scopes,
      scopeDescriptions: resource.document.scope_descriptions,
    },
  }
  const stored = {
    nonce: expect.any(Object),
    edition: 'january',
    tokenHash: expect.stringMatching(/^[\w-]{43}$/),
    agent: agent.id,
    delegate: null,
    agentJkt: agent.signer.thumbprint,
    redirectUri: `${agent.id}/callback`,
    lifetime: 600,
    maxOpen: 20,
    sighting: {
      name: 'First Agent',
      redirectHosts: [new URL(agent.id).host],
      keyThumbprints: [agent.signer.thumbprint],
    },
  }
  expect(requests).toEqual([
    { ...stored, resource: resource.id, scope: 'data.read', display, prompt: 'p'.repeat(64) },
    { ...stored, resource: agent.id, scope: 'openid notes.read', display: { ...display, resource: {} } },
  ])
})
