import { describe, expect, it, onTestFinished } from 'vitest'
import { openRequest } from '../attacks/flow.js'
import { openMapStage, people, type Stage, type StageOptions } from '../attacks/stage.js'
import { words } from '../pages/reading.js'
import { secretHash } from '../secret-hash.js'
import { createPerson, see, signedIn } from './person.js'

async function opened(options: StageOptions = {}): Promise<Stage> {
  const stage = await openMapStage(options)
  onTestFinished(() => stage.close())
  return stage
}

const longSession = { idleSeconds: 86_400, lifetime: 86_400 }

const newcomer = { action: 'sign-up', username: 'Zoë', password: 'a long enough word' }

describe('signing up', () => {
  it('creates an account and signs it in, if sign-up is enabled', async () => {
    const stage = await opened({ accounts: { signUp: true } })
    const person = createPerson(stage)
    const typed = { ...newcomer, username: ` ${newcomer.username} `, email: ' zoe@home.example ' }
    const answer = await person.submit('/account/sign-up', typed)
    expect(answer).toMatchObject({ status: 303, location: '/account' })
    expect(await person.open('/account')).toMatchObject({ status: 200, state: 'agents-empty' })
    expect((await person.open('/account/yours')).html).toContain('zoe@home.example')
    const again = createPerson(stage)
    const form = { action: 'login', username: 'ZOË', password: newcomer.password }
    expect(await again.submit('/account/sign-in', form)).toMatchObject({ status: 303 })
  })

  it.each(['प्रिया', 'مُحَمَّد', 'Zoe\u0308'])(
    'accepts the name %s, and recognizes it in any Unicode form',
    async (username) => {
      const stage = await opened({ accounts: { signUp: true } })
      expect(await createPerson(stage).submit('/account/sign-up', { ...newcomer, username })).toMatchObject({
        status: 303,
      })
      for (const typed of [username.normalize('NFC'), username.normalize('NFD'), ` ${username} `]) {
        const form = { action: 'login', username: typed, password: newcomer.password }
        expect(await createPerson(stage).submit('/account/sign-in', form)).toMatchObject({ status: 303 })
      }
    },
  )

  it('is not available if sign-up is disabled', async () => {
    const person = createPerson(await opened())
    expect((await person.open('/account/sign-in')).html).not.toContain('/account/sign-up')
    expect(await person.open('/account/sign-up')).toMatchObject({ status: 404 })
    const csrf = await person.csrfAt('/account/sign-in')
    expect(await person.post('/account/sign-up', { ...newcomer, csrf })).toMatchObject({ status: 404 })
    expect(await person.stage.storage.countUsers()).toBe(Object.keys(people).length)
  })

  it.each([
    ['username_taken', { username: 'Alice' }],
    ['username_invalid', { username: 'a  b' }],
    ['username_invalid', { username: 'a\u202Eb' }],
    ['username_invalid', { username: 'alice\u3164' }],
    ['username_invalid', { username: 'alice\u115F' }],
    ['username_invalid', { username: 'alice\u2800' }],
    ['username_invalid', { username: 'alice\u034F' }],
    ['username_invalid', { username: 'alice\uFE0F' }],
    ['username_invalid', { username: `a${'\u0301'.repeat(4)}` }],
    ['username_invalid', { username: '\u0301a' }],
    ['username_taken', { username: 'ａｌｉｃｅ' }],
    ['username_looks_alike', { username: 'al1ce' }],
    ['username_looks_alike', { username: 'b0b' }],
    ['username_looks_alike', { username: '\u0251lice' }],
    ['username_mixed', { username: '\u0430lice' }],
    ['username_mixed', { username: 'zo\u0435 and others' }],
    ['username_invalid', { username: 'x'.repeat(129) }],
    ['username_invalid', { username: '' }],
    ['email_invalid', { email: 'no address' }],
    ['email_invalid', { email: '<script>@x.example' }],
    ['password_too_short', { password: 'short 7' }],
    ['password_too_short', { password: '' }],
    ['password_too_long', { password: 'x'.repeat(1025) }],
    ['password_common', { password: 'Password123' }],
  ])('shows %s for %o, keeps the input except the password, and creates nothing', async (problem, fields) => {
    const person = createPerson(await opened({ accounts: { signUp: true } }))
    const typed = { ...newcomer, username: 'zoe.typed', email: 'zoe@home.example', ...fields }
    const seen = await person.submit('/account/sign-up', typed)
    expect(seen).toMatchObject({ status: 400, state: 'sign-up', problem })
    if (typed.username === 'zoe.typed') expect(seen.html).toContain('value="zoe.typed"')
    if (typed.password !== '') expect(seen.html).not.toContain(typed.password)
    expect(await person.stage.storage.countUsers()).toBe(Object.keys(people).length)
  })

  it.each([
    ['address', '192.0.2.1', 20],
    ['network', '192.0.2', 100],
  ])('is limited per %s', async (_size, from, most) => {
    const stage = await opened({ accounts: { signUp: true } })
    for (let made = 1; made < most; made++) {
      await stage.storage.countAttempt({ key: secretHash(`sign-up ${from}`), window: 3600 })
    }
    expect(await createPerson(stage).submit('/account/sign-up', newcomer)).toMatchObject({ status: 303 })
    const late = createPerson(stage)
    const { html } = await late.open('/account/sign-up')
    const another = { ...newcomer, username: 'Zoey' }
    const response = await late.browser.submit(html, `${stage.authServer}/account/sign-up`, another)
    expect(response.headers.get('retry-after')).toBe('3600')
    expect(await see(response)).toMatchObject({ status: 429, state: 'sign-up', problem: 'throttled' })
  })

  it('continues with the request that led to it', async () => {
    const stage = await opened({ accounts: { signUp: true } })
    const { url } = await openRequest(stage)
    const person = createPerson(stage)
    const link = url.slice(stage.authServer.length)
    const href = /href="(\/account\/sign-up[^"]*)"/.exec((await person.open(link)).html)?.[1] ?? ''
    const answer = await person.submit(href.replaceAll('&amp;', '&'), newcomer)
    expect(answer).toMatchObject({ status: 303, location: link })
    expect(await person.open(link)).toMatchObject({ status: 200, state: 'consent-first-time' })
  })

  describe.each(['sign-in', 'sign-up'])('before a request, the page at /account/%s', (entrance) => {
    const entranceTo = (link: string) => `/account/${entrance}?return_to=${encodeURIComponent(link)}`

    it('names the requesting agent, on first load, after a failure and in another language', async () => {
      const stage = await opened({ accounts: { signUp: true } })
      const link = (await openRequest(stage)).url.slice(stage.authServer.length)
      const agent = new URL(stage.agent.id).host
      const person = createPerson(stage)
      const first = await person.open(entranceTo(link))
      expect(first).toMatchObject({ status: 200, state: entrance })
      expect(words(first.html)).toContain(`${agent} is asking for access to`)
      const action = entrance === 'sign-in' ? 'login' : 'sign-up'
      const failed = await person.submit(entranceTo(link), { action, username: 'alice', password: 'x' })
      expect(failed.status).toBeGreaterThanOrEqual(400)
      expect(words(failed.html)).toContain(`${agent} is asking for access to`)
      const csrf = /name="csrf" value="([^"]*)"/.exec(failed.html)?.[1] ?? ''
      const backTo = /name="return_to" value="([^"]*)"/.exec(failed.html)?.[1]?.replaceAll('&amp;', '&') ?? ''
      const form = { action: 'language', language: 'ar', csrf, return_to: backTo }
      expect((await person.follow(await person.post('/account/language', form))).html).toContain(agent)
    })

    it('tells a user who arrives too late before they type anything', async () => {
      const stage = await opened({ accounts: { signUp: true } })
      const link = (await openRequest(stage)).url.slice(stage.authServer.length)
      stage.clock.now += 601
      expect(await createPerson(stage).open(entranceTo(link))).toMatchObject({ status: 410, state: 'request_expired' })
    })
  })
})

