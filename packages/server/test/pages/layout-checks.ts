import type { Messages } from 'countersign-server/pages'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, openChromium } from '../chromium.js'
import { isLong } from '../long.js'
import { takeScreenshot, wantsScreenshots } from '../screenshot.js'
import { loadAxe, loadEngines, violations } from '../violations.js'
import { type PagesOrigin, servePages } from './pages-origin.js'
import { statesIn } from './states.js'

/** Pages whose sentences end with an address, in states that are checked at every width. */
const endWithAddress = ['consent-full', 'agents', 'remove-agent', 'return-to-app-allowed', 'sign-in', 'policy-forbids']

const wideSpacing =
  '* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }'
const largeText = 'html { font-size: 200% !important }'

/** One state of each kind of page, with the most text. */
export const usual = [
  'sign-in-full',
  'sign-up-for-agent',
  'reauthentication-passkey',
  'consent-usual',
  'consent-sensitive',
  'consent-bearer-loopback',
  'agents-devices',
  'agent',
  'remove-bound-agent',
  'security',
  'yours-unconfirmed',
  'device-code-claimed',
  'problem-request_other_user',
]

/**
 * Defines the tests of the appearance of page states in one language: all, or those that are named. States have the same elements in every
 * language, so the engines read all of them in English, and the usual ones in the others.
 */
