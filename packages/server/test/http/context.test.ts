import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { afterAll, expect, it } from 'vitest'
import { createContext } from '../../src/http/context.js'

type Given = Parameters<typeof createContext>
type Edition = Given[1][number]

const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
afterAll(() => storage.close())
const issuer = 'https://auth.example'
const signer = await createSigner(await generatePrivateJwk())
const keys = fixedKeys({ signer, secret: new Uint8Array(32).fill(7) })
const createTransport = (() => ({ path: '/agent/auth' })) as unknown as Edition['createTransport']
const first = { name: 'january', edition: january, createTransport } as Edition
const other = (changes: object = {}) => ({
  name: 'other',
  createTransport: (() => ({ path: '/other' })) as unknown as Edition['createTransport'],
  ...changes,
})

const contextOf = (options: object = {}, editions: readonly Edition[] = [first]) =>
  createContext({ issuer, keys, storage, ...options } as Given[0], editions, () => () => undefined)

it('has defaults for everything that an operator need not say', () => {
  expect(contextOf()).toMatchObject({
    issuer,
    name: 'auth.example',
    hasFamilies: false,
    unlistedEditions: [],
    maxOpenRequests: 1000,
    maxSessions: 50,
    rateFactor: 1,
    nonce: 'optional',
    signUp: false,
    secondFactor: 'optional',
    personalAgents: undefined,
    certificates: undefined,
    logos: undefined,
    sendEmail: undefined,
    tell: undefined,
    passkeys: { rpId: 'auth.example', rpName: 'auth.example', origin: issuer },
    durations: [3600, 86_400, 2_592_000, 'until-removed'],
    lifetimes: {
      authToken: 600,
      requestToken: 600,
      code: 60,
      refreshIdle: 90 * 86_400,
      refresh: 365 * 86_400,
      sessionIdle: 86_400,
      session: 14 * 86_400,
    },
  })
})

it('uses the operator’s clock in whole seconds, and the system’s by default', () => {
  expect(contextOf({ now: () => 1_800_000_000.9 }).now()).toBe(1_800_000_000)
  expect(Math.abs(contextOf().now() - Date.now() / 1000)).toBeLessThan(60)
})

it('knows the longest lifetime of tokens, of one edition and of all', () => {
  const { longestToken } = contextOf({ lifetimes: { authToken: 300 } }, [first, other({ tokenLifetime: 900 })])
  expect([longestToken(), longestToken('january'), longestToken('other')]).toEqual([900, 300, 900])
})

it('knows which editions have families of tokens, and send revocations', () => {
  const both = contextOf({}, [first, other({ hasFamilies: true, sendsRevocations: true })])
  expect(both).toMatchObject({ hasFamilies: true, unlistedEditions: ['other'] })
  expect(both.transports.paths).toEqual(['/agent/auth', '/other'])
})

it.each([
  ['https://auth.example', {}, { rpId: 'auth.example' }],
  ['https://auth.example', { passkeys: true }, { rpId: 'auth.example' }],
  ['https://auth.example', { passkeys: false }, undefined],
  ['http://127.0.0.1:4000', {}, undefined],
  ['http://[::1]:4000', {}, undefined],
  ['https://1a.example', {}, { rpId: '1a.example' }],
])('at %s with %j, passkeys belong to %j', (at, accounts, passkeys) => {
  const found = contextOf({ issuer: at, accounts, allowInsecureLoopback: at.startsWith('http:') }).passkeys
  if (passkeys) expect(found).toMatchObject(passkeys)
  else expect(found).toBeUndefined()
})

it('refuses passkeys at an address', () => {
  expect(() =>
    contextOf({ issuer: 'http://127.0.0.1:4000', allowInsecureLoopback: true, accounts: { passkeys: true } }),
  ).toThrow('accounts.passkeys')
})

it('fetches logos only if it can decode them, and pages show them', () => {
  const reEncodeLogo = async () => ({ refusal: 'none' })
  expect(contextOf({ reEncodeLogo }).logos).toBeDefined()
  expect(contextOf({ reEncodeLogo, pages: { logos: false } }).logos).toBeUndefined()
})

it('opens the providers by their ids', () => {
  const provider = { id: 'home', name: 'Home', issuer: 'https://id.example', clientId: 'c', clientSecret: 's' }
  const { providers } = contextOf({ accounts: { identityProviders: [provider] } })
  expect([...providers].map(([id, { name, issuer: at }]) => [id, name, at])).toEqual([
    ['home', 'Home', 'https://id.example'],
  ])
})

it('has the keys of each edition and of its devices', async () => {
  const ofDevices = await createSigner(await generatePrivateJwk())
  const deviceKeys = fixedKeys({ signer: ofDevices, secret: new Uint8Array(32).fill(8) })
  const names = (options: object, ...others: object[]) => [
    ...contextOf(options, [first, ...(others as Edition[])]).signingKeys.keys(),
  ]
  expect(names({})).toEqual(['january'])
  expect(names({ personalAgents: { keys: deviceKeys } })).toEqual(['january', 'january-devices'])
})

it('reports errors to the operator, with the id of the request', () => {
  const reported: unknown[] = []
  const { onError } = contextOf({ onError: (...told: unknown[]) => reported.push(told) })
  onError('problem', 'request-1')
  expect(reported).toEqual([['problem', 'request-1']])
})
