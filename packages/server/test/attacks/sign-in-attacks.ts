import { expect } from 'vitest'
import { createScriptedUser, type ScriptedUser, signInToAccount } from '../scripted-user.js'
import { secretHash } from '../secret-hash.js'
import type { Attack, Outcome } from './attack.js'
import { type Asked, openRequest, redeem, view } from './flow.js'
import { people, type Stage } from './stage.js'

const deleting: Asked = { scope: 'data.delete' }
const stillSignedIn = 7200

async function guess(stage: Stage, user: ScriptedUser, username: string, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    await signInToAccount(user, stage.authServer, { username, password: 'wrong' })
  }
}

/** Tries one wrong password for each of the given number of usernames. */
async function guessMany(stage: Stage, usernames: number): Promise<void> {
  const user = createScriptedUser(stage.fetch)
  for (let name = 0; name < usernames; name++) await guess(stage, user, `nobody-${name}`, 1)
}

const anotherPassword = 'another long word'
const logout = { action: 'logout' }

/** Signs Alice in and out again, so that the browser is known. */
async function signOutAgain(stage: Stage, user: ScriptedUser): Promise<void> {
  expect((await signInToAccount(user, stage.authServer, people.alice)).status).toBe(303)
  const page = await (await user.open(`${stage.authServer}/account`)).text()
  await user.submit(page, stage.authServer, logout)
}

/** Signs Alice in and changes her password. */
async function changePassword(stage: Stage, user: ScriptedUser, password: string, changed: string): Promise<void> {
  await signInToAccount(user, stage.authServer, people.alice)
  const url = `${stage.authServer}/account/password`
  const form = { action: 'change-password', password, new_password: changed }
  const answer = await user.submit(await (await user.open(url)).text(), url, form)
  expect(answer.headers.get('location')).toMatch(/^\/account\/security\?notice=password_changed~/)
}

/** A sign-in after some wrong passwords. */
function guessed(
  claim: string,
  scene: (stage: Stage) => Promise<{ user: ScriptedUser; person: { username: string; password: string } }>,
  expected: Outcome,
): Attack {
  return {
    id: 'C16',
    claim,
    when: async (stage) => {
      const { user, person } = await scene(stage)
      return () => signInToAccount(user, stage.authServer, person)
    },
    expected,
  }
}

const wrongPassword: Outcome = { status: 401, page: 'sign-in', audit: ['signin.failed'] }
const throttled: Outcome = {
  status: 429,
  page: 'sign-in',
  headers: { 'retry-after': /^\d+$/ },
  audit: ['signin.throttled'],
  also: (_stage, body) => expect(body).toContain('data-error-code="throttled"'),
}
const signedIn: Outcome = { status: 303, headers: { location: /^\/account$/ }, audit: ['session.created'] }

/** The consent page for a delete request, opened by a user who signed in two hours ago. */
async function lateView(stage: Stage, asked = deleting) {
  const user = createScriptedUser(stage.fetch)
  await signInToAccount(user, stage.authServer, people.alice)
  stage.clock.now += stillSignedIn
  const opened = await openRequest(stage, undefined, asked)
  return { ...opened, ...(await view(stage, opened, user)) }
}

function late(claim: string, password: string | undefined, expected: Outcome): Attack {
  return {
    id: 'C24',
    claim,
    when: async (stage) => {
      const { user, page, url } = await lateView(stage)
      expect(page).toContain('name="password"')
      return () => user.submit(page, url, { consent: 'grant', ...(password === undefined ? {} : { password }) })
    },
    expected,
  }
}

const notYet: Outcome = {
  status: 401,
  page: 'consent-first-time',
  audit: ['signin.failed'],
  also: async (stage) => expect(await stage.storage.listGrants()).toEqual([]),
}

