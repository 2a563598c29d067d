import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { countersign, freePort } from './parties.mjs'
import { people } from './person.mjs'
import { start } from './run-program.mjs'
import { notThere, untilServed } from './stage.mjs'

const executablePath = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))
/** Chromium that sends nothing but what its pages send. */
const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-sync']

/** One user denies what a page requests, and another allows it, in another browser, which keeps it. */
async function page(stage) {
  if (!executablePath) return notThere
  const { root, cwd, examples, authServer, closers } = stage
  for (const output of ['agent-key.json', 'api-key.json'])
    await countersign(root, ['agent', 'keys', 'generate', '--output', output], { cwd }).ended
  const [APP, ID] = [await freePort(), await freePort()].map((port) => `http://127.0.0.1:${port}`)
  const env = { APP, ID, AUTH_SERVER: authServer, API: `${ID}/events` }
  for (const name of ['page-server.mjs', 'page-api.mjs']) {
    const served = start(process.execPath, [join(examples, name)], { cwd, env })
    closers.push(() => served.stop())
  }
  await Promise.all([untilServed(APP), untilServed(ID)])
  const browser = await chromium.launch({ executablePath, args })
  try {
    const decided = async (username, decision) => {
      const context = await browser.newContext()
      context.setDefaultTimeout(60_000)
      const tab = await context.newPage()
      await tab.goto(APP)
      await tab.getByRole('button').click()
      await tab.locator('input[name=username]').fill(username)
      await tab.locator('input[name=password]').fill(people[username])
      await tab.keyboard.press('Enter')
      const button = tab.locator(`button[value=${decision}]`)
      await button.scrollIntoViewIfNeeded()
      // The page ignores clicks on a button that has only just become visible.
      await tab.waitForTimeout(1000)
      await button.click()
      await tab.waitForURL(`${APP}/`)
      return tab
    }
    const shown = (tab, text) => tab.locator('pre').filter({ hasText: text }).waitFor()
    await shown(await decided('bob', 'deny'), /^You did not share your events with this page\.$/)
    const tab = await decided('testuser', 'grant')
    await shown(tab, /^The events of \S+$/)
    await tab.reload()
    await tab.getByRole('button').click()
    await shown(tab, /^The events of \S+$/)
    assert.equal(tab.url(), `${APP}/`)
  } finally {
    await browser.close()
  }
}

/** The expected behavior of each program, in words, with the files that implement it. */
export const pages = [
  {
    files: ['page.mjs', 'page-server.mjs', 'page-api.mjs'],
    name: 'a web page requests consent in its tab, and keeps what its user allowed',
    run: page,
  },
]
