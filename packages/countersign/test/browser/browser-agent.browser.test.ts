import { createSigner, generatePrivateJwk } from 'countersign'
import { createAgentServer, memoryDelegates } from 'countersign/agent-server'
import type { BrowserAgent, BrowserAgentOptions, createBrowserAgent, openConsentPopup } from 'countersign/browser'
import { draft11Resource } from 'countersign/editions/draft-11'
import { draft11AgentServer } from 'countersign/editions/draft-11/agent-server'
import { createResource } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { createAuthServer, fixedKeys, januaryServer } from 'countersign-server'
import { draft11Server } from 'countersign-server/editions/draft-11'
import { sqliteStorage } from 'countersign-server/sqlite'
import { build } from 'esbuild'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { hasChromium, openChromium } from '../../../server/test/chromium.js'
import { listenOnLoopback } from '../../../server/test/listening-origin.js'

const password = 'correct horse'
const newSigner = async () => createSigner(await generatePrivateJwk())

/** The page's script. With `?popup`, it asks in a popup. */
const script = `
import { createBrowserAgent, openConsentPopup } from 'countersign/browser'
import { draft11Agent } from 'countersign/editions/draft-11'
const options = { authServers: [AUTH_SERVER], allowInsecureLoopback: true }
if (IS_DRAFT_11) Object.assign(options, { edition: draft11Agent, authServer: AUTH_SERVER })
if (location.search.includes('popup')) options.onConsent = ({ url }) => { window.opened = openConsentPopup(url) }
const agent = await createBrowserAgent(options)
Object.assign(window, { agent, createBrowserAgent, openConsentPopup, options })
window.request = async (path, init) => {
  const response = await agent.fetch(API + path, init)
  return { status: response.status, text: await response.text() }
}
document.querySelector('button').onclick = async () => {
  try {
    const { status, text } = await window.request('/events')
    document.querySelector('output').textContent = status + ' ' + text
  } catch (error) {
    document.querySelector('output').textContent = error.code ?? String(error)
  }
}
document.documentElement.dataset.ready = agent.returned ? JSON.stringify(agent.returned) : 'new'
`

const signatureHeaders = ['Content-Type', 'Content-Digest', 'Signature', 'Signature-Input', 'Signature-Key']

/** A page with its agent server, an API and an auth server, at three origins. */
async function openWorld({ isDraft11 = false } = {}) {
  const [site, api, authServer] = await Promise.all([listenOnLoopback(), listenOnLoopback(), listenOnLoopback()])
  const storage = sqliteStorage(':memory:')
  onTestFinished(async () => {
    await Promise.all([site.close(), api.close(), authServer.close()])
    await storage.close()
  })
  const issuer = authServer.origin.replace('127.0.0.1', 'localhost')
  const keys = fixedKeys({ signer: await newSigner(), secret: crypto.getRandomValues(new Uint8Array(32)) })
  const edition = isDraft11 ? draft11Server({ keys }) : januaryServer
  const server = createAuthServer({ issuer, keys, storage, allowInsecureLoopback: true }, edition)
  for (const username of ['alice', 'bob']) await server.addUser({ username, password })
  authServer.serve((request, received) => server.handler(request, received), issuer)

  const resource = createResource({
    id: api.origin,
    signer: await newSigner(),
    ...(isDraft11 ? { edition: draft11Resource, authServers: [issuer] } : { authServer: issuer }),
    scopes: { read: 'See your events' },
    allowInsecureLoopback: true,
  })
  const protectedApp = new Hono()
  protectedApp.use(
    cors({
      origin: site.origin,
      allowHeaders: [...(isDraft11 ? ['AAuth-Capabilities'] : ['Nonce']), ...signatureHeaders],
      exposeHeaders: [isDraft11 ? 'AAuth-Requirement' : 'Agent-Auth', 'Signature-Error', 'Date', 'Retry-After'],
    }),
  )
  protectedApp.on(['GET', 'POST'], '/events', aauth(resource, { require: 'authorization', scope: 'read' }), async (c) =>
    c.text(`${c.var.aauth.delegate ?? c.var.aauth.sub} ${await c.req.text()}`),
  )
  protectedApp.all('*', (c) => resource.handler(c.req.raw))
  api.serve((request) => protectedApp.fetch(request))

  const delegates = memoryDelegates()
  const agentServer = createAgentServer({
    id: site.origin,
    ...(isDraft11 && { edition: draft11AgentServer }),
    signer: await newSigner(),
    redirectUris: [`${site.origin}/callback`],
    delegates,
    enroll: ({ thumbprint }) => ({ name: `browser-${thumbprint.slice(0, 12)}` }),
    allowInsecureLoopback: true,
  })
  const { outputFiles } = await build({
    stdin: { contents: script, resolveDir: import.meta.dirname },
    define: {
      AUTH_SERVER: JSON.stringify(issuer),
      API: JSON.stringify(api.origin),
      IS_DRAFT_11: JSON.stringify(isDraft11),
    },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  })
  const app = new Hono()
  app.get('/page.js', (c) => c.body(outputFiles[0]?.text ?? '', 200, { 'content-type': 'text/javascript' }))
  for (const path of ['/', '/week', '/callback'])
    app.get(path, (c) =>
      c.html('<!DOCTYPE html><button>Go</button><output></output><script type="module" src="/page.js"></script>'),
    )
  app.all('*', (c) => agentServer.handler(c.req.raw))
  site.serve((request) => app.fetch(request))
  return { site, api, issuer, delegates }
}