export function checkLayoutIn(messages: Messages, named?: readonly string[]): void {
  const all = statesIn(messages)
  const documents = named ? new Map(named.map((name) => [name, all.get(name) ?? ''])) : all
  const isRead = (name: string) => isLong || messages.lang === 'en' || usual.includes(name)
  const names = [...documents.keys()]
  const isRightToLeft = messages.dir === 'rtl'
  const suffix = isRightToLeft ? '.rtl' : messages.lang === 'en' ? '' : `.${messages.lang}`

  describe.skipIf(!hasChromium())(`pages in ${messages.languageName} in Chromium`, () => {
    let server: PagesOrigin
    let browser: Browser
    /** One page, reused for every state. */
    let page: Page
    /** The states that it has shown. */
    const shown: string[] = []

    beforeAll(async () => {
      server = await servePages((path) => documents.get(path))
      browser = await openChromium()
      page = await browser.newPage({ reducedMotion: 'reduce', bypassCSP: true })
      await page.goto(`${server.origin}/${names[0]}`)
    })

    afterAll(async () => {
      await browser?.close()
      await server?.close()
    })

    it.each(wantsScreenshots ? names : [])('%s: screenshots', async (name) => {
      await page.setViewportSize({ width: 800, height: 900 })
      await write(name)
      for (const colorScheme of ['dark', 'light'] as const) {
        await page.emulateMedia({ colorScheme })
        await takeScreenshot(page, `${name}${suffix}.${colorScheme}`)
      }
      await page.setViewportSize({ width: 320, height: 640 })
      await takeScreenshot(page, `${name}${suffix}.320`)
    })

    /** Shows a page in light mode, with its details open or closed. */
    async function show(name: string, details: 'open' | 'closed'): Promise<void> {
      await page.setViewportSize({ width: 800, height: 900 })
      await page.emulateMedia({ colorScheme: 'light' })
      await write(name)
      await page.evaluate((open) => {
        for (const details of document.querySelectorAll('details')) details.open = open
      }, details === 'open')
    }

    /**
     * Replaces the document that is open, unless it is this one. To navigate would cost more than most checks, and compile the engines again.
     * A module runs once per address in a window, so its address is different each time.
     */
    async function write(name: string): Promise<void> {
      if (shown.at(-1) === name) return
      const html = documents.get(name) ?? ''
      await page.setContent(html.replace(/ src="[^"]+\.js(?=")/, `$&?${shown.push(name)}`))
    }

    /** The layout of the page that is open, at several widths. */
    async function checkLayout(): Promise<void> {
      expect(await smallTargets(page)).toEqual([])
      await page.setViewportSize({ width: 320, height: 640 })
      expect(await layoutsOf(page, ['', wideSpacing])).toMatchObject([{ overflow: 0, orphans: [] }, { overflow: 0 }])
      await page.setViewportSize({ width: 640, height: 900 })
      const [usual, large] = await layoutsOf(page, ['', largeText])
      expect(large).toEqual({
        overflow: 0,
        orphans: [],
        icons: usual?.icons.map(({ width, height }) => ({ width: width * 2, height: height * 2 })),
      })
    }

    it.each(names.filter((name) => !isRead(name)))(
      '%s fits 320 px and wide spacing, and scales with large text',
      async (name) => {
        await show(name, 'open')
        await checkLayout()
      },
    )

    it.each(isRightToLeft || named ? [] : endWithAddress)(
      '%s starts no line with a period, at any width',
      async (name) => {
        await write(name)
        for (let width = 280; width <= 620; width += isLong ? 4 : 20) {
          await page.setViewportSize({ width, height: 640 })
          expect(await layoutsOf(page, ['']), `${width}px`).toMatchObject([{ orphans: [] }])
        }
      },
    )

    describe('read by accessibility engines', () => {
      // They take most of the time of opening a page. Those other than axe-core know only English.
      beforeAll(async () => {
        await (messages.lang === 'en' ? loadEngines(page) : loadAxe(page))
        await page.reload()
        shown.length = 0
      })

      describe.each(names.filter(isRead))('%s', (name) => {
        it('has no accessibility findings in light and dark mode, fits 320 px and wide spacing, and scales with large text', async () => {
          await show(name, 'open')
          expect(await violations(page, 'all')).toEqual([])
          // Colors do not depend on the direction.
          if (isLong || !isRightToLeft) {
            await page.emulateMedia({ colorScheme: 'dark' })
            expect(await violations(page, 'colours')).toEqual([])
          }
          await checkLayout()
        })

        if (messages.lang === 'en')
          it('is used with the keyboard alone, with a visible focus, and keeps its borders in forced colors mode', async () => {
            await show(name, 'closed')
            const controls = await page.evaluate(startOfTabbing)
            for (const _ of controls) await page.keyboard.press('Tab')
            const stops = await page.evaluate(() => (window as unknown as Tabbing).stops)
            expect(stops).toEqual(controls)
            await page.emulateMedia({ forcedColors: 'active' })
            await takeScreenshot(page, `${name}.forced-colors`)
            const borderless = await elementsWithoutBorder(page)
            await page.emulateMedia({ forcedColors: 'none' })
            expect(borderless).toEqual([])
          })
      })
    })
  })
}

/** Boxes, buttons and fields that have no border. */
function elementsWithoutBorder(page: Page): Promise<string[]> {
  return page.$$eval('.button, .box, .options, .fields input:not([type=hidden], [type=checkbox])', (all) =>
    all
      .filter((element) => element.checkVisibility())
      .filter((element) => !(Number.parseFloat(getComputedStyle(element).borderTopWidth) >= 1))
      .map((element) => element.outerHTML),
  )
}

/** Links and fields smaller than the minimum target size. A checkbox is as large as its label. */
function smallTargets(page: Page): Promise<string[]> {
  return page.$$eval('a, button, summary, input:not([type=hidden])', (all) =>
    all
      .map((element) => (element.matches('[type=radio], [type=checkbox]') ? element.closest('label') : element))
      .filter((element) => element?.checkVisibility())
      // Links within a sentence are as high as its lines (WCAG 2.5.8).
      .filter((element) => !(element?.matches('a') && getComputedStyle(element).display === 'inline'))
      .map((element) => ({ box: element?.getBoundingClientRect(), text: element?.outerHTML }))
      .filter(({ box }) => box && (box.width < 44 || box.height < 44))
      .map(({ box, text }) => `${box?.width} × ${box?.height} ${text}`),
  )
}

interface Layout {
  /** The pixels by which the page is wider than the window. */
  overflow: number
  /** Lines that begin with a punctuation mark that belongs to the preceding address. */
  orphans: string[]
  icons: { width: number; height: number }[]
}

/** The layout of a page at the width of its window, with each of these styles added. */
function layoutsOf(page: Page, styles: string[]): Promise<Layout[]> {
  return page.evaluate((contents) => {
    const added = document.head.appendChild(document.createElement('style'))
    const layouts = contents.map((content) => {
      added.textContent = content
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
    added.remove()
    return layouts
  }, styles)
}

interface Tabbing {
  /** What had the focus, in order. */
  stops: { control: string; outlined: boolean }[]
}

/** Puts the focus before the first control, and returns what Tab must reach, in the order of the document. */
function startOfTabbing(): Tabbing['stops'] {
  const start = Object.assign(document.createElement('span'), { tabIndex: -1 })
  document.body.prepend(start)
  start.focus()
  // The page's script marks a button for a moment after it has come into view.
  const nameOf = ({ outerHTML }: Element) => outerHTML.replace(' data-arming=""', '')
  const stops: Tabbing['stops'] = []
  Object.assign(window, { stops })
  document.addEventListener('focusin', ({ target }) => {
    const element = target as HTMLElement
    // A choice is outlined with its label.
    const outlined = [element, element.closest('label') ?? element].some((shown) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(shown)
      return outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2
    })
    stops.push({ control: nameOf(element), outlined })
  })
  return (
    [...document.querySelectorAll<HTMLInputElement>('a[href], button, summary, input:not([type=hidden]), select')]
      .filter((element) => element.checkVisibility() && !element.disabled)
      // Tab reaches one radio button of a group, the arrow keys the others.
      .filter((element) => element.type !== 'radio' || element.checked)
      .map((element) => ({ control: nameOf(element), outlined: true }))
  )
}
