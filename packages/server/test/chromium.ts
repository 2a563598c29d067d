import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

/** The headless shell draws the same with half the work; Debian has both. */
const executablePath = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))

/**
 * Whether the browser tests can run here. Says so on standard error when they cannot.
 *
 * @throws {Error} In CI, where a browser must be there.
 */
export function hasChromium(): boolean {
  if (executablePath !== undefined) return true
  const message = 'browser tests need Chromium'
  if (process.env.CI) throw new Error(message)
  process.stderr.write(`\n  SKIPPED: ${message} (apt-get install chromium-headless-shell)\n\n`)
  return false
}

/** Starts Chromium with a new, empty profile, which `close()` removes again. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    ...(executablePath !== undefined && { executablePath }),
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