const output = (page: Page) => page.locator('output').textContent()
const ready = async (page: Page) => {
  await page.locator('html[data-ready]').waitFor({ state: 'attached' })
  const state = (await page.locator('html').getAttribute('data-ready')) ?? ''
  return state === 'new' ? state : JSON.parse(state)
}

/** Signs in, and clicks once the guard against hasty clicks has passed (attacks C12). */
async function decide(page: Page, how: 'grant' | 'deny', username = 'alice'): Promise<void> {
  const entry = page.locator('input[name=username]')
  const button = page.locator(`button[value=${how}]`)
  await entry.or(button).first().waitFor()
  if (await entry.isVisible()) {
    await entry.fill(username)
    await page.locator('input[name=password]').fill(password)
    await page.keyboard.press('Enter')
  }
  await button.scrollIntoViewIfNeeded()
  await page.waitForTimeout(600)
  await button.click()
}

/** What a page can evaluate. */
declare global {
  interface Window {
    agent: BrowserAgent
    options: BrowserAgentOptions
    createBrowserAgent: typeof createBrowserAgent
    openConsentPopup: typeof openConsentPopup
    request(path: string, init?: RequestInit): Promise<{ status: number; text: string }>
  }
}

describe.skipIf(!hasChromium())('an agent in a web page, in Chromium, over ports', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await openChromium()
  })

  afterAll(() => browser?.close())

  async function openContext(): Promise<BrowserContext> {
    const context = await browser.newContext({ viewport: { width: 800, height: 900 }, locale: 'en-GB' })
    context.setDefaultTimeout(30_000)
    onTestFinished(() => context.close())
    return context
  }

  async function openPage(url: string, context?: BrowserContext): Promise<Page> {
    const page = await (context ?? (await openContext())).newPage()
    await page.goto(url)
    await ready(page)
    return page
  }

  it('shows the consent page in its tab, returns to its own URL, and keeps its key and token', async () => {
    const { site, issuer, delegates } = await openWorld()
    const place = `${site.origin}/week?number=42#monday`
    const page = await openPage(place)
    await page.getByRole('button').click()
    await page.waitForURL((url) => url.origin === issuer)
    await decide(page, 'grant')
    await page.waitForURL(place)
    expect(await ready(page)).toEqual({ outcome: 'allowed' })
    await page.getByRole('button').click()
    await expect.poll(() => output(page)).toMatch(/^200 browser-[\w-]{12} $/)
    const before = await output(page)
    await page.reload()
    expect(await ready(page)).toBe('new')
    await page.getByRole('button').click()
    await expect.poll(() => output(page)).toBe(before)
    expect(await delegates.list()).toHaveLength(1)
    const posted = await page.evaluate(() => window.request('/events', { method: 'POST', body: 'Lunch' }))
    expect(posted).toEqual({ status: 200, text: `${before?.slice(4)}Lunch` })
  })

  it('asks in a popup, which cannot reach the page, and continues the same request', async () => {
    const { site, issuer } = await openWorld()
    const page = await openPage(`${site.origin}/?popup`)
    const opened = page.waitForEvent('popup')
    await page.getByRole('button').click()
    const popup = await opened
    await popup.waitForURL((url) => url.origin === issuer)
    expect(await popup.evaluate(() => window.opener)).toBeNull()
    const closed = popup.waitForEvent('close')
    await decide(popup, 'grant')
    await closed
    await expect.poll(() => output(page)).toMatch(/^200 browser-/)
    expect(page.url()).toBe(`${site.origin}/?popup`)
  })

  it('speaks draft -11: shows its pages in its tab one after the other, and keeps its tokens', async () => {
    const { site, issuer, delegates } = await openWorld({ isDraft11: true })
    const place = `${site.origin}/week?number=42#monday`
    const page = await openPage(place)
    for (let pages = 0; pages < 2; pages += 1) {
      await page.getByRole('button').click()
      await page.waitForURL((url) => url.origin === issuer)
      await decide(page, 'grant')
      await page.waitForURL(place)
      expect(await ready(page)).toEqual({ outcome: 'allowed' })
    }
    await page.getByRole('button').click()
    await expect.poll(() => output(page)).toMatch(/^200 [\w-]+ $/)
    await page.reload()
    await ready(page)
    await page.getByRole('button').click()
    await expect.poll(() => output(page)).toMatch(/^200 [\w-]+ $/)
    expect(await delegates.list()).toHaveLength(1)
  })

  it('reports a denial in draft -11', async () => {
    const { site } = await openWorld({ isDraft11: true })
    const page = await openPage(`${site.origin}/week`)
    await page.getByRole('button').click()
    await decide(page, 'deny')
    await page.waitForURL(`${site.origin}/week`)
    expect(await ready(page)).toEqual({ outcome: 'denied' })
    expect(await page.evaluate(() => window.agent.tokens())).toEqual([])
  })

  it('stops holding the poll of a consent in draft -11 when its page is left', async () => {
    const { site, issuer } = await openWorld({ isDraft11: true })
    const page = await openPage(site.origin)
    let leave: () => void = () => undefined
    const leaves = new Promise<void>((resolve) => {
      leave = resolve
    })
    await page.route(`${issuer}/**`, async (route) => {
      if (route.request().isNavigationRequest()) await leaves
      await route.continue()
    })
    const other = await openPage(site.origin, page.context())
    const leases = async () =>
      other.evaluate(async () => {
        const opening = indexedDB.open('countersign')
        await new Promise((resolve) => opening.addEventListener('success', resolve))
        const request = opening.result.transaction('records').objectStore('records').getAll()
        await new Promise((resolve) => request.addEventListener('success', resolve))
        opening.result.close()
        return (request.result as { kind: string }[]).filter(({ kind }) => kind === 'lease').length
      })
    await page.evaluate(() => {
      const channel = new BroadcastChannel('leave')
      channel.addEventListener('message', () => {
        const { now } = Date
        Date.now = () => now() + 3_600_000
        window.dispatchEvent(new Event('pagehide'))
        Date.now = now
        channel.postMessage('left')
      })
    })
    await page.getByRole('button').click()
    await expect.poll(leases).toBe(1)
    // Another tab may hold it once it has expired.
    await other.evaluate(async () => {
      const channel = new BroadcastChannel('leave')
      const left = new Promise((resolve) => channel.addEventListener('message', resolve))
      channel.postMessage('an hour later')
      await left
    })
    expect(await leases()).toBe(1)
    leave()
    await page.waitForURL((url) => url.origin === issuer)
    await expect.poll(leases).toBe(0)
  })

  it('refuses onConsent in draft -11, whose popups would not close', async () => {
    const { site } = await openWorld({ isDraft11: true })
    const page = await openPage(site.origin)
    const problem = await page.evaluate(() =>
      window
        .createBrowserAgent({ ...window.options, onConsent: () => undefined })
        .catch((error: Error) => error.message),
    )
    expect(problem).toBe('Omit onConsent with this edition: the page then redirects to the consent page.')
  })

  it('opens popups that cannot reach the page, even without the policy of an auth server’s own pages', async () => {
    const { site, api } = await openWorld()
    const page = await openPage(site.origin)
    const opened = page.waitForEvent('popup')
    await page.evaluate((url) => window.openConsentPopup(url), `${api.origin}/.well-known/aauth-resource`)
    const popup = await opened
    await popup.waitForURL((url) => url.origin === api.origin)
    expect(await popup.evaluate(() => window.opener)).toBeNull()
  })

  it('reports a denial, and keeps no code in the URL or the history', async () => {
    const { site } = await openWorld()
    const page = await openPage(`${site.origin}/week`)
    await page.getByRole('button').click()
    await decide(page, 'deny')
    await page.waitForURL(`${site.origin}/week`)
    expect(await ready(page)).toEqual({ outcome: 'denied' })
    expect(await page.evaluate(() => window.agent.tokens())).toEqual([])
    await page.goBack()
    await page.goForward()
    expect(page.url()).toBe(`${site.origin}/week`)
  })

  it('L08: uses no response to a consent that another browser started, and says so', async () => {
    const { site, issuer } = await openWorld()
    const attacker = await openPage(site.origin)
    await attacker.getByRole('button').click()
    await attacker.waitForURL((url) => url.origin === issuer)
    const page = await (await openContext()).newPage()
    await page.goto(attacker.url())
    await decide(page, 'grant')
    await page.waitForURL(`${site.origin}/callback`)
    expect(await ready(page)).toEqual({ outcome: 'refused', detail: expect.stringContaining('No request is waiting') })
    for (const each of [page, await openPage(site.origin, attacker.context())])
      expect(await each.evaluate(() => window.agent.tokens())).toEqual([])
  })

  it('has a key that no script can export, and another one in each database', async () => {
    const { site, delegates } = await openWorld()
    const page = await openPage(site.origin)
    const found = await page.evaluate(async () => {
      const opening = indexedDB.open('countersign')
      await new Promise((resolve) => opening.addEventListener('success', resolve))
      const request = opening.result.transaction('keys').objectStore('keys').get('signer')
      await new Promise((resolve) => request.addEventListener('success', resolve))
      const { privateKey } = request.result as CryptoKeyPair
      const exported = crypto.subtle.exportKey('jwk', privateKey)
      const name = await exported.catch((error: Error) => error.name)
      return [privateKey.type, privateKey.extractable, name]
    })
    expect(found).toEqual(['private', false, 'InvalidAccessError'])
    await page.evaluate(async () => {
      for (const database of ['one', 'two', 'one']) {
        const onConsent = () => Promise.reject(new Error('not now'))
        const agent = await window.createBrowserAgent({ ...window.options, database, onConsent })
        await agent.fetch(`${location.origin}/data`)
      }
    })
    expect(await delegates.list()).toHaveLength(2)
  })

  it('C36: pages of other origins can use the auth server’s endpoints, but none of its pages and no agent server', async () => {
    const { site, api, issuer } = await openWorld()
    const page = await openPage(site.origin)
    await page.goto(`${api.origin}/.well-known/aauth-resource`)
    const statuses = await page.evaluate(
      async (requests) =>
        Promise.all(
          requests.map(async ([url, init]) => {
            const headers = { 'signature-key': 'none', authorization: 'none' }
            return fetch(url, { ...init, headers, credentials: 'omit' }).then(
              ({ status }) => status,
              (error: Error) => error.name,
            )
          }),
        ),
      [
        [`${issuer}/.well-known/aauth-issuer`, {}],
        [`${issuer}/agent/token`, { method: 'POST', body: 'request_type=auth' }],
        [`${issuer}/account`, {}],
        [`${issuer}/account/sign-in`, { method: 'POST', body: 'username=alice' }],
        [`${issuer}/agent/auth`, {}],
        [`${site.origin}/delegates`, { method: 'POST' }],
      ] as const,
    )
    expect(statuses).toEqual([200, 401, ...Array.from({ length: 4 }, () => 'TypeError')])
  })

  it('refuses an identifier and a redirect URI at another origin', async () => {
    const { site } = await openWorld()
    const page = await openPage(site.origin)
    for (const option of ['id', 'redirectUri']) {
      const problem = await page.evaluate(
        (name) =>
          window
            .createBrowserAgent({ ...window.options, [name]: 'https://evil.example' })
            .catch((error: Error) => error.message),
        option,
      )
      expect(problem).toBe(`${option} must have the origin of this page, ${site.origin}: https://evil.example`)
    }
  })
})
