import { randomBytes } from 'node:crypto'
import { createSigner, generatePrivateJwk } from 'countersign'
import { decodeToken } from 'countersign/tokens'
import { fixedKeys } from 'countersign-server'
import { oauthEdition } from 'countersign-server/editions/oauth'
import { expect, it } from 'vitest'
import { createScriptedUser, signInToAccount } from '../../scripted-user.js'
import * as person from '../draft-11/person-stage.js'
import {
  allowedCode,
  authorizeUrl,
  clientDocument,
  clientId,
  type OAuthStage,
  openConsent,
  post,
  redeem,
  refresh,
  refreshForm,
  token,
} from './oauth-stage.js'

/** An auth server with January, draft -11 and OAuth, and an API that is a resource in draft -11, and has an MCP endpoint for OAuth clients. */
async function openBoth() {
  const keys = fixedKeys({
    signer: await createSigner(await generatePrivateJwk({ kid: 'o1', algorithm: 'ecdsa-p256-sha256' })),
    secret: randomBytes(32),
  })
  const stage = await person.openPersonStage({ others: [oauthEdition({ keys })] })
  const { origins, resource, authServer } = stage
  const mcp = `${resource.id}/mcp`
  const document = {
    resource: mcp,
    authorization_servers: [authServer],
    scope_descriptions: { connect: 'Connect', 'notes.read': 'See your notes' },
  }
  const api = origins?.get(resource.id)
  origins?.set(resource.id, async (request) =>
    new URL(request.url).pathname === '/.well-known/oauth-protected-resource/mcp'
      ? Response.json(document)
      : (api?.(request) ?? new Response(null, { status: 404 })),
  )
  origins?.set(new URL(clientId).origin, async () => Response.json(clientDocument))
  const oauth: OAuthStage = { ...stage, documents: new Map(), fetched: [] }
  const url = authorizeUrl({ resource: mcp })
  /** What the user's decision gave to an OAuth client. */
  const allow = async () => redeem(oauth, await allowedCode(oauth, url), { resource: mcp })
  return { stage, oauth, url, mcp, allow }
}

it('a user has the same subject in draft -11 and in OAuth, at the origin and at the MCP endpoint', async () => {
  const { stage, mcp, allow } = await openBoth()
  const personToken = await person.obtainPerson(stage)
  const { access_token } = await allow()
  const [signed, bearer] = [personToken, access_token].map((each) => decodeToken(each)?.payload)
  expect(bearer).toMatchObject({ sub: signed?.sub, aud: mcp })
  expect(signed).toMatchObject({ aud: stage.resource.id })
})

it('tokens of OAuth are refused by each endpoint of draft -11, and still work (B16)', async () => {
  const { stage, oauth, allow } = await openBoth()
  const presented = await person.obtainPerson(stage)
  const { access_token, refresh_token } = await allow()
  for (const secret of [access_token, refresh_token]) {
    expect((await person.askPerson(stage, {}, { jwt: secret })).status).toBe(401)
    for (const member of ['presented_token', 'resource_token', 'upstream_token']) {
      const response = await person.askAuth(stage, presented, { [member]: secret })
      expect([member, response.status >= 400 && response.status < 500]).toEqual([member, true])
    }
    expect(
      (await person.post(stage, '/person/revoke', { jti: decodeToken(secret)?.payload.jti ?? secret })).status,
    ).toBeGreaterThanOrEqual(400)
  }
  expect((await refresh(oauth, refresh_token)).status).toBe(200)
})

it('tokens and pending requests of draft -11 are refused by each endpoint of OAuth, and still work (B16)', async () => {
  const { stage, oauth, url } = await openBoth()
  const presented = await person.obtainPerson(stage)
  const claims = { scope: 'data.write' }
  const { location, page } = person.pendingIn(await person.askAuth(stage, presented, { claims }))
  const ticket = new URL(location).pathname.split('/').at(-1) ?? ''
  const code = new URL(page).searchParams.get('code') ?? ''
  const agentToken = await person.agentToken(stage)
  for (const secret of [presented, agentToken, ticket, code]) {
    for (const form of [
      refreshForm(secret),
      { grant_type: 'authorization_code', code: secret, code_verifier: 'x'.repeat(43) },
      { ...refreshForm(secret), client_id: person.agentId },
    ])
      expect(await token(oauth, form)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect((await post(oauth, '/oauth/revoke', { client_id: clientId, token: secret })).status).toBe(200)
    const user = createScriptedUser(stage.fetch)
    await signInToAccount(user, stage.authServer, person.people.alice)
    const opened = await user.open(`${stage.authServer}/oauth/consent?authorization=${encodeURIComponent(secret)}`)
    expect(await opened.text()).toContain('data-error-code="request_unknown"')
  }
  // Nor is a request of OAuth one of draft -11.
  const { consent, user } = await openConsent(oauth, url)
  const bearerTicket = new URL(consent).searchParams.get('authorization') ?? ''
  expect((await person.poll(stage, location.replace(ticket, bearerTicket))).status).toBe(404)
  expect(await (await user.open(page.replace(code, bearerTicket))).text()).not.toContain('name="consent"')
  await person.decide(stage, page)
  expect((await person.poll(stage, location)).status).toBe(200)
})

it('revoking the grant of an agent of draft -11 leaves the OAuth clients of the same user alone', async () => {
  const { stage, oauth, allow } = await openBoth()
  await person.obtainPerson(stage)
  const { refresh_token } = await allow()
  const [grant] = await stage.storage.listGrants({ agent: person.agentId })
  await stage.storage.revokeGrant({ grantId: grant?.id ?? '', by: 'operator' })
  expect((await refresh(oauth, refresh_token)).status).toBe(200)
})
