import { type Browser, chromium } from 'playwright-core'
import { chromiumPath, has } from '../../../test/needs.js'

/** Whether the browser tests can run here. */
export function hasChromium(): boolean {
  return has('a browser')
}

/** Starts Chromium with a new, empty profile, which `close()` removes again. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    ...(chromiumPath !== undefined && { executablePath: chromiumPath }),
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
