import { randomBytes } from 'node:crypto'
import { createSigner, generatePrivateJwk } from 'countersign'
import { decodeToken } from 'countersign/tokens'
import { fixedKeys, type Storage } from 'countersign-server'
import type { OAuthOptions } from 'countersign-server/editions/oauth'
import { describe, expect, it } from 'vitest'
import { openMapStage, people } from '../../attacks/stage.js'
import { words } from '../../pages/reading.js'
import { createScriptedUser } from '../../scripted-user.js'
import { secretHash } from '../../secret-hash.js'
import {
  allowed,
  allowedCode,
  authorizeUrl,
  clientDocument,
  clientId,
  codeForm,
  decide,
  issuer,
  json,
  openConsent,
  openStage,
  post,
  redeem,
  redirectUri,
  refresh,
  resource,
  resourceDocument,
  verifier,
} from './oauth-stage.js'

describe('an MCP client', () => {
  it('finds the metadata of the server, with an issuer that is identical everywhere', async () => {
    const stage = await openStage()
    const response = await stage.fetch(`${issuer}/.well-known/oauth-authorization-server`)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    const metadata = (await response.json()) as Record<string, unknown>
    const methods = ['none', 'private_key_jwt']
    const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA']
    // Without scopes_supported, because some clients request everything that it lists.
    expect(metadata).toEqual({
      issuer,
      authorization_endpoint: `${issuer}/oauth/authorize`,
      token_endpoint: `${issuer}/oauth/token`,
      revocation_endpoint: `${issuer}/oauth/revoke`,
      jwks_uri: `${issuer}/oauth/jwks.json`,
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: methods,
      token_endpoint_auth_signing_alg_values_supported: algorithms,
      revocation_endpoint_auth_methods_supported: methods,
      revocation_endpoint_auth_signing_alg_values_supported: algorithms,
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
    })
    const keys = (await (await stage.fetch(String(metadata.jwks_uri))).json()) as { keys: { kid: string }[] }
    expect(keys.keys.map(({ kid }) => kid)).toEqual(['o1'])
    expect((await stage.fetch(`${issuer}/.well-known/openid-configuration`)).status).toBe(404)
  })

  it('gets an access token after the user has signed in and allowed it', async () => {
    const stage = await openStage()
    const { page, user, consent } = await openConsent(stage)
    const text = words(page)
    expect(text).toContain('Allow client.example to access notes.example/mcp for you?')
    expect(text).toContain('Nothing proves that this request comes from there.')
    expect(text).toContain('A program on the computer before you will get this (port 53123).')
    expect(text).toContain('anyone who copies it can use it until it ends')
    expect(text).not.toMatch(/it must be [0-9A-Z]{4}\b|Key fingerprint/)
    const decided = await user.submit(page, consent, { consent: 'grant' })
    const answer = new URL(decided.headers.get('location') ?? '')
    expect(answer.origin + answer.pathname).toBe(redirectUri)
    expect(answer.searchParams.get('state')).toBe('s+/=1')
    expect(answer.searchParams.get('iss')).toBe(issuer)
    const given = await redeem(stage, answer.searchParams.get('code') ?? '')
    expect(given).toMatchObject({ status: 200, token_type: 'Bearer', expires_in: 600, scope: 'connect notes.read' })
    const { header, payload: claims } = decodeToken(given.access_token) ?? { header: {}, payload: {} }
    expect(header).toEqual({ typ: 'at+jwt', alg: 'ES256', kid: 'o1' })
    expect(claims).toMatchObject({ iss: issuer, aud: resource, client_id: clientId, scope: 'connect notes.read' })
    expect(Object.keys(claims).sort()).toEqual(['aud', 'client_id', 'exp', 'iat', 'iss', 'jti', 'scope', 'sub'])
    expect(await stage.storage.listGrants()).toMatchObject([{ edition: 'oauth', agent: clientId, resource }])
  })

  it('learns that the user denied access', async () => {
    const answer = await decide(await openStage(), 'deny')
    expect(Object.fromEntries(answer.searchParams)).toMatchObject({
      error: 'access_denied',
      state: 's+/=1',
      iss: issuer,
    })
  })

  it('rotates its refresh token, and keeps its scope', async () => {
    const stage = await openStage()
    const first = await allowed(stage)
    const second = await refresh(stage, first.refresh_token, { scope: 'notes.read' })
    expect(second).toMatchObject({ status: 200, scope: 'notes.read' })
    const third = await refresh(stage, second.refresh_token)
    expect(third).toMatchObject({ status: 200, scope: 'connect notes.read' })
    expect(new Set([first, second, third].map((each) => each.refresh_token)).size).toBe(3)
  })

  it('revokes its refresh token, and is told the same about any other', async () => {
    const stage = await openStage()
    const { refresh_token } = await allowed(stage)
    for (const unknown of ['x', 'aart_x'])
      expect((await post(stage, '/oauth/revoke', { client_id: clientId, token: unknown })).status).toBe(200)
    expect((await refresh(stage, refresh_token)).status).toBe(200)
    expect((await post(stage, '/oauth/revoke', { client_id: clientId, token: refresh_token })).status).toBe(200)
    expect(await refresh(stage, refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
})

describe('a client that authenticates with a secret', () => {
  it.each([
    ['in HTTP Basic', { authorization: 'Basic YTpi' }, {}, 'Basic'],
    ['in the form', {}, { client_secret: 's' }, null],
  ])('%s is refused, and the response names the scheme that was used', async (_, headers, extra, scheme) => {
    const stage = await openStage()
    const body = new URLSearchParams({ ...codeForm(await allowedCode(stage)), ...extra })
    const response = await stage.fetch(`${issuer}/oauth/token`, { method: 'POST', headers: { ...headers }, body })
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, scheme])
    expect(await response.json()).toMatchObject({ error: 'invalid_client' })
  })
})

describe('an authorization request', () => {
  it('for scopes that the resource does not know asks for those that it suggests', async () => {
    const stage = await openStage()
    const { page } = await openConsent(stage, authorizeUrl({ scope: 'openid admin offline_access' }))
    expect(words(page)).toContain('Read See your notes')
    expect(words(page)).not.toContain('admin')
  })

  it('is never remembered for a program on the computer (B15)', async () => {
    const stage = await openStage()
    const { user, consent, page } = await openConsent(stage)
    expect(page).toContain('name="duration"')
    await user.submit(page, consent, { consent: 'grant', duration: 'until-removed' })
    expect(await stage.storage.listGrants()).toMatchObject([{ remembered: false }])
  })
})

describe('a client whose document changes between the code and the token', () => {
  it('gets no refresh token if it uses none', async () => {
    const stage = await openStage()
    stage.documents.set(clientId, () => json({ ...clientDocument, grant_types: ['authorization_code'] }))
    expect(await allowed(stage)).not.toHaveProperty('refresh_token')
  })
})

describe('requests that name a client', () => {
  it('are counted by user, so that no one can use up those of others', async () => {
    const stage = await openStage()
    const { user } = await openConsent(stage)
    const statuses = new Set<number>()
    for (let request = 0; request < 301; request++) statuses.add((await user.open(authorizeUrl())).status)
    expect(statuses).toEqual(new Set([303, 429]))
    const other = createScriptedUser(stage.fetch)
    const signIn = `${issuer}/account/sign-in?return_to=${encodeURIComponent(authorizeUrl().slice(issuer.length))}`
    const form = await (await other.open(signIn)).text()
    await other.submit(form, signIn, { ...people.bob, action: 'login' })
    expect((await other.open(authorizeUrl())).status).toBe(303)
  })
})

describe('what is stored', () => {
  const hash = expect.stringMatching(/^[\w-]{43}$/)
  const challenge = secretHash(verifier)

  /** A stage, and what these verbs of its storage are called with. */
  async function openRecorded<V extends keyof Storage>(...verbs: V[]) {
    const calls: [V, unknown][] = []
    const wrap = (storage: Storage): Storage =>
      new Proxy(storage, {
        get(target, name): unknown {
          const found: unknown = Reflect.get(target, name)
          if (typeof found !== 'function' || !verbs.includes(name as V)) return found
          return (...args: unknown[]): unknown => {
            calls.push([name as V, args[0]])
            return Reflect.apply(found, target, args)
          }
        },
      })
    const stage = await openStage({}, (given) => openMapStage({ ...given, wrap }))
    return { stage, calls }
  }

  it('of an authorization request is what its page shows', async () => {
    const { stage, calls } = await openRecorded('createAuthRequest', 'bindRequest', 'countWithinLimits')
    await openConsent(stage)
    await openConsent(stage, authorizeUrl({ prompt: 'select_account none login consent', state: undefined }))
    const counted = [
      { key: hash, window: 60, most: 60 },
      { key: hash, window: 3600, most: 300 },
    ]
    const request = {
      edition: 'oauth',
      tokenHash: hash,
      agent: clientId,
      delegate: null,
      agentJkt: challenge,
      resource,
      scope: 'connect notes.read',
      redirectUri,
      display: {
        agent: { name: 'Example', redirectHost: '127.0.0.1', fingerprint: hash, bearer: true },
        resource: {
          name: 'Notes',
          supportedScopes: ['connect', 'notes.read', 'notes.write'],
          scopeDescriptions: resourceDocument.scope_descriptions,
        },
      },
      lifetime: 600,
      maxOpen: Number.MAX_SAFE_INTEGER,
      sighting: { name: 'Example', redirectHosts: ['127.0.0.1', 'client.example'], keyThumbprints: [hash] },
    }
    const binding = { tokenHash: hash, browserHash: hash, userId: expect.any(String), credentialRevision: 0 }
    // The pages bind what they found to the browser as well.
    expect(calls.filter(([, args]) => !Object.hasOwn(Object(args), 'found'))).toEqual([
      ['countWithinLimits', counted],
      ['createAuthRequest', request],
      ['bindRequest', { ...binding, state: 's%2B%2F%3D1' }],
      ['countWithinLimits', counted],
      ['createAuthRequest', { ...request, prompt: 'consent login select_account' }],
      ['bindRequest', { ...binding, state: null }],
    ])
  })

  it('of a token lets its family live for 30 days without use', async () => {
    const { stage, calls } = await openRecorded('redeemCode', 'rotateRefresh', 'prepareRedemption', 'prepareRotation')
    const { refresh_token } = await allowed(stage)
    await refresh(stage, refresh_token, { scope: 'connect', resource: 'HTTPS://notes.example/mcp/' })
    const family = expect.stringMatching(/^[\da-f-]{36}$/)
    const common = { agent: clientId, delegate: null, tokenLifetime: 600, isResource: expect.any(Function) }
    const redemption = {
      ...common,
      codeHash: hash,
      jkt: challenge,
      bindToKey: true,
      burnsOnMisuse: false,
      redirectUri,
      refresh: { family, isOffered: true, tokenHash: hash, idleSeconds: 2_592_000, lifetime: 31_536_000 },
    }
    const rotation = {
      ...common,
      family,
      generation: 0,
      tokenHash: hash,
      successorHash: hash,
      scope: 'connect',
      grace: 60,
      idleSeconds: 2_592_000,
    }
    const issue = expect.any(Object)
    expect(calls).toEqual([
      ['prepareRedemption', redemption],
      ['redeemCode', { ...redemption, issue }],
      ['prepareRotation', rotation],
      ['rotateRefresh', { ...rotation, issue }],
    ])
  })
})

describe('the operator', () => {
  it('can list a client and a resource, whose documents are then not fetched', async () => {
    const internal = { resource: 'https://internal.example/mcp', scopes_supported: ['notes.read'] }
    const stage = await openStage({ clients: [clientDocument], resources: [internal], onlyResources: [] })
    const { user, page } = await openConsent(stage, authorizeUrl({ resource: internal.resource }))
    expect(words(page)).toContain('Allow client.example to access internal.example/mcp for you?')
    expect(page).toContain('The operator of this server registered it.')
    expect(stage.fetched).toEqual([])
    const refused = await user.open(authorizeUrl())
    expect(await refused.text()).toContain('data-error-code="request_invalid"')
  })

  it.each<[string, Partial<OAuthOptions>, string]>([
    ['a client without an id', { clients: [{}] }, 'clients[0] must contain a client_id'],
    ['a client without a name', { clients: [{ client_id: clientId }] }, 'clients[0] cannot be used: its client_name'],
    ['a resource without scopes', { resources: [{ resource }] }, 'resources[0] cannot be used: '],
  ])('is told about %s', async (_, options, why) => {
    await expect(openStage(options)).rejects.toThrow(`oauthEdition: ${why}`)
  })
})

describe('what an attacker tries', () => {
  it('a code or refresh token of one client is not fetched for under the id of another (B22)', async () => {
    const stage = await openStage()
    const code = (await decide(stage)).searchParams.get('code') ?? ''
    const other = { client_id: 'https://victim.example/x' }
    expect((await redeem(stage, code, other)).error).toBe('invalid_grant')
    const { refresh_token } = await redeem(stage, code)
    expect((await refresh(stage, refresh_token, other)).error).toBe('invalid_grant')
    expect(stage.fetched.filter((url) => url.includes('victim'))).toEqual([])
    expect((await refresh(stage, refresh_token)).status).toBe(200)
  })

  it('another loopback port is no change, and the caution about links is always shown', async () => {
    const stage = await openStage()
    await allowed(stage)
    const port = await openConsent(stage, authorizeUrl({ redirect_uri: 'http://127.0.0.1:60000/callback' }))
    expect(words(port.page)).not.toContain('Something about this agent has changed')
    expect(words(port.page)).toContain('told you to open this page, choose Don’t allow')
  })

  it('a key service that fails costs no one a refresh token', async () => {
    const signer = await createSigner(await generatePrivateJwk({ kid: 'o1', algorithm: 'ecdsa-p256-sha256' }))
    const keys = { ...fixedKeys({ signer, secret: randomBytes(32) }), signer: () => signer }
    const stage = await openStage({ keys })
    const { refresh_token } = await allowed(stage)
    keys.signer = () => {
      throw new Error('the key service is down')
    }
    expect((await refresh(stage, refresh_token)).status).toBe(503)
    keys.signer = () => signer
    stage.clock.now += 61
    expect((await refresh(stage, refresh_token)).status).toBe(200)
  })
})
