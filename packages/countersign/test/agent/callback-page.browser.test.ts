import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { hasChromium, openChromium } from '../../../server/test/chromium.js'
import { listenOnLoopback } from '../../../server/test/listening-origin.js'
import { takeScreenshot } from '../../../server/test/screenshot.js'
import { loadEngines, violations } from '../../../server/test/violations.js'
import { callbackPage } from '../../src/agent/callback-page.js'

type Options = Omit<Parameters<typeof callbackPage>[1], 'language'>

const plain: Options = { id: 'https://calendar.example', about: { name: 'Calendar helper' } }
const long = { name: 'A calendar helper whose name takes up all of the sixty places' }
const states: Record<string, Options> = {
  allowed: plain,
  denied: { ...plain, back: '/' },
  failed: plain,
  refused: {
    ...plain,
    detail: 'This request was started in another browser, so the response was not used. '.repeat(4),
  },
  'allowed.long': { id: `https://${'calendar-'.repeat(6)}helper.example`, about: long, back: '/' },
  'denied.nameless': { id: 'http://127.0.0.1:8004', about: undefined },
}

describe.skipIf(!hasChromium())('the page after a consent, in Chromium', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await openChromium()
  })

  afterAll(() => browser?.close())

  async function openPage(state: string, language: string, bypassCSP: boolean) {
    const site = await listenOnLoopback()
    onTestFinished(() => site.close())
    const [outcome] = state.split('.') as ['allowed']
    site.serve(({ headers }) =>
      callbackPage(outcome, { ...(states[state] as Options), language: headers.get('accept-language') }),
    )
    const context = await browser.newContext({ locale: language, viewport: { width: 800, height: 600 }, bypassCSP })
    onTestFinished(() => context.close())
    const page = await context.newPage()
    if (bypassCSP) await loadEngines(page)
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    await page.goto(`${site.origin}/callback`)
    return { page, complaints }
  }

  const cases = Object.keys(states).flatMap((state) =>
    ['en-GB', 'de', 'fr', 'es', 'ja', 'ar'].map((language) => [state, language] as const),
  )

  it.each(cases)(
    '%s (%s) has no accessibility findings in light and dark mode, and fits 320 px and large text',
    async (state, language) => {
      const { page } = await openPage(state, language, true)
      const name = `callback-${state}.${language}`
      expect(await violations(page, 'all')).toEqual([])
      await takeScreenshot(page, `${name}.light`)
      await page.emulateMedia({ colorScheme: 'dark' })
      expect(await violations(page, 'colours')).toEqual([])
      await takeScreenshot(page, `${name}.dark`)
      await page.emulateMedia({ colorScheme: 'light' })
      const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
      await page.setViewportSize({ width: 320, height: 640 })
      await takeScreenshot(page, `${name}.320`)
      expect(await overflow()).toBeLessThanOrEqual(0)
      await page.setViewportSize({ width: 640, height: 900 })
      await page.addStyleTag({ content: 'html { font-size: 200% !important }' })
      expect(await overflow()).toBeLessThanOrEqual(0)
    },
  )

  it.each(Object.keys(states))('%s is styled under its own policy, which blocks nothing', async (state) => {
    const { page, complaints } = await openPage(state, 'en-GB', false)
    expect(complaints.filter((text) => !text.startsWith('Failed to load'))).toEqual([])
    expect(await page.locator('main').evaluate((main) => getComputedStyle(main).borderRadius)).toBe('16px')
    for (const link of await page.locator('a').all())
      expect((await link.boundingBox())?.height).toBeGreaterThanOrEqual(44)
  })

  it.each(Object.keys(states))('%s keeps its borders, its mark and the focus in forced colors mode', async (state) => {
    const { page } = await openPage(state, 'en-GB', false)
    await page.emulateMedia({ forcedColors: 'active' })
    await takeScreenshot(page, `callback-${state}.forced-colors`)
    const bordered = await page.$$eval('main, .agent, a', (all) =>
      all.map((element) => getComputedStyle(element)).map((look) => Number.parseFloat(look.borderBottomWidth) >= 1),
    )
    expect(new Set(bordered)).toEqual(new Set([true]))
    const [stroke, ground] = await page.locator('.mark').evaluate((mark) => {
      const { color, backgroundColor } = getComputedStyle(mark)
      return [color, backgroundColor]
    })
    expect(stroke).not.toBe(ground)
    for (const link of await page.locator('a').all()) {
      await page.keyboard.press('Tab')
      expect(await link.evaluate((element) => getComputedStyle(element).outlineStyle)).toBe('solid')
    }
  })
})
