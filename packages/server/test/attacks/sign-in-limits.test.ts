import { type Storage, StorageError } from 'countersign-server'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callsBefore, interleavedStorage, noInterleaving, plan } from '../interleaving/interleave.js'
import { createScriptedUser, signInToAccount } from '../scripted-user.js'
import { secretHash } from '../secret-hash.js'
import {
  fetchFrom,
  openMapStage,
  openSharedPostgresStage,
  openSharedStage,
  people,
  type Stage,
  type StageOptions,
} from './stage.js'

const { alice, bob } = people

async function open(options?: StageOptions, openStage = openMapStage) {
  const stage = await openStage(options)
  onTestFinished(() => stage.close())
  return stage
}

const newBrowser = (stage: Stage, address: string) => createScriptedUser(fetchFrom(stage, address))

/** Signs in from a new browser at this address, and returns the status. */
async function signIn(
  stage: Stage,
  address: string,
  { username = alice.username, password = 'wrong' }: { username?: string; password?: string } = {},
): Promise<number> {
  return (await signInToAccount(newBrowser(stage, address), stage.authServer, { username, password })).status
}

/** Tries a wrong password from each address. */
async function guessFrom(stage: Stage, addresses: readonly string[], username: string = alice.username): Promise<void> {
  for (const address of addresses) expect(await signIn(stage, address, { username })).toBe(401)
}

const addresses = (count: number, of: (index: number) => string) => Array.from({ length: count }, (_, at) => of(at))

/** One address in each of a hundred networks. */
const farApart = addresses(100, (at) => `198.51.${at}.7`)

