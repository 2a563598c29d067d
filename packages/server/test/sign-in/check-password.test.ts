import { describe, expect, it } from 'vitest'
import { checkPassword, limitsOf } from '../../src/sign-in/check-password.js'

const now = 1_800_000_000
const attempt = { username: 'alice', ip: '192.0.2.1' as string | undefined, browserHash: 'b', isKnownDevice: false }
type Attempt = Partial<typeof attempt>

describe('the limits on wrong passwords', () => {
  const bounds = (changes: Attempt) =>
    limitsOf({ ...attempt, ...changes }).limits.map(({ account, window, most }) => [account, window, most])

  it('are those of the account and, for an address, those of its networks', () => {
    const ofAccount = [
      ['alice', 900, 5],
      ['alice', 900, 20],
      ['alice', 86_400, 100],
    ]
    expect(bounds({ ip: undefined })).toEqual(ofAccount)
    expect(bounds({})).toEqual([[undefined, 900, 29], [undefined, 900, 145], ...ofAccount])
    expect(bounds({ isKnownDevice: true })).toEqual([['alice', 900, 10]])
  })

  const known = { isKnownDevice: true }

  it.each<[string, Attempt, Attempt, number[]]>([
    ['one user at one address', {}, {}, [29, 145, 5, 20, 100]],
    ['two users at one address', {}, { username: 'bob' }, [29, 145]],
    ['two users of one /24', {}, { username: 'bob', ip: '192.0.2.9' }, [145]],
    ['one user in one /24', {}, { ip: '192.0.2.9' }, [145, 20, 100]],
    ['one user in two networks', {}, { ip: '198.51.100.1' }, [100]],
    ['two users of one /64', { ip: '2001:db8:1:2::3' }, { username: 'bob', ip: '2001:db8:1:2::4' }, [29, 145]],
    ['two users of one /48', { ip: '2001:db8:1:2::3' }, { username: 'bob', ip: '2001:db8:1:3::3' }, [145]],
    ['one user at unknown addresses', { ip: undefined }, { ip: undefined }, [5, 20, 100]],
    ['two users at unknown addresses', { ip: undefined }, { ip: undefined, username: 'bob' }, []],
    ['one user in a known browser, from anywhere', known, { ...known, ip: undefined }, [10]],
    ['one user in two known browsers', known, { ...known, browserHash: 'c' }, []],
    ['one user in a known and an unknown browser', known, {}, []],
  ])('are shared by %s as follows', (_who, one, other, shared) => {
    const idOf = ({ account, key }: { account?: string | undefined; key: string }) => `${account} ${key}`
    const ids = new Set(limitsOf({ ...attempt, ...other }).limits.map(idOf))
    const both = limitsOf({ ...attempt, ...one }).limits.filter((each) => ids.has(idOf(each)))
    expect(both.map(({ most }) => most)).toEqual(shared)
  })

  it('a sign-in resets only those of its browser or address', () => {
    expect(limitsOf({ ...attempt, ...known }).own).toMatchObject({ account: 'alice', most: 10 })
    for (const ip of ['192.0.2.1', undefined])
      expect(limitsOf({ ...attempt, ip }).own).toMatchObject({ account: 'alice', most: 5 })
  })
})

interface Scene {
  status?: string
  isUnknown?: boolean
  password?: string
  hasCode?: boolean
  /** What the checks of the limits find, in order. */
  reached?: readonly (object | undefined)[]
  exceeded?: object
  isAborted?: boolean
}

