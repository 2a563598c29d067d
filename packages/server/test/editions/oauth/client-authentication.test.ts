import { generateKeyPairSync, sign as signBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPrivateKeyJwtAuth as createWithClient2 } from '@modelcontextprotocol/client'
import { createPrivateKeyJwtAuth } from '@modelcontextprotocol/sdk/client/auth-extensions.js'
import { AAuthError } from 'countersign'
import { readForm } from 'countersign/editions'
import type { NonceClaim } from 'countersign/signatures'
import { sqliteStorage } from 'countersign-server/sqlite'
import { exportJWK, exportSPKI, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  type AuthenticatingClient,
  authenticateClient,
  type ClientAuthenticationOptions,
  clientIn,
} from '../../../src/editions/oauth/client-authentication.js'

const issuer = 'https://auth.example'
const tokenEndpoint = 'https://auth.example/oauth/token'
const clientId = 'https://client.example/oauth/client.json'
const jwksUri = 'https://client.example/oauth/jwks.json'
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const now = 1_800_000_000

async function createKey(alg: string, kid: string) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid }
  return { alg, kid, publicKey, jwk, privateJwk: await exportJWK(privateKey) }
}
type Key = Awaited<ReturnType<typeof createKey>>

const rsa = await createKey('RS256', 'rsa')
const ec = await createKey('ES256', 'ec')
const ed = await createKey('EdDSA', 'ed')
const other = await createKey('ES256', 'ec')

const claims = { iss: clientId, sub: clientId, aud: issuer, iat: now, exp: now + 60, jti: 'one' }

/** Signs a valid assertion with some changes. A claim or header parameter that is set to undefined is left out. */
async function sign({
  key = ec,
  alg = key.alg,
  header = {},
  ...changed
}: { key?: Key; alg?: string; header?: object } & Record<string, unknown> = {}): Promise<string> {
  const signed = new SignJWT({ ...claims, ...changed })
  // Imported for this algorithm, because a key of WebCrypto has only one.
  const privateKey = await importJWK(key.privateJwk, alg)
  return signed.setProtectedHeader({ alg, kid: key.kid, typ: 'JWT', ...header }).sign(privateKey)
}

function encode(part: unknown): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')
}

/** A client that may use both methods, with all keys in its document. */
const client: AuthenticatingClient = {
  authMethods: new Set(['none', 'private_key_jwt']),
  keys: { jwks: { keys: [rsa.jwk, ec.jwk, ed.jwk] } },
  refreshes: true,
}

type Options = Partial<ClientAuthenticationOptions> & {
  /** The metadata of the client, if it exists. */
  client?: AuthenticatingClient | undefined
  headers?: Record<string, string>
}

/** A claim that is accepted once per key. */
function createClaims() {
  const claimed: NonceClaim[] = []
  const claimNonce = async (claim: NonceClaim) => {
    const isUnused = claimed.every(({ key }) => key !== claim.key)
    if (isUnused) claimed.push(claim)
    return isUnused
  }
  return { claimed, claimNonce }
}

