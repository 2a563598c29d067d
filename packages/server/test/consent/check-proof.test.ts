import { expect, it } from 'vitest'
import { allowPurpose, checkProof } from '../../src/consent/check-proof.js'

type Context = Parameters<typeof checkProof>[0]
type Visit = Parameters<typeof checkProof>[1]
type Allowed = Parameters<typeof allowPurpose>[0]

const now = 1_800_000_000
const allowed = {
  request: { id: 'r', scope: 'a b' },
  revision: 3,
  duration: 3600,
  session: { id: 's' },
} as unknown as Allowed

it('a passkey proves one Allow: another request, revision, choice or session needs another', () => {
  const purposes = [
    {},
    { request: { id: 'other', scope: 'a b' } },
    { request: { id: 'r', scope: 'a' } },
    { revision: 4 },
    { revision: undefined },
    { duration: 'once' },
    { session: { id: 't' } },
  ].map((changes) => allowPurpose({ ...allowed, ...changes } as Allowed))
  expect(new Set(purposes).size).toBe(purposes.length)
  for (const purpose of purposes) expect(purpose).toMatch(/^allow-[\w-]{43}$/)
  expect(allowPurpose({ ...allowed })).toBe(purposes[0])
})

interface Scene {
  kind?: 'password' | 'code'
  password?: string
  user?: string
  reached?: object
  used?: object
}

async function prove({ kind = 'password', password = 'right', user = 'alice-id', ...scene }: Scene) {
  const context = {
    now: () => now,
    passwords: { verify: async (_hash: unknown, given: string) => given === 'right' },
    recorder: { recordEvent: async () => true },
    knownCallers: { shareOf: () => [] },
    secrets: { unseal: () => undefined },
    storage: {
      isKnownDevice: async () => false,
      findReachedLimit: async () => scene.reached,
      findCredential: async () => ({ passwordHash: 'h', user: { id: user, status: 'active' }, addedAt: 0 }),
      findSecondFactor: async () => ({ sealedSecret: 'x' }),
      countWithinLimits: async () => undefined,
      recordEvent: async () => undefined,
      useSecondFactor: async () => scene.used,
    },
  } as unknown as Context
  const visit = {
    request: new Request('https://auth.example/'),
    browserHash: 'b',
    session: { user: { id: 'alice-id', username: 'alice' } },
    form: new Map([['password', password]]),
  } as unknown as Visit
  return checkProof(context, visit, { ...allowed, kind })
}

const reached = { limit: {}, resetAt: now + 9 }

it.each<[string, Scene, object | undefined]>([
  ['the right password', {}, undefined],
  ['a wrong one', { password: 'wrong' }, { problem: 'wrong_password' }],
  ['one of another user', { user: 'bob-id' }, { problem: 'wrong_password' }],
  ['one too many', { reached }, { problem: 'throttled', retryAfter: 9 }],
  ['a code', { kind: 'code', used: { outcome: 'used' } }, undefined],
  ['a wrong code', { kind: 'code', used: { outcome: 'wrong' } }, { problem: 'wrong_code' }],
  [
    'one code too many',
    { kind: 'code', used: { outcome: 'throttled', reached } },
    { problem: 'throttled', retryAfter: 9 },
  ],
  ['a code after a wrong password', { kind: 'code', password: 'wrong' }, { problem: 'wrong_password' }],
])('a user who enters %s proves who they are, or sees why not', async (_what, scene, problem) => {
  expect(await prove(scene)).toEqual(problem)
})
