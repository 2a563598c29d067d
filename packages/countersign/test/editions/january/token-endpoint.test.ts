import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { requireAuthToken } from '../../../src/editions/january/token-endpoint.js'

describe('requireAuthToken', async () => {
  const now = 1_800_000_000
  const signer = await createSigner(await generatePrivateJwk())
  const other = await createSigner(await generatePrivateJwk())
  const need = { resource: 'https://api.example', authServer: 'https://auth.example' }
  const claims = {
    iss: need.authServer,
    aud: need.resource as unknown,
    exp: now + 100,
    scope: 'data.read data.write' as unknown,
    cnf: { jwk: signer.jwk } as unknown,
  }
  const take = async (change: object = {}, answer: object = {}, type: object = january.tokens.auth) => {
    const token = await issueToken(type as typeof january.tokens.auth, { ...claims, ...change } as never, { signer })
    const client = { thumbprint: signer.thumbprint, now: () => now } as Parameters<typeof requireAuthToken>[0]
    return requireAuthToken(client, need, { auth_token: token, ...answer })
  }

  it('returns the token with its scopes and when to refresh it', async () => {
    expect(await take()).toEqual({
      jwt: expect.any(String),
      resource: need.resource,
      scope: ['data.read', 'data.write'],
      expiresAt: now + 100,
      refreshAt: now + 80,
      authServer: need.authServer,
      refreshToken: undefined,
    })
  })

  it.each([
    [{ expires_in: 10 }, { expiresAt: now + 10, refreshAt: now + 8 }],
    [{ expires_in: 1000 }, { expiresAt: now + 100 }],
    [{ expires_in: '10' }, { expiresAt: now + 100 }],
    [{ refresh_token: 'aart_x' }, { refreshToken: 'aart_x' }],
    [{ refresh_token: 7 }, { refreshToken: undefined }],
  ])('reads %j', async (answer, expected) => {
    expect(await take({}, answer)).toMatchObject(expected)
  })

  it.each([
    [{ scope: undefined }, []],
    [{ scope: 7 }, []],
    [{ scope: 'a  b' }, []],
  ])('reads the scope of a token with %j as none', async (change, scope) => {
    expect((await take(change)).scope).toEqual(scope)
  })

  it('accepts an aud with several members', async () => {
    expect(await take({ aud: ['https://other.example', need.resource] })).toMatchObject({ resource: need.resource })
  })

  it.each<[string, object, object, string]>([
    ['no token', {}, { auth_token: undefined }, 'the response contains no token'],
    ['a token that cannot be decoded', {}, { auth_token: 'a' }, 'it is not a token of type auth+jwt'],
    ['another issuer', { iss: 'https://evil.example' }, {}, 'its iss is not the auth server that was called'],
    ['another aud', { aud: 'https://evil.example' }, {}, 'its aud is not the resource that was called'],
    ['no aud', { aud: undefined }, {}, 'its aud is not the resource that was called'],
    ['other auds', { aud: ['https://evil.example'] }, {}, 'its aud is not the resource that was called'],
    ['no cnf', { cnf: undefined }, {}, 'it is not bound to a key'],
    ['no key', { cnf: { jwk: 'a' } }, {}, 'it is not bound to a key'],
    ['a key without a type', { cnf: { jwk: { x: 'a' } } }, {}, 'it is not bound to a key'],
    ['a key type that is not a string', { cnf: { jwk: { kty: 7 } } }, {}, 'it is not bound to a key'],
    ['a key of an unknown type', { cnf: { jwk: { kty: 'new' } } }, {}, 'it is bound to another key'],
    ['another key', { cnf: { jwk: other.jwk } }, {}, 'it is bound to another key'],
    ['an expired token', { exp: now }, {}, 'its exp is not in the future'],
    ['an exp that is not a number', { exp: String(now + 100) }, {}, 'its exp is not in the future'],
  ])('rejects %s', async (_what, change, answer, why) => {
    await expect(take(change, answer)).rejects.toMatchObject({
      code: 'auth_token_refused',
      message: `The auth token was rejected: ${why}.`,
    })
  })

  it('rejects a token of another type', async () => {
    await expect(take({}, {}, january.tokens.agent)).rejects.toThrow('it is not a token of type auth+jwt')
  })
})