function authenticate(form: Record<string, string | undefined>, options: Options = {}) {
  const found = 'client' in options ? options.client : client
  return authenticateClient(
    {
      issuer,
      tokenEndpoint,
      findClient: async (id) => (id === clientId ? found : undefined),
      findKeySet: async () => expect.unreachable('the key set is in the document'),
      claimNonce: createClaims().claimNonce,
      now: () => now,
      ...options,
    },
    {
      form: new Map(Object.entries(form).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
      headers: new Headers(options.headers),
      ip: '192.0.2.1',
    },
  )
}

function asserted(assertion: string) {
  return { client_assertion_type: assertionType, client_assertion: assertion }
}

/** The refusal of a form: its status, its name in OAuth, and its class, by which the response names the scheme Basic. */
async function refusalOf(form: Record<string, string | undefined>, options: Options = {}) {
  const error: unknown = await authenticate(form, options).catch((thrown: unknown) => thrown)
  if (!(error instanceof AAuthError)) throw error
  const { status, description, error: name } = error
  return { status, description, name, isBasic: error.constructor.name === 'BasicRefusal' }
}

const invalidClient = { status: 401, name: 'invalid_client', isBasic: false }

describe('authenticateClient without authentication', () => {
  it('accepts the client_id of a client whose document allows none', async () => {
    expect(await authenticate({ client_id: clientId })).toEqual({ clientId, method: 'none', refreshes: true })
  })

  it('refuses it if the document does not allow none, as it says now', async () => {
    const authMethods = new Set(['private_key_jwt'] as const)
    expect(await refusalOf({ client_id: clientId }, { client: { ...client, authMethods } })).toEqual({
      ...invalidClient,
      description: "The client's metadata does not allow none: use private_key_jwt.",
    })
  })

  it('refuses an unknown client', async () => {
    expect(await refusalOf({ client_id: 'https://other.example/client.json' })).toMatchObject(invalidClient)
  })

  it('refuses a client_id of more than 512 characters before it looks for the client', async () => {
    const findClient = async () => expect.unreachable('no client has such an id')
    expect(await refusalOf({ client_id: `https://${'a'.repeat(505)}` }, { findClient })).toMatchObject(invalidClient)
  })

  it('looks for a client_id of 512 characters', async () => {
    const id = `https://${'a'.repeat(504)}`
    expect(await authenticate({ client_id: id }, { findClient: async () => client })).toMatchObject({ clientId: id })
  })

  it('reports a form without a client_id as malformed', async () => {
    expect(await refusalOf({ grant_type: 'refresh_token' })).toMatchObject({ status: 400, name: 'invalid_request' })
  })
})

describe('the client that a form names', () => {
  it('is its client_id, or the sub of its assertion, which is not verified', async () => {
    expect(clientIn(new Map([['client_id', 'a']]))).toBe('a')
    const form = new Map([['client_assertion', await sign()]])
    expect(clientIn(form)).toBe(clientId)
    expect(clientIn(form.set('client_id', 'a'))).toBe('a')
  })

  it.each([
    {},
    { client_assertion: 'x' },
    { client_assertion: `${encode({ alg: 'ES256' })}.${encode({ sub: 1 })}.AA` },
  ])('must be in it: %j', (form) => {
    expect(() => clientIn(new Map(Object.entries(form)))).toThrow(
      expect.objectContaining({ error: 'invalid_request', message: 'The parameter client_id is missing.' }),
    )
  })
})

describe('authenticateClient with a secret', () => {
  it.each(['Basic YTpi', 'basic YTpi', 'BASIC', `Basic ${Buffer.from(`${clientId}:`).toString('base64')}`])(
    'refuses the header Authorization: %s, and names the scheme in the response',
    async (authorization) => {
      const refusal = await refusalOf({ client_id: clientId }, { headers: { authorization } })
      expect(refusal).toMatchObject({ status: 401, name: 'invalid_client', isBasic: true })
    },
  )

  it('refuses Basic beside a valid assertion', async () => {
    const refusal = await refusalOf(asserted(await sign()), { headers: { authorization: 'Basic YTpi' } })
    expect(refusal).toMatchObject({ status: 401, name: 'invalid_client', isBasic: true })
  })

  it('refuses client_secret, without a WWW-Authenticate header', async () => {
    expect(await refusalOf({ client_id: clientId, client_secret: 's' })).toMatchObject(invalidClient)
    expect(await refusalOf({ ...asserted(await sign()), client_secret: 's' })).toMatchObject(invalidClient)
  })

  it('accepts another scheme, which means nothing here', async () => {
    const headers = { authorization: 'Bearer basic' }
    expect(await authenticate({ client_id: clientId }, { headers })).toMatchObject({ method: 'none' })
  })

  it('treats an empty client_secret as absent', async () => {
    const type = 'application/x-www-form-urlencoded'
    const form = readForm(type, Buffer.from(`client_id=${encodeURIComponent(clientId)}&client_secret=`))
    expect(await authenticate(Object.fromEntries(form))).toMatchObject({ method: 'none' })
  })
})

describe('authenticateClient with an assertion (B18)', () => {
  it.each([
    ['RS256', rsa],
    ['PS256', rsa],
    ['ES256', ec],
    ['EdDSA', ed],
  ])('accepts %s', async (alg, key) => {
    const form = asserted(await sign({ alg, key }))
    expect(await authenticate(form)).toEqual({ clientId, method: 'private_key_jwt', refreshes: true })
    expect(await authenticate({ ...form, client_id: clientId })).toEqual({
      clientId,
      method: 'private_key_jwt',
      refreshes: true,
    })
  })

  it.each<[string, Parameters<typeof sign>[0]]>([
    ['without a kid', { header: { kid: undefined } }],
    ['without a typ', { header: { typ: undefined } }],
    ['with the typ client-authentication+jwt', { header: { typ: 'client-authentication+jwt' } }],
    ['with the typ application/jwt', { header: { typ: 'application/jwt' } }],
    ['whose aud is an array with only the issuer', { aud: [issuer] }],
    ['whose aud is the token endpoint', { aud: tokenEndpoint }],
    ['that expires in 5 minutes, by a clock that is 5 s ahead', { exp: now + 305, iat: now + 5, nbf: now + 5 }],
    ['without iat', { iat: undefined }],
    ['from the beginning of time', { iat: 0, nbf: 0 }],
    ['that is about to expire', { exp: now + 0.5 }],
    ['with a certificate thumbprint, which is ignored', { header: { x5t: 'AAAA' } }],
  ])('accepts an assertion %s', async (_name, changes) => {
    expect(await authenticate(asserted(await sign(changes)))).toMatchObject({ method: 'private_key_jwt' })
  })

  it.each<[string, Parameters<typeof sign>[0], string]>([
    ['with an access token’s typ', { header: { typ: 'at+jwt' } }, 'its typ is'],
    ['with an agent token’s typ', { header: { typ: 'agent+jwt' } }, 'its typ is'],
    ['whose typ only ends in JWT', { header: { typ: 'x+jwt' } }, 'its typ is'],
    ['whose typ only begins with JWT', { header: { typ: 'JWT2' } }, 'its typ is'],
    ['with jwk', { header: { jwk: other.jwk } }, 'its header contains jwk'],
    ['with jku', { header: { jku: 'https://evil.example/jwks.json' } }, 'its header contains jku'],
    ['with x5u', { header: { x5u: 'https://evil.example/chain.pem' } }, 'its header contains x5u'],
    ['with an empty kid', { header: { kid: '' } }, 'its kid is not a string'],
    ['with a kid of 257 characters', { header: { kid: 'k'.repeat(257) } }, 'its kid is not a string'],
    ['with a kid of 256 characters', { header: { kid: 'k'.repeat(256) } }, 'no key for ES256 with its kid'],
    ['with a kid of another party', { header: { kid: 'aauth' } }, 'no key for ES256 with its kid'],
    ['without iss', { iss: undefined }, 'its iss is not its sub'],
    ['with another iss', { iss: 'https://other.example/client.json' }, 'its iss is not its sub'],
    ['without sub', { sub: undefined }, 'its sub is not a client_id'],
    ['without iss and sub', { iss: undefined, sub: undefined }, 'its sub is not a client_id'],
    ['with an empty sub', { iss: '', sub: '' }, 'its sub is not a client_id'],
    ['with a sub that is not a string', { iss: 1, sub: 1 }, 'its sub is not a client_id'],
    ['without aud', { aud: undefined }, 'its aud is not exactly'],
    ['with the issuer and a slash as aud', { aud: `${issuer}/` }, 'its aud is not exactly'],
    ['with another server as aud', { aud: 'https://other.example' }, 'its aud is not exactly'],
    ['with the revocation endpoint as aud', { aud: `${issuer}/oauth/revoke` }, 'its aud is not exactly'],
    ['with two audiences', { aud: [issuer, 'https://other.example'] }, 'its aud is not exactly'],
    ['with the issuer and the token endpoint as audiences', { aud: [issuer, tokenEndpoint] }, 'its aud is not exactly'],
    ['with no audiences', { aud: [] }, 'its aud is not exactly'],
    ['with the issuer in two arrays as aud', { aud: [[issuer]] }, 'its aud is not exactly'],
    ['without exp', { exp: undefined }, 'its exp is not a time'],
    ['with an exp in a string', { exp: String(now + 60) }, 'its exp is not a time'],
    ['that expires now', { exp: now }, 'it has expired'],
    ['that expires in 306 s', { exp: now + 306 }, 'its exp is more than 300 s in the future'],
    ['with iat 6 s in the future', { iat: now + 6 }, 'its iat is in the future'],
    ['with nbf 6 s in the future', { nbf: now + 6 }, 'its nbf is in the future'],
    ['with an iat in a string', { iat: String(now) }, 'its iat is not a time'],
    ['with a negative nbf', { nbf: -1 }, 'its nbf is not a time'],
    ['without jti', { jti: undefined }, 'it has no jti'],
    ['with an empty jti', { jti: '' }, 'it has no jti'],
    ['with a number as jti', { jti: 7 }, 'it has no jti'],
    ['of another key under the same kid', { key: other }, 'its signature was not made with a key of the client'],
    ['longer than 8 KiB', { padding: 'a'.repeat(8192) }, 'it is not a signed compact JWT'],
  ])('rejects an assertion %s', async (_name, changes, problem) => {
    const { claimed, claimNonce } = createClaims()
    const refusal = await refusalOf({ client_id: clientId, ...asserted(await sign(changes)) }, { claimNonce })
    expect(refusal).toMatchObject(invalidClient)
    expect(refusal.description).toContain(problem)
    expect(claimed).toEqual([])
  })

  it.each<[string, object, string, string]>([
    ['a typ in an array', { typ: ['JWT'] }, JSON.stringify(claims), 'its typ is'],
    ['a kid in an array', { kid: ['ec'] }, JSON.stringify(claims), 'its kid is not a string'],
    [
      'an endless exp',
      {},
      JSON.stringify({ ...claims, exp: 0 }).replace('"exp":0', '"exp":1e999'),
      'its exp is not a time',
    ],
  ])('rejects %s', async (_name, header, payload, problem) => {
    const assertion = `${encode({ alg: 'ES256', kid: ec.kid, ...header })}.${encode(payload)}.${encode('signature')}`
    expect((await refusalOf(asserted(assertion))).description).toContain(problem)
  })

  it('rejects critical extensions', async () => {
    const [, payload, signature] = (await sign()).split('.')
    for (const header of [{ crit: ['b64'], b64: true }, { crit: [], exp: now }, { b64: true }]) {
      const assertion = `${encode({ alg: 'ES256', kid: ec.kid, ...header })}.${payload}.${signature}`
      const member = 'crit' in header ? 'crit' : 'b64'
      expect((await refusalOf(asserted(assertion))).description).toContain(`its header contains ${member}`)
    }
  })

  it.each([
    'none',
    'None',
    'HS256',
    'HS512',
    'PS512',
    'RS1',
    'ES384',
    'Ed25519',
    'ES256 ',
    '',
    1,
    null,
    undefined,
    ['ES256'],
  ])('rejects the alg %s', async (alg) => {
    const unsigned = `${encode({ alg, kid: ec.kid })}.${encode(claims)}`
    const refusal = await refusalOf(asserted(`${unsigned}.${encode('signature')}`))
    expect(refusal).toMatchObject(invalidClient)
    expect(refusal.description).toContain('its alg is none of RS256, PS256, ES256, EdDSA')
  })

  it('rejects none without a signature, and HS256 with the text of a public key as the secret', async () => {
    const unsigned = `${encode({ alg: 'none' })}.${encode(claims)}.`
    expect((await refusalOf(asserted(unsigned))).description).toContain('it is not a signed compact JWT')
    for (const secret of [await exportSPKI(rsa.publicKey), JSON.stringify(rsa.jwk)]) {
      const signed = new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: rsa.kid })
      const refusal = await refusalOf(asserted(await signed.sign(Buffer.from(secret))))
      expect(refusal).toMatchObject(invalidClient)
      expect(refusal.description).toContain('its alg is none of')
    }
  })

  it.each([
    ['RS256', ec],
    ['EdDSA', ec],
    ['ES256', ed],
    ['ES256', rsa],
  ])('rejects %s with the kid of a key of another type', async (alg, { kid }) => {
    const signer = [rsa, ec, ed].find((each) => each.alg === alg)
    const refusal = await refusalOf(asserted(await sign({ key: signer as Key, header: { kid } })))
    expect(refusal.description).toContain(`the client publishes no key for ${alg} with its kid`)
  })

  it.each([
    ['RS256', rsa],
    ['PS256', rsa],
    ['ES256', ec],
    ['EdDSA', ed],
  ])('accepts %s from a key whose own alg names it', async (alg, key) => {
    const only = { ...client, keys: { jwks: { keys: [{ ...key.jwk, alg }] } } }
    const form = asserted(await sign({ alg, key }))
    expect(await authenticate(form, { client: only })).toMatchObject({ method: 'private_key_jwt' })
  })

  it('rejects an algorithm that the key’s own alg excludes', async () => {
    const only = (alg: string) => ({ ...client, keys: { jwks: { keys: [{ ...rsa.jwk, alg }] } } })
    const form = asserted(await sign({ alg: 'RS256', key: rsa }))
    expect(await authenticate(form, { client: only('RS256') })).toMatchObject({ method: 'private_key_jwt' })
    expect((await refusalOf(form, { client: only('PS256') })).description).toContain('no key for RS256')
    expect((await refusalOf(form, { client: only('RS512') })).description).toContain('no key for RS256')
  })

  it('rejects a signature for another algorithm of the same key, and a changed payload', async () => {
    const [header, payload, signature] = (await sign({ alg: 'PS256', key: rsa })).split('.')
    const asRs256 = `${encode({ alg: 'RS256', kid: rsa.kid })}.${payload}.${signature}`
    const changed = `${header}.${encode({ ...claims, jti: 'two' })}.${signature}`
    for (const assertion of [asRs256, changed])
      expect((await refusalOf(asserted(assertion))).description).toContain('its signature was not made')
  })

  it.each([
    ['a', 'b'],
    ['a.b'],
    [encode({ alg: 'ES256' }), encode(claims), ''],
    [encode({ alg: 'ES256' }), encode(claims), 'AA', 'AA'],
    [encode('{"alg":"none","alg":"ES256"}'), encode(claims), 'AA'],
    [encode({ alg: 'ES256' }), encode([claims]), 'AA'],
  ])('rejects what is not a signed JWT: %s', async (...parts) => {
    expect((await refusalOf(asserted(parts.join('.')))).description).toContain('it is not a signed compact JWT')
  })

  it('rejects an assertion for another client than the client_id of the form', async () => {
    const form = { client_id: 'https://other.example/client.json', ...asserted(await sign()) }
    expect((await refusalOf(form)).description).toContain('its sub is not the client_id of the form')
  })

  it.each([
    ['with another type', { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' }],
    ['without a type', { client_assertion_type: undefined }],
    ['without the assertion', { client_assertion: undefined }],
    ['that is invalid', { client_assertion: 'x' }],
  ])('rejects an assertion %s although the client may use none', async (_name, changes) => {
    const form = { client_id: clientId, ...asserted(await sign()), ...changes }
    expect(await refusalOf(form)).toMatchObject(invalidClient)
  })

  it('rejects a valid assertion of a client whose document allows only none', async () => {
    const authMethods = new Set(['none'] as const)
    const refusal = await refusalOf(asserted(await sign()), { client: { ...client, authMethods } })
    expect(refusal).toMatchObject(invalidClient)
    expect(refusal.description).toContain('does not allow private_key_jwt')
  })

  it('does not look for the client of an assertion that is wrong in itself', async () => {
    const findClient = async () => expect.unreachable('nothing may be fetched for such an assertion')
    for (const changes of [{ aud: 'https://other.example' }, { exp: now }, { header: { typ: 'at+jwt' } }])
      expect(await refusalOf(asserted(await sign(changes)), { findClient })).toMatchObject(invalidClient)
  })
})

describe('the keys of a client', () => {
  const noKid = { header: { kid: undefined } }
  const having = (...keys: object[]): AuthenticatingClient => ({ ...client, keys: { jwks: { keys } } })

  it('rejects an assertion whose key is no longer in the document', async () => {
    const form = asserted(await sign())
    expect(await authenticate(form, { client: having(rsa.jwk, ec.jwk) })).toMatchObject({ clientId })
    expect(await refusalOf(form, { client: having(rsa.jwk) })).toMatchObject(invalidClient)
    expect(await refusalOf(form, { client: { ...client, keys: undefined } })).toMatchObject(invalidClient)
  })

  it('tries every key of the type for an assertion without a kid', async () => {
    const { kid: _kid, ...unnamed } = ec.jwk
    expect(await authenticate(asserted(await sign(noKid)), { client: having(other.jwk, unnamed) })).toMatchObject({
      clientId,
    })
    expect((await refusalOf(asserted(await sign(noKid)), { client: having(other.jwk) })).description).toContain(
      'its signature was not made with a key of the client',
    )
  })

  it('does not try more than eight keys', async () => {
    const others = Array.from({ length: 8 }, () => other.jwk)
    const form = asserted(await sign(noKid))
    expect(await authenticate(form, { client: having(...others.slice(1), ec.jwk) })).toMatchObject({ clientId })
    const refusal = await refusalOf(form, { client: having(ec.jwk, ...others) })
    expect(refusal.description).toContain('too many keys for ES256')
  })

  it('rejects a kid that two keys of the type have', async () => {
    const refusal = await refusalOf(asserted(await sign()), { client: having(ec.jwk, other.jwk) })
    expect(refusal.description).toContain('its kid is the name of two keys')
    expect(
      await authenticate(asserted(await sign()), { client: having(ec.jwk, { ...ed.jwk, kid: 'ec' }) }),
    ).toMatchObject({
      clientId,
    })
  })

  it.each([
    ['for encryption', { use: 'enc' }],
    ['not for verifying', { key_ops: ['sign'] }],
    ['with its private part', ec.privateJwk],
    ['with a point that is not on the curve', { x: ec.jwk.y, y: ec.jwk.x }],
  ])('rejects a key %s', async (_name, changes) => {
    const refusal = await refusalOf(asserted(await sign()), { client: having({ ...ec.jwk, ...changes }) })
    expect(refusal).toMatchObject(invalidClient)
    expect(refusal.description).toContain('a key of the client cannot be used')
  })

  it('ignores a key on another curve with the kid of the assertion', async () => {
    const refusal = await refusalOf(asserted(await sign()), { client: having({ ...ec.jwk, crv: 'P-384' }) })
    expect(refusal.description).toContain('the client publishes no key for ES256 with its kid')
  })

  it('ignores a secret key with the kid of the assertion', async () => {
    const secret = { kty: 'oct', kid: rsa.kid, k: 'c2VjcmV0' }
    expect(await authenticate(asserted(await sign({ key: rsa })), { client: having(secret, rsa.jwk) })).toMatchObject({
      clientId,
    })
  })

  it('rejects an RSA key of 1024 bits', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const unsigned = `${encode({ alg: 'RS256' })}.${encode(claims)}`
    const assertion = `${unsigned}.${signBytes('sha256', Buffer.from(unsigned), privateKey).toString('base64url')}`
    const refusal = await refusalOf(asserted(assertion), { client: having(publicKey.export({ format: 'jwk' })) })
    expect(refusal.description).toContain('2048 to 4096 bits')
  })
})

