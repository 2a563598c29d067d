import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { hasChromium, openChromium } from '../chromium.js'
import { takeScreenshot } from '../screenshot.js'
import { pixelsOf, pngSize, readImage } from './images.js'
import { fetchesEnd, type LogoStage, openLogoStage, picture } from './logo-stage.js'

// A dark disc on a transparent background, which would be invisible on a dark page.
const answer = () => picture(readImage('rgba.png'))

describe.skipIf(!hasChromium())('logos in Chromium', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await openChromium()
  })

  afterAll(() => browser?.close())

  async function openPage(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 800, height: 900 }, ...options })
    context.setDefaultTimeout(10_000)
    onTestFinished(() => context.close())
    return context.newPage()
  }

  /** The consent page as a signed-in user sees it. */
  async function openConsent(stage: LogoStage, options: BrowserContextOptions = {}): Promise<Page> {
    const url = await stage.request()
    const page = await openPage(options)
    await page.goto(`${stage.issuer}/account/sign-in`)
    await page.locator('input[name=username]').fill('alice')
    await page.locator('input[name=password]').fill('correct horse')
    await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')])
    await page.goto(url)
    return page
  }

  /** The color at a position in the logo, as fractions of its width and height. */
  async function colourAt(page: Page, x: number, y: number): Promise<number[]> {
    const shot = await page.locator('img.logo').screenshot()
    const { width, height } = pngSize(shot) ?? { width: 0, height: 0 }
    return pixelsOf(shot)(Math.floor(width * x), Math.floor(height * y)).slice(0, 3)
  }

  it('loads nothing from another origin, and shows the logo as decorative', async () => {
    const stage = await openLogoStage({ answer })
    await stage.request()
    await fetchesEnd(stage)
    const page = await openPage()
    const asked: string[] = []
    const complaints: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    page.on('console', (message) => {
      if (!message.location().url.endsWith('/favicon.ico')) complaints.push(message.text())
    })
    await page.goto(`${stage.issuer}/account/sign-in`)
    await page.locator('input[name=username]').fill('alice')
    await page.locator('input[name=password]').fill('correct horse')
    await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')])
    await page.goto(await stage.request())
    expect([...new Set(asked.map((url) => new URL(url).origin))]).toEqual([stage.issuer])
    expect(asked.filter((url) => url.includes('/agents/logos/'))).toHaveLength(1)
    expect(stage.asked).toEqual(['/logo'])
    expect(complaints).toEqual([])
    const shown = page.locator('img.logo')
    expect(await shown.getAttribute('alt')).toBe('')
    expect(await shown.evaluate((image: HTMLImageElement) => [image.naturalWidth, image.naturalHeight])).toEqual([
      96, 96,
    ])
    expect(await page.getByRole('img', { name: /./ }).count()).toBe(0)
  })

  it.each([
    ['light', {}],
    ['dark', { colorScheme: 'dark' }],
    ['320', { viewport: { width: 320, height: 900 } }],
    ['dark.320', { colorScheme: 'dark', viewport: { width: 320, height: 900 } }],
    ['rtl', { locale: 'ar' }],
    ['dark.rtl', { locale: 'ar', colorScheme: 'dark' }],
    ['forced-colors', { forcedColors: 'active', colorScheme: 'dark' }],
  ] as const)('is shown on a light tile: %s', async (name, options) => {
    const stage = await openLogoStage({ answer })
    await stage.request()
    await fetchesEnd(stage)
    const page = await openConsent(stage, options)
    await takeScreenshot(page, `logo.${name}`)
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true)
    for (const channel of await colourAt(page, 0.5, 0.1)) expect(channel).toBeGreaterThan(240)
    expect(Math.max(...(await colourAt(page, 0.36, 0.5)))).toBeLessThan(80)
    await page.locator('button[value=grant]').scrollIntoViewIfNeeded()
    await page.waitForTimeout(600)
    await page.locator('button[value=grant]').click()
    await page.waitForURL(/callback/)
    await page.goto(`${stage.issuer}/account`)
    await takeScreenshot(page, `logo.account.${name}`)
    expect(await page.locator('img.logo').evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(96)
  })

  it('is an image without privileges when it is opened on its own', async () => {
    const stage = await openLogoStage({ answer })
    await stage.request()
    await fetchesEnd(stage)
    const page = await openPage()
    const response = await page.goto(`${stage.issuer}/agents/logos/${stage.kept[0]}`)
    expect(response?.headers()['content-type']).toBe('image/png')
    expect(await page.evaluate(() => window.origin)).toBe('null')
  })
})
