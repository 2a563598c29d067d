import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

// What passes is not reported, and nothing is fetched to look into it.
const common = `resultTypes: ['violations'], selectors: false, preload: false`
const run = {
  all: `axe.run({ ${common}, rules: { 'target-size': { enabled: true }, 'color-contrast-enhanced': { enabled: false } } })`,
  colours: `axe.run({ ${common}, runOnly: ['color-contrast', 'link-in-text-block'] })`,
}

/** Loads axe-core into every document that this page opens from now on: Chromium then compiles it once. */
export function loadAxe(page: Page): Promise<unknown> {
  return page.addInitScript(axe)
}

/**
 * What axe-core reports about the document that a page shows; `loadAxe` came first. A colour scheme changes nothing but
 * colours, so a second one is checked for these alone.
 */
export async function violations(page: Page, rules: keyof typeof run): Promise<string[]> {
  const results = await page.evaluate<AxeResults>(run[rules])
  return results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}
