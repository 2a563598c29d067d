import { randomBytes } from 'node:crypto'
import { createSigner, generatePrivateJwk } from 'countersign'
import { decodeToken } from 'countersign/tokens'
import { fixedKeys, type OAuthOptions } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { people } from '../../attacks/stage.js'
import { words } from '../../pages/reading.js'
import { createScriptedUser, type ScriptedUser } from '../../scripted-user.js'
import {
  allowed,
  authorizeUrl,
  clientDocument,
  clientId,
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
    expect(metadata).toMatchObject({
      issuer,
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
    })
    expect(metadata).not.toHaveProperty('scopes_supported')
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
    expect(text).not.toMatch(/Code [0-9A-Z]{4}\b|Key fingerprint/)
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

  it('makes this server fetch nothing before the user has signed in (attack 22)', async () => {
    const stage = await openStage()
    const user = createScriptedUser(stage.fetch)
    expect((await user.open(authorizeUrl())).status).toBe(303)
    expect(stage.fetched).toEqual([])
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

  it('gets the same successor for a lost response, and loses the family for a copied token (attack 12)', async () => {
    const stage = await openStage()
    const first = await allowed(stage)
    const second = await refresh(stage, first.refresh_token)
    expect((await refresh(stage, first.refresh_token)).refresh_token).toBe(second.refresh_token)
    stage.clock.now += 61
    expect(await refresh(stage, first.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(await refresh(stage, second.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
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

describe('a code', () => {
  it.each<[string, Record<string, string>, string]>([
    ['another verifier (2)', { code_verifier: verifier.replace('d', 'e') }, 'invalid_grant'],
    ['a verifier that is too short (2)', { code_verifier: 'short' }, 'invalid_request'],
    ['another redirect URI (3)', { redirect_uri: 'http://127.0.0.1:53124/callback' }, 'invalid_grant'],
    ['another resource (5)', { resource: 'https://notes.example/other' }, 'invalid_target'],
    ['another client (3)', { client_id: 'https://other.example/client.json' }, 'invalid_grant'],
    ['another grant type', { grant_type: 'password' }, 'unsupported_grant_type'],
  ])('with %s is refused, and still works for its client', async (_, changes, error) => {
    const stage = await openStage()
    const code = (await decide(stage)).searchParams.get('code') ?? ''
    expect((await redeem(stage, code, changes)).error).toBe(error)
    expect((await redeem(stage, code)).status).toBe(200)
  })

  it('works once, and a second use revokes the refresh token (3)', async () => {
    const stage = await openStage()
    const code = (await decide(stage)).searchParams.get('code') ?? ''
    const first = await redeem(stage, code)
    expect(await redeem(stage, code)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(await refresh(stage, first.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
})

describe('an authorization request', () => {
  async function refusedPage(changes: Record<string, string | undefined>, user: ScriptedUser) {
    const response = await user.open(authorizeUrl(changes))
    return { status: response.status, location: response.headers.get('location'), page: await response.text() }
  }

  it.each<[string, Record<string, string | undefined>, string]>([
    ['no client', { client_id: undefined }, 'bad_form'],
    ['no redirect URI', { redirect_uri: undefined }, 'bad_form'],
    ['a redirect URI that is not listed (10)', { redirect_uri: 'http://127.0.0.1:1/other' }, 'redirect_mismatch'],
    ['a client whose document names another (7)', { client_id: 'https://client.example/other.json' }, 'bad_form'],
    ['a plain challenge (2)', { code_challenge_method: undefined }, 'request_invalid'],
    ['no challenge (2)', { code_challenge: undefined }, 'request_invalid'],
    ['another response type', { response_type: 'token' }, 'request_invalid'],
    ['a resource that names another server (6)', { resource: 'https://notes.example/elsewhere' }, 'request_invalid'],
    ['no resource', { resource: undefined }, 'request_invalid'],
  ])('with %s shows a page and never redirects', async (_, changes, code) => {
    const stage = await openStage()
    stage.documents.set('https://notes.example/.well-known/oauth-protected-resource/elsewhere', () =>
      json({
        ...resourceDocument,
        resource: 'https://notes.example/elsewhere',
        authorization_servers: ['https://other.example'],
      }),
    )
    const { user } = await openConsent(stage)
    const { status, location, page } = await refusedPage(changes, user)
    expect({ status, location }).toEqual({ status: 400, location: null })
    expect(page).toContain(`data-error-code="${code}"`)
    const back = /<a class="button" href="([^"]+)"/.exec(page)?.[1]?.replaceAll('&amp;', '&')
    if (code !== 'request_invalid') return expect(back ?? '').not.toContain('callback')
    const answer = new URL(back ?? '')
    expect(answer.origin + answer.pathname).toBe(redirectUri)
    expect(Object.fromEntries(answer.searchParams)).toMatchObject({
      state: 's+/=1',
      iss: issuer,
      error: expect.any(String),
    })
  })

  it('for scopes that the resource does not know asks for those that it suggests', async () => {
    const stage = await openStage()
    const { page } = await openConsent(stage, authorizeUrl({ scope: 'openid admin offline_access' }))
    expect(words(page)).toContain('See your notes notes.read')
    expect(words(page)).not.toContain('admin')
  })

  it('is never remembered for a program on the computer (15)', async () => {
    const stage = await openStage()
    const { page } = await openConsent(stage)
    expect(page).toContain('name="duration"')
    await allowed(stage)
    expect(await stage.storage.listGrants()).toMatchObject([{ remembered: false }])
  })
})

describe('across editions (16)', () => {
  it('a January agent cannot use an OAuth code or refresh token, and none of its requests has an OAuth page', async () => {
    const stage = await openStage()
    const code = (await decide(stage)).searchParams.get('code') ?? ''
    const user = createScriptedUser(stage.fetch)
    const swapped = await user.open(
      `${issuer}/agent/auth?${new URLSearchParams({ request_token: code, redirect_uri: redirectUri }).toString()}`,
    )
    expect(await swapped.text()).toContain('data-error-code="request_unknown"')
    expect((await redeem(stage, code)).status).toBe(200)
    const keys = (await (await stage.fetch(`${issuer}/jwks.json`)).json()) as { keys: { kid: string }[] }
    expect(keys.keys.map(({ kid }) => kid)).not.toContain('o1')
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

  it('store nothing for a HEAD request', async () => {
    const stage = await openStage()
    const { user } = await openConsent(stage)
    expect((await user.send(new Request(authorizeUrl(), { method: 'HEAD' }))).status).toBe(405)
  })
})

describe('the operator', () => {
  it('can list a client and a resource, whose documents are then not fetched', async () => {
    const internal = { resource: 'https://internal.example/mcp', scopes_supported: ['notes.read'] }
    const stage = await openStage({ clients: [clientDocument], resources: [internal], onlyResources: [] })
    const { user, page } = await openConsent(stage, authorizeUrl({ resource: internal.resource }))
    expect(words(page)).toContain('Allow client.example to access internal.example/mcp for you?')
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
  it.each([
    ['a code', '/oauth/token', { grant_type: 'authorization_code', code: 'aacd_x.y', code_verifier: verifier }],
    ['a refresh token', '/oauth/token', { grant_type: 'refresh_token', refresh_token: 'aart_x' }],
    ['no secret', '/oauth/token', { grant_type: 'refresh_token' }],
    ['a revocation', '/oauth/revoke', { token: 'aart_x' }],
  ])('with %s that was not issued to the named client, this server fetches nothing', async (_, path, form) => {
    const stage = await openStage()
    const response = await post(stage, path, { client_id: 'https://victim.example/x', ...form })
    expect(response.status).toBe(path === '/oauth/revoke' ? 200 : 400)
    expect(stage.fetched).toEqual([])
  })

  it('a code or refresh token of one client is not fetched for under the id of another', async () => {
    const stage = await openStage()
    const code = (await decide(stage)).searchParams.get('code') ?? ''
    const other = { client_id: 'https://victim.example/x' }
    expect((await redeem(stage, code, other)).error).toBe('invalid_grant')
    const { refresh_token } = await redeem(stage, code)
    expect((await refresh(stage, refresh_token, other)).error).toBe('invalid_grant')
    expect(stage.fetched.filter((url) => url.includes('victim'))).toEqual([])
    expect((await refresh(stage, refresh_token)).status).toBe(200)
  })

  it('one user cannot use many client ids to store more requests (M2)', async () => {
    const stage = await openStage()
    const { user } = await openConsent(stage)
    const statuses = new Map<number, number>()
    for (let client = 0; client < 100; client++) {
      const id = `https://client.example/${client}.json`
      stage.documents.set(id, () => json({ ...clientDocument, client_id: id }))
      const { status } = await user.open(authorizeUrl({ client_id: id }))
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    expect(statuses.get(303)).toBeLessThan(60)
    expect(statuses.get(429)).toBeGreaterThan(40)
  })

  it('a request belongs to the browser and user that came with it (14)', async () => {
    const stage = await openStage()
    const { consent } = await openConsent(stage)
    const other = createScriptedUser(stage.fetch)
    const signIn = `${issuer}/account/sign-in`
    await other.submit(await (await other.open(signIn)).text(), signIn, { ...people.bob, action: 'login' })
    const page = await (await other.open(consent)).text()
    expect(page).toContain('data-error-code="request_other_session"')
  })

  it('another loopback port is no change, and the caution about links is always shown', async () => {
    const stage = await openStage()
    await allowed(stage)
    const port = await openConsent(stage, authorizeUrl({ redirect_uri: 'http://127.0.0.1:60000/callback' }))
    expect(words(port.page)).not.toContain('Something about this agent has changed')
    expect(words(port.page)).toContain('told you to open this page, choose Don’t allow')
  })

  it('a remembered decision is not applied to a document that has changed (15)', async () => {
    const stage = await openStage()
    const url = authorizeUrl({ redirect_uri: 'https://client.example/callback' })
    const { user, page, consent } = await openConsent(stage, url)
    await user.submit(page, consent, { consent: 'grant', duration: '2592000' })
    const again = async () => {
      const stored = new URL((await user.open(url)).headers.get('location') ?? '', issuer).href
      return user.open(stored, { referer: `${clientId}/` })
    }
    expect((await again()).headers.get('location')).toMatch(/^https:\/\/client\.example\/callback\?code=/)
    const redirects = [...clientDocument.redirect_uris, 'https://attacker.example/callback']
    stage.documents.set(clientId, () => json({ ...clientDocument, redirect_uris: redirects }))
    stage.clock.now += 301
    expect(await (await again()).text()).toContain('data-state="consent-known"')
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