describe('C16: wrong passwords for one account', () => {
  it.each([
    ['an IPv4 address', '203.0.113.1', '203.0.113.1', '203.0.113.2'],
    ['an IPv6 /64', '2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:3::1'],
    ['an IPv4 address written as IPv6', '::ffff:203.0.113.1', '203.0.113.1', '::ffff:203.0.113.2'],
  ])('are refused after five in 15 minutes from %s, but not elsewhere', async (_of, first, same, other) => {
    const stage = await open()
    await guessFrom(stage, Array<string>(5).fill(first))
    expect(await signIn(stage, same)).toBe(429)
    expect(await signIn(stage, same, alice)).toBe(429)
    expect(await signIn(stage, same, bob)).toBe(303)
    expect(await signIn(stage, other)).toBe(401)
    expect(await signIn(stage, other, alice)).toBe(303)
    stage.clock.now += 900
    expect(await signIn(stage, same, alice)).toBe(303)
  })

  it.each([
    ['a /24', (at: number) => `203.0.113.${at}`, '203.0.113.99', '203.0.114.1'],
    ['a /48', (at: number) => `2001:db8:1:${at}::1`, '2001:db8:1:ffff::1', '2001:db8:2::1'],
  ])('are refused after 20 in 15 minutes from %s, but not elsewhere', async (_of, at, same, other) => {
    const stage = await open()
    await guessFrom(stage, addresses(20, at))
    expect(await signIn(stage, same)).toBe(429)
    expect(await signIn(stage, same, alice)).toBe(429)
    expect(await signIn(stage, other, alice)).toBe(303)
    expect(await signIn(stage, same, bob)).toBe(303)
  })

  it.each([alice.username, 'nobody'])('are refused after 100 in a day, from anywhere, for %s', async (username) => {
    const stage = await open()
    await guessFrom(stage, farApart, username)
    const user = newBrowser(stage, '203.0.113.1')
    const refused = await signInToAccount(user, stage.authServer, { ...alice, username })
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('86400')
    stage.clock.now += 86_399
    expect(await signIn(stage, '203.0.113.1', { username })).toBe(429)
    stage.clock.now += 1
    expect(await signIn(stage, '203.0.113.1', { username })).toBe(401)
  })

  it.each([
    ['from one address', () => '203.0.113.1', 5],
    ['from one network', (at: number) => `203.0.113.${at}`, 20],
  ] as const)('cannot reach twice the limit around a window boundary %s', async (_of, addressOf, most) => {
    const stage = await open()
    const guess = (at: number) => signIn(stage, addressOf(at))
    expect(await guess(0)).toBe(401)
    stage.clock.now += 899
    for (let at = 1; at < most; at++) expect(await guess(at)).toBe(401)
    expect(await guess(most)).toBe(429)
    // Only the first attempt leaves the window.
    stage.clock.now += 1
    expect(await guess(most)).toBe(401)
    expect(await guess(most + 1)).toBe(429)
    stage.clock.now += 897
    expect(await guess(most + 1)).toBe(429)
  })

  it('cannot reach twice the limit around a window boundary in a known browser', async () => {
    const stage = await open()
    const own = newBrowser(stage, '203.0.113.1')
    expect((await signInToAccount(own, stage.authServer, alice)).status).toBe(303)
    own.cookies.delete('__Host-countersign-session')
    const guess = async () => (await signInToAccount(own, stage.authServer, { ...alice, password: 'wrong' })).status
    expect(await guess()).toBe(401)
    stage.clock.now += 899
    for (let time = 1; time < 10; time++) expect(await guess()).toBe(401)
    stage.clock.now += 1
    expect(await guess()).toBe(401)
    expect(await guess()).toBe(429)
  })

  it('get the same page whether or not the account exists', async () => {
    const stage = await open()
    const pages = await Promise.all(
      [alice.username, 'nobody'].map(async (username) => {
        await guessFrom(stage, Array<string>(5).fill('203.0.113.1'), username)
        const refused = await signInToAccount(newBrowser(stage, '203.0.113.1'), stage.authServer, {
          username,
          password: 'wrong',
        })
        const text = (await refused.text()).replaceAll(username, 'NAME').replaceAll(/value="[^"]*"/g, '')
        return { status: refused.status, retryAfter: refused.headers.get('retry-after'), text }
      }),
    )
    expect(pages[0]).toMatchObject({ status: 429, retryAfter: '900' })
    expect(pages[1]).toEqual(pages[0])
  })

  it('elsewhere do not lock out a browser in which the account was signed in, which has its own limit', async () => {
    const stage = await open()
    const own = newBrowser(stage, '203.0.113.1')
    expect((await signInToAccount(own, stage.authServer, alice)).status).toBe(303)
    own.cookies.delete('__Host-countersign-session')
    const attempt = async (password: string) =>
      (await signInToAccount(own, stage.authServer, { ...alice, password })).status
    // From the same address, from its network and from everywhere else.
    await guessFrom(stage, Array<string>(5).fill('203.0.113.1'))
    await guessFrom(
      stage,
      addresses(15, (at) => `203.0.113.${at + 2}`),
    )
    await guessFrom(stage, farApart.slice(0, 80))
    expect(await signIn(stage, '192.0.2.200', alice)).toBe(429)
    for (let time = 0; time < 9; time++) expect(await attempt('wrong')).toBe(401)
    expect(await attempt(alice.password)).toBe(303)
    own.cookies.delete('__Host-countersign-session')
    for (let time = 0; time < 10; time++) expect(await attempt('wrong')).toBe(401)
    expect(await attempt(alice.password)).toBe(429)
    stage.clock.now += 900
    expect(await attempt(alice.password)).toBe(303)
  })

  it('are not exempt from the limit in a browser in which only another account was signed in', async () => {
    const stage = await open()
    const bobs = newBrowser(stage, '203.0.113.1')
    expect((await signInToAccount(bobs, stage.authServer, bob)).status).toBe(303)
    await guessFrom(stage, Array<string>(5).fill('203.0.113.1'))
    bobs.cookies.delete('__Host-countersign-session')
    expect((await signInToAccount(bobs, stage.authServer, alice)).status).toBe(429)
  })

  it('no longer lock out a user whom an operator has unlocked or given a new password', async () => {
    const stage = await open()
    const { user } = (await stage.storage.findCredential(alice.username)) ?? {}
    const userId = user?.id ?? ''
    await guessFrom(stage, farApart)
    expect(await signIn(stage, '203.0.113.1', alice)).toBe(429)
    await stage.storage.unlockUser({ userId, by: 'operator:carol' })
    expect(await signIn(stage, '203.0.113.1', alice)).toBe(303)
    await guessFrom(stage, farApart)
    const { passwordHash = '' } = (await stage.storage.findCredential(alice.username)) ?? {}
    await stage.storage.setPasswordHash({ userId, passwordHash, by: 'operator:carol' })
    expect(await signIn(stage, '203.0.113.1', alice)).toBe(303)
  })

  it('still count after the owner signs in elsewhere', async () => {
    const stage = await open()
    await guessFrom(stage, Array<string>(5).fill('203.0.113.1'))
    expect(await signIn(stage, '192.0.2.1', alice)).toBe(303)
    expect(await signIn(stage, '203.0.113.1')).toBe(429)
  })
})

describe('V05: one password tried on many accounts', () => {
  const guess = (stage: Stage, address: string, at: number) => signIn(stage, address, { username: `user-${at}` })

  it('is refused after 29 accounts from one address', async () => {
    const stage = await open()
    for (let at = 0; at < 29; at++) expect(await guess(stage, '203.0.113.1', at)).toBe(401)
    expect(await guess(stage, '203.0.113.1', 29)).toBe(429)
    expect(await guess(stage, '203.0.113.2', 29)).toBe(401)
  })

  it.each([
    ['a /24', '203.0.113', '203.0.113.9', '203.0.114.1'],
    ['a /48', '2001:db8:1', '2001:db8:1:9::1', '2001:db8:2::1'],
  ])('is refused after 145 accounts from %s', async (_of, network, address, other) => {
    const stage = await open()
    const limit = { key: secretHash(`sign-in network ${network}`), window: 900, most: 145 }
    for (let at = 0; at < 144; at++) await stage.storage.countWithinLimits([limit])
    expect(await guess(stage, address, 144)).toBe(401)
    expect(await guess(stage, address, 145)).toBe(429)
    expect(await guess(stage, other, 145)).toBe(401)
  })
})

