import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { issueToken, registeredNames, type TokenType } from 'countersign/tokens'
import { fixedKeys } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import {
  allowed,
  authorizeUrl,
  clientDocument,
  clientId,
  decide,
  json,
  type OAuthStage,
  openStage,
  post,
  redeem,
  refresh,
} from './oauth-stage.js'
import { claimsOf, isRevoked, openNotes } from './revoked-tokens.js'

const revoke = (stage: OAuthStage, token: string, changes: Record<string, string> = {}) =>
  post(stage, '/oauth/revoke', { client_id: clientId, token, ...changes })

const accessToken: TokenType = {
  typ: 'at+jwt',
  jose: registeredNames,
  issuerDocument: january.documents.authServer,
  required: [],
  optional: [],
  audience: 'required',
  maxLifetime: 3600,
  invalid: 'auth_token_invalid',
  expired: 'auth_token_expired',
}

const newSigner = async (kid = 'o1') => createSigner(await generatePrivateJwk({ kid, algorithm: 'ecdsa-p256-sha256' }))

describe('the revocation endpoint', () => {
  it('ends no token of another client of the user, however many families a client revokes', async () => {
    const stage = await openStage()
    const other = 'https://client.example/other.json'
    stage.documents.set(other, () => json({ ...clientDocument, client_id: other }))
    const code = (await decide(stage, 'grant', authorizeUrl({ client_id: other }))).searchParams.get('code') ?? ''
    const kept = await redeem(stage, code, { client_id: other })
    const revoked: string[] = []
    for (let made = 0; made < 21; made++) {
      const { access_token, refresh_token } = await allowed(stage)
      expect((await revoke(stage, refresh_token)).status).toBe(200)
      revoked.push(access_token)
    }
    stage.clock.now += 4
    const statusOf = await openNotes(stage)
    for (const token of revoked) expect(await statusOf(token)).toBe(401)
    expect(await statusOf(kept.access_token)).toBe(200)
  })

  it.each(['access_token', 'refresh_token'] as const)('ends the whole family of an %s', async (kind) => {
    const stage = await openStage()
    const first = await allowed(stage)
    const second = await refresh(stage, first.refresh_token)
    const other = await allowed(stage)
    expect((await revoke(stage, second[kind], { token_type_hint: 'unknown' })).status).toBe(200)
    stage.clock.now += 4
    expect(await refresh(stage, second.refresh_token)).toMatchObject({ error: 'invalid_grant' })
    for (const { access_token } of [first, second]) expect(await isRevoked(stage, access_token)).toBe(true)
    expect(await isRevoked(stage, other.access_token)).toBe(false)
    expect((await refresh(stage, other.refresh_token)).status).toBe(200)
    expect(await stage.storage.listEvents({ event: 'refresh.revoked' })).toHaveLength(1)
  })

  it('ends an access token that came without a refresh token', async () => {
    const stage = await openStage()
    stage.documents.set(clientId, () => json({ ...clientDocument, grant_types: ['authorization_code'] }))
    const { access_token, refresh_token } = await allowed(stage)
    expect(refresh_token).toBeUndefined()
    await revoke(stage, access_token)
    expect(await isRevoked(stage, access_token)).toBe(true)
  })

  it('does nothing for an access token of another client, whose document it does not fetch', async () => {
    const stage = await openStage()
    const { access_token, refresh_token } = await allowed(stage)
    stage.fetched.length = 0
    expect((await revoke(stage, access_token, { client_id: 'https://client.example/other.json' })).status).toBe(200)
    expect(stage.fetched).toEqual([])
    expect((await refresh(stage, refresh_token)).status).toBe(200)
  })

  it.each<[string, object, Partial<TokenType>]>([
    ['was signed with another key', {}, {}],
    ['has another typ', {}, { typ: 'auth+jwt' }],
    ['has another issuer', { iss: 'https://other.example' }, {}],
    ['has expired', { exp: 1_799_999_999 }, {}],
    ['has no family', { jti: 'grant.random' }, {}],
    ['has two audiences', { aud: ['https://notes.example/mcp', 'https://mail.example/mcp'] }, {}],
  ])('does nothing for an access token that %s', async (what, claims, type) => {
    const signer = await newSigner()
    const isForeign = what === 'was signed with another key'
    const stage = await openStage({ keys: fixedKeys({ signer, secret: new Uint8Array(32).fill(9) }) })
    const { access_token, refresh_token } = await allowed(stage)
    const changed = { ...claimsOf(access_token), ...claims }
    const token = await issueToken({ ...accessToken, ...type }, changed, {
      signer: isForeign ? await newSigner() : signer,
    })
    expect((await revoke(stage, token)).status).toBe(200)
    expect((await refresh(stage, refresh_token)).status).toBe(200)
    const right = await issueToken(accessToken, claimsOf(access_token), { signer })
    expect((await revoke(stage, right)).status).toBe(200)
    expect((await refresh(stage, refresh_token)).status).toBe(400)
  })

  it('requires the authentication of the client’s document for an access token', async () => {
    const stage = await openStage()
    const { access_token } = await allowed(stage)
    const jwks_uri = 'https://client.example/jwks.json'
    stage.documents.set(clientId, () =>
      json({ ...clientDocument, token_endpoint_auth_method: 'private_key_jwt', jwks_uri }),
    )
    stage.clock.now += 301
    const response = await revoke(stage, access_token)
    expect([response.status, await response.json()]).toMatchObject([401, { error: 'invalid_client' }])
    expect(await isRevoked(stage, access_token)).toBe(false)
  })
})
