import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createMintedSecrets } from '../../dist/minted-secrets.js'
import { openRequest } from '../attacks/flow.js'
import { openMapStage, type Stage } from '../attacks/stage.js'
import { createPerson, type Person, type Seen, signedIn } from './person.js'
import { startProvider, type TestProvider } from './provider.js'

const callbackPath = '/account/with/test/callback'
const stateCookie = '__Host-countersign-provider'
const browserCookie = '__Host-countersign-browser'

describe('signing in with an identity provider', () => {
  let provider: TestProvider

  beforeAll(async () => {
    provider = await startProvider(`https://auth.example${callbackPath}`)
  })

  afterAll(() => provider.close())

  async function opened(issuer = provider.issuer): Promise<Stage> {
    const { id: clientId, secret: clientSecret } = provider.client
    const settings = { id: 'test', name: 'Test Provider', issuer, clientId, clientSecret, allowInsecureLoopback: true }
    const stage = await openMapStage({ identityProviders: [settings] })
    onTestFinished(() => stage.close())
    return stage
  }

  const start = (person: Person, returnTo = '/account') =>
    person.open(`/account/with/test?return_to=${encodeURIComponent(returnTo)}`)

  /** Goes to the provider, signs in there, and gives the path of the callback. */
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

  it('is offered on the sign-in pages, with where to come back to', async () => {
    const stage = await opened()
    const person = createPerson(stage)
    const { html } = await person.open('/account/sign-in?return_to=/account/yours')
    expect(html).toContain('href="/account/with/test?return_to=%2Faccount%2Fyours"')
    expect(html).toContain('Test Provider')
  })

  it('asks the provider with a state, a nonce and PKCE, and keeps them in this browser', async () => {
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
    expect(person.browser.cookies.get(stateCookie)).toMatch(/^provider~/)
  })

  it('makes an account the first time and finds it the second', async () => {
    const stage = await opened()
    const person = createPerson(stage)
    const seen = await arrive(person, await callbackOf(person, 'carol', '/account/yours'))
    expect(seen).toMatchObject({ status: 303, location: '/account/yours' })
    expect(person.browser.cookies.has(stateCookie)).toBe(false)
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

  it('never becomes the account of the same name here, and keeps no address that nobody verified', async () => {
    const stage = await opened()
    const person = createPerson(stage)
    await arrive(person, await callbackOf(person, 'alice'))
    const yours = await person.open('/account/yours')
    expect(yours.html).toMatch(/alice\W?2|alice-?\d/)
    expect(yours.html).not.toContain('alice@home.example')
    const alice = await signedIn(stage)
    expect((await alice.open('/account/security')).html.match(/name="session"/g) ?? []).toEqual([])
  })

  it('takes people whom the provider says nothing about', async () => {
    const person = createPerson(await opened())
    expect(await arrive(person, await callbackOf(person, 'nameless'))).toMatchObject({ status: 303 })
    expect(await person.open('/account')).toMatchObject({ status: 200 })
  })

  it('leads on to the request it was on the way to', async () => {
    const stage = await opened()
    const link = (await openRequest(stage)).url.slice(stage.authServer.length)
    const person = createPerson(stage)
    const seen = await arrive(person, await callbackOf(person, 'carol', link))
    expect(seen).toMatchObject({ status: 303, location: link })
    expect(await person.open(link)).toMatchObject({ status: 200, state: 'consent-first-time' })
  })

  it.each(['//evil.example', 'https://evil.example'])('never leads to %s', async (returnTo) => {
    const person = createPerson(await opened())
    expect(await arrive(person, await callbackOf(person, 'carol', returnTo))).toMatchObject({ location: '/account' })
  })

  it('starts a session with a new id, and ends the one before', async () => {
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
    ['another state', (url: URL) => url.searchParams.set('state', 'x'.repeat(43))],
    ['no state', (url: URL) => url.searchParams.delete('state')],
    ['another code', (url: URL) => url.searchParams.set('code', 'x'.repeat(43))],
    ['no code', (url: URL) => url.searchParams.delete('code')],
    ['another issuer', (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
    [
      'an error',
      (url: URL) => {
        url.searchParams.delete('code')
        url.searchParams.set('error', 'access_denied')
      },
    ],
  ])('refuses a callback with %s', async (_claim, change) => {
    const person = createPerson(await opened())
    const callback = await callbackOf(person)
    change(callback)
    await expectNobody(person, await arrive(person, callback))
  })

  it('refuses a callback in a browser that did not start', async () => {
    const stage = await opened()
    const callback = await callbackOf(createPerson(stage))
    const other = createPerson(stage)
    expect(await arrive(other, callback)).toMatchObject({ status: 400, state: 'bad_form' })
    await start(other)
    await expectNobody(other, await arrive(other, callback))
  })

  it('refuses the state cookie of another browser', async () => {
    const stage = await opened()
    const person = createPerson(stage)
    const callback = await callbackOf(person)
    const other = createPerson(stage)
    await other.open('/account/sign-in')
    other.browser.cookies.set(stateCookie, person.browser.cookies.get(stateCookie) ?? '')
    expect(await arrive(other, callback)).toMatchObject({ status: 400, state: 'bad_form' })
  })

  it('refuses a form’s value in place of the state cookie', async () => {
    const person = createPerson(await opened())
    const callback = await callbackOf(person)
    person.browser.cookies.set(stateCookie, await person.csrfAt('/account/sign-in'))
    expect(await arrive(person, callback)).toMatchObject({ status: 400, state: 'bad_form' })
  })

  it('refuses a callback again', async () => {
    const person = createPerson(await opened())
    const callback = await callbackOf(person)
    const cookie = person.browser.cookies.get(stateCookie) ?? ''
    expect(await arrive(person, callback)).toMatchObject({ status: 303 })
    await person.submit('/account', { action: 'logout' })
    expect(await arrive(person, callback)).toMatchObject({ status: 400 })
    person.browser.cookies.set(stateCookie, cookie)
    expect(await arrive(person, callback)).toMatchObject({ status: 401, problem: 'provider_failed' })
  })

  it.each(['nonce', 'verifier', 'state'])('refuses an answer to another %s', async (member) => {
    const person = createPerson(await opened())
    const callback = await callbackOf(person)
    const secrets = createMintedSecrets(new Uint8Array(32).fill(7))
    const browser = person.browser.cookies.get(browserCookie) ?? ''
    const page = secrets.readCsrf(person.browser.cookies.get(stateCookie) ?? '', browser) ?? ''
    const state = JSON.parse(Buffer.from(page.replace('provider~', ''), 'base64url').toString()) as object
    const reseal = (changed: object) => {
      const sealed = `provider~${Buffer.from(JSON.stringify(changed)).toString('base64url')}`
      person.browser.cookies.set(stateCookie, secrets.csrfFor(browser, sealed))
    }
    reseal({ ...state, [member]: 'A'.repeat(43) })
    await expectNobody(person, await arrive(person, callback))
  })

  it('refuses a person who was disabled here', async () => {
    const stage = await opened()
    const first = createPerson(stage)
    await arrive(first, await callbackOf(first))
    await stage.storage.setUserStatus((await user(stage, 'carol')) ?? '', 'disabled')
    const again = createPerson(stage)
    expect(await arrive(again, await callbackOf(again))).toMatchObject({ status: 401, problem: 'provider_failed' })
    expect(await again.open('/account')).toMatchObject({ status: 303 })
    expect(await first.open('/account')).toMatchObject({ status: 303 })
  })

  it('says so where the provider is down', async () => {
    const person = createPerson(await opened('http://127.0.0.1:9'))
    await expectNobody(person, await start(person))
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
