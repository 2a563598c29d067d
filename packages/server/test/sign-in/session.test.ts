import { expect, it } from 'vitest'
import { endSession, isFresh, renewSession, startSession } from '../../src/sign-in/session.js'

type Context = Parameters<typeof startSession>[0]
type Visit = Parameters<typeof startSession>[1]

const now = 1_800_000_000
const proof = {
  user: { id: 'alice', credentialRevision: 4 },
  factorAddedAt: 7,
  amr: ['pwd'] as ('pwd' | 'oidc')[],
  provedFor: 'h',
}

function open({ started = true, renewed }: { started?: boolean; renewed?: object } = {}) {
  const did: [verb: string, given: object][] = []
  const context = {
    issuer: 'https://auth.example',
    now: () => now,
    lifetimes: { sessionIdle: 60, session: 600 },
    maxSessions: 50,
    secrets: { random: (prefix: string) => `${prefix}new` },
    knownCallers: { sealFor: ({ browser, userId }: { browser: string; userId: string }) => `${userId} in ${browser}` },
    storage: {
      async createSession(session: object) {
        did.push(['create', session])
        return started
      },
      async reauthenticate(session: object) {
        did.push(['renew', session])
        return renewed
      },
      endSession: async (hash: string) => void did.push(['end', { hash }]),
    },
  } as unknown as Context
  return { context, did }
}

const visitOf = (changes: object = {}) =>
  ({
    browser: 'aabr_x',
    browserHash: 'b',
    ip: '192.0.2.1',
    userAgent: 'Firefox',
    newCookies: ['new=1'],
    session: undefined,
    sessionHash: 'old',
    path: '/account',
    ...changes,
  }) as unknown as Visit
const again = (userId: string) => visitOf({ session: { user: { id: userId } } })

const cookies = (list: readonly string[]) =>
  list.map((cookie) => cookie.replace(/; (?:Path|HttpOnly|Secure|SameSite).*/, ''))
const session = '__Host-countersign-session=aasn_new; Max-Age='
const known = '__Host-countersign-known=alice%20in%20aabr_x; Max-Age=2592000'

it('a sign-in starts a session, replaces the one of the browser, and makes the browser known', async () => {
  const { context, did } = open()
  const set = await startSession(context, visitOf(), { ...proof, authTime: 5 })
  expect(cookies(set)).toEqual(['new=1', `${session}600`, known])
  const { user: _, ...proved } = proof
  expect(did).toEqual([
    [
      'create',
      {
        ...proved,
        idHash: expect.stringMatching(/^[\w-]{43}$/),
        userId: 'alice',
        credentialRevision: 4,
        replaces: 'old',
        idleSeconds: 60,
        lifetime: 600,
        most: 50,
        authTime: 5,
        browserHash: 'b',
        ip: '192.0.2.1',
        userAgent: 'Firefox',
      },
    ],
  ])
})

it('a sign-in of a user who changed how they sign in is refused', async () => {
  const { context } = open({ started: false })
  await expect(startSession(context, visitOf(), proof)).rejects.toMatchObject({
    code: 'sign_in_changed',
    shown: { retry: '/account' },
  })
})

it.each<[string, Visit, { renewed?: object }, object, string[], string[]]>([
  ['again', again('alice'), { renewed: { expiresAt: now + 9 } }, {}, ['renew'], [`${session}9`]],
  ['again, as the session ends', again('alice'), { renewed: { expiresAt: now } }, {}, ['renew'], [`${session}1`]],
  ['again, after the session ended', again('alice'), {}, {}, ['renew', 'create'], ['new=1', `${session}600`, known]],
  ['as another', again('bob'), { renewed: { expiresAt: now + 9 } }, {}, ['create'], ['new=1', `${session}600`, known]],
  [
    'at a provider some time ago',
    again('alice'),
    { renewed: { expiresAt: now + 9 } },
    { authTime: 0 },
    ['create'],
    ['new=1', `${session}600`, known],
  ],
])('a user who signs in %s keeps or gets a session', async (_how, visit, scene, more, verbs, set) => {
  const { context, did } = open(scene)
  expect(cookies(await startSession(context, visit, { ...proof, ...more }))).toEqual(set)
  expect(did.map(([verb]) => verb)).toEqual(verbs)
})

it('a session is renewed with the new proof, if there is one', async () => {
  const { context, did } = open({ renewed: { expiresAt: now + 9 } })
  await renewSession(context, visitOf(), proof)
  const { user: _, ...proved } = proof
  const newIdHash = expect.stringMatching(/^[\w-]{43}$/)
  expect(did).toEqual([['renew', { ...proved, idHash: 'old', newIdHash, credentialRevision: 4 }]])
  expect(await renewSession(context, visitOf({ sessionHash: undefined }), proof)).toEqual([])
})

it('a session is ended, if there is one', async () => {
  const { context, did } = open()
  const cleared = ['__Host-countersign-session=; Max-Age=0']
  expect(cookies(await endSession(context, visitOf({ sessionHash: undefined })))).toEqual(cleared)
  expect(did).toEqual([])
  expect(cookies(await endSession(context, visitOf()))).toEqual(cleared)
  expect(did).toEqual([['end', { hash: 'old' }]])
})

it.each([
  [600, true],
  [601, false],
])('a proof of %i seconds ago is fresh: %s', (age, expected) => {
  const session = { authTime: now - age } as Parameters<typeof isFresh>[1]
  expect(isFresh({ now: () => now } as Context, session)).toBe(expected)
})
