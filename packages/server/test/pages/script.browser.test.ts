import { createHash } from 'node:crypto'
import { renderActivity, renderConsent, renderSecurity, renderSignIn } from 'countersign-server/pages'
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, openChromium } from '../chromium.js'
import { accountFrame, activity, securityModel } from './account-models.js'
import { fullConsent } from './consent-states.js'
import { type PagesOrigin, servePages } from './pages-origin.js'
import { fullSignIn } from './sign-in-states.js'

const sensitive = { ...fullConsent, dangers: ['spend' as const], askPassword: true }

/** Midnight comes before the second entry in Tokyo, and before the first one in UTC. */
const aroundMidnight = [0, -9 * 3600, -9 * 3600 - 60, -86_400].map((seconds) => ({
  at: Date.UTC(2026, 0, 16) / 1000 + seconds,
  what: 'signed_in' as const,
}))

const documents: Record<string, string> = {
  consent: renderConsent(fullConsent),
  extended: renderConsent({ ...fullConsent, revision: 4, expiresAt: fullConsent.expiresAt + 600 }),
  'almost-over': renderConsent({ ...fullConsent, extend: { secondsLeft: 182 } }),
  password: renderConsent(sensitive),
  'sign-in': renderSignIn(fullSignIn),
  security: renderSecurity(securityModel()),
  activity: renderActivity({ ...accountFrame, activity }),
  midnight: renderActivity({ ...accountFrame, activity: aroundMidnight }),
}

