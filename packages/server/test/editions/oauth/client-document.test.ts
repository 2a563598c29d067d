import { generatePrivateJwk } from 'countersign'
import { describe, expect, it } from 'vitest'
import {
  type Client,
  isClientUrl,
  readClientDocument,
  readClientMetadata,
} from '../../../src/editions/oauth/client-document.js'

const url = 'https://client.example/oauth/client.json'
const callback = 'https://client.example/callback'
const { d: secretPart, ...publicKey } = await generatePrivateJwk({ algorithm: 'ecdsa-p256-sha256', kid: 'k1' })
const { d: _, ...otherKey } = await generatePrivateJwk({ algorithm: 'ecdsa-p256-sha256', kid: 'k2' })

const document = {
  client_id: url,
  client_name: 'Example',
  redirect_uris: ['http://127.0.0.1/callback', callback],
  token_endpoint_auth_method: 'none',
}
const withKeys = { ...document, token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [publicKey] } }

function read(changes: object, of: object = document): Client {
  const outcome = readClientDocument(url, { ...of, ...changes })
  if ('problem' in outcome) throw new Error(outcome.problem)
  return outcome.client
}

function problemOf(changes: object, of: object = document) {
  const outcome = readClientDocument(url, { ...of, ...changes })
  return 'problem' in outcome ? outcome.problem : undefined
}

describe('isClientUrl', () => {
  it.each([
    url,
    'https://claude.ai/oauth/mcp-oauth-client-metadata',
    'https://chatgpt.com/oauth/codex/client.json',
    'https://client.example:8443/client.json',
    'https://client.example/client.json?v=2',
    'https://client.example/',
    `https://client.example/${'a'.repeat(489)}`,
  ])('holds for %s', (text) => {
    expect(isClientUrl(text)).toBe(true)
  })

  it.each<[string, unknown]>([
    ['no path', 'https://client.example'],
    ['http', 'http://client.example/client.json'],
    ['http on loopback', 'http://127.0.0.1:3000/client.json'],
    ['capitals in the scheme', 'HTTPS://client.example/client.json'],
    ['capitals in the host', 'https://Client.example/client.json'],
    ['the default port', 'https://client.example:443/client.json'],
    ['a fragment', 'https://client.example/client.json#x'],
    ['an empty fragment', 'https://client.example/client.json#'],
    ['user information', 'https://user@client.example/client.json'],
    ['a dot segment', 'https://client.example/a/../client.json'],
    ['a single dot segment', 'https://client.example/./client.json'],
    ['an encoded dot segment', 'https://client.example/a/%2e%2E/client.json'],
    ['a backslash', 'https://client.example\\client.json'],
    ['a trailing dot', 'https://client.example./client.json'],
    ['an address', 'https://192.0.2.1/client.json'],
    ['a decimal address', 'https://2130706433/client.json'],
    ['an IPv6 address', 'https://[2001:db8::1]/client.json'],
    ['one label', 'https://intranet/client.json'],
    ['letters outside of ASCII', 'https://client.example/clіent.json'],
    ['a space', 'https://client.example/client.json '],
    ['a line break', 'https://client.example/client.json\n'],
    ['more than 512 characters', `https://client.example/${'a'.repeat(490)}`],
    ['an opaque id', 'client-1'],
    ['nothing', ''],
    ['no string', undefined],
  ])('does not hold with %s', (_case, text) => {
    expect(isClientUrl(text)).toBe(false)
  })

  it('accepts http on loopback for development', () => {
    expect(isClientUrl('http://127.0.0.1:3000/client.json', { allowInsecureLoopback: true })).toBe(true)
    expect(isClientUrl('http://client.example:3000/client.json', { allowInsecureLoopback: true })).toBe(false)
  })
})