describe('the key set at a jwks_uri', () => {
  const remote: AuthenticatingClient = { ...client, keys: { jwksUri } }
  type Found = Awaited<ReturnType<ClientAuthenticationOptions['findKeySet']>>

  function publishing(set: Found) {
    const asked: unknown[] = []
    const findKeySet: ClientAuthenticationOptions['findKeySet'] = async (...question) => {
      asked.push(question)
      return set
    }
    return { asked, findKeySet }
  }

  it('is fetched for the client’s address', async () => {
    const { asked, findKeySet } = publishing({ keys: [ec.jwk], renew: () => expect.unreachable('the key is known') })
    const found = await authenticate(asserted(await sign()), { client: remote, findKeySet })
    expect(found).toEqual({ clientId, method: 'private_key_jwt', refreshes: true })
    expect(asked).toEqual([[jwksUri, { mayFetch: true, remoteAddress: '192.0.2.1', holdsToken: true }]])
  })

  it.each([
    ['no key with the kid', []],
    ['another key with the kid', [other.jwk]],
  ])('is renewed if it contains %s', async (_name, keys) => {
    const form = asserted(await sign())
    const { findKeySet } = publishing({ keys, renew: async () => [ec.jwk] })
    expect(await authenticate(form, { client: remote, findKeySet })).toMatchObject({ clientId })
    for (const renew of [undefined, async () => undefined, async () => keys])
      expect(
        await refusalOf(form, { client: remote, findKeySet: publishing({ keys, renew }).findKeySet }),
      ).toMatchObject(invalidClient)
  })

  it('is neither fetched nor renewed while the document is stale, so that no new keys count', async () => {
    const set = publishing({ keys: [other.jwk], renew: () => expect.unreachable('the document is stale') })
    const options = { client: { ...remote, isStale: true }, findKeySet: set.findKeySet }
    expect(await refusalOf(asserted(await sign()), options)).toMatchObject(invalidClient)
    expect(set.asked).toEqual([[jwksUri, { mayFetch: false, remoteAddress: '192.0.2.1', holdsToken: true }]])
  })

  it('is not fetched without an assertion, or with an invalid one', async () => {
    const findKeySet = async () => expect.unreachable('no key is needed')
    expect(await authenticate({ client_id: clientId }, { client: remote, findKeySet })).toMatchObject({
      method: 'none',
    })
    const expired = asserted(await sign({ exp: now }))
    expect(await refusalOf(expired, { client: remote, findKeySet })).toMatchObject(invalidClient)
  })

  it('causes a refusal if it is missing', async () => {
    const refusal = await refusalOf(asserted(await sign()), { client: remote, ...publishing(undefined) })
    expect(refusal.description).toContain('there is no key set at the jwks_uri')
  })

  it('does not make the client invalid if it cannot be fetched', async () => {
    const unavailable = new AAuthError('unavailable', 'The key set cannot be fetched.', { retryAfter: 60 })
    const findKeySet = () => Promise.reject(unavailable)
    await expect(authenticate(asserted(await sign()), { client: remote, findKeySet })).rejects.toBe(unavailable)
  })
})

