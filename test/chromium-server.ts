import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** The endpoint of this run's Chromium; empty if it is not installed. */
    chromium: string
  }
}

/** The headless build renders the same with half the work; Debian has both. */
const executablePath = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))

/** Starts one Chromium for all browser tests of a run. Each file connects to it and has its own contexts. */
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