describe('being signed in in many browsers', () => {
  it.each([
    [undefined, 50],
    [3, 3],
  ])(
    'with limits.sessions %s, is limited to %d at once: the oldest session ends, and the user is notified',
    async (sessions, most) => {
      const stage = await opened({ limits: { sessions } })
      const { id: userId = '', credentialRevision = 0 } = (await stage.storage.findCredential('alice'))?.user ?? {}
      const first = await signedIn(stage)
      for (let more = 2; more <= most; more += 1) {
        stage.clock.now += 1
        await stage.storage.createSession({
          ...longSession,
          idHash: secretHash(`${more}`),
          userId,
          credentialRevision,
          factorAddedAt: 0,
          most,
        })
      }
      expect(await first.open('/account')).toMatchObject({ status: 200 })
      stage.clock.now += 1
      const last = await signedIn(stage)
      expect(await first.open('/account')).toMatchObject({ status: 303 })
      expect(await stage.storage.listSessions({ userId })).toHaveLength(most)
      const told = words((await last.open('/account/activity')).html)
      expect(told).toContain('Your oldest sign-in ended, because you signed in on too many devices.')
      expect(told).not.toContain('You signed out')
    },
  )

  it.each([0, -1, 1.5, Number.NaN])('refuses to start with limits.sessions %s', async (sessions) => {
    await expect(opened({ limits: { sessions } })).rejects.toThrow('limits.sessions: must be')
  })
})

