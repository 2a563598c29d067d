import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'

const folder = fileURLToPath(new URL('../../../screenshots/', import.meta.url))
const isWanted = process.env.SCREENSHOTS !== undefined

/** Keeps what a page looks like, as `screenshots/<name>.png`, for whoever wants to see it: with `npm run screenshots`. */
export async function takeScreenshot(page: Page, name: string): Promise<void> {
  if (!isWanted) return
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: `${folder}${name}.png`, fullPage: true })
}