/** Password guessing and reauthentication: rows C10, C16, C20 and C24. */
export const signInAttacks: readonly Attack[] = [
  guessed(
    'the fifth wrong password for one account',
    async (stage) => {
      const user = createScriptedUser(stage.fetch)
      await guess(stage, user, 'alice', 4)
      return { user, person: { username: 'alice', password: 'wrong' } }
    },
    wrongPassword,
  ),
  ...['alice', 'ALICE', 'nobody'].map((username) =>
    guessed(
      `the sixth wrong password for ${username}`,
      async (stage) => {
        await guess(stage, createScriptedUser(stage.fetch), username.toLowerCase(), 5)
        return { user: createScriptedUser(stage.fetch), person: { username, password: 'wrong' } }
      },
      throttled,
    ),
  ),
  guessed(
    'the right password after five wrong ones, in a browser that was never signed in',
    async (stage) => {
      await guess(stage, createScriptedUser(stage.fetch), 'alice', 5)
      return { user: createScriptedUser(stage.fetch), person: people.alice }
    },
    throttled,
  ),
  guessed(
    'the right password after five wrong ones elsewhere, in a browser that was signed in before',
    async (stage) => {
      const user = createScriptedUser(stage.fetch)
      await signOutAgain(stage, user)
      await guess(stage, createScriptedUser(stage.fetch), 'alice', 5)
      return { user, person: people.alice }
    },
    signedIn,
  ),
  guessed(
    'the right password after ten wrong ones in a browser that was signed in before',
    async (stage) => {
      const user = createScriptedUser(stage.fetch)
      await signOutAgain(stage, user)
      await guess(stage, user, 'alice', 10)
      return { user, person: people.alice }
    },
    throttled,
  ),
  guessed(
    'the right password after nine wrong ones in a browser that was signed in before',
    async (stage) => {
      const user = createScriptedUser(stage.fetch)
      await signOutAgain(stage, user)
      await guess(stage, user, 'alice', 9)
      return { user, person: people.alice }
    },
    signedIn,
  ),
  guessed(
    'the right password after five wrong ones elsewhere, in a browser that was signed in before the password was changed',
    async (stage) => {
      const user = createScriptedUser(stage.fetch)
      await signOutAgain(stage, user)
      await changePassword(stage, createScriptedUser(stage.fetch), people.alice.password, anotherPassword)
      await guess(stage, createScriptedUser(stage.fetch), 'alice', 5)
      return { user, person: { username: 'alice', password: anotherPassword } }
    },
    throttled,
  ),
  guessed(
    'the right password after five wrong ones elsewhere, in the browser in which the password was changed',
    async (stage) => {
      const user = createScriptedUser(stage.fetch)
      await changePassword(stage, user, people.alice.password, anotherPassword)
      await user.submit(await (await user.open(`${stage.authServer}/account`)).text(), stage.authServer, logout)
      await guess(stage, createScriptedUser(stage.fetch), 'alice', 5)
      return { user, person: { username: 'alice', password: anotherPassword } }
    },
    signedIn,
  ),
  guessed(
    'the right password 15 minutes later',
    async (stage) => {
      await guess(stage, createScriptedUser(stage.fetch), 'alice', 6)
      stage.clock.now += 901
      return { user: createScriptedUser(stage.fetch), person: people.alice }
    },
    signedIn,
  ),
  guessed(
    'the 21st attempt beyond the limit, which adds no audit row',
    async (stage) => {
      const user = createScriptedUser(stage.fetch)
      await guess(stage, user, 'alice', 25)
      return { user, person: people.alice }
    },
    { ...throttled, audit: [] },
  ),
  guessed(
    'the 30th wrong password from one address',
    async (stage) => {
      await guessMany(stage, 29)
      return { user: createScriptedUser(stage.fetch), person: { username: 'bob', password: 'wrong' } }
    },
    throttled,
  ),
  guessed(
    'the 29th wrong password from one address',
    async (stage) => {
      await guessMany(stage, 28)
      return { user: createScriptedUser(stage.fetch), person: { username: 'bob', password: 'wrong' } }
    },
    wrongPassword,
  ),
  {
    id: 'C20',
    claim: 'the previous session, after the password was changed elsewhere',
    when: async (stage) => {
      const opened = await openRequest(stage)
      const { user } = await view(stage, opened)
      await changePassword(stage, createScriptedUser(stage.fetch), people.alice.password, anotherPassword)
      return () => user.open(opened.url)
    },
    expected: { status: 200, page: 'sign-in', headers: { 'cache-control': /^no-store$/ } },
  },
  {
    id: 'C24',
    claim: 'a delete permission, just after sign-in: no password required',
    when: async (stage) => {
      const opened = await openRequest(stage, undefined, deleting)
      const { user, page } = await view(stage, opened)
      expect(page).not.toContain('name="password"')
      return () => user.submit(page, opened.url, { consent: 'grant' })
    },
    expected: { status: 303, headers: { location: /code=/ }, audit: ['request.allowed'] },
  },
  late('Allow without the password, two hours after sign-in', undefined, notYet),
  late('Allow with a wrong password', 'wrong', notYet),
  late('Allow with another user’s password', people.bob.password, notYet),
  late('Allow with the password, which proves only this decision', people.alice.password, {
    status: 303,
    headers: { location: /code=/, 'set-cookie': /^$/ },
    audit: ['request.allowed'],
  }),
  ...[
    'events:delete',
    'delete:events',
    'files.delete.all',
    'DeleteEvents',
    'READ_DELETE',
    'events%3Adelete',
    'transfer.create',
    'payments',
    'admin:org',
    'everything.delete.read',
    'repo:*',
  ].map(
    (scope): Attack => ({
      id: 'C24',
      claim: `${scope}, allowed until it is removed, two hours after sign-in: the password is required, and the grant expires in an hour`,
      when: async (stage) => {
        const { user, page, url } = await lateView(stage, { scope: `data.read ${scope}` })
        expect(page).not.toContain('until-removed')
        const refused = await user.submit(page, url, { consent: 'grant', duration: 'until-removed' })
        expect(refused.status).toBe(401)
        const again = { consent: 'grant', duration: 'until-removed', password: people.alice.password }
        return () => user.submit(page, url, again)
      },
      expected: {
        status: 303,
        headers: { location: /code=/ },
        audit: ['request.allowed'],
        also: async ({ storage, clock }) => {
          const [grant] = await storage.listGrants()
          expect(grant).toMatchObject({ expiresAt: clock.now + 3600, remembered: false })
        },
      },
    }),
  ),
  {
    id: 'C24',
    claim: 'Don’t allow, two hours after sign-in: no password required',
    when: async (stage) => {
      const { user, page, url } = await lateView(stage)
      return () => user.submit(page, url, { consent: 'deny' })
    },
    expected: { status: 303, headers: { location: /error=access_denied/ }, audit: ['request.denied'] },
  },
  {
    id: 'C24',
    claim: 'a user without a password, two hours after sign-in: must sign in again',
    when: async (stage) => {
      const user = createScriptedUser(stage.fetch)
      await signInToAccount(user, stage.authServer, people.alice)
      const { user: federated } = await stage.storage.createFederatedUser({
        issuer: 'https://provider.example',
        subject: '1',
        username: 'carol',
      })
      const [name = ''] = [...user.cookies.keys()].filter((cookie) => cookie.endsWith('session'))
      user.cookies.set(name, await sessionOf(stage, federated.id))
      stage.clock.now += stillSignedIn
      const opened = await openRequest(stage, undefined, deleting)
      return () => user.open(opened.url)
    },
    expected: { status: 200, page: 'sign-in' },
  },
  {
    id: 'C05',
    claim: 'another browser, signed in long ago, decides a delete request with its own password',
    when: async (stage) => {
      const bob = createScriptedUser(stage.fetch)
      await signInToAccount(bob, stage.authServer, people.bob)
      const own = await lateView(stage)
      const other = await openRequest(stage, undefined, deleting)
      const viewer = await view(stage, other, bob)
      const page = viewer.page.replaceAll(other.requestToken, own.requestToken)
      return () => bob.submit(page, own.url, { consent: 'grant', password: 'wrong' })
    },
    expected: {
      status: 403,
      page: 'request_other_session',
      also: (stage, body) => {
        for (const told of [new URL(stage.agent.id).host, 'alice', 'data.delete']) expect(body).not.toContain(told)
      },
    },
  },
  ...(
    [
      ['999999999', 'data.read', 3600],
      ['-1', 'data.read', 3600],
      ['Infinity', 'data.read', 3600],
      ['', 'data.read', 3600],
      ['until-removed', 'data.delete', 3600],
      [String(30 * 86_400), 'data.read', 30 * 86_400],
    ] as const
  ).map(
    ([duration, scope, lasts]): Attack => ({
      id: 'C10',
      claim: `a duration of ${duration || 'nothing'} for ${scope}: the grant lasts ${lasts} s`,
      when: async (stage) => {
        const opened = await openRequest(stage, undefined, { scope })
        const { user, page } = await view(stage, opened)
        return async () => {
          const decided = await user.submit(page, opened.url, { consent: 'grant', duration })
          const location = decided.headers.get('location') ?? ''
          const code = new URL(location).searchParams.get('code') ?? ''
          return redeem(stage, { ...opened, user, page, location, code })
        }
      },
      expected: {
        status: 200,
        audit: ['request.allowed', 'code.redeemed'],
        also: async ({ storage, clock }) => {
          const [grant] = await storage.listGrants()
          expect(grant?.expiresAt).toBe(clock.now + lasts)
        },
      },
    }),
  ),
]

/** Creates a live session for a user, and returns its cookie value. */
async function sessionOf(stage: Stage, userId: string): Promise<string> {
  const secret = `aasn_${'s'.repeat(43)}`
  await stage.storage.createSession({
    idHash: secretHash(secret),
    userId,
    factorAddedAt: 0,
    credentialRevision: (await stage.storage.findUser(userId))?.credentialRevision ?? 0,
    idleSeconds: 86_400,
    lifetime: 86_400,
    most: 50,
  })
  return secret
}
