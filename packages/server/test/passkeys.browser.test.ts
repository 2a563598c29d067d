import { createPasswordLink } from 'countersign-server'
import type { Browser, CDPSession, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type BrowserStage, guard, newPage, openBrowserStage, stateOf, typeIn } from './accounts/browser-stage.js'
import { people } from './attacks/stage.js'
import { hasChromium, openChromium } from './chromium.js'

describe.skipIf(!hasChromium())('passkeys in Chromium, with its virtual authenticator', () => {
  let browser: Browser
  let stage: BrowserStage
  let page: Page
  let devtools: CDPSession
  let authenticatorId: string

  beforeAll(async () => {
    browser = await openChromium()
    stage = await openBrowserStage()
  })

  afterAll(async () => {
    await browser?.close()
    await stage?.close()
  })

  beforeEach(async () => {
    // A passkey from an earlier test would be requested, and its authenticator is gone.
    const userId = (await alice()) ?? ''
    for (const { credentialId } of await stage.storage.listPasskeys(userId))
      await stage.storage.removePasskey({ userId, credentialId, by: 'test' })
    page = await newPage(browser)
    devtools = await page.context().newCDPSession(page)
    await devtools.send('WebAuthn.enable')
    const options = {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    } as const
    authenticatorId = (await devtools.send('WebAuthn.addVirtualAuthenticator', { options })).authenticatorId
  })

  /** Presses a button once it has been visible for long enough: earlier clicks are ignored. */
  async function press(name: string): Promise<void> {
    const button = page.getByRole('button', { name, exact: true })
    await button.scrollIntoViewIfNeeded()
    await page.waitForTimeout(guard)
    await button.and(page.locator(':not([data-arming])')).click()
  }

  const open = (path: string) => page.goto(stage.authServer + path)
  const problem = () => page.locator('main').getAttribute('data-error-code')

  async function addPasskey(name = 'Laptop'): Promise<void> {
    await open('/account/sign-in?return_to=/account/security')
    await typeIn(page, people.alice)
    await page.getByLabel('Passkey name').fill(name)
    await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name: 'Add a passkey' }).click()])
  }

  async function signOut(): Promise<void> {
    await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name: 'Sign out', exact: true }).click()])
  }

  const usePasskey = () =>
    Promise.all([page.waitForEvent('load'), page.getByRole('button', { name: 'Sign in with a passkey' }).click()])

  const credentials = async () => (await devtools.send('WebAuthn.getCredentials', { authenticatorId })).credentials

  /** The credential that the next sign-in form posts. */
  async function answerPosted(): Promise<string> {
    const isSignIn = (url: string) => new URL(url).pathname === '/account/sign-in'
    const request = await page.waitForRequest((sent) => sent.method() === 'POST' && isSignIn(sent.url()))
    const answer = new URLSearchParams(request.postData() ?? '').get('credential') ?? ''
    expect(JSON.parse(answer)).toHaveProperty('response.signature')
    return answer
  }

  it('adds one on the account page, and signs in with it there', async () => {
    await addPasskey()
    expect(await stateOf(page)).toBe('security')
    expect(await problem()).toBeNull()
    expect(await page.locator('main').textContent()).toContain('Laptop')
    expect(await credentials()).toMatchObject([{ isResidentCredential: true, rpId: 'localhost' }])
    await signOut()
    await open('/account/sign-in?return_to=/account/yours')
    await usePasskey()
    expect(new URL(page.url()).pathname).toBe('/account/yours')
    expect(await page.locator('body').textContent()).toContain('alice')
    const [session] = await stage.storage.listSessions({ userId: (await alice()) ?? '' })
    expect(session?.amr).toEqual(['webauthn'])
  })

  it('adds the first one with an invitation, and signs in with it', async () => {
    const { storage, authServer: issuer } = stage
    const { id: userId } = await storage.createUser({ username: 'invited' })
    const created = await createPasswordLink(storage, { issuer, userId, purpose: 'invite' })
    if (created.outcome !== 'created') throw new Error(created.outcome)
    await page.goto(created.url)
    expect(await stateOf(page)).toBe('new-password')
    await page.getByLabel('Passkey name').fill('Laptop')
    const add = page.getByRole('button', { name: 'Add a passkey' })
    await Promise.all([page.waitForURL(/signed-out/), add.click()])
    expect(await stateOf(page)).toBe('passkey-set')
    expect(await credentials()).toMatchObject([{ isResidentCredential: true, rpId: 'localhost' }])
    await page.goto(created.url)
    expect(await problem()).toBe('link_invalid')
    await open('/account/sign-in?return_to=/account/yours')
    await usePasskey()
    expect(await page.locator('body').textContent()).toContain('invited')
  })

  it('signs in with it on the way to a request', async () => {
    await addPasskey()
    await signOut()
    await page.goto((await stage.ask()).url)
    expect(await stateOf(page)).toBe('sign-in')
    await usePasskey()
    expect(await stateOf(page)).toBe('consent-first-time')
    expect(await page.locator('header').textContent()).toContain('alice')
  })

  it('allows deletion with it, in a session that is older than the request (C24)', async () => {
    await addPasskey()
    stage.clock.now += 86_401
    await open('/account/sign-in?return_to=/account/yours')
    if ((await stateOf(page)) === 'sign-in') await typeIn(page, people.alice)
    stage.clock.now += 1
    const { url } = await stage.ask({ scope: 'data.delete' })
    await page.goto(url)
    expect(await stateOf(page)).toBe('consent-first-time')
    expect(await page.locator('input[type=password]').count()).toBe(0)
    await press('Allow')
    await page.waitForURL(/\/callback\?.*code=/)
    expect(await stage.storage.listGrants({ live: true })).toMatchObject([{ scope: 'data.delete' }])
  })

  it('requires it before the password is changed (C24)', async () => {
    await addPasskey()
    stage.clock.now += 86_401
    await open('/account/sign-in?return_to=/account/password')
    if ((await stateOf(page)) === 'sign-in') await typeIn(page, people.alice)
    expect(await stateOf(page)).toBe('reauthentication')
    expect(await page.locator('input[type=password]').count()).toBe(0)
    await press('Use your passkey')
    await page.waitForURL('**/account/password')
    expect(await stateOf(page)).toBe('password')
  })

  it('adds the same authenticator only once', async () => {
    await addPasskey()
    await page.getByLabel('Passkey name').fill('Laptop again')
    await page.getByRole('button', { name: 'Add a passkey' }).click()
    await page.getByText('That didn’t work, and nothing changed. Try again.').waitFor()
    expect(await credentials()).toHaveLength(1)
  })

  it('refuses a replayed assertion', async () => {
    await addPasskey()
    await signOut()
    await open('/account/sign-in')
    const [used] = await Promise.all([answerPosted(), usePasskey()])
    expect(await stateOf(page)).not.toBe('sign-in')
    await signOut()
    await open('/account/sign-in')
    await post(used)
    expect(await problem()).toBe('passkey_failed')
    // The challenge was used. The counter need not reveal this, and many passkeys have none.
    expect(await stage.storage.listEvents({ event: 'passkey.counter_went_back' })).toEqual([])
    await open('/account')
    expect(await stateOf(page)).toBe('sign-in')
  })

  it('refuses an assertion in another browser, and one that is five minutes old', async () => {
    await addPasskey()
    await signOut()
    await open('/account/sign-in')
    const kept = answerPosted()
    await page.route('**/account/sign-in', (route, request) =>
      request.method() === 'POST' ? route.fulfill({ body: 'held back' }) : route.continue(),
    )
    await usePasskey()
    const answer = await kept
    await page.unrouteAll()
    const here = page
    page = await newPage(browser)
    await open('/account/sign-in')
    await post(answer)
    expect(await problem()).toBe('passkey_failed')
    page = here
    stage.clock.now += 301
    await open('/account/sign-in')
    await post(answer)
    expect(await problem()).toBe('passkey_failed')
  })

  it('refuses one whose counter went back: it was cloned', async () => {
    await addPasskey()
    const [original] = await credentials()
    for (let times = 0; times < 2; times++) {
      await signOut()
      await open('/account/sign-in')
      await usePasskey()
      expect(await stateOf(page)).not.toBe('sign-in')
    }
    await signOut()
    if (!original) throw new TypeError('there is a passkey')
    await devtools.send('WebAuthn.clearCredentials', { authenticatorId })
    await devtools.send('WebAuthn.addCredential', { authenticatorId, credential: original })
    await open('/account/sign-in')
    await usePasskey()
    expect(await problem()).toBe('passkey_failed')
    expect(await stage.storage.listEvents({ event: 'passkey.counter_went_back' })).toHaveLength(1)
  })

  it('requires user verification, not only the device', async () => {
    await addPasskey()
    await signOut()
    await open('/account/sign-in')
    await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await page.getByText('That didn’t work, and nothing changed. Try again.').waitFor()
  })

  it('removes one after a confirmation; it no longer signs anyone in', async () => {
    await addPasskey('Old phone')
    await page
      .getByRole('link', { name: /Remove.*Old phone/ })
      .first()
      .click()
    expect(await stateOf(page)).toBe('remove-passkey')
    await Promise.all([page.waitForEvent('load'), page.locator('main form button').click()])
    expect(await stateOf(page)).toBe('security')
    expect(await page.locator('main').textContent()).not.toContain('Old phone')
    await signOut()
    await open('/account/sign-in')
    await usePasskey()
    expect(await problem()).toBe('passkey_failed')
  })

  /** Posts a credential with the form of the page. */
  async function post(credential: string): Promise<void> {
    await Promise.all([
      page.waitForEvent('load'),
      page.locator('form[data-passkey]').evaluate((element, value) => {
        const form = element as HTMLFormElement
        const field = form.elements.namedItem('credential') as HTMLInputElement
        field.value = value
        form.submit()
      }, credential),
    ])
  }

  const alice = async () => (await stage.storage.findCredential('alice'))?.user.id
})