describe('a client’s document (B07)', () => {
  it('is read', () => {
    expect(read({ logo_uri: 'https://client.example/logo.png', client_uri: 'https://client.example/' })).toEqual({
      id: url,
      name: 'Example',
      host: 'client.example',
      redirectUris: ['http://127.0.0.1/callback', callback],
      authMethods: new Set(['none']),
      keys: undefined,
      refreshes: true,
      fingerprint: expect.stringMatching(/^[\w-]{43}$/),
    })
  })

  it.each<[string, object, string]>([
    ['another client_id', { client_id: 'https://client.example/other.json' }, 'client_id'],
    ['the client_id in another case', { client_id: url.replace('oauth', 'OAuth') }, 'client_id'],
    ['no client_id', { client_id: undefined }, 'client_id'],
    ['a client_id in a list', { client_id: [url] }, 'client_id'],
    ['no name', { client_name: undefined }, 'client_name'],
    ['an invisible name', { client_name: '\u200b\u202e \n' }, 'client_name'],
    ['a name that is no string', { client_name: ['Example'] }, 'client_name'],
    ['no redirect URIs', { redirect_uris: undefined }, 'redirect_uris'],
    ['an empty list of redirect URIs', { redirect_uris: [] }, 'redirect_uris'],
    ['a redirect URI outside of a list', { redirect_uris: callback }, 'redirect_uris'],
    ['unusable redirect URIs only', { redirect_uris: ['cursor://x', 'http://evil.example/'] }, 'redirect_uris'],
    [
      'more than 50 redirect URIs',
      { redirect_uris: Array.from({ length: 51 }, (_x, at) => `${callback}/${at}`) },
      'redirect_uris are more than 50',
    ],
    ['client_secret_basic', { token_endpoint_auth_method: 'client_secret_basic' }, 'auth_method'],
    ['client_secret_jwt', { token_endpoint_auth_method: 'client_secret_jwt' }, 'auth_method'],
    ['an unknown method', { token_endpoint_auth_method: 'tls_client_auth' }, 'auth_method'],
    ['a method that is null', { token_endpoint_auth_method: null }, 'auth_method'],
    [
      'shared secrets in the list of methods only',
      { token_endpoint_auth_method: undefined, token_endpoint_auth_methods_supported: ['client_secret_post'] },
      'auth_methods_supported',
    ],
    ['a secret', { client_secret: 's' }, 'client_secret'],
    ['the expiry of a secret', { client_secret_expires_at: 0 }, 'client_secret_expires_at'],
    ['grant types without the code', { grant_types: ['refresh_token'] }, 'grant_types'],
    ['grant types outside of a list', { grant_types: 'authorization_code' }, 'grant_types'],
    ['response types without the code', { response_types: ['token'] }, 'response_types do not contain code'],
    ['private_key_jwt without keys', { token_endpoint_auth_method: 'private_key_jwt' }, 'jwks'],
    ['a private key, even if unused', { jwks: { keys: [{ ...publicKey, d: secretPart }] } }, 'private'],
    ['a private key among others', { jwks: { keys: [otherKey, { ...publicKey, d: secretPart }] } }, 'private'],
    ['a secret key', { jwks: { keys: [{ kty: 'oct', k: 'AA' }] } }, 'private'],
  ])('is refused with %s', (_case, changes, word) => {
    expect(problemOf(changes)).toContain(word)
  })

  it.each<[string, object]>([
    ['both jwks and jwks_uri', { jwks_uri: 'https://client.example/keys' }],
    ['an empty key set', { jwks: { keys: [] } }],
    ['a key set that is a list', { jwks: [publicKey] }],
    ['a key set that is null', { jwks: null }],
    ['a key that is a string', { jwks: { keys: ['k'] } }],
    ['a key that is a string among others', { jwks: { keys: [publicKey, 'k'] } }],
    ['keys outside of a list', { jwks: { keys: { 0: publicKey } } }],
    ['101 keys', { jwks: { keys: Array.from({ length: 101 }, () => publicKey) } }],
    ['an http jwks_uri', { jwks: undefined, jwks_uri: 'http://client.example/keys' }],
    ['a jwks_uri at an address', { jwks: undefined, jwks_uri: 'https://169.254.169.254/keys' }],
    ['a jwks_uri at localhost', { jwks: undefined, jwks_uri: 'https://localhost/keys' }],
    ['a jwks_uri that is a file', { jwks: undefined, jwks_uri: 'file:///etc/passwd' }],
  ])('with keys is refused with %s', (_case, changes) => {
    expect(problemOf(changes, withKeys)).toContain('jwks')
  })

  it.each([
    ['a list', []],
    ['null', null],
    ['text', 'x'],
    ['a number', 1],
  ])('is refused if it is %s', (_case, value) => {
    expect(readClientDocument(url, value)).toEqual({ problem: 'it is not a JSON object' })
    expect(readClientMetadata('c1', value)).toEqual({ problem: 'it is not a JSON object' })
  })

  it('is refused for the first of several reasons', () => {
    expect(problemOf({ client_secret: 's', client_secret_expires_at: 0 })).toBe('it contains client_secret')
    expect(problemOf({ grant_types: [], response_types: [] })).toBe('its grant_types do not contain authorization_code')
  })

  it('ignores redirect URIs that cannot be used, in any number, repetitions, and unknown members', () => {
    const redirectUris = ['cursor://x', callback, callback, ...Array(50).fill(7), `${callback}?code=1`]
    expect(read({ redirect_uris: redirectUris, dpop_bound_access_tokens: true }).redirectUris).toEqual([callback])
  })

  it.each<[string, string]>([
    ['controls and bidirectional formatting', 'Ex\u202eam\u0000ple\n'],
    ['invisible characters', 'E\u200bxample\u2060'],
  ])('strips %s from the name', (_case, name) => {
    expect(read({ client_name: name }).name).toBe('Example')
  })

  it('truncates the name to 80 characters', () => {
    expect(Array.from(read({ client_name: 'é'.repeat(81) }).name)).toHaveLength(80)
  })

  it.each<[string, object, string[]]>([
    ['neither member', { token_endpoint_auth_method: undefined }, ['none']],
    ['both members', { token_endpoint_auth_methods_supported: ['private_key_jwt'] }, ['none', 'private_key_jwt']],
    [
      'the list alone',
      {
        token_endpoint_auth_method: undefined,
        token_endpoint_auth_methods_supported: ['private_key_jwt', 'client_secret_post'],
      },
      ['private_key_jwt'],
    ],
    ['private_key_jwt', { token_endpoint_auth_method: 'private_key_jwt' }, ['private_key_jwt']],
  ])('allows the methods in %s', (_case, changes, allowed) => {
    const { authMethods, keys } = read({ jwks: { keys: [publicKey] }, ...changes })
    expect([...authMethods].sort()).toEqual(allowed)
    expect(keys !== undefined).toBe(allowed.includes('private_key_jwt'))
  })

  it('accepts up to 50 redirect URIs and 100 keys, and the response type of the code', () => {
    const keys = Array.from({ length: 100 }, () => publicKey)
    const redirectUris = Array.from({ length: 50 }, (_x, at) => `${callback}/${at}`)
    const client = read({ redirect_uris: redirectUris, jwks: { keys }, response_types: ['code'] }, withKeys)
    expect(client).toMatchObject({ redirectUris, keys: { jwks: { keys } } })
  })

  it('accepts a jwks_uri on any host', () => {
    const jwksUri = 'https://keys.example/jwks.json'
    expect(read({ jwks: undefined, jwks_uri: jwksUri }, withKeys).keys).toEqual({ jwksUri })
  })

  it.each<[unknown, boolean]>([
    [undefined, true],
    [['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:jwt-bearer'], true],
    [['authorization_code'], false],
  ])('with grant_types %j: refresh tokens %s', (grantTypes, refreshes) => {
    expect(read({ grant_types: grantTypes }).refreshes).toBe(refreshes)
  })

  it('can be registered under an opaque id, which has no host', () => {
    const outcome = readClientMetadata('c1', { client_name: 'Example', redirect_uris: [callback] })
    expect(outcome).toMatchObject({ client: { id: 'c1', host: undefined } })
  })

  it.each([
    ['operator', ['cursor://callback', callback]],
    ['itself', [callback]],
  ] as const)('registered by %s has these redirect URIs', (registeredBy, redirectUris) => {
    const metadata = { client_name: 'Example', redirect_uris: ['cursor://callback', callback] }
    expect(readClientMetadata('c1', metadata, {}, registeredBy)).toMatchObject({ client: { redirectUris } })
  })
})

