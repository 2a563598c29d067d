import { languages } from 'countersign-server/pages'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, openChromium } from '../chromium.js'
import { checkLayoutIn, usual } from './layout-checks.js'
import { type PagesOrigin, servePages } from './pages-origin.js'
import { pseudo } from './pseudo.js'
import { statesIn } from './states.js'

// The longest language, and the one whose words have no spaces between them. Messages of the others have the same elements.
for (const lang of ['de', 'ja']) checkLayoutIn(languages[lang] ?? pseudo, usual)

describe.skipIf(!hasChromium())('pages in a language that is 40% longer than English', () => {
  const documents = statesIn(pseudo)
  let server: PagesOrigin
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    server = await servePages((path) => documents.get(path))
    browser = await openChromium()
    page = await browser.newPage({ javaScriptEnabled: false, viewport: { width: 320, height: 640 } })
    await page.goto(`${server.origin}/consent-usual`)
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  it.each([...documents])('%s fits 320 px', async (_name, html) => {
    await page.setContent(html)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320)
  })
})
