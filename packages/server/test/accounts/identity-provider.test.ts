import { createHmac } from 'node:crypto'
import type { Storage } from 'countersign-server'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { openRequest } from '../attacks/flow.js'
import { openMapStage, openSharedPostgresStage, type Stage, type StageOptions } from '../attacks/stage.js'
import { callsBefore, interleavedStorage, noInterleaving, plan } from '../interleaving/interleave.js'
import { listenOnLoopback } from '../listening-origin.js'
import { createScriptedUser } from '../scripted-user.js'
import { createPerson, type Person, type Seen, signedIn } from './person.js'
import { startProvider, type TestProvider } from './provider.js'

const callbackPath = '/account/with/test/callback'
const stateCookies = '__Host-countersign-provider-'
const browserCookie = '__Host-countersign-browser'

/** The names of the cookies of pending sign-ins. */
const stateCookiesOf = ({ browser }: Person) =>
  [...browser.cookies.keys()].filter((name) => name.startsWith(stateCookies))

/** The name of the cookie that a callback belongs to. */
const stateCookieOf = (callback: URL) => stateCookies + (callback.searchParams.get('state') ?? '').slice(0, 16)

/** The value that the stage’s server, with its secret, gives the browser to return. */
function sealed(browser: string, text: string): string {
  const hmac = createHmac('sha256', new Uint8Array(32).fill(7)).update(`csrf\n${browser}\n${text}`)
  return `${text}.${hmac.digest('base64url')}`
}