describe('the fingerprint', () => {
  it.each(['kty', 'crv', 'x', 'y', 'n', 'e'])('changes with the member %s of a key', (member) => {
    const key = { kty: 'a', crv: 'a', x: 'a', y: 'a', n: 'a', e: 'a' }
    const [one, other] = [key, { ...key, [member]: 'b' }].map((each) => read({ jwks: { keys: [each] } }, withKeys))
    expect(one?.fingerprint).not.toBe(other?.fingerprint)
  })

  const before = read({}, withKeys).fingerprint

  it.each<[string, object]>([
    ['the name', { client_name: 'Other' }],
    ['a redirect host', { redirect_uris: [...document.redirect_uris, 'https://other.example/callback'] }],
    ['the port of a redirect host', { redirect_uris: ['http://127.0.0.1/callback', `https://client.example:444/`] }],
    ['a key', { jwks: { keys: [otherKey] } }],
    ['one more key', { jwks: { keys: [publicKey, otherKey] } }],
    ['where the keys are', { jwks: undefined, jwks_uri: 'https://client.example/keys' }],
  ])('changes with %s', (_case, changes) => {
    expect(read(changes, withKeys).fingerprint).not.toBe(before)
  })

  it.each<[string, object]>([
    ['the path of a redirect URI', { redirect_uris: ['http://127.0.0.1:9/other', `${callback}/other`] }],
    ['the order of the redirect URIs', { redirect_uris: [...document.redirect_uris].reverse() }],
    ['the name of a key', { jwks: { keys: [{ ...publicKey, kid: 'k9', use: 'sig' }] } }],
    ['the logo', { logo_uri: 'https://client.example/logo.png' }],
    ['the grant types', { grant_types: ['authorization_code'] }],
  ])('does not change with %s', (_case, changes) => {
    expect(read(changes, withKeys).fingerprint).toBe(before)
  })

  it('does not depend on the order of the keys', () => {
    const orders = [
      [publicKey, otherKey],
      [otherKey, publicKey],
    ]
    const [one, other] = orders.map((keys) => read({ jwks: { keys } }, withKeys).fingerprint)
    expect(one).toBe(other)
  })
})
