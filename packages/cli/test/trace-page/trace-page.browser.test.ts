import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { hasChromium, openChromium } from '../../../server/test/chromium.js'
import { takeScreenshot } from '../../../server/test/screenshot.js'
import { loadEngines, violations } from '../../../server/test/violations.js'
import { runInProcess } from '../run-program.js'

describe.skipIf(!hasChromium())('the page of a run, in Chromium', () => {
  let browser: Browser
  let folder: string
  const urls = new Map<string, string>()

  beforeAll(async () => {
    browser = await openChromium()
    folder = mkdtempSync(join(tmpdir(), 'countersign-page-'))
    for (const edition of ['january', 'draft-11']) {
      const { stdout } = await runInProcess('demo', '--page', '--ports', '0,0,0', '--edition', edition)
      const file = join(folder, `${edition}.html`)
      writeFileSync(file, stdout)
      urls.set(edition, pathToFileURL(file).href)
    }
  })

  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function open(
    address: string,
    options: BrowserContextOptions = {},
  ): Promise<{ page: Page; complaints: string[] }> {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      reducedMotion: 'reduce',
      ...options,
    })
    onTestFinished(() => context.close())
    const page = await context.newPage()
    if (options.bypassCSP) await loadEngines(page)
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    page.on('request', (request) => {
      if (request.resourceType() !== 'document') complaints.push(request.url())
    })
    const [edition = '', hash = ''] = address.split('#')
    await page.goto(`${urls.get(edition)}${hash && `#${hash}`}`)
    return { page, complaints }
  }

  const current = (page: Page) => page.locator('nav [aria-current=true]').getAttribute('href')

  it.each(['january', 'january#m1', 'draft-11#m3'])(
    '%s has no accessibility findings in light and dark mode, and fits 360 px and large text',
    async (address) => {
      const { page } = await open(address, { bypassCSP: true })
      const name = `trace-${address.replace('#', '-')}`
      await page.locator('#what-if summary').first().click()
      await page.locator('.v:visible').first().click()
      expect(await violations(page, 'all')).toEqual([])
      await takeScreenshot(page, `${name}.light`)
      await page.emulateMedia({ colorScheme: 'dark' })
      expect(await violations(page, 'colours')).toEqual([])
      await takeScreenshot(page, `${name}.dark`)
      const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
      for (const width of [360, 320]) {
        await page.setViewportSize({ width, height: 720 })
        expect(await overflow()).toBeLessThanOrEqual(0)
      }
      await takeScreenshot(page, `${name}.320`)
      await page.setViewportSize({ width: 720, height: 900 })
      await page.addStyleTag({ content: 'html { font-size: 200% !important }' })
      expect(await overflow()).toBeLessThanOrEqual(0)
    },
  )

  it('shows what is selected, signed and pressed in forced colors mode', async () => {
    const { page } = await open('january#m1')
    await page.locator('.v:visible').first().click()
    await page.emulateMedia({ forcedColors: 'active' })
    await takeScreenshot(page, 'trace-january-m1.forced-colors')
    const look = (selector: string, property: string) =>
      page
        .locator(`${selector} >> visible=true`)
        .first()
        .evaluate((element, name) => getComputedStyle(element).getPropertyValue(name), property)
    for (const selected of ['.v.on', 'nav .arrows [aria-current=true]'])
      expect(await look(selected, 'outline-style'), selected).toBe('solid')
    for (const [marked, plain, property] of [
      ['.line.signed', '.line:not(.signed)', 'border-inline-start-color'],
      ['.readings [aria-pressed=true]', '.readings [aria-pressed=false]', 'border-block-start-color'],
    ] as const)
      expect(await look(marked, property), marked).not.toBe(await look(plain, property))
  })

  it('works under its own policy, and requests nothing', async () => {
    const { page, complaints } = await open('january')
    await page.getByRole('button', { name: 'Wire' }).click()
    await page.locator('nav .arrows a').nth(5).click()
    expect(complaints).toEqual([])
  })

  it('shows the nine sentences first, and every message on request', async () => {
    const { page } = await open('january')
    expect(await page.locator('#wire').isVisible()).toBe(false)
    expect(await page.locator('#simple .arrows li').count()).toBe(9)
    await page.locator('#simple .arrows li').nth(2).getByRole('link').click()
    expect(await page.locator('#simple').isVisible()).toBe(false)
    expect(await page.getByRole('button', { name: 'Wire' }).getAttribute('aria-pressed')).toBe('true')
    expect(await page.locator('.messages > article:visible').count()).toBe(1)
    expect(await page.locator(':focus').getAttribute('id')).toBe((await current(page))?.slice(1))
  })

  it('is used with the keyboard: arrow keys step through the messages, Enter reads one, Escape returns', async () => {
    const { page } = await open('january#m1')
    await page.locator('nav .arrows a').first().focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    expect(await current(page)).toBe('#m3')
    expect(await page.locator(':focus').getAttribute('href')).toBe('#m3')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Enter')
    expect(await page.locator(':focus').getAttribute('id')).toBe('m2')
    expect(new URL(page.url()).hash).toBe('#m2')
    await page.keyboard.press('Escape')
    expect(await page.locator(':focus').getAttribute('href')).toBe('#m2')
    await page.locator('#m2 .steps').getByRole('link', { name: 'Message 3' }).click()
    expect(await page.locator(':focus').getAttribute('id')).toBe('m3')
  })

  it.each(['january', 'january#m1'])(
    '%s: Tab leaves nothing that has the focus under a bar or heading',
    async (address) => {
      const { page } = await open(address, { viewport: { width: 640, height: 480 } })
      await page.locator('.v:visible').first().click()
      const covered: string[] = []
      for (const key of [...Array(40).fill('Tab'), ...Array(40).fill('Shift+Tab')]) {
        await page.keyboard.press(key)
        covered.push(...(await page.evaluate(coveredFocus)))
      }
      expect(covered).toEqual([])
    },
  )

  it('highlights a value wherever it occurs, and names the messages', async () => {
    const { page } = await open('january#m6')
    const value = page.locator('#m6 dt:text-is("agent_jkt") + dd .v')
    await value.focus()
    await page.keyboard.press('Enter')
    const id = await value.getAttribute('data-v')
    const marked = await page.locator('.v.on').evaluateAll((links) => links.map((link) => link.getAttribute('data-v')))
    expect(new Set(marked)).toEqual(new Set([id]))
    expect(await page.getByRole('status').textContent()).toContain('thumbprint of the agent’s key')
    const numbers = await page.getByRole('status').locator('span a').allInnerTexts()
    expect(numbers).toContain('6')
    const arrows = await page.locator('nav .has-value .number').allInnerTexts()
    expect(arrows).toEqual(numbers)
    await page.getByRole('button', { name: 'Clear' }).click()
    expect(await page.locator('.v.on, .has-value').count()).toBe(0)
  })

  it('shows everything without a script, and offers no controls that need one', async () => {
    const { page } = await open('draft-11', { javaScriptEnabled: false })
    for (const section of ['#simple', '#wire', '#what-if', '#values'])
      expect(await page.locator(section).isVisible()).toBe(true)
    const arrows = await page.locator('nav .arrows a').count()
    expect(await page.locator('.messages > article:visible').count()).toBe(arrows)
    expect(await page.locator('button:visible').count()).toBe(0)
    await page.locator('nav .arrows a').nth(10).click()
    expect(new URL(page.url()).hash).toBe('#m11')
  })
})

/** What has the focus, if other content is over the middle of it. */
function coveredFocus(): string[] {
  const focused = document.activeElement
  const box = [...(focused?.getClientRects() ?? [])].find(({ width, height }) => width > 1 && height > 1)
  if (!focused || !box || focused === document.body) return []
  const above = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2)
  return above && (focused.contains(above) || above.contains(focused)) ? [] : [focused.outerHTML.slice(0, 200)]
}
