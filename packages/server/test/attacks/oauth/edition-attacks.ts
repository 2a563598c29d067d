import { january } from 'countersign/editions'
import { createResource } from 'countersign/resource'
import { type KeyReference, signRequest } from 'countersign/signatures'
import { decodeToken } from 'countersign/tokens'
import { expect } from 'vitest'
import {
  type allowed,
  allowedCode,
  authorizeUrl,
  clientDocument,
  clientId,
  codeForm,
  issuer,
  json,
  type OAuthStage,
  openConsent,
  post,
  redeem,
  redirectUri,
  refresh,
  refreshForm,
} from '../../editions/oauth/oauth-stage.js'
import { createScriptedUser, signInToAccount } from '../../scripted-user.js'
import { scopes as scopesOfResource } from '../../world.js'
import type { Attack, Outcome } from '../attack.js'
import { resourceToken } from '../crafted-token.js'
import * as aauth from '../flow.js'
import { delegateOf, type Identity, identityOf } from '../party.js'
import { people } from '../stage.js'

type OAuthAttack = Attack<OAuthStage>

/** What a user’s decision gave to an agent that signs its requests. */
interface Signed extends aauth.Allowed {
  authToken: string
  refreshToken: string
}

/** What it gave to an OAuth client, for the same resource. */
type Bearer = Awaited<ReturnType<typeof allowed>>

/** The resource of the stage, which accepts both editions, with the same identifier in both. */
async function protect(stage: OAuthStage): Promise<void> {
  const resource = createResource({
    id: stage.resource.id,
    signer: stage.resource.signer,
    authServer: issuer,
    scopes: scopesOfResource,
    accept: ['aauth', 'oauth'],
    denyList: {},
    fetch: stage.fetch,
    now: () => stage.clock.now,
  })
  stage.origins?.set(stage.resource.id, async (request) => {
    if (new URL(request.url).pathname !== '/data') return resource.handler(request)
    try {
      const { agent, scheme } = await resource.verify(request, { require: 'authorization', scope: 'data.read' })
      return Response.json({ agent, scheme })
    } catch (error) {
      return resource.toResponse(error)
    }
  })
}

const requestUrl = (stage: OAuthStage) => authorizeUrl({ resource: stage.resource.id, scope: 'data.read' })

async function signedAccess(stage: OAuthStage): Promise<Signed> {
  const granted = await aauth.allow(stage)
  const response = await aauth.redeem(stage, granted)
  const answer = (await response.json()) as { auth_token: string; refresh_token: string }
  for (const secret of [answer.auth_token, answer.refresh_token]) stage.secrets.add(secret)
  return { ...granted, authToken: answer.auth_token, refreshToken: answer.refresh_token }
}

async function bearerAccess(stage: OAuthStage): Promise<Bearer> {
  const code = await allowedCode(stage, requestUrl(stage))
  return redeem(stage, code, { resource: stage.resource.id })
}

const withToken = (stage: OAuthStage, token: string) =>
  stage.fetch(`${stage.resource.id}/data`, { headers: { authorization: `Bearer ${token}` } })

const signedWith = async (stage: OAuthStage, { signer }: Identity, signatureKey: KeyReference) =>
  stage.fetch(
    await signRequest(new Request(`${stage.resource.id}/data`), {
      profile: january.signing,
      signer,
      signatureKey,
      created: stage.clock.now,
    }),
  )

const withAuthToken = (stage: OAuthStage, { by, authToken }: Signed) =>
  signedWith(stage, by, { scheme: 'jwt', jwt: authToken })

async function sendSigned(stage: OAuthStage, path: string, form: Record<string, string>, by?: Identity) {
  return stage.fetch(
    await aauth.signForm(stage, { by: by ?? identityOf(stage.agent), form: new URLSearchParams(form), path }),
  )
}

/** Presents something of one edition to the other. It is refused, and still works where it belongs, if it works more than once. */
function crossed<T>(
  claim: string,
  obtain: (stage: OAuthStage) => Promise<T>,
  present: (stage: OAuthStage, artifact: T) => Promise<Response>,
  expected: Outcome<OAuthStage>,
  works?: (stage: OAuthStage, artifact: T) => Promise<Response | { status: number }>,
): OAuthAttack {
  let artifact: T
  return {
    id: 'B16',
    claim,
    when: async (stage) => {
      await protect(stage)
      artifact = await obtain(stage)
      return () => present(stage, artifact)
    },
    expected: {
      ...expected,
      also: async (stage, ...answer) => {
        await expected.also?.(stage, ...answer)
        if (works) expect((await works(stage, artifact)).status).toBe(200)
      },
    },
  }
}