describe('S7, V06: an attempt whose password was not compared', () => {
  async function openFailing(fails: keyof Storage) {
    const failing = { times: 0 }
    const stage = await open({
      onError: () => undefined,
      wrap: (storage) =>
        new Proxy(storage, {
          get(target, verb) {
            const method: unknown = Reflect.get(target, verb)
            if (verb !== fails || failing.times === 0) return method
            return () => {
              failing.times--
              return Promise.reject(new StorageError('unavailable', 'the database is not responding'))
            }
          },
        }),
    })
    return { stage, failing }
  }

  it.each(['isKnownDevice', 'findReachedLimit', 'findCredential', 'countWithinLimits'] as const)(
    'is not counted if the database fails in %s',
    async (verb) => {
      const { stage, failing } = await openFailing(verb)
      failing.times = 30
      for (let time = 0; time < 30; time++) expect(await signIn(stage, '203.0.113.1')).toBe(503)
      await guessFrom(stage, Array<string>(4).fill('203.0.113.1'))
      expect(await signIn(stage, '203.0.113.1', alice)).toBe(303)
    },
  )

  it('is not counted if the password queue is full: five correct passwords right after a flood all sign in', async () => {
    const stage = await open()
    const guesses = Array.from({ length: 120 }, (_, at) => signIn(stage, '198.51.100.1', { username: `user-${at}` }))
    const own = Array.from({ length: 10 }, () => signIn(stage, '198.51.100.200', alice))
    expect(await Promise.all(guesses)).toContain(503)
    expect((await Promise.all(own)).filter((status) => status !== 303 && status !== 503)).toEqual([])
    for (let time = 0; time < 5; time++) expect(await signIn(stage, '198.51.100.200', alice)).toBe(303)
  })

  it('is not counted if the client disconnected', async () => {
    const stage = await open({ onError: () => undefined })
    const user = newBrowser(stage, '203.0.113.1')
    const url = `${stage.authServer}/account/sign-in`
    const page = await (await user.open(url)).text()
    const gone = createScriptedUser((input, init) => {
      const request = new Request(input, init)
      return fetchFrom(stage, '203.0.113.1')(new Request(request, { signal: AbortSignal.abort() }))
    })
    for (const [name, value] of user.cookies) gone.cookies.set(name, value)
    for (let time = 0; time < 10; time++) {
      await gone
        .submit(page, url, { username: alice.username, password: 'wrong', action: 'login' })
        .catch(() => undefined)
    }
    expect(await stage.storage.listEvents({ event: 'signin.failed' })).toEqual([])
    await guessFrom(stage, Array<string>(4).fill('203.0.113.1'))
    expect(await signIn(stage, '203.0.113.1', alice)).toBe(303)
  })
})

describe.each([
  ['SQLite file', openSharedStage],
  ['PostgreSQL database', openSharedPostgresStage],
])('C16: concurrent wrong passwords, on two instances with one %s', (_name, openStage) => {
  it('are not compared more often than the limit allows', async () => {
    const stage = await open({}, openStage)
    const statuses = await Promise.all(Array.from({ length: 40 }, () => signIn(stage, '203.0.113.1')))
    expect(statuses.filter((status) => status === 401)).toHaveLength(5)
    expect(await signIn(stage, '203.0.113.1', alice)).toBe(429)
    expect(await stage.storage.listEvents({ event: 'signin.failed' })).toHaveLength(5)
  })
})

describe('C16: a limit that is reached while a password is being compared', () => {
  it('refuses the right password and a wrong one with the same statements', async () => {
    const interleaving = noInterleaving()
    const stage = await open({ wrap: (storage) => interleavedStorage(storage, interleaving) })
    const ip = '203.0.113.1'
    const attempt = async (password: string) => {
      const user = newBrowser(stage, ip)
      const url = `${stage.authServer}/account/sign-in`
      const page = await (await user.open(url)).text()
      return { user, submit: () => user.submit(page, url, { ...alice, password, action: 'login' }) }
    }
    const first = await attempt('wrong')
    plan(interleaving)
    expect((await first.submit()).status).toBe(401)
    const compared = callsBefore(interleaving, 'findCredential') + 1
    const refused = async (password: string) => {
      await stage.storage.unlockUser({ userId: (await stage.storage.findCredential('alice'))?.user.id ?? '' })
      const { submit } = await attempt(password)
      let callsOfGuesses = 0
      plan(interleaving, compared, async () => {
        await guessFrom(stage, Array<string>(5).fill(ip))
        callsOfGuesses = interleaving.calls.length
      })
      expect((await submit()).status).toBe(429)
      expect(interleaving.ranAfter).toBe(compared)
      return interleaving.calls.slice(callsOfGuesses)
    }
    const wrong = await refused('wrong')
    expect(wrong).not.toContain('countWithinLimits')
    expect(await refused(alice.password)).toEqual(wrong)
  })
})
