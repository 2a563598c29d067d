import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

// Passing checks are not reported, and nothing is preloaded for them.
const common = `resultTypes: ['violations'], selectors: false, preload: false`
const run = {
  all: `axe.run({ ${common}, rules: { 'target-size': { enabled: true }, 'color-contrast-enhanced': { enabled: false } } })`,
  colours: `axe.run({ ${common}, runOnly: ['color-contrast', 'link-in-text-block'] })`,
}

/** Loads axe-core into every document that this page opens from now on: Chromium then compiles it only once. */
export function loadAxe(page: Page): Promise<unknown> {
  return page.addInitScript(axe)
}

/**
 * The axe-core report on the document that a page shows; call `loadAxe` first. A color scheme changes only colors, so a second scheme is
 * checked for colors alone.
 */
export async function violations(page: Page, rules: keyof typeof run): Promise<string[]> {
  const results = await page.evaluate<AxeResults>(run[rules])
  return results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}