describe('the jti of an assertion', () => {
  it('is claimed for the client and its key until no clock accepts the assertion', async () => {
    const { claimed, claimNonce } = createClaims()
    await authenticate(asserted(await sign({ exp: now + 20.5 })), { claimNonce })
    const source = { agent: clientId, thumbprint: expect.stringMatching(/^[\w-]{43}$/), network: '192.0.2' }
    expect(claimed).toEqual([{ key: expect.stringMatching(/^[\w-]{43}$/), source, lifetime: 81 }])
  })

  it('is accepted once, also in another assertion with another key', async () => {
    const { claimNonce } = createClaims()
    const form = asserted(await sign())
    await authenticate(form, { claimNonce })
    for (const again of [form, asserted(await sign({ key: ed, exp: now + 200 }))])
      expect((await refusalOf(again, { claimNonce })).description).toContain('its jti has already been used')
    expect(await authenticate(asserted(await sign({ jti: 'two' })), { claimNonce })).toMatchObject({ clientId })
  })

  it('is a different one if another client uses it', async () => {
    const { claimed, claimNonce } = createClaims()
    const findClient = async () => client
    for (const id of ['https://a.example/c', 'https://b.example/c'])
      await authenticate(asserted(await sign({ iss: id, sub: id })), { claimNonce, findClient })
    expect(claimed).toHaveLength(2)
  })

  it('is accepted once on two instances of a server, also in parallel', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'assertions-'))
    const instances = [1, 2].map(() => sqliteStorage(join(folder, 'auth.db')))
    onTestFinished(async () => {
      for (const storage of instances) await storage.close()
      rmSync(folder, { recursive: true })
    })
    const form = asserted(await sign())
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, at) =>
        authenticate(form, {
          claimNonce: async (claim) => (instances[at % 2] ?? expect.unreachable()).claimNonce(claim),
        }),
      ),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })
})

describe('assertions of the MCP SDKs', () => {
  it.each([
    ['SDK 1.32', createPrivateKeyJwtAuth],
    ['client 2.4', createWithClient2],
  ])('%s: accepts them', async (_name, create) => {
    for (const key of [rsa, ec, ed]) {
      const privateKey = { ...key.privateJwk }
      const addTo = create({ issuer: clientId, subject: clientId, privateKey, alg: key.alg })
      const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId })
      await addTo(new Headers(), form, tokenEndpoint, { issuer } as never)
      const options = { now: () => Date.now() / 1000 }
      expect(await authenticate(Object.fromEntries(form), options)).toEqual({
        clientId,
        method: 'private_key_jwt',
        refreshes: true,
      })
    }
  })
})
