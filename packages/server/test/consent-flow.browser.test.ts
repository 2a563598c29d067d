import { EventEmitter, once } from 'node:events'
import { createSigner, generatePrivateJwk } from 'countersign'
import { type AgentError, type AgentOptions, createAgent } from 'countersign/agent'
import { createResource } from 'countersign/resource'
import { createAuthServer, fixedKeys } from 'countersign-server'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { hasChromium, openChromium } from './chromium.js'
import { takeInTurn } from './in-turn.js'
import { type ListeningOrigin, listenOnLoopback } from './listening-origin.js'
import { takeScreenshot } from './screenshot.js'
import { openTwoStorages } from './storage/postgres/in-postgres.js'
import { protectedApi, scopes } from './world.js'

interface RealWorld {
  agent: ListeningOrigin
  resource: ListeningOrigin
  authServer: ListeningOrigin
  /** The callbacks that reached the agent, in order. */
  arrived: Request[]
  /** Starts a request that needs consent; returns the consent URL, and the outcome of the request. */
  start(): Promise<{ url: string; ended: Promise<number | string> }>
}

/** Agent, resource and two instances of an auth server on ports, which respond in turn, with PostgreSQL and the real `fetch`. */
async function openWorld(about: Partial<AgentOptions> = {}): Promise<RealWorld> {
  const [agent, resource, authServer] = await Promise.all([listenOnLoopback(), listenOnLoopback(), listenOnLoopback()])
  const storages = await openTwoStorages()
  onTestFinished(async () => {
    await Promise.all([agent.close(), resource.close(), authServer.close()])
    await Promise.all(storages.map((each) => each.close()))
  })
  const keys = fixedKeys({
    signer: await createSigner(await generatePrivateJwk()),
    secret: crypto.getRandomValues(new Uint8Array(32)),
  })
  const instances = storages.map((storage) =>
    createAuthServer({ issuer: authServer.origin, keys, storage, name: 'Home', allowInsecureLoopback: true }),
  )
  const next = takeInTurn(instances)
  await next().addUser({ username: 'alice', password: 'correct horse' })
  const api = createResource({
    id: resource.origin,
    signer: await createSigner(await generatePrivateJwk()),
    authServer: authServer.origin,
    scopes,
    allowInsecureLoopback: true,
  })
  const consents = new EventEmitter()
  const caller = createAgent({
    id: agent.origin,
    signer: await createSigner(await generatePrivateJwk()),
    authServers: [authServer.origin],
    onConsent: ({ url }) => void consents.emit('url', url),
    about: { name: 'Browser Agent' },
    allowInsecureLoopback: true,
    ...about,
  })
  const arrived: Request[] = []
  agent.serve((request) => {
    arrived.push(request)
    return caller.handler(request)
  })
  resource.serve(protectedApi(api))
  authServer.serve((request, received) => next().handler(request, received))
  return {
    agent,
    resource,
    authServer,
    arrived,
    async start() {
      const asked = once(consents, 'url')
      const abort = new AbortController()
      onTestFinished(() => abort.abort())
      const ended = caller.fetch(`${resource.origin}/data-auth`, { signal: abort.signal }).then(
        ({ status }) => status,
        (error: AgentError) => error.code,
      )
      const [url] = await asked
      return { url: String(url), ended }
    },
  }
}

const state = (page: Page) => page.locator('main').getAttribute('data-state')

async function signIn(page: Page, { username = 'alice', password = 'correct horse' } = {}): Promise<void> {
  await page.locator('input[name=username]').fill(username)
  await page.locator('input[name=password]').fill(password)
  const loaded = page.waitForEvent('load')
  await page.keyboard.press('Enter')
  await loaded
}

/** Time after which a click on Allow counts, in milliseconds (attacks C12). */
const guard = 600

async function allow(page: Page): Promise<void> {
  const button = page.locator('button[value=grant]')
  await button.scrollIntoViewIfNeeded()
  await page.waitForTimeout(guard)
  await button.click()
}

