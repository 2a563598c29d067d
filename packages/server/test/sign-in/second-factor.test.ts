import { expect, it } from 'vitest'
import {
  mustHaveFactor,
  openPending,
  sealPending,
  setUpFirst,
  stepAfterPassword,
} from '../../src/sign-in/second-factor.js'

type Context = Parameters<typeof openPending>[0]
type Visit = Parameters<typeof openPending>[1]

const now = 1_800_000_000

function contextOf({ rule = 'required', code = false, passkey = false, at = now } = {}) {
  return {
    now: () => at,
    secondFactor: rule,
    passkeys: {},
    providers: new Map(),
    storage: {
      findSecondFactor: async () => (code ? {} : undefined),
      listFactors: async () => [{ kind: 'password' }, ...(passkey ? [{ kind: 'passkey' }] : [])],
    },
    secrets: {
      seal: (purpose: string, text: string) => `${purpose}|${text}`,
      unseal: (purpose: string, text: string) =>
        text.startsWith(`${purpose}|`) ? text.slice(purpose.length + 1) : undefined,
    },
  } as unknown as Context
}

it.each([
  [{}, undefined],
  [{ code: true }, 'code'],
  [{ passkey: true }, 'passkey'],
  [{ code: true, passkey: true }, 'code'],
  [{ rule: 'optional', passkey: true }, undefined],
  [{ rule: 'optional', code: true }, 'code'],
])('after the password, a user with %j takes the step %s', async (given, step) => {
  expect(await stepAfterPassword(contextOf(given), 'alice')).toBe(step)
})

it.each([
  [{}, true],
  [{ passkey: true }, false],
  [{ rule: 'optional' }, false],
  [{ rule: 'for-risk' }, false],
])('a user with %j must have a second factor: %s', async (given, expected) => {
  expect(await mustHaveFactor(contextOf(given), 'alice')).toBe(expected)
})

it.each<[object, string[], string | undefined]>([
  [{}, ['pwd'], '/account/second-factor?return_to=%2Faccount%2Fyours'],
  [{}, [], '/account/second-factor?return_to=%2Faccount%2Fyours'],
  [{}, ['pwd', 'otp'], undefined],
  [{}, ['oidc'], undefined],
  [{ code: true }, ['pwd'], undefined],
  [{ passkey: true }, ['pwd'], undefined],
  [{ rule: 'optional' }, ['pwd'], undefined],
])('a user with %j who signed in by %j sets up a factor first: %s', async (given, amr, location) => {
  const visit = { session: { user: { id: 'alice' }, amr } } as unknown as Parameters<typeof setUpFirst>[1]
  const response = await setUpFirst(contextOf(given), visit, '/account/yours')
  expect(response?.headers.get('location')).toBe(location)
})

const pending = { user: { id: 'alice-id', username: 'alice', credentialRevision: 4 }, factorAddedAt: 7 }
const visitIn = (browserHash: string, sealed?: string) =>
  ({ browserHash, form: new Map(sealed === undefined ? [] : [['pending', sealed]]) }) as unknown as Visit

it('a pending sign-in continues in its browser, for ten minutes', () => {
  const sealed = sealPending(contextOf(), visitIn('b'), pending)
  expect(openPending(contextOf(), visitIn('b', sealed))).toEqual(pending)
  expect(openPending(contextOf({ at: now + 599 }), visitIn('b', sealed))).toEqual(pending)
  expect(openPending(contextOf({ at: now + 600 }), visitIn('b', sealed))).toBeUndefined()
  expect(openPending(contextOf(), visitIn('c', sealed))).toBeUndefined()
  expect(openPending(contextOf(), visitIn('b'))).toBeUndefined()
})

it.each([
  ['not JSON'],
  [JSON.stringify({ username: 'alice', expiresAt: now + 9 })],
  [JSON.stringify({ id: 'alice-id', expiresAt: now + 9 })],
  [JSON.stringify({ id: 'alice-id', username: 'alice' })],
])('a pending sign-in that is incomplete does not continue: %s', (text) => {
  const sealed = contextOf().secrets.seal('second step in b', text)
  expect(openPending(contextOf(), visitIn('b', sealed))).toBeUndefined()
})