/** Checks Alice's password. Returns the result and everything that it wrote. */
async function check({ status = 'active', reached = [], ...scene }: Scene) {
  const did: unknown[] = []
  const left = [...reached]
  const note =
    (verb: string, result?: unknown) =>
    async (...given: unknown[]) => {
      did.push([verb, ...given])
      return result
    }
  const user = { id: 'alice-id', status }
  const storage = {
    isKnownDevice: async () => false,
    findReachedLimit: async () => left.shift(),
    findCredential: async () => (scene.isUnknown ? undefined : { passwordHash: 'hash', user, addedAt: 7 }),
    findSecondFactor: async () => (scene.hasCode ? {} : undefined),
    clearAttempts: note('clearAttempts'),
    countWithinLimits: note('countWithinLimits', scene.exceeded),
    recordEvent: note('recordEvent'),
  }
  const passwords = {
    async verify(hash: string | undefined, password: string, _share: unknown, mayCompare: () => Promise<boolean>) {
      did.push(['verify', hash])
      return (await mayCompare()) ? hash === 'hash' && password === 'right' : undefined
    },
  }
  const context = {
    storage,
    passwords,
    now: () => now,
    recorder: { recordEvent: note('record') },
    knownCallers: { shareOf: () => ['a'] },
  } as unknown as Parameters<typeof checkPassword>[0]
  const request = new Request('https://auth.example/', scene.isAborted ? { signal: AbortSignal.abort() } : {})
  const visit = { request, browserHash: 'b', ip: '192.0.2.1', userAgent: undefined }
  const given = { username: 'alice', password: scene.password ?? 'right' }
  return { result: await checkPassword(context, visit, given), did }
}

const limit = { account: 'alice' }
const ofAccount = { limit, resetAt: now + 9 }
const failed = [
  'recordEvent',
  { event: 'signin.failed', username: 'alice', ip: '192.0.2.1', data: { userAgent: null } },
]
const throttled = (username?: string) => ['record', { event: 'signin.throttled', username, ip: '192.0.2.1' }]
const own = expect.objectContaining({ account: 'alice', most: 5 })
const counted = ['countWithinLimits', expect.arrayContaining([own])]
const right = { outcome: 'right', user: { id: 'alice-id', status: 'active' }, addedAt: 7 }

it.each<[string, Scene, object, unknown[]]>([
  [
    'right',
    {},
    right,
    [
      ['verify', 'hash'],
      ['clearAttempts', own],
    ],
  ],
  ['right, with a code to come', { hasCode: true }, right, [['verify', 'hash']]],
  ['wrong', { password: 'wrong' }, { outcome: 'wrong' }, [['verify', 'hash'], counted, failed]],
  ['of a disabled user', { status: 'disabled' }, { outcome: 'wrong' }, [['verify', 'hash'], counted, failed]],
  ['of an unknown user', { isUnknown: true }, { outcome: 'wrong' }, [['verify', undefined], counted, failed]],
  ['one too many', { reached: [ofAccount] }, { outcome: 'throttled', retryAfter: 9 }, [throttled('alice')]],
  [
    'one too many of the network, which ends now',
    { reached: [{ limit: {}, resetAt: now }] },
    { outcome: 'throttled', retryAfter: 1 },
    [throttled()],
  ],
  [
    'one too many while it waited',
    { reached: [undefined, ofAccount, ofAccount] },
    { outcome: 'throttled', retryAfter: 9 },
    [['verify', 'hash'], throttled('alice')],
  ],
  [
    'one too many while it waited, but no longer',
    { reached: [undefined, ofAccount] },
    { outcome: 'throttled', retryAfter: 1 },
    [['verify', 'hash'], throttled()],
  ],
  [
    'right, but one too many while it was checked',
    { reached: [undefined, undefined, ofAccount] },
    { outcome: 'throttled', retryAfter: 9 },
    [['verify', 'hash'], throttled('alice')],
  ],
  [
    'wrong, and one too many while it was counted',
    { password: 'wrong', exceeded: ofAccount },
    { outcome: 'throttled', retryAfter: 9 },
    [['verify', 'hash'], counted, throttled('alice')],
  ],
])('a password that is %s', async (_what, scene, result, did) => {
  expect(await check(scene)).toEqual({ result, did })
})

it('a password whose user has left is not accepted, and not counted', async () => {
  await expect(check({ isAborted: true })).rejects.toMatchObject({ code: 'unavailable' })
})