describe.skipIf(!hasChromium())('the consent flow in Chromium, over ports', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await openChromium()
  })

  afterAll(() => browser?.close())

  async function newContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const context = await browser.newContext({ viewport: { width: 800, height: 900 }, ...options })
    context.setDefaultTimeout(10_000)
    onTestFinished(() => context.close())
    return context
  }

  async function openPage(options: BrowserContextOptions = {}): Promise<Page> {
    return (await newContext(options)).newPage()
  }

  const picture = (page: Page, name: string) => takeScreenshot(page, `flow-${name}`)

  it('shows who requests what and where, and Allow leads to the resource’s response', async () => {
    const world = await openWorld()
    const { url, ended } = await world.start()
    const page = await openPage()
    await page.goto(url)
    expect(await state(page)).toBe('sign-in')
    const agentHost = new URL(world.agent.origin).host
    expect(await page.locator('main').textContent()).toContain(agentHost)
    await signIn(page)
    expect(await state(page)).toBe('consent-first-time')
    expect(await page.title()).toBe(`Allow ${agentHost}? – Home`)
    const text = (await page.locator('body').textContent()) ?? ''
    const facts = [
      new URL(world.resource.origin).host,
      '“Browser Agent”',
      'See your data',
      'data.read',
      'Create and change your data',
      'Delete your data',
      'alice',
      `${agentHost}/callback`,
    ]
    expect(facts.filter((fact) => !text.includes(fact))).toEqual([])
    const able = await page.getByRole('list').first().textContent()
    expect(able).not.toContain('Delete your data')
    await allow(page)
    await page.waitForURL(`${world.agent.origin}/callback?**`)
    expect(await state(page)).toBe('allowed')
    expect(await ended).toBe(200)
    expect(new URL(page.url()).searchParams.get('iss')).toBe(world.authServer.origin)
  })

  it('ends with access_denied after Don’t allow', async () => {
    const world = await openWorld()
    const { url, ended } = await world.start()
    const page = await openPage()
    await page.goto(url)
    await signIn(page)
    await page.locator('button[value=deny]').click()
    await page.waitForURL(`${world.agent.origin}/callback?**`)
    expect(await state(page)).toBe('denied')
    expect(await ended).toBe('access_denied')
    expect(new URL(page.url()).searchParams.has('code')).toBe(false)
  })

  it('keeps the username after a wrong password, and accepts the right one', async () => {
    const world = await openWorld()
    const { url } = await world.start()
    const page = await openPage()
    await page.goto(url)
    await signIn(page, { password: 'wrong' })
    expect(await state(page)).toBe('sign-in')
    expect(await page.locator('main').getAttribute('data-error-code')).toBe('wrong_password')
    expect(await page.locator('input[name=username]').inputValue()).toBe('alice')
    expect(await page.locator('input[name=password]').inputValue()).toBe('')
    await signIn(page)
    expect(await state(page)).toBe('consent-first-time')
  })

  it('lets two tabs of one browser decide only once: the second shows the outcome of the first', async () => {
    const world = await openWorld()
    const { url, ended } = await world.start()
    const context = await newContext()
    const [first, second] = [await context.newPage(), await context.newPage()]
    await first.goto(url)
    await signIn(first)
    await second.goto(url)
    expect(await state(second)).toBe('consent-first-time')
    await allow(first)
    await first.waitForURL(`${world.agent.origin}/callback?**`)
    expect(await ended).toBe(200)
    await second.locator('button[value=deny]').click()
    await second.waitForSelector('[data-state=request_allowed]')
    await second.getByRole('link', { name: 'Remove access' }).click()
    await second.getByRole('button', { name: 'Remove access' }).click()
    await second.waitForSelector('[data-state=agents-removed]')
  })

  it('lets two tabs that both started at the sign-in page continue', async () => {
    const world = await openWorld()
    const { url, ended } = await world.start()
    const context = await newContext()
    const [first, second] = [await context.newPage(), await context.newPage()]
    await first.goto(url)
    await second.goto(url)
    await signIn(first)
    await signIn(second)
    await allow(first)
    await first.waitForURL(`${world.agent.origin}/callback?**`)
    expect(await ended).toBe(200)
  })

  it('tells another browser to continue where the flow started, and shows nothing else', async () => {
    const world = await openWorld()
    const { url } = await world.start()
    const page = await openPage()
    await page.goto(url)
    await signIn(page)
    const other = await openPage()
    const response = await other.goto(url)
    expect(response?.status()).toBe(403)
    expect(await state(other)).toBe('request_other_session')
    const text = await other.locator('body').textContent()
    for (const secret of ['alice', new URL(world.agent.origin).host, new URL(world.resource.origin).host, 'data.read'])
      expect(text).not.toContain(secret)
  })

  it('works with the keyboard alone', async () => {
    const world = await openWorld()
    const { url, ended } = await world.start()
    const page = await openPage()
    await page.goto(url)
    const tabTo = async (selector: string) => {
      for (let presses = 0; presses < 20; presses++) {
        await page.keyboard.press('Tab')
        if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return
      }
      throw new Error(`Tab never reached ${selector}`)
    }
    await tabTo('input[name=username]')
    await page.keyboard.type('alice')
    await tabTo('input[name=password]')
    await page.keyboard.type('correct horse')
    await page.keyboard.press('Enter')
    await page.waitForSelector('[data-state=consent-first-time]')
    await page.keyboard.press('Enter')
    expect(await state(page)).toBe('consent-first-time')
    await tabTo('button[value=deny]')
    await tabTo('button[value=grant]')
    await page.waitForTimeout(guard)
    await page.keyboard.press('Enter')
    await page.waitForURL(`${world.agent.origin}/callback?**`)
    expect(await ended).toBe(200)
  })

  it('does not treat Enter in a field of the consent form as a decision, and without JavaScript treats it as a denial', async () => {
    const world = await openWorld()
    const { url, ended } = await world.start()
    const page = await openPage()
    await page.goto(url)
    await signIn(page)
    await page.locator('[name=duration]').first().focus()
    await page.keyboard.press('Enter')
    await page.waitForTimeout(300)
    expect(await state(page)).toBe('consent-first-time')
    await page.route('**/assets/*.js', (route) => route.abort())
    await page.reload()
    await page.locator('[name=duration]').first().focus()
    await page.keyboard.press('Enter')
    await page.waitForURL(`${world.agent.origin}/callback?**`)
    expect(await ended).toBe('access_denied')
  })

  it('works with JavaScript disabled', async () => {
    const world = await openWorld()
    const { url, ended } = await world.start()
    const page = await openPage({ javaScriptEnabled: false })
    await page.goto(url)
    await signIn(page)
    await allow(page)
    await page.waitForURL(`${world.agent.origin}/callback?**`)
    expect(await state(page)).toBe('allowed')
    expect(await ended).toBe(200)
  })

  it('redirects from the consent form to the agent and on to its other origin (attacks C26)', async () => {
    const elsewhere = await listenOnLoopback()
    onTestFinished(() => elsewhere.close())
    elsewhere.serve(async () => new Response('the agent continues here'))
    const world = await openWorld({ callbackResponse: () => Response.redirect(`${elsewhere.origin}/done`, 303) })
    const { url, ended } = await world.start()
    const page = await openPage()
    await page.goto(url)
    await signIn(page)
    await allow(page)
    await page.waitForURL(`${elsewhere.origin}/done`)
    expect(await ended).toBe(200)
  })

  it('would be blocked by form-action, which is why these two pages do not set it (attacks C26)', async () => {
    const world = await openWorld()
    const { url } = await world.start()
    const page = await openPage()
    await page.goto(url)
    await signIn(page)
    await page.route('**/agent/auth?*', async (route) => {
      const response = await route.fetch({ maxRedirects: 0 })
      const headers = response.headers()
      const policy = headers['content-security-policy'] ?? ''
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toContain('form-action')
      await route.fulfill({
        response,
        headers: { ...headers, 'content-security-policy': `${policy}; form-action 'self'` },
      })
    })
    await page.goto(url)
    const complaint = page.waitForEvent('console', (message) => message.text().includes('form-action'))
    await allow(page)
    await complaint
    expect(page.url()).toContain(world.authServer.origin)
  })

  it('is blank in a frame of another origin (attacks C11)', async () => {
    const framer = await listenOnLoopback()
    onTestFinished(() => framer.close())
    const world = await openWorld()
    const { url } = await world.start()
    framer.serve(async (request) => {
      const framed = new URL(request.url).searchParams.get('framed') ?? ''
      const html = `<iframe name="framed" src="${framed.replaceAll('&', '&amp;')}"></iframe>`
      return new Response(html, { headers: { 'content-type': 'text/html' } })
    })
    const page = await openPage()
    const framed = async (address: string) => {
      await page.goto(`${framer.origin}/?framed=${encodeURIComponent(address)}`)
      return page.frame('framed')?.evaluate(() => document.body.textContent?.trim().slice(0, 40))
    }
    expect(await framed(`${world.resource.origin}/.well-known/aauth-resource`)).toContain('"resource"')
    const problem = `${world.authServer.origin}/agent/auth?request_token=unknown&redirect_uri=x`
    for (const address of [url, problem]) expect(await framed(address)).not.toMatch(/Home|Sign in|request/)
    await page.goto(url)
    await signIn(page)
    expect(await framed(url)).not.toMatch(/Home|Allow/)
  })

  it('leaks no code or request token through Referer (attacks C27)', async () => {
    const third = await listenOnLoopback()
    onTestFinished(() => third.close())
    const seen: Request[] = []
    third.serve(async (request) => {
      seen.push(request)
      return new Response('third party')
    })
    const world = await openWorld()
    const { url } = await world.start()
    const page = await openPage()
    await page.goto(url)
    const leaveTo = async () => {
      await page.evaluate((address) => {
        window.location.href = address
      }, `${third.origin}/`)
      await page.waitForURL(`${third.origin}/`)
    }
    await leaveTo()
    await page.goto(url)
    await signIn(page)
    await allow(page)
    await page.waitForURL(`${world.agent.origin}/callback?**`)
    await page.evaluate((address) => {
      document.body.append(Object.assign(new Image(), { src: `${address}/pixel.png` }))
    }, third.origin)
    await leaveTo()
    expect(
      seen.filter(({ url: asked }) => new URL(asked).pathname === '/').map(({ headers }) => headers.get('referer')),
    ).toEqual([null, null])
    expect(seen.some(({ url: asked }) => asked.endsWith('/pixel.png'))).toBe(false)
    const callback = world.arrived.find(({ url: asked }) => asked.includes('/callback'))
    expect(callback?.headers.get('referer') ?? '').not.toContain('request_token')
  })

  it('shows the sign-in page, not the old page, on back navigation after sign-out (attacks C20)', async () => {
    const world = await openWorld()
    const { url } = await world.start()
    const page = await openPage()
    await page.goto(url)
    await signIn(page)
    const session = (await page.context().cookies()).find(({ name }) => name.includes('session'))
    await page.getByText('Not you?').click()
    await page.waitForSelector('[data-state=sign-in]')
    await page.goto(`${world.resource.origin}/.well-known/aauth-resource`)
    await page.goBack()
    await page.goBack()
    expect(await state(page)).toBe('sign-in')
    if (session) await page.context().addCookies([session])
    await page.goto(url)
    expect(await state(page)).toBe('sign-in')
  })

  it.each([
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['320', { viewport: { width: 320, height: 640 } }],
  ] as const)('looks right in %s', async (name, options) => {
    const world = await openWorld()
    const { url } = await world.start()
    const page = await openPage(options)
    const sideways = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    const look = async (stage: string) => {
      await picture(page, `${stage}.${name}`)
      expect(await sideways()).toBeLessThanOrEqual(0)
    }
    await page.goto(url)
    await look('1-sign-in')
    await signIn(page, { password: 'wrong' })
    await look('2-wrong-password')
    await signIn(page)
    await look('3-consent')
    await allow(page)
    await page.waitForURL(`${world.agent.origin}/callback?**`)
    await look('4-callback')
    await page.goto(url)
    await look('5-answered')
    await page.goto(`${world.authServer.origin}/agent/auth?request_token=unknown&redirect_uri=x`)
    await look('6-unknown')
  })
})
