import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'

const folder = fileURLToPath(new URL('../../../screenshots/', import.meta.url))
/** Whether pictures are wanted: with `npm run screenshots`. */
export const wantsScreenshots = process.env.SCREENSHOTS !== undefined

/** Saves a picture of a page as `screenshots/<name>.png` where they are wanted. */
export async function takeScreenshot(page: Page, name: string): Promise<void> {
  if (!wantsScreenshots) return
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: `${folder}${name}.png`, fullPage: true })
}
