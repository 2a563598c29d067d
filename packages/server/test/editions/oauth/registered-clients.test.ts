import { decodeToken } from 'countersign/tokens'
import { policyOfRules } from 'countersign-server'
import { expect, it } from 'vitest'
import { openMapStage } from '../../attacks/stage.js'
import { words } from '../../pages/reading.js'
import { createScriptedUser } from '../../scripted-user.js'
import {
  authorizeUrl,
  clientDocument,
  clientId,
  decide,
  openConsent,
  openStage,
  post,
  redeem,
  refresh,
  refreshForm,
} from './oauth-stage.js'

const appRedirect = 'editor://app/callback'
const editor = {
  client_id: 'editor',
  client_name: 'Editor',
  redirect_uris: [appRedirect, 'http://127.0.0.1/callback'],
}
const urlOf = (changes: Record<string, string> = {}) => authorizeUrl({ client_id: 'editor', ...changes })

it('a client that the operator registered under a name gets tokens with that name', async () => {
  const stage = await openStage({ clients: [editor] })
  const { user, consent, page } = await openConsent(stage, urlOf())
  expect(page).toContain('The operator of this server registered it.')
  expect(page).not.toContain('Its details are published by')
  const decided = await user.submit(page, consent, { consent: 'grant' })
  const code = new URL(decided.headers.get('location') ?? '').searchParams.get('code') ?? ''
  const token = await redeem(stage, code, { client_id: 'editor' })
  expect(token.status).toBe(200)
  expect(decodeToken(token.access_token)?.payload).toMatchObject({ client_id: 'editor' })
  expect((await refresh(stage, token.refresh_token, { client_id: 'editor' })).status).toBe(200)
  expect(stage.fetched).toEqual(['https://notes.example/.well-known/oauth-protected-resource/mcp'])
})

it.each(['by a name', 'by its URL'])(
  'a client that the operator listed %s is not said to publish anything',
  async (how) => {
    const listed = how === 'by a name' ? editor : { ...clientDocument, client_name: 'Google Drive' }
    const stage = await openStage({ clients: [listed] })
    const { page } = await openConsent(stage, authorizeUrl({ client_id: listed.client_id }))
    const text = words(page)
    expect(text).toContain('The operator of this server registered it. Nothing proves that this request comes from it.')
    expect(text).not.toMatch(/published by|haven’t checked its name|a name that people trust/)
    expect(stage.fetched).not.toContain(clientId)
  },
)

it('only such a client may have a redirect URI with a private-use scheme, which a link on a page opens', async () => {
  const stage = await openStage({ clients: [editor] })
  const { user, consent, page } = await openConsent(stage, urlOf({ redirect_uri: appRedirect }))
  expect(page).toContain('editor://app/callback')
  const decided = await user.submit(page, consent, { consent: 'grant' })
  const shown =
    decided.status === 303 ? await user.open(new URL(decided.headers.get('location') ?? '', consent).href) : decided
  const text = await shown.text()
  expect(text).toContain('data-state="return-to-app"')
  const href = /href="(editor:[^"]+)"/.exec(text)?.[1]?.replaceAll('&amp;', '&') ?? ''
  const code = new URL(href).searchParams.get('code') ?? ''
  const token = await redeem(stage, code, { client_id: 'editor', redirect_uri: appRedirect })
  expect(token.status).toBe(200)
  const other = await createScriptedUser(stage.fetch).open(urlOf({ redirect_uri: 'editor://app/callback2' }))
  expect(other.headers.get('location') ?? '').not.toContain('editor:')
})

it('a consent for such a client is never remembered, and its line in My agents has its name', async () => {
  const redirect_uri = 'https://editor.example/callback'
  const stage = await openStage({ clients: [{ ...editor, redirect_uris: [redirect_uri] }] })
  const { user, consent, page } = await openConsent(stage, urlOf({ redirect_uri }))
  await user.submit(page, consent, { consent: 'grant', duration: 'until-removed' })
  expect(await stage.storage.listGrants()).toMatchObject([{ agent: 'editor', remembered: false }])
  const agents = await (await user.open('https://auth.example/account')).text()
  expect(agents).toContain('editor')
})

it('a rule can deny it by its name', async () => {
  const policy = policyOfRules([{ agent: 'editor', decision: 'deny' }])
  const stage = await openStage({ clients: [editor] }, (options) => openMapStage({ ...options, policy }))
  const { user } = await openConsent(stage)
  expect(await (await user.open(urlOf())).text()).toContain('data-error-code="policy_forbids"')
})

it('the id of another registered client, or of none, is refused', async () => {
  const stage = await openStage({ clients: [editor] })
  const code = new URL((await decide(stage, 'grant', urlOf())).href).searchParams.get('code') ?? ''
  expect(await redeem(stage, code, { client_id: 'other' })).toMatchObject({ status: 401, error: 'invalid_client' })
  const revoked = await post(stage, '/oauth/revoke', { client_id: 'other', token: 'x' })
  expect(revoked.status).toBe(200)
})

it('no one makes this server fetch its key set without a code or refresh token that was issued to it', async () => {
  const jwks_uri = 'https://keys.example/jwks.json'
  const stage = await openStage({ clients: [{ ...editor, token_endpoint_auth_method: 'private_key_jwt', jwks_uri }] })
  const fetched: string[] = []
  stage.origins?.set(new URL(jwks_uri).origin, async ({ url }) => {
    fetched.push(url)
    return new Response(null, { status: 503 })
  })
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const claims = { iss: 'editor', sub: 'editor', aud: 'https://auth.example', exp: stage.clock.now + 200, jti: 'j1' }
  const response = await post(stage, '/oauth/token', {
    ...refreshForm('x'),
    client_id: 'editor',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: `${encoded({ alg: 'ES256' })}.${encoded(claims)}.${Buffer.alloc(64, 1).toString('base64url')}`,
  })
  expect([response.status, await response.json()]).toEqual([400, expect.objectContaining({ error: 'invalid_grant' })])
  expect(fetched).toEqual([])
})
