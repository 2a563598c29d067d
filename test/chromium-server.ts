import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where tests reach the Chromium of this run; empty where there is none. */
    chromium: string
  }
}

/** Without a head it draws the same with half the work; Debian has both. */
const executablePath = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))

/** Starts one Chromium for all browser tests of a run; each file connects to it and has contexts of its own. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (executablePath === undefined) {
    project.provide('chromium', '')
    return async () => undefined
  }
  const server = await chromium.launchServer({
    executablePath,
    headless: true,
    host: '127.0.0.1',
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
  project.provide('chromium', server.wsEndpoint())
  return () => server.close()
}
