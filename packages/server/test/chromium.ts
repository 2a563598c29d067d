import { type Browser, chromium } from 'playwright-core'
import { inject } from 'vitest'
import { has } from '../../../test/needs.js'

/** Whether browser tests can run here. */
export function hasChromium(): boolean {
  return has('a browser')
}

/** Connects to the Chromium of this run; `close()` closes the contexts opened by this test and leaves the others. */
export function openChromium(): Promise<Browser> {
  return chromium.connect(inject('chromium'))
}