describe('signing in outside a request', () => {
  it('leads to the page that was requested', async () => {
    const stage = await opened()
    const person = createPerson(stage)
    const turnedAway = await person.open('/account/activity?before=1~x')
    expect(turnedAway).toMatchObject({
      status: 303,
      location: '/account/sign-in?return_to=%2Faccount%2Factivity%3Fbefore%3D1~x',
    })
    const form = { ...people.alice, action: 'login' }
    const answer = await person.submit(turnedAway.location ?? '', form)
    expect(answer).toMatchObject({ status: 303, location: '/account/activity?before=1~x' })
    expect(await person.open('/account/sign-in?return_to=/account/yours')).toMatchObject({
      status: 303,
      location: '/account/yours',
    })
  })

  it.each([
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    '/%09/evil.example\n',
    'https://evil.example',
    'https:evil.example',
    'javascript:alert(1)',
    'evil.example',
    ' /account',
    '/account\r\nset-cookie: x=y',
  ])('never leads to %j', async (returnTo) => {
    const stage = await opened()
    const person = createPerson(stage)
    const path = `/account/sign-in?return_to=${encodeURIComponent(returnTo)}`
    const form = { ...people.alice, action: 'login' }
    expect(await person.submit(path, form)).toMatchObject({ status: 303, location: '/account' })
    expect(await person.open(path)).toMatchObject({ status: 303, location: '/account' })
    const other = createPerson(stage)
    const csrf = await other.csrfAt('/account/sign-in')
    const posted = await other.post('/account/sign-in', { ...form, csrf, return_to: returnTo })
    expect(posted).toMatchObject({ status: 303, location: '/account' })
  })

  it.each(['', 'x', 'anonymous.x', 'anonymous'])('refuses a form with the csrf %j', async (csrf) => {
    const person = createPerson(await opened())
    await person.open('/account/sign-in')
    const seen = await person.post('/account/sign-in', { ...people.alice, action: 'login', csrf })
    expect(seen).toMatchObject({ status: 403, state: 'csrf' })
    expect(await person.open('/account')).toMatchObject({ status: 303 })
  })

  it('refuses a form from another browser', async () => {
    const stage = await opened()
    const csrf = await createPerson(stage).csrfAt('/account/sign-in')
    const person = createPerson(stage)
    await person.open('/account/sign-in')
    expect(await person.post('/account/sign-in', { ...people.alice, action: 'login', csrf })).toMatchObject({
      status: 403,
      state: 'csrf',
    })
  })

  it.each(['toString', 'grant', 'remove-agent', ''])('refuses the action %j', async (action) => {
    const person = createPerson(await opened())
    const csrf = await person.csrfAt('/account/sign-in')
    expect(await person.post('/account/sign-in', { action, csrf })).toMatchObject({ status: 400, state: 'bad_form' })
  })
})

describe('the language', () => {
  it('is stored, and leads back to the page', async () => {
    const person = await signedIn(await opened())
    const chosen = await person.submit('/account/activity', { action: 'language', language: 'ar' })
    expect(chosen).toMatchObject({ status: 303, location: '/account/activity' })
    expect((await person.open('/account/activity')).html).toMatch(/<html lang="ar" dir="rtl">/)
    expect((await person.open('/nowhere')).html).toMatch(/<html lang="ar" dir="rtl">/)
  })

  it.each(['', 'english', '../x', 'a', 'EN'])('cannot be %j', async (language) => {
    const person = await signedIn(await opened())
    const csrf = await person.csrfAt('/account')
    const seen = await person.post('/account/language', { action: 'language', language, csrf })
    expect(seen).toMatchObject({ status: 400, state: 'bad_form' })
  })

  it('never leads elsewhere', async () => {
    const person = await signedIn(await opened())
    const csrf = await person.csrfAt('/account')
    const form = { action: 'language', language: 'en', csrf, return_to: '//evil.example' }
    expect(await person.post('/account/language', form)).toMatchObject({ status: 303, location: '/account' })
  })
})
