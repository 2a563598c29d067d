import type { AddressInfo } from 'node:net'
import { languages } from 'countersign-server/pages'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, openChromium } from '../chromium.js'
import { isLong } from '../long.js'
import { takeScreenshot } from '../screenshot.js'
import { violations } from '../violations.js'
import { createPagesOrigin } from './pages-origin.js'
import { states, statesIn } from './states.js'

const documents = new Map(
  Object.values(languages).flatMap((messages) =>
    [...statesIn(messages)].map(([name, html]): [string, string] => [
      messages.dir === 'rtl' ? `${name}.rtl` : name,
      html,
    ]),
  ),
)
const names = [...documents.keys()]
const server = createPagesOrigin((path) => documents.get(path))

describe.skipIf(!hasChromium())('pages in Chromium', () => {
  let origin: string
  let browser: Browser
  /** One page with and one without scripts, which every state passes through. */
  let page: Page
  let scriptless: Page
  const complaints: string[] = []

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    browser = await openChromium()
    page = await browser.newPage({ reducedMotion: 'reduce', bypassCSP: true })
    scriptless = await browser.newPage({ javaScriptEnabled: false, viewport: { width: 800, height: 900 } })
    scriptless.on('console', (message) => complaints.push(message.text()))
    scriptless.on('pageerror', (error) => complaints.push(error.message))
  })

  afterAll(async () => {
    await browser?.close()
    await new Promise((resolve) => server.close(resolve))
  })

  async function opened(
    state: string,
    options: Parameters<Browser['newContext']>[0],
    look: (page: Page, context: BrowserContext) => Promise<void>,
  ): Promise<void> {
    const context = await browser.newContext({ viewport: { width: 800, height: 900 }, ...options })
    try {
      const opening = await context.newPage()
      await opening.goto(`${origin}/${state}`)
      await look(opening, context)
    } finally {
      await context.close()
    }
  }

  const openDetails = () =>
    page.$$eval('details', (all) => {
      for (const details of all) details.open = true
    })
  const closeDetails = () =>
    page.$$eval('details', (all) => {
      for (const details of all) details.open = false
    })

  /** A box to tick is as large as its label. */
  const smallTargets = () =>
    page.$$eval('a, button, summary, input:not([type=hidden])', (all) =>
      all
        .map((element) => (element.matches('[type=radio], [type=checkbox]') ? element.closest('label') : element))
        .filter((element) => element?.checkVisibility())
        // Links within a sentence are as high as its lines (WCAG 2.5.8).
        .filter((element) => !(element?.matches('a') && getComputedStyle(element).display === 'inline'))
        .map((element) => ({ box: element?.getBoundingClientRect(), text: element?.outerHTML }))
        .filter(({ box }) => box && (box.width < 44 || box.height < 44))
        .map(({ box, text }) => `${box?.width} × ${box?.height} ${text}`),
    )

  /**
   * How a page lies at its width: what it is too wide by, the lines that begin with a sign that belongs to the address
   * before it, and the sizes of its icons.
   */
  const layout = () =>
    page.evaluate(() => {
      const orphans = [...document.querySelectorAll('.host')].flatMap((host) => {
        const next = host.nextSibling
        if (next?.nodeType !== Node.TEXT_NODE || !/^[.,;:?!)”؟،؛]/.test(next.textContent ?? '')) return []
        const sign = document.createRange()
        sign.setStart(next, 0)
        sign.setEnd(next, 1)
        const last = [...host.getClientRects()].at(-1)
        const at = sign.getBoundingClientRect()
        return !last || at.top < last.bottom ? [] : [`${host.textContent} | ${next.textContent}`]
      })
      const icons = [...document.querySelectorAll('.icon')]
        .filter((icon) => icon.checkVisibility())
        .map((icon) => {
          const { width, height } = icon.getBoundingClientRect()
          return { width, height }
        })
      return { overflow: Math.max(0, document.documentElement.scrollWidth - window.innerWidth), orphans, icons }
    })

  /** Looks at the page while it has another style, too. */
  async function styled<T>(content: string, look: () => Promise<T>): Promise<T> {
    const style = await page.addStyleTag({ content })
    const seen = await look()
    await style.evaluate((element) => element.parentNode?.removeChild(element))
    return seen
  }

  it.each(names)(
    '%s has nothing for axe-core to report in light and dark, fits 320 px and wide spacing, and grows as a whole with large text',
    async (name) => {
      await page.setViewportSize({ width: 800, height: 900 })
      await page.goto(`${origin}/${name}`)
      await openDetails()
      expect(await violations(page, 'all')).toEqual([])
      expect(await smallTargets()).toEqual([])
      await page.emulateMedia({ colorScheme: 'dark' })
      expect(await violations(page, 'colours')).toEqual([])
      await closeDetails()
      await takeScreenshot(page, `${name}.dark`)
      await page.emulateMedia({ colorScheme: 'light' })
      await takeScreenshot(page, `${name}.light`)
      await page.setViewportSize({ width: 320, height: 640 })
      await takeScreenshot(page, `${name}.320`)
      await openDetails()
      expect(await layout()).toMatchObject({ overflow: 0, orphans: [] })
      const spacing =
        '* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }'
      expect(await styled(spacing, layout)).toMatchObject({ overflow: 0 })
      await page.setViewportSize({ width: 640, height: 900 })
      const { icons } = await layout()
      expect(await styled('html { font-size: 200% !important }', layout)).toEqual({
        overflow: 0,
        orphans: [],
        icons: icons.map(({ width, height }) => ({ width: width * 2, height: height * 2 })),
      })
    },
  )

  it.each([...states.keys()])('%s breaks nothing of the content security policy, without JavaScript', async (name) => {
    complaints.length = 0
    const response = await scriptless.goto(`${origin}/${name}`)
    expect(response?.status()).toBe(200)
    expect(complaints).toEqual([])
    await takeScreenshot(scriptless, `${name}.without-script`)
    expect(await scriptless.locator('h1').count()).toBe(1)
    expect(await scriptless.locator('[hidden]').filter({ visible: true }).count()).toBe(0)
  })

  it.each(['consent-full', 'agents', 'remove-agent', 'return-to-app-allowed', 'sign-in', 'policy-forbids'])(
    '%s begins no line with a full stop, however wide it is',
    async (name) => {
      await page.goto(`${origin}/${name}`)
      for (let width = 280; width <= 620; width += isLong ? 4 : 20) {
        await page.setViewportSize({ width, height: 640 })
        expect((await layout()).orphans, `${width}px`).toEqual([])
      }
    },
  )

  it('shows whole identifiers in its details', async () => {
    await opened('consent-first-time', { reducedMotion: 'reduce' }, async (page) => {
      await page.getByText('Details').click()
      await takeScreenshot(page, `consent-first-time.details`)
      expect(await page.getByText('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k').isVisible()).toBe(true)
    })
  })

  it('offers both answers with buttons of one size and one look', async () => {
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

  it('lays the lines of a host where those around it begin, from right to left too', async () => {
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
      // The first line may follow a word; the next ones begin at the edge.
      for (const end of ends.slice(1)) expect(end).toBe(edge)
    })
  })

  it('is reached by keyboard in reading order, refusing before allowing, with a visible focus', async () => {
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
      expect(stops).toEqual(['Not you?', 'Details', 'My agents', 'Don’t allow', 'Allow'])
    })
  })

  it('puts no focus on Allow when the page opens', async () => {
    await opened('consent-first-time', {}, async (page) => {
      expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('BODY')
    })
  })

  it('posts the refusal when the keyboard answers at the first button', async () => {
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

  it('moves the focus to what went wrong, without JavaScript', async () => {
    await opened('sign-in-wrong-password', {}, async (page) => {
      // The browser moves it when it first draws, which may be after the page was loaded.
      await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('problem')
    })
  })

  it('is reached by keyboard in reading order with everything a server can offer', async () => {
    await opened('consent-full', {}, async (page) => {
      const stops: string[] = []
      for (let index = 0; index < 11; index++) {
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
        'Details',
        '1 hour',
        'My agents',
        'Don’t allow',
        'Allow',
        'Give me more time',
        'Help',
        'Report this agent',
        'العربية',
        'Privacy',
      ])
    })
  })

  it('is told by keyboard for how long, and removes an agent', async () => {
    await opened('consent-full', {}, async (page) => {
      await page.getByLabel('1 hour').focus()
      await page.keyboard.press('ArrowDown')
      expect(await page.getByLabel('30 days').isChecked()).toBe(true)
    })
    await opened('remove-agent', {}, async (page) => {
      const posted = page.waitForRequest((request) => request.method() === 'POST')
      await page.getByRole('link', { name: 'Keep it' }).focus()
      await page.keyboard.press('Tab')
      await page.keyboard.press('Enter')
      expect((await posted).postData()).toBe('action=remove-agent&agent=g1&csrf=csrf-1')
    })
  })

  it.each(['consent-look-alike', 'consent-full', 'agents-removed', 'security'])(
    '%s keeps its edges in forced colours',
    async (name) => {
      await opened(name, { forcedColors: 'active' }, async (page) => {
        await takeScreenshot(page, `${name}.forced-colors`)
        const widths = await page.$$eval(
          '.button, .box, .options, .fields input:not([type=hidden], [type=checkbox])',
          (all) =>
            all
              .filter((element) => element.checkVisibility())
              .map((element) => getComputedStyle(element).borderTopWidth),
        )
        expect(widths.length).toBeGreaterThan(0)
        expect(widths.every((width) => Number.parseFloat(width) >= 1)).toBe(true)
      })
    },
  )
})
