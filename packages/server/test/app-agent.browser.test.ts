import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createChatAgent } from 'countersign/agent/chat'
import { createAppAgent } from 'countersign/agent/hono'
import { fileStore } from 'countersign/node'
import { createResource } from 'countersign/resource'
import { createAuthServer, fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { Hono } from 'hono'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { hasChromium, openChromium } from './chromium.js'
import { listenOnLoopback } from './listening-origin.js'
import { takeScreenshot } from './screenshot.js'
import { protectedApi, scopes } from './world.js'

const people = { alice: 'correct horse', bob: 'battery staple' } as const
type Name = keyof typeof people

/** A site other than 127.0.0.1, at the same ports. */
const asOtherSite = (origin: string) => origin.replace('127.0.0.1', 'localhost')

/** A web app, an API and, on another site, an auth server on ports, with the real `fetch`. */
async function openWorld() {
  const [site, api, authServer] = await Promise.all([listenOnLoopback(), listenOnLoopback(), listenOnLoopback()])
  const folder = mkdtempSync(join(tmpdir(), 'countersign-app-'))
  const storage = sqliteStorage(':memory:')
  onTestFinished(async () => {
    await Promise.all([site.close(), api.close(), authServer.close()])
    await storage.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const secret = crypto.getRandomValues(new Uint8Array(32))
  const keys = fixedKeys({ signer: await createSigner(await generatePrivateJwk()), secret })
  const issuer = asOtherSite(authServer.origin)
  const server = createAuthServer({ issuer, keys, storage, allowInsecureLoopback: true })
  for (const [username, password] of Object.entries(people)) await server.addUser({ username, password })
  authServer.serve((request, received) => server.handler(request, received), issuer)
  const resourceSigner = await createSigner(await generatePrivateJwk())
  api.serve(
    protectedApi(
      createResource({
        id: api.origin,
        signer: resourceSigner,
        authServer: issuer,
        scopes,
        allowInsecureLoopback: true,
      }),
    ),
  )
  const signer = await createSigner(await generatePrivateJwk())
  let hold: ((url: string) => void) | undefined

  /** The app as after a restart: only its store remains. */
  function start(): void {
    const agent = createAppAgent({
      id: site.origin,
      signer,
      authServers: [issuer],
      about: { name: 'Calendar helper' },
      store: fileStore(folder),
      allowInsecureLoopback: true,
    })
    const app = new Hono()
    app.use(agent.ownRoutes)
    app.get('/', (c) => c.html('<main>Welcome</main>'))
    app.get('/form', (c) =>
      c.html('<form method="post" action="/events"><input name="title" value="Lunch"><button>Add</button></form>'),
    )
    let posted = 0
    app.post(
      '/events',
      agent.page(async (c, { fetch }) => {
        const response = await fetch(`${api.origin}/data-auth`, { method: 'POST' })
        if (response.ok) posted++
        return c.html(`<main>Added ${posted}</main>`)
      }),
    )
    app.get(
      '/events',
      agent.page(async (c, { fetch }) => {
        const { sub } = (await (await fetch(`${api.origin}/data-auth`)).json()) as { sub: string }
        const out = '<form method="post" action="/sign-out"><button>Sign out</button></form>'
        return c.html(`<main data-sub="${sub}">Events of ${c.req.query('week') ?? 'today'}</main>${out}`)
      }),
    )
    app.post('/sign-out', agent.signOut)
    site.serve((request) => {
      if (!hold || new URL(request.url).pathname !== '/callback') return app.fetch(request)
      hold(request.url)
      hold = undefined
      return new Response(null, { status: 204 })
    })
  }
  start()

  /** The URL of the next callback, which does not reach the app. */
  function nextCallback(): Promise<string> {
    return new Promise((resolve) => {
      hold = resolve
    })
  }
  return { site, api, issuer, signer, start, nextCallback }
}

const sub = (page: Page) => page.locator('main').getAttribute('data-sub')

/** Signs in at the auth server and stops before the decision. */
async function signIn(page: Page, name: Name): Promise<void> {
  await page.locator('input[name=username]').fill(name)
  await page.locator('input[name=password]').fill(people[name])
  const loaded = page.waitForEvent('load')
  await page.keyboard.press('Enter')
  await loaded
}

/** Clicks once the guard against hasty clicks has passed (attacks C12). */
async function decide(page: Page, how: 'grant' | 'deny'): Promise<void> {
  const button = page.locator(`button[value=${how}]`)
  await button.scrollIntoViewIfNeeded()
  await page.waitForTimeout(600)
  await button.click()
}

describe.skipIf(!hasChromium())('a web app in Chromium, over ports', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await openChromium()
  })

  afterAll(() => browser?.close())

  async function openBrowser(locale = 'en-GB'): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 800, height: 900 }, locale })
    context.setDefaultTimeout(10_000)
    onTestFinished(() => context.close())
    return context.newPage()
  }

  it('brings two users at the same time each back to their own page, with their own data', async () => {
    const { site } = await openWorld()
    const [alice, bob] = [await openBrowser(), await openBrowser('ar')]
    await Promise.all([alice.goto(`${site.origin}/events?week=42`), bob.goto(`${site.origin}/events`)])
    await Promise.all([signIn(alice, 'alice'), signIn(bob, 'bob')])
    await Promise.all([decide(alice, 'grant'), decide(bob, 'grant')])
    await Promise.all([alice.waitForURL(`${site.origin}/events?week=42`), bob.waitForURL(`${site.origin}/events`)])
    expect(await alice.locator('main').textContent()).toBe('Events of 42')
    const subs = [await sub(alice), await sub(bob)]
    expect(subs[0]).toMatch(/\S{10,}/)
    expect(subs[1]).toMatch(/\S{10,}/)
    expect(subs[0]).not.toBe(subs[1])
    await Promise.all([alice.reload(), bob.reload()])
    expect([await sub(alice), await sub(bob)]).toEqual(subs)
    expect(await alice.evaluate(() => document.cookie)).toBe('')
  })

  it('L08: refuses one user’s callback opened in the other’s browser, and does no harm', async () => {
    const { site, nextCallback } = await openWorld()
    const [alice, bob] = [await openBrowser(), await openBrowser()]
    await alice.goto(`${site.origin}/events`)
    await signIn(alice, 'alice')
    const held = nextCallback()
    await decide(alice, 'grant')
    const callback = await held
    await bob.goto(`${site.origin}/events`)
    await signIn(bob, 'bob')
    const other = await bob.context().newPage()
    const refused = await other.goto(callback)
    expect(refused?.status()).toBe(400)
    expect(await other.locator('main').getAttribute('data-state')).toBe('refused')
    expect(await other.locator('main').textContent()).toContain('This request was started in another browser')
    await takeScreenshot(other, 'app-mixed-up')
    await other.getByRole('link').click()
    expect(await other.locator('main').textContent()).toBe('Welcome')
    await decide(bob, 'grant')
    await bob.waitForURL(`${site.origin}/events`)
    await alice.goto(callback)
    expect(new URL(alice.url()).pathname).toBe('/events')
    expect(await sub(alice)).toMatch(/\S{10,}/)
    expect(await sub(alice)).not.toBe(await sub(bob))
  })

  it('leads a chat user from the link’s page to the digits', async () => {
    const { site, api, issuer, signer } = await openWorld()
    const bot = createChatAgent({ id: site.origin, signer, authServers: [issuer], allowInsecureLoopback: true })
    site.serve((request) => bot.handler(request))
    const user = { id: 'slack T1 U1', name: '@alice', place: 'Slack workspace Acme' }
    const alice = await openBrowser()
    const referrers: (string | undefined)[] = []
    alice.on('request', (request) => {
      if (request.url().startsWith(issuer) && request.isNavigationRequest()) referrers.push(request.headers().referer)
    })
    await alice.goto((await bot.connect(user, `${api.origin}/data-auth`)).url)
    await alice.getByRole('button').click()
    await alice.waitForURL((url) => url.origin === issuer)
    expect(referrers[0]).toBeUndefined()
    await signIn(alice, 'alice')
    await decide(alice, 'grant')
    const digits = await alice.locator('.digits').textContent()
    expect(await bot.confirm(user.id, digits ?? '')).toBe('connected')
  })

  it('survives a restart of the app in the middle of a consent', async () => {
    const { site, start } = await openWorld()
    const alice = await openBrowser()
    await alice.goto(`${site.origin}/events?week=7`)
    await signIn(alice, 'alice')
    start()
    await decide(alice, 'grant')
    await alice.waitForURL(`${site.origin}/events?week=7`)
    const before = await sub(alice)
    expect(before).toMatch(/\S{10,}/)
    start()
    await alice.reload()
    expect(await sub(alice)).toBe(before)
  })

  it('does not resubmit a posted form: shows it again instead', async () => {
    const { site } = await openWorld()
    const alice = await openBrowser()
    await alice.goto(`${site.origin}/form`)
    await alice.getByRole('button').click()
    await signIn(alice, 'alice')
    await decide(alice, 'grant')
    await alice.waitForURL(`${site.origin}/form`)
    await alice.getByRole('button').click()
    expect(await alice.locator('main').textContent()).toBe('Added 1')
  })

  it('tells a script where to navigate, and returns to the page', async () => {
    const { site } = await openWorld()
    const alice = await openBrowser()
    await alice.goto(`${site.origin}/form?open`)
    const asked = await alice.evaluate(async () => {
      const response = await fetch('/events')
      return { status: response.status, ...((await response.json()) as { error: string; url: string }) }
    })
    expect(asked).toMatchObject({ status: 401, error: 'consent_required' })
    await alice.evaluate((url) => location.assign(url), asked.url)
    await signIn(alice, 'alice')
    await decide(alice, 'grant')
    await alice.waitForURL(`${site.origin}/form?open`)
    expect(await alice.evaluate(async () => (await fetch('/events')).status)).toBe(200)
  })

  it('ignores a form of another site in a browser whose user allowed something', async () => {
    const { site } = await openWorld()
    const evil = await listenOnLoopback()
    onTestFinished(() => evil.close())
    evil.serve(() => {
      const form = `<form method="post" action="${site.origin}/events"><button>Win</button></form>`
      return new Response(form, { headers: { 'content-type': 'text/html' } })
    })
    const alice = await openBrowser()
    await alice.goto(`${site.origin}/events`)
    await signIn(alice, 'alice')
    await decide(alice, 'grant')
    await alice.waitForURL(`${site.origin}/events`)
    await alice.goto(asOtherSite(evil.origin))
    await alice.getByRole('button').click()
    expect(await alice.locator('body').textContent()).toContain('This request did not come from a page of this site')
  })

  it('shows a denial with a way back, and that it must wait before it asks again', async () => {
    const { site } = await openWorld()
    const alice = await openBrowser()
    await alice.goto(`${site.origin}/events`)
    await signIn(alice, 'alice')
    await decide(alice, 'deny')
    await alice.waitForURL(/\/callback/)
    expect(await alice.locator('main').getAttribute('data-state')).toBe('denied')
    expect(await alice.locator('main').textContent()).toContain('Calendar helper')
    await takeScreenshot(alice, 'app-denied')
    await alice.goto(`${site.origin}/events`)
    expect(await alice.locator('main').getAttribute('data-state')).toBe('request_too_soon')
  })

  it('requires consent again on the next visit after sign-out', async () => {
    const { site, issuer } = await openWorld()
    const alice = await openBrowser()
    await alice.goto(`${site.origin}/events`)
    await signIn(alice, 'alice')
    await decide(alice, 'grant')
    await alice.waitForURL(`${site.origin}/events`)
    await alice.getByRole('button').click()
    await alice.waitForURL(`${site.origin}/`)
    await alice.goto(`${site.origin}/events`)
    expect(new URL(alice.url()).origin).toBe(issuer)
  })
})
