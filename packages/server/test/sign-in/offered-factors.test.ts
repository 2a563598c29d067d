import { expect, it } from 'vitest'
import { offeredFactors, provingWays } from '../../src/sign-in/offered-factors.js'

const now = 1_800_000_000
const day = 86_400
const [password, passkey, identity] = (['password', 'passkey', 'identity'] as const).map((kind) => ({
  kind,
  id: kind,
  addedAt: now - 2 * day,
}))
const factors = [password, passkey, identity]

/** A server that offers these ways to sign in, and a user with these factors. */
function contextOf(changes: { passkeys?: object | undefined; providers?: object; held?: unknown; code?: object } = {}) {
  const { held = factors, code } = changes
  const storage = { listFactors: async () => held, findSecondFactor: async () => code }
  const offered = { passkeys: {}, providers: new Map([['home', {}]]), ...changes }
  return { storage, now: () => now, ...offered } as unknown as Parameters<typeof provingWays>[0]
}

it.each([
  ['everything', {}, ['password', 'passkey', 'identity']],
  ['no passkeys', { passkeys: undefined }, ['password', 'identity']],
  ['no providers', { providers: new Map() }, ['password', 'passkey']],
])('a server that offers %s offers these factors', async (_what, changes, kinds) => {
  expect((await offeredFactors(contextOf(changes), 'alice')).map(({ kind }) => kind)).toEqual(kinds)
})

const fresh = { ...passkey, addedAt: now - day + 1 }

it.each([
  ['a password and a passkey', {}, { passkey: true, password: true, code: false }],
  ['a second factor', { code: {} }, { passkey: true, password: true, code: true }],
  ['a passkey only', { held: [passkey], code: {} }, { passkey: true, password: false, code: false }],
  ['a provider only', { held: [identity] }, { passkey: false, password: false, code: false }],
  [
    'a passkey of today and an older password',
    { held: [password, fresh] },
    { passkey: false, password: true, code: false },
  ],
  ['a passkey of today only', { held: [fresh] }, { passkey: true, password: false, code: false }],
])('a user with %s can prove who they are with these', async (_what, changes, ways) => {
  expect(await provingWays(contextOf(changes), 'alice')).toEqual(ways)
})