describe.skipIf(!hasChromium())('the script in Chromium', () => {
  let server: PagesOrigin
  let origin: string
  let browser: Browser
  let context: BrowserContext
  let page: Page

  beforeAll(async () => {
    server = await servePages((path) => documents[path])
    origin = server.origin.replace('127.0.0.1', 'localhost')
    browser = await openChromium()
    context = await browser.newContext({ viewport: { width: 800, height: 2000 }, timezoneId: 'Asia/Tokyo' })
    page = await context.newPage()
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  /** Opens a page whose posts get the response `answer`, and returns what they contained. */
  async function opened(name: string, answer = '<!DOCTYPE html><title>Posted</title>'): Promise<URLSearchParams[]> {
    const posts: URLSearchParams[] = []
    await page.unrouteAll()
    await page.route('**/*', (route, request) => {
      if (request.method() !== 'POST') return route.continue()
      posts.push(new URLSearchParams(request.postData() ?? ''))
      return route.fulfill({ contentType: 'text/html; charset=utf-8', body: answer })
    })
    await page.goto(`${origin}/${name}`)
    return posts
  }

  describe('the click guard of Allow', () => {
    const allow = '[value=grant]'
    const settled = () => page.waitForTimeout(600)

    it('ignores a click within 500 ms of becoming visible, and looks disabled', async () => {
      const posts = await opened('consent')
      const look = () =>
        page.locator(allow).evaluate((button) => {
          const { opacity, cursor } = getComputedStyle(button)
          return { opacity, cursor }
        })
      expect(await look()).toEqual({ opacity: '0.65', cursor: 'progress' })
      await page.click(allow)
      await page.waitForTimeout(100)
      expect(posts).toEqual([])
      await settled()
      expect(await look()).toEqual({ opacity: '1', cursor: 'pointer' })
    })

    it('accepts a click after that', async () => {
      const posts = await opened('consent')
      await settled()
      await Promise.all([page.waitForNavigation(), page.click(allow)])
      expect(posts[0]?.get('consent')).toBe('grant')
      expect(posts[0]?.get('duration')).toBe('3600')
    })

    it('starts again when the window gets the focus', async () => {
      const posts = await opened('consent')
      await settled()
      await page.evaluate(() => window.dispatchEvent(new Event('focus')))
      await page.click(allow)
      await page.waitForTimeout(100)
      expect(posts).toEqual([])
    })

    it('starts again when the button scrolls into view', async () => {
      await page.setViewportSize({ width: 800, height: 400 })
      try {
        const posts = await opened('consent')
        await settled()
        await page.locator(allow).scrollIntoViewIfNeeded()
        await page.click(allow)
        await page.waitForTimeout(100)
        expect(posts).toEqual([])
      } finally {
        await page.setViewportSize({ width: 800, height: 2000 })
      }
    })

    it('never delays a denial', async () => {
      const posts = await opened('consent')
      await Promise.all([page.waitForNavigation(), page.click('[value=deny]')])
      expect(posts[0]?.get('consent')).toBe('deny')
    })

    it.each(['consent', 'password'])('prevents Enter on a choice of %s from deciding', async (name) => {
      const posts = await opened(name)
      const choices = page.locator('form:has([name=consent]) input:not([type=hidden])')
      const count = await choices.count()
      expect(count).toBeGreaterThan(0)
      for (let index = 0; index < count; index++) {
        if (!(await choices.nth(index).isVisible())) continue
        await choices.nth(index).focus()
        await page.keyboard.press('Enter')
        expect(await page.evaluate(() => document.activeElement?.getAttribute('value'))).toBe('grant')
      }
      await page.waitForTimeout(100)
      expect(posts).toEqual([])
    })

    it('never treats a key that is held down as a decision', async () => {
      const posts = await opened('consent')
      await page.getByLabel('1 hour').focus()
      await page.keyboard.down('Enter')
      for (let repeat = 0; repeat < 8; repeat++) {
        await page.waitForTimeout(100)
        await page.keyboard.down('Enter')
      }
      await page.keyboard.up('Enter')
      await page.waitForTimeout(100)
      expect(posts).toEqual([])
    })

    it('prevents Enter in the password field from deciding', async () => {
      const posts = await opened('password')
      await page.getByLabel('Password', { exact: true }).fill('correct horse')
      await page.keyboard.press('Enter')
      await page.keyboard.press('Enter')
      await page.waitForTimeout(100)
      expect(posts).toEqual([])
      expect(await page.evaluate(() => document.activeElement?.getAttribute('value'))).toBe('grant')
    })
  })

  it('shows days and times in the user’s time zone, as every page does', async () => {
    await opened('activity')
    const times = await page.locator('time').allTextContents()
    expect(times[1]).toBe('23:05')
    expect(times.filter((time) => time.includes('UTC'))).toEqual([])
  })

  it('groups activity by day in the user’s time zone', async () => {
    await opened('midnight')
    const items = await page.locator('.happened > li').evaluateAll((items) =>
      items.map((item) => {
        const heading = item.querySelector('h2')
        return [
          heading?.checkVisibility() ? heading.textContent?.slice(0, 10) : '',
          item.querySelector('p time')?.textContent,
        ]
      }),
    )
    expect(items).toEqual([
      ['16 January', '09:00'],
      ['', '00:00'],
      ['15 January', '23:59'],
      ['', '09:00'],
    ])
  })

  describe('the deadline', () => {
    const status = '[data-seconds-left]'

    it('is shown in local time', async () => {
      await opened('consent')
      expect(await page.locator(status).textContent()).toBe('This request ends at 23:32.')
    })

    it('is announced at least two minutes before expiry, in a polite live region', async () => {
      await opened('almost-over')
      expect(await page.locator(status).getAttribute('role')).toBe('status')
      expect(await page.locator(status).textContent()).not.toContain('ends soon')
      await page.getByText('This request ends soon, at 23:32.').waitFor()
    })

    it('is extended without losing selections', async () => {
      const posts = await opened('consent', documents.extended)
      await page.getByLabel('30 days').check()
      await page.getByText('Give me more time').click()
      await page.getByText('23:42').waitFor()
      expect(Object.fromEntries(posts[0] ?? [])).toEqual({
        action: 'extend',
        request_token: 'request-token-1',
        redirect_uri: 'https://calendar-helper.example/callback',
        csrf: 'csrf-1',
      })
      expect(await page.getByLabel('30 days').isChecked()).toBe(true)
      expect(await page.locator('[name=revision]').getAttribute('value')).toBe('4')
      expect(page.url()).toBe(`${origin}/consent`)
    })

    it('submits the form normally if the response is another page', async () => {
      const posts = await opened('consent')
      await Promise.all([page.waitForNavigation(), page.getByText('Give me more time').click()])
      expect(await page.title()).toBe('Posted')
      expect(posts.map((post) => post.get('action'))).toEqual(['extend', 'extend'])
    })
  })

  it('shows a password while the checkbox is checked, and submits it as a password', async () => {
    const posts = await opened('sign-in')
    const field = page.getByLabel('Password', { exact: true })
    await field.fill('correct horse')
    await page.getByLabel('Show password').check()
    expect(await field.getAttribute('type')).toBe('text')
    await page.getByLabel('Username').fill('alice')
    await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')])
    expect(posts[0]?.get('password')).toBe('correct horse')
  })

  describe('passkeys', () => {
    let devtools: CDPSession

    beforeAll(async () => {
      devtools = await context.newCDPSession(page)
      await devtools.send('WebAuthn.enable')
      await devtools.send('WebAuthn.addVirtualAuthenticator', {
        options: {
          protocol: 'ctap2',
          transport: 'internal',
          hasResidentKey: true,
          hasUserVerification: true,
          isUserVerified: true,
        },
      })
    })

    const challenge = createHash('sha256').update('challenge').digest('base64url')
    const optionsOf = (options: object) =>
      page.route('**/account/passkeys/options', (route) => route.fulfill({ json: { challenge, ...options } }))

    /** The value that was posted as `credential`. */
    const credentialIn = (posts: URLSearchParams[]) => JSON.parse(posts.at(-1)?.get('credential') ?? '{}')

    it('are created from options and posted as JSON with their name', async () => {
      const posts = await opened('security')
      await optionsOf({
        rp: { name: 'Home Accounts', id: 'localhost' },
        user: { id: 'YWxpY2U', name: 'alice', displayName: 'alice' },
        pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
        authenticatorSelection: { residentKey: 'required' },
      })
      await page.getByLabel('Passkey name').fill('Laptop')
      await Promise.all([page.waitForNavigation(), page.getByText('Add a passkey').click()])
      expect(posts.at(-1)?.get('action')).toBe('add-passkey')
      expect(posts.at(-1)?.get('name')).toBe('Laptop')
      expect(credentialIn(posts)).toMatchObject({
        type: 'public-key',
        response: { attestationObject: expect.any(String) },
      })
    })

    it('sign a user in', async () => {
      const posts = await opened('sign-in')
      await optionsOf({ rpId: 'localhost' })
      await Promise.all([page.waitForNavigation(), page.getByText('Sign in with a passkey').click()])
      expect(posts.at(-1)?.get('action')).toBe('passkey')
      expect(credentialIn(posts)).toMatchObject({
        type: 'public-key',
        response: { signature: expect.any(String), userHandle: 'YWxpY2U' },
      })
    })

    it('report a failure, and post nothing', async () => {
      const posts = await opened('sign-in')
      await page.route('**/account/passkeys/options', (route) => route.fulfill({ status: 429, body: '' }))
      await page.getByText('Sign in with a passkey').click()
      await page.getByText('That didn’t work, and nothing changed. Try again.').waitFor()
      expect(posts).toEqual([])
    })
  })
})