describe('signing in with an identity provider', () => {
  let provider: TestProvider

  beforeAll(async () => {
    provider = await startProvider(`https://auth.example${callbackPath}`)
  })

  afterAll(() => provider.close())

  async function opened(
    issuer = provider.issuer,
    wrapped: Pick<StageOptions, 'wrap'> = {},
    openStage = openMapStage,
  ): Promise<Stage> {
    const { id: clientId, secret: clientSecret } = provider.client
    const settings = { id: 'test', name: 'Test Provider', issuer, clientId, clientSecret, allowInsecureLoopback: true }
    const stage = await openStage({ ...wrapped, accounts: { identityProviders: [settings] } })
    onTestFinished(() => stage.close())
    onTestFinished(() => provider.say(undefined))
    onTestFinished(() => provider.sayInIdTokens(undefined))
    // The provider’s clock cannot be set.
    stage.clock.now = Math.floor(Date.now() / 1000)
    return stage
  }

  const start = (person: Person, returnTo = '/account') =>
    person.open(`/account/with/test?return_to=${encodeURIComponent(returnTo)}`)

  /** Goes to the provider, signs in there, and returns the path of the callback. */
  async function callbackOf(person: Person, account = 'carol', returnTo?: string): Promise<URL> {
    const { location } = await start(person, returnTo)
    return new URL(await provider.signIn(location ?? '', account))
  }

  const arrive = (person: Person, { pathname, search }: URL) => person.open(pathname + search)

  async function expectNobody(person: Person, seen: Seen): Promise<void> {
    expect(seen).toMatchObject({ status: 401, state: 'sign-in', problem: 'provider_failed' })
    expect(await person.open('/account')).toMatchObject({ status: 303 })
    expect(await person.stage.storage.listEvents({ event: 'session.created' })).toEqual([])
    expect(await person.stage.storage.listEvents({ event: 'signin.provider_failed' })).toHaveLength(1)
  }

  it('is offered on the sign-in pages, with the page to return to', async () => {
    const stage = await opened()
    const person = createPerson(stage)
    const { html } = await person.open('/account/sign-in?return_to=/account/yours')
    expect(html).toContain('href="/account/with/test?return_to=%2Faccount%2Fyours"')
    expect(html).toContain('Test Provider')
  })

  it('calls the provider with a state, a nonce and PKCE, and ties them to this browser', async () => {
    const person = createPerson(await opened())
    const { status, location } = await start(person)
    expect(status).toBe(303)
    const asked = Object.fromEntries(new URL(location ?? '').searchParams)
    expect(asked).toMatchObject({
      client_id: provider.client.id,
      redirect_uri: `https://auth.example${callbackPath}`,
      response_type: 'code',
      code_challenge_method: 'S256',
      state: expect.stringMatching(/^.{32,}$/),
      nonce: expect.stringMatching(/^.{32,}$/),
    })
    expect(asked).not.toHaveProperty('prompt')
    const [cookie = ''] = stateCookiesOf(person)
    expect(person.browser.cookies.get(cookie)).toMatch(/^provider~/)
  })

  it('creates an account the first time and finds it the second time', async () => {
    const stage = await opened()
    const person = createPerson(stage)
    const seen = await arrive(person, await callbackOf(person, 'carol', '/account/yours'))
    expect(seen).toMatchObject({ status: 303, location: '/account/yours' })
    expect(stateCookiesOf(person)).toEqual([])
    const yours = await person.open('/account/yours')
    for (const text of ['carol', 'carol@home.example']) expect(yours.html).toContain(text)
    const again = createPerson(stage)
    await arrive(again, await callbackOf(again))
    expect((await again.open('/account/yours')).html).toContain('carol')
    expect(await stage.storage.listFederated((await user(stage, 'carol')) ?? '')).toMatchObject([
      { issuer: provider.issuer, subject: 'carol' },
    ])
    expect(await stage.storage.countUsers()).toBe(3)
  })

  it('never takes over the local account of the same name, and stores no unverified email address', async () => {
    const stage = await opened()
    const person = createPerson(stage)
    await arrive(person, await callbackOf(person, 'alice'))
    const yours = await person.open('/account/yours')
    expect(yours.html).toMatch(/alice\W?2|alice-?\d/)
    expect(yours.html).not.toContain('alice@home.example')
    const alice = await signedIn(stage)
    expect((await alice.open('/account/security')).html.match(/name="session"/g) ?? []).toEqual([])
  })

  it('accepts users without any claims from the provider', async () => {
    const person = createPerson(await opened())
    expect(await arrive(person, await callbackOf(person, 'nameless'))).toMatchObject({ status: 303 })
    expect(await person.open('/account')).toMatchObject({ status: 200 })
  })

  it.each([['SQLite', openMapStage] as const, ['PostgreSQL', openSharedPostgresStage] as const])(
    'accepts a sign-in time with a fraction of a second, which JWTs may have, on %s',
    async (_name, openStage) => {
      const stage = await opened(provider.issuer, {}, openStage)
      const authTime = stage.clock.now - 60
      provider.sayInIdTokens({ auth_time: authTime + 0.75 })
      const person = createPerson(stage)
      expect(await arrive(person, await callbackOf(person))).toMatchObject({ status: 303, location: '/account' })
      const userId = (await user(stage, 'carol')) ?? ''
      expect(await stage.storage.listSessions({ userId })).toMatchObject([{ authTime }])
    },
  )

  it.each(['Carol <carol@home.example>, dave@home.example', `${'c'.repeat(240)}@home.example.elsewhere.example`])(
    'stores no email address that users could not enter themselves: %s',
    async (email) => {
      const stage = await opened()
      const person = createPerson(stage)
      provider.say({ sub: 'nameless', email, email_verified: true })
      expect(await arrive(person, await callbackOf(person, 'nameless'))).toMatchObject({ status: 303 })
      const users = await stage.storage.listUsers()
      expect(users.map((each) => [each.username, each.email])).toContainEqual(['person', null])
    },
  )

  it.each([
    ['unseen', 'dana@home.example'],
    ['unsaid', 'Dana D.'],
  ])('gives %s a readable username if the provider’s name is not', async (account, username) => {
    const stage = await opened()
    const person = createPerson(stage)
    await arrive(person, await callbackOf(person, account))
    expect((await stage.storage.listUsers()).map((each) => each.username)).toEqual(['alice', 'bob', username])
  })

  it('continues with the request that led to it', async () => {
    const stage = await opened()
    const link = (await openRequest(stage)).url.slice(stage.authServer.length)
    const person = createPerson(stage)
    const seen = await arrive(person, await callbackOf(person, 'carol', link))
    expect(seen).toMatchObject({ status: 303, location: link })
    expect(await person.open(link)).toMatchObject({ status: 200, state: 'consent-first-time' })
  })

  it('C24: proves the request that led to it, and no other open request', async () => {
    const stage = await opened()
    const ask = async () =>
      (await openRequest(stage, undefined, { scope: 'data.delete' })).url.slice(stage.authServer.length)
    const [first, second] = [await ask(), await ask()]
    const person = createPerson(stage)
    await arrive(person, await callbackOf(person, 'carol', first))
    // The page of the other request requires a new sign-in, as carol has neither a password nor a passkey here.
    expect(await person.open(second)).toMatchObject({ status: 200, state: 'sign-in' })
    expect(await person.open(first)).toMatchObject({ status: 200, state: 'consent-first-time' })
    await arrive(person, await callbackOf(person, 'carol', second))
    expect(await person.open(second)).toMatchObject({ status: 200, state: 'consent-first-time' })
  })

  const verbs: [string, (stage: Stage, userId: string) => Promise<unknown>][] = [
    ['server users disable', ({ storage }, userId) => storage.setUserStatus(userId, 'disabled', 'operator')],
    ['sign-out everywhere', ({ storage }, userId) => storage.endSessions({ userId })],
    [
      'closing the account',
      async ({ storage }, userId) => {
        const { credentialRevision = 0 } = (await storage.findUser(userId)) ?? {}
        return storage.closeAccount({ userId, credentialRevision })
      },
    ],
  ]
  const interleavings = [
    ['SQLite', openMapStage] as const,
    ['two instances on PostgreSQL', openSharedPostgresStage] as const,
  ].flatMap(([name, openStage]) => verbs.map(([verb, run]) => [verb, name, run, openStage] as const))
  it.each(interleavings)('J01: starts no session if %s commits after its user was read, on %s', async (...row) => {
    const [, , run, openStage] = row
    const interleaving = noInterleaving()
    const wrap = (storage: Storage) => interleavedStorage(storage, interleaving)
    const stage = await opened(provider.issuer, { wrap }, openStage)
    // Once on each of two instances, which each fetch the provider’s metadata and keys once.
    for (let instance = 0; instance < 2; instance++) {
      const first = createPerson(stage)
      const callback = await callbackOf(first)
      plan(interleaving)
      await arrive(first, callback)
    }
    const created = callsBefore(interleaving, 'createSession')
    const userId = (await user(stage, 'carol')) ?? ''
    await stage.storage.endSessions({ userId })
    const person = createPerson(stage)
    const again = await callbackOf(person)
    plan(interleaving, created, () => run(stage, userId))
    expect(await arrive(person, again)).toMatchObject({ status: 409, problem: 'sign_in_changed' })
    expect(interleaving.ranAfter).toBe(created)
    expect(await stage.storage.listSessions({ userId })).toEqual([])
  })

  // Too long for a cookie, with dots before the host: splitting and rejoining it resulted in another server.
  const shortening = `/..//evil.example/?state=${'x'.repeat(3000)}`

  it.each(['//evil.example', 'https://evil.example', shortening])('never leads to %s', async (returnTo) => {
    const person = createPerson(await opened())
    expect(await arrive(person, await callbackOf(person, 'carol', returnTo))).toMatchObject({ location: '/account' })
  })

  it('starts a session with a new id, and ends the previous one', async () => {
    const stage = await opened()
    const person = await signedIn(stage)
    const before = new Map(person.browser.cookies)
    await arrive(person, await callbackOf(person))
    expect((await person.open('/account')).html).toContain('carol')
    const old = createPerson(stage)
    for (const [name, value] of before) old.browser.cookies.set(name, value)
    expect(await old.open('/account')).toMatchObject({ status: 303 })
  })

  it.each([
    [
      'another state with the same prefix',
      (url: URL) => url.searchParams.set('state', `${url.searchParams.get('state')?.slice(0, 16)}${'x'.repeat(27)}`),
    ],
    ['another code', (url: URL) => url.searchParams.set('code', 'x'.repeat(43))],
    ['no code', (url: URL) => url.searchParams.delete('code')],
    ['another issuer', (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
    [
      'an error',
      (url: URL) => {
        url.searchParams.delete('code')
        url.searchParams.set('error', 'server_error')
      },
    ],
  ])('refuses a callback with %s', async (_claim, change) => {
    const person = createPerson(await opened())
    const callback = await callbackOf(person)
    change(callback)
    await expectNobody(person, await arrive(person, callback))
  })

  it.each([
    ['another state', (url: URL) => url.searchParams.set('state', 'x'.repeat(43))],
    ['no state', (url: URL) => url.searchParams.delete('state')],
  ])('finds no sign-in for a callback with %s', async (_claim, change) => {
    const person = createPerson(await opened())
    const callback = await callbackOf(person)
    change(callback)
    expect(await arrive(person, callback)).toMatchObject({ status: 400, state: 'bad_form' })
    expect(await person.stage.storage.listEvents({ event: 'session.created' })).toEqual([])
  })

  it('refuses a callback in a browser that did not start the sign-in', async () => {
    const stage = await opened()
    const callback = await callbackOf(createPerson(stage))
    const other = createPerson(stage)
    expect(await arrive(other, callback)).toMatchObject({ status: 400, state: 'bad_form' })
    await start(other)
    expect(await arrive(other, callback)).toMatchObject({ status: 400, state: 'bad_form' })
    expect(await stage.storage.listEvents({ event: 'session.created' })).toEqual([])
  })

  it('refuses the state cookie of another browser', async () => {
    const stage = await opened()
    const person = createPerson(stage)
    const callback = await callbackOf(person)
    const other = createPerson(stage)
    await other.open('/account/sign-in')
    const cookie = stateCookieOf(callback)
    other.browser.cookies.set(cookie, person.browser.cookies.get(cookie) ?? '')
    expect(await arrive(other, callback)).toMatchObject({ status: 400, state: 'bad_form' })
  })

  it('refuses a form value instead of the state cookie', async () => {
    const person = createPerson(await opened())
    const callback = await callbackOf(person)
    person.browser.cookies.set(stateCookieOf(callback), await person.csrfAt('/account/sign-in'))
    expect(await arrive(person, callback)).toMatchObject({ status: 400, state: 'bad_form' })
  })

  it('refuses a replayed callback', async () => {
    const person = createPerson(await opened())
    const callback = await callbackOf(person)
    const cookie = person.browser.cookies.get(stateCookieOf(callback)) ?? ''
    expect(await arrive(person, callback)).toMatchObject({ status: 303 })
    await person.submit('/account', { action: 'logout' })
    expect(await arrive(person, callback)).toMatchObject({ status: 400 })
    person.browser.cookies.set(stateCookieOf(callback), cookie)
    expect(await arrive(person, callback)).toMatchObject({ status: 401, problem: 'provider_failed' })
  })

  it.each(['nonce', 'verifier', 'state'])('refuses a response to another %s', async (member) => {
    const person = createPerson(await opened())
    const callback = await callbackOf(person)
    const browser = person.browser.cookies.get(browserCookie) ?? ''
    const kept = person.browser.cookies.get(stateCookieOf(callback)) ?? ''
    const [page = ''] = kept.split('.')
    expect(sealed(browser, page)).toBe(kept)
    const state = JSON.parse(Buffer.from(page.replace('provider~', ''), 'base64url').toString()) as object
    const changed = JSON.stringify({ ...state, [member]: 'A'.repeat(43) })
    const resealed = sealed(browser, `provider~${Buffer.from(changed).toString('base64url')}`)
    person.browser.cookies.set(stateCookieOf(callback), resealed)
    await expectNobody(person, await arrive(person, callback))
  })

  it('refuses a user who is disabled here', async () => {
    const stage = await opened()
    const first = createPerson(stage)
    await arrive(first, await callbackOf(first))
    await stage.storage.setUserStatus((await user(stage, 'carol')) ?? '', 'disabled')
    const again = createPerson(stage)
    expect(await arrive(again, await callbackOf(again))).toMatchObject({ status: 403, problem: 'account_disabled' })
    expect(await again.open('/account')).toMatchObject({ status: 303 })
    expect(await first.open('/account')).toMatchObject({ status: 303 })
  })

  it('shows that the provider is down, and logs the reason for the operator', async () => {
    const port = await listenOnLoopback()
    await port.close()
    const person = createPerson(await opened(port.origin))
    await expectNobody(person, await start(person))
    expect(await person.stage.storage.listEvents({ event: 'signin.provider_failed' })).toMatchObject([
      { data: { provider: 'test', reason: 'ECONNREFUSED' } },
    ])
  })

  it('tells a user who canceled at the provider so, instead of reporting a failure', async () => {
    const person = createPerson(await opened())
    const { location } = await start(person)
    const callback = new URL(await provider.stop(location ?? ''))
    expect(callback.searchParams.get('error')).toBe('access_denied')
    expect(await arrive(person, callback)).toMatchObject({ status: 401, state: 'sign-in', problem: 'provider_denied' })
    expect(await person.stage.storage.listEvents({ event: 'signin.provider_failed' })).toEqual([])
    expect(await person.stage.storage.listEvents({ event: 'signin.provider_denied' })).toHaveLength(1)
  })

  it('shows an internal error as such, with a reference, and not as the provider’s error', async () => {
    const stage = await opened()
    const person = createPerson(stage)
    const callback = await callbackOf(person)
    stage.storage.createFederatedUser = async () => {
      throw new RangeError('a bug')
    }
    const seen = await arrive(person, callback)
    expect(seen).toMatchObject({ status: 500, state: 'server_error' })
    expect(seen.html).toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/)
    expect(await stage.storage.listEvents({ event: 'signin.provider_failed' })).toEqual([])
  })

  it('stops recording failures from an address that causes many', async () => {
    const person = createPerson(await opened('http://127.0.0.1:9'))
    for (let tries = 0; tries < 23; tries += 1) await start(person)
    expect(await person.stage.storage.listEvents({ event: 'signin.provider_failed' })).toHaveLength(20)
  })

  it('continues in each of two tabs that signed in at the same time', async () => {
    const person = createPerson(await opened())
    const first = await callbackOf(person, 'carol', '/account/yours')
    const second = await callbackOf(person, 'carol', '/account/security')
    expect(await arrive(person, first)).toMatchObject({ status: 303, location: '/account/yours' })
    expect(await arrive(person, second)).toMatchObject({ status: 303, location: '/account/security' })
    expect(stateCookiesOf(person)).toEqual([])
  })

  it('keeps the four most recent of many tabs', async () => {
    const person = createPerson(await opened())
    const callbacks = []
    for (let tab = 0; tab < 6; tab += 1) {
      callbacks.push(await callbackOf(person))
      person.stage.clock.now += 1
    }
    expect(stateCookiesOf(person).sort()).toEqual(callbacks.slice(2).map(stateCookieOf).sort())
  })

  it('returns to a request whose agent sent a state that does not fit in a cookie', async () => {
    const stage = await opened()
    const path = `/agent/auth?request_token=aarq_x&redirect_uri=https%3A%2F%2Fagent.example%2F${'c'.repeat(500)}`
    const person = createPerson(stage)
    const seen = await arrive(person, await callbackOf(person, 'carol', `${path}&state=${'s'.repeat(2048)}`))
    expect(seen).toMatchObject({ status: 303, location: path })
  })

  describe('for an authorization request, which is not stored before the sign-in', () => {
    const path = `/oauth/authorize?client_id=https%3A%2F%2Fclient.example%2Fabout.json&redirect_uri=https%3A%2F%2Fclient.example%2Fback&code_challenge=${'c'.repeat(43)}&code_challenge_method=S256&response_type=code&resource=https%3A%2F%2Fnotes.example%2Fmcp`

    it('keeps a state of 2048 characters, in a cookie that browsers store', async () => {
      const person = createPerson(await opened())
      const returnTo = `${path}&state=${'s'.repeat(2048)}`
      const callback = await callbackOf(person, 'carol', returnTo)
      const name = stateCookieOf(callback)
      expect(`${name}=${person.browser.cookies.get(name)}`.length).toBeLessThanOrEqual(4096)
      expect(await arrive(person, callback)).toMatchObject({ status: 303, location: returnTo })
    })

    it('never continues without its state', async () => {
      const person = createPerson(await opened())
      const seen = await arrive(person, await callbackOf(person, 'carol', `${path}&state=${'s'.repeat(2600)}`))
      expect(seen).toMatchObject({ status: 303, location: '/account' })
    })
  })

  it('expires ten minutes after it started', async () => {
    const person = createPerson(await opened())
    const callback = await callbackOf(person, 'carol', '/account/yours')
    person.stage.clock.now += 601
    const seen = await arrive(person, callback)
    expect(seen).toMatchObject({ status: 401, state: 'sign-in', problem: 'provider_expired' })
    expect(seen.html).toContain('return_to=%2Faccount%2Fyours')
    expect(await person.stage.storage.listEvents({ event: 'session.created' })).toEqual([])
  })

  it('still names the requesting agent after a failure, and can change the language', async () => {
    const stage = await opened()
    const link = (await openRequest(stage)).url.slice(stage.authServer.length)
    const person = createPerson(stage)
    const { location } = await start(person, link)
    const seen = await arrive(person, new URL(await provider.stop(location ?? '')))
    expect(seen).toMatchObject({ status: 401, state: 'sign-in', problem: 'provider_denied' })
    expect(seen.html).toContain(new URL(stage.agent.id).host)
    const fields = /value="language".*?name="return_to" value="([^"]*)".*?name="csrf" value="([^"]*)"/.exec(seen.html)
    const [, returnTo = '', csrf = ''] = fields ?? []
    const chosen = await person.post('/account/language', {
      action: 'language',
      language: 'ar',
      csrf,
      return_to: returnTo,
    })
    const again = await person.follow(chosen)
    expect(again).toMatchObject({ status: 200, state: 'sign-in' })
    expect(again.html).toContain(new URL(stage.agent.id).host)
  })

  it('still continues ten minutes after it started', async () => {
    const person = createPerson(await opened())
    const callback = await callbackOf(person)
    person.stage.clock.now += 600
    expect(await arrive(person, callback)).toMatchObject({ status: 303, location: '/account' })
  })

  it('does not store the email of the ID token if only another address is verified', async () => {
    const person = createPerson(await opened())
    await arrive(person, await callbackOf(person, 'erin'))
    const { html } = await person.open('/account/yours')
    expect(html).toContain('Erin')
    expect(html).not.toContain('erin@')
  })

  it('refuses userinfo about another subject than the ID token’s', async () => {
    const person = createPerson(await opened())
    const callback = await callbackOf(person)
    provider.say({ sub: 'dave', name: 'Dave' })
    await expectNobody(person, await arrive(person, callback))
  })

  describe('again', () => {
    /** In seconds: longer than a sign-in counts as recent, plus time for a slow machine. */
    const passed = 700

    /**
     * A user who signed in at the provider, but too long ago to change security settings. The provider’s clock stands still in the
     * meantime, so its “now” may or may not be long ago here.
     */
    async function returning({ now = 'before' } = {}) {
      const person = createPerson(await opened())
      if (now === 'after') person.stage.clock.now -= passed
      const atProvider = createScriptedUser(globalThis.fetch)
      const { location } = await start(person)
      await arrive(person, new URL(await provider.signIn(location ?? '', 'carol', atProvider)))
      expect(await person.open('/account/security')).toMatchObject({ status: 200 })
      person.stage.clock.now += passed
      const confirm = (await person.open('/account/security')).location ?? ''
      const page = await person.open(confirm)
      expect(page).toMatchObject({ status: 200, state: 'sign-in' })
      expect(page.html).toContain('sign in again')
      const again = await start(person, '/account/security')
      return { person, atProvider, asked: new URL(again.location ?? '') }
    }

    it('requests a new sign-in from the provider', async () => {
      const { asked } = await returning()
      expect(Object.fromEntries(asked.searchParams)).toMatchObject({ prompt: 'login', max_age: '0' })
    })

    it('renews the session of a user who signed in again', async () => {
      const { person, atProvider, asked } = await returning({ now: 'after' })
      const before = person.browser.cookies.get('__Host-countersign-session')
      const callback = new URL(await provider.signIn(asked.href, 'carol', atProvider))
      expect(await arrive(person, callback)).toMatchObject({ status: 303, location: '/account/security' })
      expect(person.browser.cookies.get('__Host-countersign-session')).not.toBe(before)
      expect(await person.open('/account/security')).toMatchObject({ status: 200 })
      expect(await person.stage.storage.listEvents({ event: 'session.reauthenticated' })).toHaveLength(1)
    })

    it.each(['prompt', 'max_age'])(
      'refuses an old provider session, even if the browser dropped %s',
      async (member) => {
        const { person, atProvider, asked } = await returning()
        asked.searchParams.delete('prompt')
        if (member === 'max_age') asked.searchParams.delete('max_age')
        else asked.searchParams.set('max_age', '100000')
        const callback = new URL(await provider.signIn(asked.href, 'carol', atProvider))
        const seen = await arrive(person, callback)
        expect(seen).toMatchObject({ status: 401, state: 'sign-in', problem: 'provider_not_fresh' })
        expect(await person.open('/account/security')).toMatchObject({ status: 303 })
      },
    )

    it('is not assumed for a sign-in at a provider that does not report its time', async () => {
      const stage = await opened()
      const person = createPerson(stage)
      const asked = new URL((await start(person)).location ?? '')
      asked.searchParams.delete('max_age')
      await arrive(person, new URL(await provider.signIn(asked.href, 'carol')))
      expect(await person.open('/account')).toMatchObject({ status: 200 })
      expect(await person.open('/account/security')).toMatchObject({ status: 303 })
      const download = await person.browser.open(`${stage.authServer}/account/download`)
      const { sessions } = (await download.json()) as { sessions: object[] }
      expect(sessions).toEqual([expect.not.objectContaining({ authTime: expect.anything() })])
      const stateAt = async (scope: string) => {
        const { url } = await openRequest(stage, undefined, { scope })
        return (await person.open(url.slice(stage.authServer.length))).state
      }
      expect([await stateAt('data.read'), await stateAt('data.delete')]).toEqual(['consent-first-time', 'sign-in'])
    })

    it('cannot be bypassed by signing out and in with an old provider session', async () => {
      const { person, atProvider } = await returning()
      await person.submit('/account', { action: 'logout' })
      const { location } = await start(person, '/account/security')
      const callback = new URL(await provider.signIn(location ?? '', 'carol', atProvider))
      expect(await arrive(person, callback)).toMatchObject({ status: 303, location: '/account/security' })
      expect(await person.open('/account/security')).toMatchObject({ status: 303 })
    })
  })

  it('is not found at another provider', async () => {
    const person = createPerson(await opened())
    for (const path of ['/account/with/other', '/account/with/toString', '/account/with/other/callback?code=x']) {
      expect(await person.open(path)).toMatchObject({ status: 404, state: 'not_found' })
    }
  })
})

async function user(stage: Stage, username: string): Promise<string | undefined> {
  return (await stage.storage.listUsers({ query: username })).find((listed) => listed.username === username)?.id
}
