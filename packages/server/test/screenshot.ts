import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'

const folder = fileURLToPath(new URL('../../../screenshots/', import.meta.url))
/** Whether to take screenshots: set by `npm run screenshots`. */
export const wantsScreenshots = process.env.SCREENSHOTS !== undefined

/** Saves a screenshot of a page as `screenshots/<name>.png` if screenshots are enabled. */
export async function takeScreenshot(page: Page, name: string): Promise<void> {
  if (!wantsScreenshots) return
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: `${folder}${name}.png`, fullPage: true })
}
