import { createSigner, generatePrivateJwk } from 'countersign'
import { type AuthServerOptions, createAuthServer, fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { afterAll, describe, expect, it } from 'vitest'

const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
afterAll(() => storage.close())

const valid = {
  issuer: 'https://auth.example',
  keys: fixedKeys({ signer: await createSigner(await generatePrivateJwk()), secret: new Uint8Array(32).fill(7) }),
  storage,
}

/** The error for options, as an untyped program may pass them. */
function refusalOf(options: object): string {
  try {
    createAuthServer({ ...valid, ...options } as AuthServerOptions)
  } catch (error) {
    if (error instanceof TypeError) return error.message
    throw error
  }
  return 'accepted'
}

describe('createAuthServer', () => {
  it.each<[object, string]>([
    [{ issuer: 'https://auth.example/' }, 'issuer: is not a valid identifier: remove the trailing slash'],
    [{ issuer: undefined }, 'issuer: is missing; it must be a string'],
    [{ keys: undefined }, 'keys: must be fixedKeys('],
    [{ storage: 'auth.db' }, 'storage: must be a storage, such as sqliteStorage('],
    [{ lifetimes: { authToken: 86_401 } }, 'lifetimes.authToken: must be at most 86400'],
    [{ lifetimes: { code: '60' } }, 'lifetimes.code: must be a number'],
    [{ limits: { sessions: 0 } }, 'limits.sessions: must be at least 1'],
    [{ durations: [] }, 'durations[0]: must be a whole number of seconds'],
    [{ policy: 'ask' }, 'policy: must be a function'],
    [{ onError: {} }, 'onError: must be a function'],
    [{ reEncodeLogo: true }, 'reEncodeLogo: must be a function'],
    [
      { interop: { unsignedBodies: 'https://agent.example' } },
      'interop.unsignedBodies: must be a list of agents, or a',
    ],
    [{ interop: { unsignedBodies: ['agent'] } }, 'interop.unsignedBodies[0]: must be an agent identifier'],
    [{ pages: { contact: {} } }, 'pages.contact.name: is missing; it must be a string'],
    [{ egressProxy: 'proxy.example' }, 'egressProxy: must be the URL of an HTTP proxy'],
    [{ allowNetworks: [{ cidr: '0.0.0.0/0' }] }, 'allowNetworks[0].cidr: contains public addresses'],
    [{ allowInsecureLoopback: true }, 'allowInsecureLoopback: is only for development'],
    [
      { issuer: 'http://127.0.0.1:8003', allowInsecureLoopback: true, accounts: { passkeys: true } },
      'accounts.passkeys',
    ],
  ])('given %j, throws a TypeError that names the option and says what to do', (options, message) => {
    expect(refusalOf(options)).toContain(message)
  })

  it.each([
    ['authTokenLifetime', 'lifetimes.authToken'],
    ['requestTokenLifetime', 'lifetimes.requestToken'],
    ['codeLifetime', 'lifetimes.code'],
    ['maxOpenRequests', 'limits.openRequests'],
    ['maxSessions', 'limits.sessions'],
    ['signUp', 'accounts.signUp'],
    ['passkey', 'accounts.passkeys'],
    ['identityProviders', 'accounts.identityProviders'],
    ['logos', 'pages.logos'],
    ['footer', 'pages.footer'],
    ['contact', 'pages.contact'],
    ['fetchesPerSource', 'discovery.fetchesPerSource'],
    ['onEvents', 'onEvent'],
    ['allowNetwork', 'allowNetworks'],
  ])('for the unknown option %s, suggests %s', (name, meant) => {
    expect(refusalOf({ [name]: 1 })).toBe(`createAuthServer: ${name}: is not a setting; did you mean ${meant}?`)
  })

  it('reports all invalid options at once', () => {
    expect(refusalOf({ limits: { sessions: 0 }, sound: 'red' })).toBe(
      'createAuthServer: limits.sessions: must be at least 1; sound: is not a setting; remove it',
    )
  })

  it('treats an undefined option as missing', () => {
    expect(refusalOf({ name: undefined, lifetimes: { code: undefined }, policy: undefined, pages: undefined })).toBe(
      'accepted',
    )
  })
})