const invalidGrant: Outcome<OAuthStage> = { status: 400, error: 'invalid_grant' }
const unchanged: Outcome<OAuthStage> = { status: 200 }
const unknownRequest: Outcome<OAuthStage> = { status: 400, page: 'request_unknown' }

const refreshSigned = (stage: OAuthStage, { by, refreshToken }: Signed) => aauth.refresh(stage, by, refreshToken)
const refreshBearer = (stage: OAuthStage, { refresh_token }: Bearer) => refresh(stage, refresh_token)
const redeemSigned = (stage: OAuthStage, granted: aauth.Allowed) => aauth.redeem(stage, granted)
const redeemBearer = (stage: OAuthStage, code: string) => redeem(stage, code, { resource: stage.resource.id })
const codeForResource = (stage: OAuthStage) => allowedCode(stage, requestUrl(stage))
const grantOf = (stage: OAuthStage) => aauth.allow(stage)

const openSignedIn = async (stage: OAuthStage, url: string) => {
  const user = createScriptedUser(stage.fetch)
  await signInToAccount(user, issuer, people.alice)
  return user.open(url)
}

/** A request of each edition that waits for Alice, in her browser. */
async function openBoth(stage: OAuthStage) {
  const bearer = await openConsent(stage, requestUrl(stage))
  const ticket = new URL(bearer.consent).searchParams.get('authorization') ?? ''
  const opened = await aauth.openRequest(stage)
  await aauth.view(stage, opened, bearer.user)
  return { ...bearer, ticket, opened }
}

type Both = Awaited<ReturnType<typeof openBoth>>

const decideBearer = async (_stage: OAuthStage, { user, page, consent }: Both) => {
  const decided = await user.submit(page, consent, { consent: 'grant' })
  expect(decided.headers.get('location')).toMatch(/^http:\/\/127\.0\.0\.1:53123\/callback\?code=/)
  return { status: 200 }
}

async function revokeAgentGrant({ storage }: OAuthStage): Promise<void> {
  const grants = await storage.listGrants()
  const [grant] = grants.filter(({ edition }) => edition !== 'oauth')
  expect(await storage.revokeGrant({ grantId: grant?.id ?? '', by: 'operator' })).toBe(true)
}

