import { ar } from 'countersign-server/pages'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, openChromium } from '../chromium.js'
import { takeScreenshot } from '../screenshot.js'
import { type PagesOrigin, servePages } from './pages-origin.js'
import { states, statesIn } from './states.js'

const rightToLeft = statesIn(ar)

describe.skipIf(!hasChromium())('pages in Chromium', () => {
  let server: PagesOrigin
  let browser: Browser
  /** One page without scripts, reused for every state. */
  let scriptless: Page
  const complaints: string[] = []

  beforeAll(async () => {
    server = await servePages((path) => states.get(path) ?? rightToLeft.get(path.replace(/\.rtl$/, '')))
    browser = await openChromium()
    scriptless = await browser.newPage({ javaScriptEnabled: false, viewport: { width: 800, height: 900 } })
    scriptless.on('console', (message) => complaints.push(message.text()))
    scriptless.on('pageerror', (error) => complaints.push(error.message))
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  async function opened(
    state: string,
    options: Parameters<Browser['newContext']>[0],
    look: (page: Page, context: BrowserContext) => Promise<void>,
  ): Promise<void> {
    const context = await browser.newContext({ viewport: { width: 800, height: 900 }, ...options })
    try {
      const opening = await context.newPage()
      await opening.goto(`${server.origin}/${state}`)
      await look(opening, context)
    } finally {
      await context.close()
    }
  }

  it.each([...states.keys()])('%s violates no content security policy, without JavaScript', async (name) => {
    complaints.length = 0
    const response = await scriptless.goto(`${server.origin}/${name}`)
    expect(response?.status()).toBe(200)
    expect(complaints).toEqual([])
    await takeScreenshot(scriptless, `${name}.without-script`)
    expect(await scriptless.locator('h1').count()).toBe(1)
    expect(await scriptless.locator('[hidden]').filter({ visible: true }).count()).toBe(0)
  })

  it('shows full identifiers in its details', async () => {
    await opened('consent-first-time', { reducedMotion: 'reduce' }, async (page) => {
      await page.getByText('Details').click()
      await takeScreenshot(page, `consent-first-time.details`)
      expect(await page.getByText('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k').isVisible()).toBe(true)
    })
  })

  it('offers both decisions with buttons of the same size and style', async () => {
    for (const width of [800, 320]) {
      await opened('consent-first-time', { viewport: { width, height: 900 } }, async (page) => {
        const looks = await page.$$eval('.choice button', (buttons) =>
          buttons.map((button) => {
            const { width, height } = button.getBoundingClientRect()
            const { color, backgroundColor, fontSize, fontWeight, borderColor } = getComputedStyle(button)
            return { width, height, color, backgroundColor, fontSize, fontWeight, borderColor }
          }),
        )
        expect(looks).toHaveLength(2)
        expect(looks[0]).toEqual(looks[1])
      })
    }
  })

  it('stacks the buttons on a phone with Allow last', async () => {
    await opened('consent-first-time', { viewport: { width: 320, height: 640 } }, async (page) => {
      const deny = await page.locator('[value=deny]').boundingBox()
      const allow = await page.locator('[value=grant]').boundingBox()
      expect(deny?.y).toBeLessThan(allow?.y ?? 0)
      expect(deny?.x).toBe(allow?.x)
    })
  })

  it('aligns the lines of a host with the surrounding text, also from right to left', async () => {
    await opened('consent-full.rtl', { viewport: { width: 320, height: 640 } }, async (page) => {
      const ends = await page
        .locator('h1 .host')
        .first()
        .evaluate((host) => {
          const range = document.createRange()
          range.selectNodeContents(host)
          return [...range.getClientRects()].map(({ right }) => Math.round(right))
        })
      const edge = await page.locator('h1').evaluate((heading) => Math.round(heading.getBoundingClientRect().right))
      expect(ends.length).toBeGreaterThan(1)
      // The first line may follow a word; the next ones start at the edge.
      for (const end of ends.slice(1)) expect(end).toBe(edge)
    })
  })

  it('has a keyboard focus order that matches reading order, Don’t allow before Allow, with a visible focus', async () => {
    await opened('consent-first-time', {}, async (page) => {
      const stops: string[] = []
      for (let index = 0; index < 5; index++) {
        await page.keyboard.press('Tab')
        const { text, outline } = await page.evaluate(() => {
          const element = document.activeElement ?? document.body
          return { text: element.textContent?.trim() ?? '', outline: getComputedStyle(element).outlineStyle }
        })
        expect(outline).toBe('solid')
        stops.push(text)
      }
      expect(stops).toEqual(['Not you?', 'Details, and what it can’t do', 'My agents', 'Don’t allow', 'Allow'])
    })
  })

  it('does not focus Allow when the page opens', async () => {
    await opened('consent-first-time', {}, async (page) => {
      expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('BODY')
    })
  })

  it('posts the denial when the first button is activated by keyboard', async () => {
    await opened('consent-first-time', {}, async (page) => {
      const posted = page.waitForRequest((request) => request.method() === 'POST')
      await page.locator('[value=deny]').focus()
      await page.keyboard.press('Enter')
      const fields = new URLSearchParams((await posted).postData() ?? '')
      expect(Object.fromEntries(fields)).toEqual({
        request_token: 'request-token-1',
        redirect_uri: 'https://calendar-helper.example/callback',
        csrf: 'csrf-1',
        revision: '3',
        duration: '3600',
        consent: 'deny',
      })
    })
  })

  it('posts the sign-in with Enter in the password field', async () => {
    await opened('sign-in', {}, async (page) => {
      const posted = page.waitForRequest((request) => request.method() === 'POST')
      await page.getByLabel('Username').fill('alice')
      await page.getByLabel('Password').fill('correct horse')
      await page.keyboard.press('Enter')
      const fields = new URLSearchParams((await posted).postData() ?? '')
      expect(Object.fromEntries(fields)).toEqual({
        action: 'login',
        request_token: 'request-token-1',
        redirect_uri: 'https://calendar-helper.example/callback',
        csrf: 'csrf-1',
        state: 'state-1',
        username: 'alice',
        password: 'correct horse',
      })
    })
  })

  it('moves the focus to the error, without JavaScript', async () => {
    await opened('sign-in-wrong-password', {}, async (page) => {
      // The browser moves it on first paint, which may be after the page has loaded.
      await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('problem')
    })
  })

  it('has a keyboard focus order that matches reading order, with every option of a server', async () => {
    await opened('consent-full', {}, async (page) => {
      const stops: string[] = []
      for (let index = 0; index < 15; index++) {
        await page.keyboard.press('Tab')
        stops.push(
          await page.evaluate(() => {
            const element = document.activeElement ?? document.body
            return (element.closest('label') ?? element).textContent.trim()
          }),
        )
      }
      expect(stops).toEqual([
        'Not you?',
        'Details, and what it can’t do',
        '1 hour',
        'My agents',
        'Don’t allow',
        'Allow',
        'Give me more time',
        'Help',
        'Report this agent',
        'Deutsch',
        'Français',
        'Español',
        '日本語',
        'العربية',
        'Privacy',
      ])
    })
  })

  it('lets the duration be chosen and an agent be revoked by keyboard', async () => {
    await opened('consent-full', {}, async (page) => {
      await page.getByLabel('1 hour').focus()
      await page.keyboard.press('ArrowDown')
      expect(await page.getByLabel('1 day').isChecked()).toBe(true)
    })
    await opened('remove-agent', {}, async (page) => {
      const posted = page.waitForRequest((request) => request.method() === 'POST')
      await page.getByRole('link', { name: 'Keep it' }).focus()
      await page.keyboard.press('Tab')
      await page.keyboard.press('Enter')
      expect((await posted).postData()).toBe('action=remove-agent&agent=g1&csrf=csrf-1')
    })
  })
})