/** Everything that one edition issues, at each endpoint of the other. */
export const editionAttacks: readonly OAuthAttack[] = [
  crossed(
    'an AAuth auth token as an access token',
    signedAccess,
    (stage, { authToken }) => withToken(stage, authToken),
    {
      status: 401,
      error: 'invalid_token',
      headers: { 'www-authenticate': /^Bearer error="invalid_token"/ },
    },
    withAuthToken,
  ),
  crossed(
    'an access token in Signature-Key',
    bearerAccess,
    (stage, { access_token }) => signedWith(stage, identityOf(stage.agent), { scheme: 'jwt', jwt: access_token }),
    {
      status: 401,
      error: 'invalid_auth_token',
    },
    (stage, { access_token }) => withToken(stage, access_token),
  ),
  crossed(
    'an agent token as an access token',
    async (stage) => {
      const by = await delegateOf(stage.agent, 'delegate-1', stage.clock.now)
      return by.signatureKey.scheme === 'jwt' ? by.signatureKey.jwt : ''
    },
    withToken,
    { status: 401, error: 'invalid_token' },
  ),
  crossed('a resource token as an access token', (stage) => resourceToken(stage), withToken, {
    status: 401,
    error: 'invalid_token',
  }),

  crossed(
    'an AAuth code at the token endpoint of OAuth',
    grantOf,
    (stage, { code }) => post(stage, '/oauth/token', codeForm(code)),
    invalidGrant,
    redeemSigned,
  ),
  crossed(
    'an AAuth code there, with the agent as the client',
    grantOf,
    (stage, { code, redirectUri: uri }) =>
      post(stage, '/oauth/token', { ...codeForm(code), client_id: stage.agent.id, redirect_uri: uri }),
    invalidGrant,
    redeemSigned,
  ),
  crossed(
    'an AAuth code there, in a signed request',
    grantOf,
    (stage, { code, by }) => sendSigned(stage, '/oauth/token', codeForm(code), by),
    invalidGrant,
    redeemSigned,
  ),
  crossed(
    'an AAuth refresh token at the token endpoint of OAuth',
    signedAccess,
    (stage, { refreshToken }) => post(stage, '/oauth/token', refreshForm(refreshToken)),
    invalidGrant,
    refreshSigned,
  ),
  crossed(
    'an AAuth refresh token there, in a signed request of its agent',
    signedAccess,
    (stage, { refreshToken, by }) =>
      sendSigned(stage, '/oauth/token', { ...refreshForm(refreshToken), client_id: by.agent }, by),
    invalidGrant,
    refreshSigned,
  ),
  crossed(
    'an AAuth refresh token at the revocation endpoint of OAuth: no effect',
    signedAccess,
    (stage, { refreshToken }) => post(stage, '/oauth/revoke', { client_id: clientId, token: refreshToken }),
    unchanged,
    refreshSigned,
  ),
  crossed(
    'an AAuth auth token at the revocation endpoint of OAuth: no effect',
    signedAccess,
    (stage, { authToken, by }) => post(stage, '/oauth/revoke', { client_id: by.agent, token: authToken }),
    unchanged,
    async (stage, signed) => {
      stage.clock.now += 4
      return withAuthToken(stage, signed)
    },
  ),
  crossed(
    'an agent token as a client assertion',
    async (stage) => {
      const by = await delegateOf(stage.agent, clientId, stage.clock.now, { aud: issuer, jti: 'j1' })
      const code = await codeForResource(stage)
      return { code, jwt: by.signatureKey.scheme === 'jwt' ? by.signatureKey.jwt : '' }
    },
    (stage, { code, jwt }) =>
      post(stage, '/oauth/token', {
        ...codeForm(code),
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: jwt,
      }),
    { status: 401, error: 'invalid_client' },
    (stage, { code }) => redeemBearer(stage, code),
  ),

  crossed(
    'an OAuth code at the token endpoint of AAuth',
    codeForResource,
    (stage, code) => sendSigned(stage, '/agent/token', { request_type: 'code', code, redirect_uri: redirectUri }),
    invalidGrant,
    redeemBearer,
  ),
  crossed(
    'an OAuth code there, as it is hashed',
    codeForResource,
    (stage, code) => sendSigned(stage, '/agent/token', { request_type: 'code', code: `oauth code\n${code}` }),
    invalidGrant,
    redeemBearer,
  ),
  crossed(
    'an OAuth refresh token at the token endpoint of AAuth',
    bearerAccess,
    (stage, { refresh_token }) => sendSigned(stage, '/agent/token', { request_type: 'refresh', refresh_token }),
    invalidGrant,
    refreshBearer,
  ),
  crossed(
    'an OAuth refresh token at the revocation endpoint of AAuth: no effect',
    bearerAccess,
    (stage, { refresh_token }) => sendSigned(stage, '/agent/revoke', { token: refresh_token }),
    unchanged,
    refreshBearer,
  ),
  crossed(
    'an access token at the revocation endpoint of AAuth: no effect',
    bearerAccess,
    (stage, { access_token }) => sendSigned(stage, '/agent/revoke', { token: access_token }),
    unchanged,
    async (stage, { access_token }) => {
      stage.clock.now += 4
      return withToken(stage, access_token)
    },
  ),
  crossed(
    'an access token as a resource token',
    bearerAccess,
    (stage, { access_token }) =>
      sendSigned(stage, '/agent/token', {
        request_type: 'auth',
        resource_token: access_token,
        redirect_uri: `${stage.agent.id}/callback`,
      }),
    { status: 400, error: 'invalid_resource_token' },
    (stage, { access_token }) => withToken(stage, access_token),
  ),
  crossed(
    'an access token in Signature-Key at the token endpoint of AAuth',
    bearerAccess,
    (stage, { access_token, refresh_token }) =>
      sendSigned(
        stage,
        '/agent/token',
        { request_type: 'refresh', refresh_token },
        {
          ...identityOf(stage.agent),
          signatureKey: { scheme: 'jwt', jwt: access_token },
        },
      ),
    { status: 401, error: 'invalid_agent_token' },
    refreshBearer,
  ),
  crossed(
    'the id of an OAuth client as that of an agent',
    bearerAccess,
    (stage, { refresh_token }) =>
      sendSigned(
        stage,
        '/agent/token',
        { request_type: 'refresh', refresh_token },
        {
          ...identityOf(stage.agent),
          signatureKey: { scheme: 'jwks', id: clientId, kid: stage.agent.signer.kid, wellKnown: 'aauth-agent' },
        },
      ),
    { status: 401, error: 'invalid_signature' },
    refreshBearer,
  ),

  crossed(
    'an AAuth request on the consent page of OAuth',
    openBoth,
    (_stage, { user, opened }) =>
      user.open(`${issuer}/oauth/consent?${new URLSearchParams({ authorization: opened.requestToken }).toString()}`),
    unknownRequest,
    decideBearer,
  ),
  crossed(
    'an OAuth request on the consent page of AAuth',
    openBoth,
    (_stage, { user, ticket }) =>
      user.open(
        `${issuer}/agent/auth?${new URLSearchParams({ request_token: ticket, redirect_uri: redirectUri }).toString()}`,
      ),
    unknownRequest,
    decideBearer,
  ),
  crossed(
    'an OAuth code on the consent page of AAuth',
    codeForResource,
    (stage, code) =>
      openSignedIn(
        stage,
        `${issuer}/agent/auth?${new URLSearchParams({ request_token: code, redirect_uri: redirectUri }).toString()}`,
      ),
    {
      ...unknownRequest,
      audit: ['session.created'],
    },
    redeemBearer,
  ),
  crossed(
    'the form of an OAuth request at the consent page of AAuth',
    openBoth,
    (stage, { user, page, consent, ticket }) => {
      const fields = new URLSearchParams(consent.split('?')[1])
      for (const [, name = '', value = ''] of page.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g))
        fields.set(name, value)
      fields.set('request_token', ticket)
      fields.set('redirect_uri', redirectUri)
      fields.set('consent', 'grant')
      return user.send(
        new Request(`${stage.authServer}/agent/auth`, { method: 'POST', body: fields, headers: { origin: issuer } }),
      )
    },
    unknownRequest,
    decideBearer,
  ),
  crossed(
    'the id of an agent as that of an OAuth client',
    async (stage) => stage.agent.id,
    (stage, id) => openSignedIn(stage, authorizeUrl({ client_id: id })),
    { status: 400, page: 'client_unknown', audit: ['session.created'] },
  ),
  crossed(
    'the document of an agent as that of an OAuth client',
    async (stage) => `${stage.agent.id}/.well-known/aauth-agent`,
    (stage, id) => openSignedIn(stage, authorizeUrl({ client_id: id })),
    { status: 400, page: 'client_unknown', audit: ['session.created'] },
  ),

  crossed(
    'the keys of both editions: none is the same',
    signedAccess,
    async (stage) => {
      const kidsAt = async (path: string) =>
        ((await (await stage.fetch(issuer + path)).json()) as { keys: { kid: string; x: string }[] }).keys
      const [own, other] = [await kidsAt('/jwks.json'), await kidsAt('/oauth/jwks.json')]
      expect([own.length, other.length].every((count) => count > 0)).toBe(true)
      return Response.json({ shared: own.filter(({ kid, x }) => other.some((key) => key.kid === kid || key.x === x)) })
    },
    { status: 200, also: (_stage, body) => expect(JSON.parse(body)).toEqual({ shared: [] }) },
    withAuthToken,
  ),
  {
    id: 'B16',
    claim: 'the same user and resource: a revoked family of OAuth leaves the agent’s token valid, and the reverse',
    when: async (stage) => {
      await protect(stage)
      const [signed, first, second] = [await signedAccess(stage), await bearerAccess(stage), await bearerAccess(stage)]
      await post(stage, '/oauth/revoke', { client_id: clientId, token: first.refresh_token })
      stage.clock.now += 4
      const afterFamily = [
        (await withToken(stage, first.access_token)).status,
        (await withToken(stage, second.access_token)).status,
        (await withAuthToken(stage, signed)).status,
      ]
      expect(afterFamily).toEqual([401, 200, 200])
      await revokeAgentGrant(stage)
      stage.clock.now += 4
      expect((await withAuthToken(stage, signed)).status).toBe(401)
      return () => withToken(stage, second.access_token)
    },
    expected: {
      status: 200,
      also: (_stage, body) => expect(JSON.parse(body)).toEqual({ agent: clientId, scheme: 'bearer' }),
    },
  },
  {
    id: 'B16',
    claim: 'a decision that is remembered for an agent, which no OAuth client of its host inherits',
    when: async (stage) => {
      await protect(stage)
      const granted = await aauth.allow(stage, undefined, { duration: 'until-removed' })
      await aauth.redeem(stage, granted)
      const id = `${stage.agent.id}/client.json`
      const callback = `${stage.agent.id}/callback`
      const { handler } = stage.agent
      stage.origins?.set(stage.agent.id, async (request) =>
        request.url === id ? json({ ...clientDocument, client_id: id, redirect_uris: [callback] }) : handler(request),
      )
      const { user } = granted
      const stored = await user.open(
        authorizeUrl({ client_id: id, redirect_uri: callback, resource: stage.resource.id, scope: 'data.read' }),
      )
      return () =>
        user.open(new URL(stored.headers.get('location') ?? '', issuer).href, { referer: `${stage.agent.id}/` })
    },
    expected: { status: 200, page: 'consent-first-time' },
  },
  {
    id: 'B16',
    claim: 'the claims of both tokens, from which no resource could confuse them',
    when: async (stage) => {
      await protect(stage)
      const [{ authToken }, { access_token }] = [await signedAccess(stage), await bearerAccess(stage)]
      return async () => Response.json([authToken, access_token].map((token) => decodeToken(token)?.header.typ))
    },
    expected: { status: 200, also: (_stage, body) => expect(JSON.parse(body)).toEqual(['auth+jwt', 'at+jwt']) },
  },
]
