import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AgentActions, AgentError, createAgent } from 'countersign/agent'
import { createAppAgent } from 'countersign/agent/hono'
import { fileStore } from 'countersign/node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type AppOptions, mounts, type PageAgent, publicFields } from './app-mounts.js'
import { quickHash } from './quick-hash.js'
import { createScriptedUser, type ScriptedUser } from './scripted-user.js'
import { createWorld, ids, type World } from './world.js'

const people = { alice: 'correct horse', bob: 'battery staple' } as const
type Name = keyof typeof people

const session = '__Host-agent'
const events = `${ids.agent}/events`

interface Scene {
  world: World
  options: AppOptions
  /** Restarts the app: anything that is not in the store is lost. */
  restart(): Promise<void>
  browser(): ScriptedUser
  /** The pages’ behavior; by default, they show the user that the API sees. */
  page: (agent: PageAgent) => Promise<string>
  /** The number of times a page was rendered. */
  made: number
}

const who = async ({ fetch }: AgentActions) =>
  ((await (await fetch(`${ids.resource}/data-auth`)).json()) as { sub: string }).sub

type Mount = (typeof mounts)['hono']

async function openScene(mount: Mount, options: Partial<AppOptions> = {}): Promise<Scene> {
  const world = await createWorld()
  for (const [username, password] of Object.entries(people))
    await world.storage.createUser({ username, passwordHash: await quickHash(password) })
  const scene: Scene = {
    world,
    options: {
      id: ids.agent,
      signer: world.agentSigner,
      authServers: [ids.authServer],
      about: { name: 'Calendar helper' },
      fetch: world.fetch,
      now: () => world.clock.now,
      ...options,
    },
    restart: async () => {
      const page = (agent: PageAgent) => {
        scene.made++
        return scene.page(agent)
      }
      world.origins.set(ids.agent, await mount(scene.options, { page }))
    },
    browser: () => createScriptedUser(world.fetch),
    page: who,
    made: 0,
  }
  await scene.restart()
  return scene
}

/** A folder for a store, and the folders in it: one for each session. */
function openFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-app-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return { folder, owners: () => readdirSync(folder) }
}

/** A gate that holds all arrivals until it is opened. */
function closeGate() {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** A page that says where its user must decide. */
const showLink = (agent: AgentActions) =>
  who(agent).catch((error: unknown) => {
    if (error instanceof AgentError && error.code === 'consent_required') return `Please allow: ${error.consent?.url}`
    throw error
  })

const location = (response: Response) => response.headers.get('location') ?? ''

const isFirstVisit = (response: Response) => location(response).startsWith(`${ids.agent}/callback?visit=`)

/** Sends a request, and follows the redirect that checks that the browser returns its cookies. */
async function sendOn(browser: ScriptedUser, request: Request): Promise<Response> {
  const response = await browser.send(request.clone())
  if (!isFirstVisit(response)) return response
  const isSentAgain = response.status === 307
  const next = (to: string) =>
    browser.send(isSentAgain ? new Request(to, request.clone()) : new Request(to, { headers: request.headers }))
  const shown = await next(location(response))
  expect([shown.status, shown.headers.getSetCookie()]).toEqual([response.status, []])
  return next(location(shown))
}

const visit = (browser: ScriptedUser, url = events, headers: Record<string, string> = {}) =>
  sendOn(browser, new Request(url, { headers }))

/** Visits a page that leads to the consent page; returns its URL. */
async function led(browser: ScriptedUser, url = events, headers = {}): Promise<string> {
  const response = await visit(browser, url, headers)
  expect([response.status, await response.clone().text()]).toEqual([303, ''])
  expect(location(response)).toContain(`${ids.authServer}/agent/auth?request_token=`)
  return location(response)
}

/** Decides as a user, who signs in first if necessary; returns the URL the decision leads to. */
async function decide(browser: ScriptedUser, consent: string, name: Name, how: 'grant' | 'deny' = 'grant') {
  const [username, password] = [name, people[name]]
  let page = await (await browser.open(consent)).text()
  if (page.includes('name="username"')) {
    await browser.submit(page, consent, { username, password, action: 'login' })
    page = await (await browser.open(consent)).text()
  }
  return location(await browser.submit(page, consent, { consent: how }))
}

/** Has a user allow what a page needs; returns what the page then shows. */
async function allow(browser: ScriptedUser, name: Name, url = events): Promise<string> {
  const callback = await browser.open(await decide(browser, await led(browser, url), name))
  expect([callback.status, location(callback)]).toEqual([303, url])
  return (await browser.open(url)).text()
}

function post(browser: ScriptedUser, path = '/events', headers: Record<string, string> = { origin: ids.agent }) {
  return sendOn(
    browser,
    new Request(ids.agent + path, { method: 'POST', headers, body: new URLSearchParams({ a: 'b' }) }),
  )
}

describe.each(Object.entries(mounts))('a web app in %s', (_framework, mount) => {
  it('leads a browser to the consent page, and back to the page it was on', async () => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    const page = `${ids.agent}/any/friday?of=week%201&to=`
    expect(await allow(browser, 'alice', page)).toMatch(/^friday: \S{10,}$/)
    expect([...browser.cookies.keys()].filter((name) => name.startsWith(session))).toEqual([session])
    expect((await browser.open(events)).status).toBe(200)
  })

  it('sets a cookie that no script can read and no other host can write', async () => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    const attributes = 'Path=/; HttpOnly; SameSite=Lax; Secure'
    const first = await browser.open(events)
    expect(first.headers.getSetCookie()).toEqual([
      expect.stringMatching(new RegExp(`^__Host-agent-visit=[\\w-]{22}; ${attributes}; Max-Age=600$`)),
    ])
    const cookies = (await browser.open(events)).headers.getSetCookie()
    expect(cookies).toEqual([
      expect.stringMatching(new RegExp(`^__Host-agent=[\\w-]{22}\\.[\\w-]{43}; ${attributes}$`)),
      expect.stringMatching(new RegExp(`^__Host-agent-back-[\\w-]{16}=%2Fevents; ${attributes}; Max-Age=10800$`)),
    ])
  })

  it('L08: gives each of two users their own data, no matter who requests first', async () => {
    const scene = await openScene(mount)
    const [alice, bob] = [scene.browser(), scene.browser()]
    const consents = [await led(alice), await led(bob)]
    expect(alice.cookies.get(session)).not.toBe(bob.cookies.get(session))
    await bob.open(await decide(bob, consents[1] ?? '', 'bob'))
    await alice.open(await decide(alice, consents[0] ?? '', 'alice'))
    const [first, second] = await Promise.all([alice, bob].map(async (one) => (await one.open(events)).text()))
    expect(first).toMatch(/^\S{10,}$/)
    expect(second).toMatch(/^\S{10,}$/)
    expect(first).not.toBe(second)
    expect(await (await scene.browser().open(events)).text(), 'to a new user').toBe('')
  })

  it.each(['another user’s browser', 'a browser without a session'])(
    'L08: ignores a callback in %s, which does no harm',
    async (which) => {
      const scene = await openScene(mount)
      const [alice, mallory] = [scene.browser(), scene.browser()]
      if (which === 'another user’s browser') await allow(mallory, 'bob')
      const callback = await decide(alice, await led(alice), 'alice')
      const cookies = new Map(mallory.cookies)
      const refused = await mallory.open(callback, { 'accept-language': 'en' })
      expect(refused.status).toBe(400)
      expect(await refused.text()).toMatch(
        /This request was started in another browser|The agent does not recognize this browser/,
      )
      expect(mallory.cookies).toEqual(cookies)
      expect(location(await alice.open(callback))).toBe(events)
      expect((await alice.open(events)).status).toBe(200)
    },
  )

  it('L08: rejects a session that was not created here, no matter who set it in the browser', async () => {
    const scene = await openScene(mount)
    const victim = scene.browser()
    for (const planted of [
      `${'A'.repeat(22)}.${'A'.repeat(43)}`,
      'A'.repeat(43),
      '',
      'a=b',
      '../../etc',
      '%00',
      'x'.repeat(4000),
    ]) {
      victim.cookies.set(session, planted)
      await led(victim)
      expect(victim.cookies.get(session)).not.toBe(planted)
      expect(victim.cookies.get(session)).toMatch(/^[\w-]{22}\.[\w-]{43}$/)
    }
  })

  it('does not resubmit a posted form: the user returns to the form', async () => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    const response = await post(browser, '/events', { origin: ids.agent, referer: `${ids.agent}/form?for=friday` })
    expect(response.status).toBe(303)
    const callback = await browser.open(await decide(browser, location(response), 'alice'))
    expect([callback.status, location(callback)]).toEqual([303, `${ids.agent}/form?for=friday`])
    expect(scene.made).toBe(2)
    expect((await post(browser)).status).toBe(200)
  })

  it('tells the page with the form that its user has just allowed something, once', async () => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    const response = await post(browser, '/events', { origin: ids.agent, referer: events })
    const consent = location(response)
    scene.page = async ({ justAllowed }) => `just allowed: ${justAllowed}`
    expect(await (await browser.open(events)).text()).toBe('just allowed: false')
    const callback = await browser.open(await decide(browser, consent, 'alice'))
    const script = { 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' }
    expect(await (await browser.open(events, script)).text(), 'to a page, and no script').toBe('just allowed: false')
    expect(await (await browser.open(location(callback))).text()).toBe('just allowed: true')
    expect(await (await browser.open(location(callback))).text()).toBe('just allowed: false')
  })

  it.each<[string, Record<string, string>]>([
    ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['another site, in an older browser’s terms', { origin: 'https://evil.example' }],
    ['another host of the same site', { origin: 'https://evil.agent.example', 'sec-fetch-site': 'same-site' }],
    ['plain http', { origin: 'http://agent.example' }],
    ['a page that hides its origin', { origin: 'null' }],
    ['nowhere', {}],
  ])('refuses a form from %s, and renders no page', async (_where, headers) => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    await allow(browser, 'alice')
    const made = scene.made
    for (const path of ['/events', '/sign-out']) expect((await post(browser, path, headers)).status).toBe(403)
    expect(scene.made).toBe(made)
    expect((await browser.open(events)).status, 'still signed in').toBe(200)
    expect((await post(browser, '/events', { origin: 'null', 'sec-fetch-site': 'same-origin' })).status).toBe(200)
  })

  it.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    '\\\\evil.example/',
    'javascript:alert(1)',
    '/callback?code=a',
    '%',
    '',
    'https:evil.example',
  ])('redirects no one to %s, no matter who set the cookie', async (planted) => {
    const scene = await openScene(mount, { home: '/start' })
    const browser = scene.browser()
    const consent = await led(browser)
    const name = [...browser.cookies.keys()].find((each) => each.includes('-back-')) ?? ''
    for (const value of [encodeURIComponent(planted), planted]) browser.cookies.set(name, value)
    const callback = await browser.open(await decide(browser, consent, 'alice'))
    const to = new URL(location(callback))
    expect(to.origin).toBe(ids.agent)
    expect(to.pathname).not.toBe('/callback')
  })

  it('returns within the app from a path that looks like another host, and to home from a long one', async () => {
    const scene = await openScene(mount, { home: '/start' })
    const back = async (target: string, headers = {}) => {
      const browser = scene.browser()
      const consent = await led(browser, ids.agent + target, headers)
      return location(await browser.open(await decide(browser, consent, 'alice')))
    }
    expect(await back(`/any/${'x'.repeat(3000)}`)).toBe(`${ids.agent}/start`)
    expect(await back('/any//evil.example/x')).toBe(`${ids.agent}/any//evil.example/x`)
    expect(await back('/events', { referer: 'https://evil.example/' })).toBe(events)
  })

  it('returns to home after a POST without a preceding page of the app', async () => {
    const scene = await openScene(mount, { home: '/start' })
    const browser = scene.browser()
    const response = await post(browser, '/events', { origin: ids.agent, referer: 'https://evil.example/form' })
    const callback = await browser.open(await decide(browser, location(response), 'alice'))
    expect(location(callback)).toBe(`${ids.agent}/start`)
  })

  it('brings each tab back to its own page', async () => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    const first = await led(browser)
    scene.page = async ({ fetch }) => (await fetch(`${ids.resource}/read`)).text()
    const second = await led(browser, `${ids.agent}/any/two`)
    expect(location(await browser.open(await decide(browser, first, 'alice')))).toBe(events)
    expect(location(await browser.open(await decide(browser, second, 'alice')))).toBe(`${ids.agent}/any/two`)
  })

  it.each([
    [{ home: '/start' }, '/start'],
    [{}, '/'],
  ])('shows who denied, or for whom it did not work, with a way back: %j', async (options, home) => {
    const scene = await openScene(mount, options)
    const browser = scene.browser()
    const denied = await browser.open(await decide(browser, await led(browser), 'alice', 'deny'))
    const page = await denied.text()
    expect(page).toContain('data-state="denied"')
    expect(page).toContain('Calendar helper')
    expect(page).toContain(`<a href="${home}">`)
    scene.world.clock.now += 600
    const callback = await decide(browser, await led(browser), 'alice')
    const answering = scene.world.origins.get(ids.authServer)
    scene.world.origins.set(ids.authServer, () => new Response('', { status: 500 }))
    const failed = await (await browser.open(callback)).text()
    expect(failed).toContain('data-state="failed"')
    expect(failed).toContain(`<a href="${events}">`)
    if (answering) scene.world.origins.set(ids.authServer, answering)
    expect((await browser.open(events)).status, 'and can try again').toBe(303)
  })

  it('uses the app’s own pages for everything except the way back', async () => {
    const callbackResponse = (outcome: string) => new Response(`It was ${outcome}.`)
    const scene = await openScene(mount, { callbackResponse })
    const browser = scene.browser()
    const denied = await browser.open(await decide(browser, await led(browser), 'alice', 'deny'))
    expect(await denied.text()).toBe('It was denied.')
    scene.world.clock.now += 600
    expect(await allow(browser, 'alice')).toMatch(/^\S{10,}$/)
  })

  it('deletes the session and its grants at sign-out', async () => {
    const scene = await openScene(mount, { home: '/start' })
    const browser = scene.browser()
    await allow(browser, 'alice')
    const old = browser.cookies.get(session) ?? ''
    const out = await post(browser, '/sign-out')
    expect([out.status, location(out)]).toEqual([303, `${ids.agent}/start`])
    expect(out.headers.get('cache-control')).toBe('private, no-store')
    expect(browser.cookies.has(session)).toBe(false)
    browser.cookies.set(session, old)
    await led(browser)
    expect(browser.cookies.get(session)).not.toBe(old)
  })

  it('survives a restart in the middle of a consent, with a store on disk', async () => {
    const { folder } = openFolder()
    const scene = await openScene(mount, { store: fileStore(folder) })
    const [alice, bob] = [scene.browser(), scene.browser()]
    const consent = await led(alice)
    await led(bob)
    scene.options.store = fileStore(folder)
    await scene.restart()
    const callback = await decide(alice, consent, 'alice')
    expect((await bob.open(callback)).status, 'in the wrong browser').toBe(400)
    expect(location(await alice.open(callback))).toBe(events)
    await scene.restart()
    expect((await alice.open(events)).status).toBe(200)
    expect((await bob.open(events)).status).toBe(303)
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    const texts = files.filter((name) => name.endsWith('.json')).map((name) => readFileSync(join(folder, name), 'utf8'))
    expect(texts.length).toBeGreaterThan(2)
    const cookies = [alice, bob].map(({ cookies }) => cookies.get(session) ?? 'none')
    for (const cookie of cookies)
      expect(
        [...files, ...texts].filter((text) => text.includes(cookie)),
        'gives no session to a reader of the disk',
      ).toEqual([])
  })

  it('without a store, makes everyone start again, and tells them', async () => {
    const scene = await openScene(mount)
    const alice = scene.browser()
    const callback = await decide(alice, await led(alice), 'alice')
    await scene.restart()
    expect(await (await alice.open(callback)).text()).toContain('The agent does not recognize this browser')
    expect(await allow(alice, 'alice')).toMatch(/^\S{10,}$/)
  })

  it('expires a session after its lifetime, with what was allowed in it', async () => {
    const scene = await openScene(mount, { sessionTime: 600 })
    const browser = scene.browser()
    await allow(browser, 'alice')
    const old = browser.cookies.get(session)
    scene.world.clock.now += 599
    expect((await browser.open(events)).status).toBe(200)
    scene.world.clock.now += 1
    await led(browser)
    expect(browser.cookies.get(session)).not.toBe(old)
  })

  it('uses the app’s sessions, and creates none itself', async () => {
    const scene = await openScene(mount, { ownSession: (header) => header('x-signed-in-as') })
    const [alice, bob] = [scene.browser(), scene.browser()]
    const as = (name: string) => ({ 'x-signed-in-as': name })
    const callback = await decide(alice, await led(alice, events, as('a1')), 'alice')
    expect((await bob.open(callback, as('b2'))).status).toBe(400)
    expect(location(await alice.open(callback, as('a1')))).toBe(events)
    expect((await alice.open(events, as('a1'))).status).toBe(200)
    expect((await alice.open(events, as('b2'))).status).toBe(303)
    expect(alice.cookies.has(session)).toBe(false)
    const nobody = await alice.open(events)
    expect([nobody.status, await nobody.text()]).toEqual([
      500,
      expect.stringContaining('sessionOf returned no session'),
    ])
  })

  it('tells a script where to navigate, since it cannot follow redirects', async () => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    const asking = { 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin', referer: `${ids.agent}/calendar` }
    const response = await visit(browser, events, asking)
    expect(response.status).toBe(401)
    expect(response.headers.get('cache-control')).toBe('private, no-store')
    const { error, url } = (await response.json()) as { error: string; url: string }
    expect(error).toBe('consent_required')
    expect(location(await browser.open(await decide(browser, url, 'alice')))).toBe(`${ids.agent}/calendar`)
  })

  it('requests no consent for prefetches and subresources', async () => {
    const scene = await openScene(mount)
    for (const [name, value] of [
      ['sec-purpose', 'prefetch;prerender'],
      ['purpose', 'prefetch'],
      ['x-moz', 'prefetch'],
      ['x-purpose', 'preview'],
    ] as const) {
      const response = await scene.browser().open(events, { [name]: value })
      expect([response.status, scene.made, response.headers.getSetCookie()]).toEqual([503, 0, []])
    }
  })

  it('keeps pages out of caches', async () => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    expect((await browser.open(events)).headers.get('cache-control')).toBe('private, no-store')
    await allow(browser, 'alice')
    expect((await browser.open(events)).headers.get('cache-control')).toBe('private, no-store')
  })

  it('keeps pages that start a session out of all caches, and other pages out of shared ones, whatever the page sets', async () => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    scene.page = showLink
    await visit(browser)
    browser.cookies.delete(session)
    const first = await browser.open(`${ids.agent}/public`)
    expect(first.headers.getSetCookie()).toEqual([
      'theme=dark',
      expect.stringMatching(/^__Host-agent=[\w-]{22}\.[\w-]{43};/),
      expect.stringMatching(/^__Host-agent-back-[\w-]{16}=%2Fpublic;/),
    ])
    scene.page = who
    await allow(browser, 'alice')
    const second = await browser.open(`${ids.agent}/public`)
    expect([second.status, second.headers.getSetCookie()]).toEqual([200, ['theme=dark']])
    for (const { headers } of [first, second]) {
      expect(headers.get('cache-control')).toBe('private, no-store')
      expect(headers.get('cdn-cache-control')).toBeNull()
    }
  })

  it('L08: an API whose response a page passes on cannot set a session', async () => {
    const scene = await openScene(mount)
    const mallory = scene.browser()
    await allow(mallory, 'bob')
    const line = `${session}=${mallory.cookies.get(session)}; Path=/; Secure`
    publicFields['set-cookie'].push(line)
    onTestFinished(() => void publicFields['set-cookie'].splice(publicFields['set-cookie'].indexOf(line), 1))
    scene.page = async () => 'a page'
    const victim = scene.browser()
    expect(await (await victim.open(`${ids.agent}/public`)).text()).toBe('a page')
    expect([...victim.cookies.keys()]).toEqual(['theme'])
  })

  it('stores nothing for a visit that needs no consent, and sets no cookie', async () => {
    const { folder, owners } = openFolder()
    const scene = await openScene(mount, { store: fileStore(folder) })
    for (const page of [
      async () => 'without the agent',
      async ({ fetch }: AgentActions) => String((await fetch(`${ids.resource}/nothing`)).status),
      async (agent: AgentActions) => String((await agent.tokens()).length),
    ]) {
      scene.page = page
      const response = await scene.browser().open(events)
      expect([response.status, response.headers.getSetCookie()]).toEqual([200, []])
    }
    expect(owners()).toEqual([])
    scene.page = who
    await led(scene.browser())
    expect(owners()).toHaveLength(1)
  })

  it('starts no session once the response has begun, since the cookie can no longer be set', async () => {
    const { folder, owners } = openFolder()
    const scene = await openScene(mount, { store: fileStore(folder) })
    const browser = scene.browser()
    const late = await browser.open(`${ids.agent}/early`)
    expect(await late.text()).toMatch(/^early, \w*Error: A page handler must await fetch/)
    expect(owners()).toEqual([])
    await allow(browser, 'alice')
    expect(await (await browser.open(`${ids.agent}/early`)).text()).toMatch(/^early, \S{10,}$/)
  })

  it('keeps no session for what a page does after its response', async () => {
    const { folder, owners } = openFolder()
    const scene = await openScene(mount, { store: fileStore(folder) })
    const browser = scene.browser()
    const shown = await browser.open(location(await browser.open(events)))
    let late: Promise<string> | undefined
    const gate = closeGate()
    scene.page = async (agent) => {
      late = gate.opened.then(() => who(agent)).catch(({ code }: AgentError) => code)
      return String((await agent.tokens()).length)
    }
    const response = await browser.open(location(shown))
    expect([await response.text(), response.headers.getSetCookie()]).toEqual(['0', []])
    setTimeout(gate.open, 20)
    expect([await late, owners()]).toEqual(['session_forgotten', []])
  })

  it('refuses subresource loads from other sites, for which browsers send no cookie, but follows their links', async () => {
    const scene = await openScene(mount)
    for (const destination of ['image', 'script', 'empty', 'iframe', 'style']) {
      const elsewhere = { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': destination }
      const response = await scene.browser().open(events, elsewhere)
      expect([response.status, response.headers.getSetCookie()]).toEqual([403, []])
    }
    expect(scene.made).toBe(0)
    await led(scene.browser(), events, { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' })
  })

  it.each(['at once', 'one after the other, without the first response’s cookie'])(
    'puts two first tabs, %s, into one session, and prompts the user once',
    async (how) => {
      const { folder, owners } = openFolder()
      const scene = await openScene(mount, { store: fileStore(folder) })
      const browser = scene.browser()
      await browser.open(events)
      const cookies = new Map(browser.cookies)
      const two = `${ids.agent}/any/two`
      const first = led(browser)
      if (how !== 'at once') {
        await first
        browser.cookies.clear()
        for (const [name, value] of cookies) browser.cookies.set(name, value)
      }
      const consents = [await led(browser, two), await first]
      expect(consents[0]).toBe(consents[1])
      expect(owners()).toHaveLength(1)
      await browser.open(await decide(browser, consents[0] ?? '', 'alice'))
      expect(await (await browser.open(events)).text()).toMatch(/^\S{10,}$/)
      expect(await (await browser.open(two)).text()).toMatch(/^two: \S{10,}$/)
    },
  )

  it('puts two first visits into one session if both are redirected to check cookies', async () => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    const firsts = await Promise.all([browser.open(events), browser.open(events)])
    const pages = []
    for (const first of firsts) pages.push(location(await browser.open(location(first))))
    expect(pages).toEqual([events, events])
    const consents = [location(await browser.open(events)), location(await browser.open(events))]
    expect(consents[0]).toContain('request_token=')
    expect(consents[1]).toBe(consents[0])
  })

  it('L12: starts nothing for clients that return no cookie, and tells the user why', async () => {
    const { folder, owners } = openFolder()
    const scene = await openScene(mount, { store: fileStore(folder) })
    const asked = () => scene.world.sent.filter(({ url }) => url.startsWith(`${ids.authServer}/agent/token`)).length
    for (const headers of [{}, { 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' }]) {
      const [first, second] = [await scene.browser().open(events, headers), await scene.browser().open(events, headers)]
      for (const response of [first, second])
        expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^__Host-agent-visit=/)])
    }
    const at = location(await scene.browser().open(events))
    const page = await scene.browser().open(at, { 'accept-language': 'ar' })
    expect([page.status, page.headers.getSetCookie()]).toEqual([400, []])
    expect(await page.text()).toMatch(
      /<html lang="ar" dir="rtl">[\s\S]*ملفات تعريف الارتباط[\s\S]*<a href="https:\/\/agent.example\/events">/,
    )
    const script = await scene.browser().open(at, { 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' })
    expect([script.status, await script.json()]).toEqual([400, { error: 'cookies_required' }])
    const posted = await scene
      .browser()
      .send(
        new Request(events, { method: 'POST', headers: { origin: ids.agent }, body: new URLSearchParams({ a: 'b' }) }),
      )
    expect(posted.status).toBe(307)
    const shown = await scene.browser().send(new Request(location(posted), { method: 'POST', body: 'a=b' }))
    expect(shown.status).toBe(400)
    expect([asked(), owners()]).toEqual([0, []])
  })

  it.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    'javascript:alert(1)',
    '/callback?visit=%2Fcallback',
    '',
  ])('redirects a browser that returns its cookies nowhere else, as %s', async (planted) => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    await browser.open(events)
    const shown = await browser.open(`${ids.agent}/callback?visit=${encodeURIComponent(planted)}`)
    expect([shown.status, location(shown)]).toEqual([303, `${ids.agent}/`])
  })

  it('treats a response at an address that itself has such a query as a response', async () => {
    const scene = await openScene(mount, { redirectUri: `${ids.agent}/callback?visit=1` })
    const browser = scene.browser()
    const callback = await decide(browser, await led(browser), 'alice')
    expect(new URL(callback).searchParams.get('visit')).toBe('1')
    expect(location(await browser.open(callback))).toBe(events)
  })

  it('L12: requests no consent for HEAD, in any session', async () => {
    const scene = await openScene(mount, { store: fileStore(openFolder().folder) })
    const asked = () => scene.world.sent.filter(({ url }) => url.startsWith(`${ids.authServer}/agent/token`)).length
    const [stranger, person] = [scene.browser(), scene.browser()]
    await person.open(events)
    for (const browser of [stranger, person]) {
      const response = await browser.send(new Request(`${ids.agent}/any/two`, { method: 'HEAD' }))
      expect([response.status, location(response), response.headers.getSetCookie()]).toEqual([401, '', []])
    }
    expect(asked()).toBe(0)
    await allow(person, 'alice')
    expect((await person.send(new Request(`${ids.agent}/any/two`, { method: 'HEAD' }))).status).toBe(200)
  })

  it('explains that an auth server is overloaded, with a time, and not as a failure', async () => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    await browser.open(events)
    const answering = scene.world.origins.get(ids.authServer) ?? (() => new Response('', { status: 500 }))
    for (const status of [429, 503]) {
      const body = JSON.stringify({ error: 'too_many_requests' })
      scene.world.origins.set(ids.authServer, (request) =>
        new URL(request.url).pathname === '/agent/token'
          ? new Response(body, { status, headers: { 'retry-after': '90' } })
          : answering(request),
      )
      const busy = await browser.open(`${events}?a=1`, { 'accept-language': 'en' })
      expect([busy.status, busy.headers.get('retry-after')]).toEqual([503, '90'])
      expect(busy.headers.getSetCookie().filter((line) => line.includes('-back-'))).toEqual([])
      const page = await busy.text()
      expect(page).toContain('Try again in 2 minutes.')
      expect(page).toContain('<a href="https://agent.example/events?a=1">')
      expect(await (await browser.open(events, { 'accept-language': 'ar' })).text()).toContain('حاول مرة أخرى خلال')
      const script = await browser.open(events, { 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' })
      expect([script.status, script.headers.get('retry-after')]).toEqual([503, '90'])
      expect(await script.json()).toEqual({ error: 'unavailable', retry_after: 90 })
    }
    scene.world.origins.set(ids.authServer, answering)
    expect(await allow(browser, 'alice')).toMatch(/^\S{10,}$/)
  })

  it('explains that an auth server does not respond, without naming it', async () => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    await browser.open(events)
    scene.world.origins.set(ids.authServer, () => {
      throw Object.assign(new TypeError('fetch failed'), { cause: new Error('connect ECONNREFUSED 127.0.0.1:9') })
    })
    const response = await browser.open(`${events}?a=1`, { 'accept-language': 'en' })
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '60'])
    const page = await response.text()
    expect(page).toContain('The server is not available right now, so your request could not be started.')
    expect(page).not.toMatch(/ECONNREFUSED|auth\.example/)
    const script = await browser.open(events, { 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' })
    expect(await script.json()).toEqual({ error: 'unavailable', retry_after: 60 })
  })

  it('L08: invalidates the previous session once a user has allowed something in it', async () => {
    const scene = await openScene(mount)
    const [victim, mallory] = [scene.browser(), scene.browser()]
    await led(mallory)
    const planted = mallory.cookies.get(session) ?? ''
    victim.cookies.set(session, planted)
    await allow(victim, 'alice')
    expect(victim.cookies.get(session)).not.toBe(planted)
    expect((await victim.open(events)).status).toBe(200)
    expect(mallory.cookies.get(session)).toBe(planted)
    await led(mallory)
    expect(mallory.cookies.get(session)).not.toBe(planted)
  })

  it('accepts a callback that was in flight while another one renewed the session, without renewing it again', async () => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    const first = await decide(browser, await led(browser), 'alice')
    scene.page = async ({ fetch }) => (await fetch(`${ids.resource}/read`)).text()
    const second = await decide(browser, await led(browser, `${ids.agent}/any/two`), 'alice')
    const before = new Map(browser.cookies)
    await browser.open(first)
    const now = browser.cookies.get(session)
    const late = scene.browser()
    for (const [name, value] of before) late.cookies.set(name, value)
    expect(location(await late.open(second))).toBe(`${ids.agent}/any/two`)
    expect(late.cookies.get(session)).toBe(before.get(session))
    expect((await browser.open(`${ids.agent}/any/two`)).status).toBe(200)
    expect(browser.cookies.get(session)).toBe(now)
  })

  it('uses one session and one cookie for all requests of a first visit', async () => {
    const scene = await openScene(mount)
    scene.page = async (agent) =>
      (await Promise.all([showLink(agent), agent.fetch(`${ids.resource}/read`).then(String, String)])).join()
    const browser = scene.browser()
    await browser.open(events)
    const cookies = (await browser.open(events)).headers.getSetCookie()
    expect(cookies.filter((line) => line.startsWith(`${session}=`))).toHaveLength(1)
  })

  it.each([
    ['here', async (browser: ScriptedUser) => void (await post(browser, '/sign-out'))],
    [
      'in another process',
      (browser: ScriptedUser, folder: string) =>
        fileStore(folder).forget(browser.cookies.get(session)?.split('.')[0] ?? ''),
    ],
  ] as const)(
    'ends a page’s later requests after a sign-out %s while the page is rendered, and leaves nothing behind',
    async (_where, leave) => {
      const { folder, owners } = openFolder()
      const scene = await openScene(mount, { store: fileStore(folder) })
      const browser = scene.browser()
      await allow(browser, 'alice')
      const [inSession, gate] = [closeGate(), closeGate()]
      scene.page = async (agent) => {
        await agent.tokens()
        inSession.open()
        await gate.opened
        return who(agent)
      }
      const coming = browser.open(events)
      await inSession.opened
      await leave(browser, folder)
      gate.open()
      const late = await coming
      expect([late.status, await late.text()]).toEqual([500, expect.stringContaining('The session has ended')])
      expect(owners()).toEqual([])
    },
  )

  it('passes other errors of a page to the app, and consents that are not for this user', async () => {
    const scene = await openScene(mount)
    scene.page = async () => Promise.reject(new Error('the page is broken'))
    const broken = await scene.browser().open(events)
    expect([broken.status, await broken.text()]).toEqual([500, expect.stringContaining('the page is broken')])
    const { agentSigner: signer, fetch } = scene.world
    const own = { id: ids.agent, signer, authServers: [ids.authServer], onePerson: true, fetch }
    const service = createAgent({ ...own, now: () => scene.world.clock.now })
    scene.page = async () => (await service.fetch(`${ids.resource}/data-auth`)).text()
    const response = await scene.browser().open(events)
    expect(response.status).toBe(500)
    expect(await response.text()).toContain('The user must give consent')
  })

  it('lets a page catch the consent error and show its own link', async () => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    scene.page = showLink
    const shown = async () => /^Please allow: (.*)$/.exec(await (await browser.open(events)).text())?.[1] ?? ''
    expect(location(await browser.open(await shown())), 'that it brings its cookies').toBe(events)
    const url = await shown()
    expect(location(await browser.open(await decide(browser, url, 'alice')))).toBe(events)
    expect(await (await browser.open(events)).text()).toMatch(/^\S{10,}$/)
  })

  it('lets a page that needs the same grant wait while the code is exchanged, without prompting', async () => {
    const scene = await openScene(mount)
    const browser = scene.browser()
    const callback = await decide(browser, await led(browser), 'alice')
    const answering = scene.world.origins.get(ids.authServer)
    const gate = closeGate()
    let held = 0
    scene.world.origins.set(ids.authServer, async (request) => {
      if (request.url.endsWith('/agent/token') && (await request.clone().text()).includes('request_type=code')) {
        held++
        await gate.opened
      }
      return answering?.(request) ?? new Response('', { status: 500 })
    })
    const coming = browser.open(callback)
    await expect.poll(() => held).toBe(1)
    const other = browser.open(`${ids.agent}/any/two`)
    await new Promise((soon) => setTimeout(soon, 100))
    gate.open()
    expect(location(await coming)).toBe(events)
    expect(await (await other).text()).toMatch(/^two: \S{10,}$/)
  })

  it('serves the agent’s document and keys, and leaves all other paths to the app', async () => {
    const scene = await openScene(mount)
    const read = async (path: string) => (await scene.world.fetch(ids.agent + path)).json()
    expect(await read('/.well-known/aauth-agent')).toMatchObject({ agent: ids.agent, name: 'Calendar helper' })
    expect(await read('/jwks.json?a')).toMatchObject({ keys: [{ kid: 'key-1' }] })
    expect((await scene.world.fetch(`${ids.agent}/nowhere`)).status).toBe(404)
  })
})

describe('createAppAgent', () => {
  const given = async () => {
    const { agentSigner: signer } = await createWorld()
    return { id: ids.agent, signer, authServers: [ids.authServer] }
  }

  it.each<[string, object, string]>([
    ['a home on another host', { home: 'https://evil.example/' }, 'home must be a path of the app'],
    ['a home that only looks like a path', { home: '//evil.example' }, 'home must be a path of the app'],
    ['a session lifetime of zero', { sessionTime: 0 }, 'sessionTime must be more than 0'],
    ['a sessionOf that is a string', { sessionOf: 'sid' }, 'sessionOf must be a function'],
    ['onConsent', { onConsent: () => undefined }, 'onConsent'],
    ['onePerson', { onePerson: true }, 'onePerson'],
    [
      'an app’s redirect URI',
      { redirectUri: 'com.example.app:/callback' },
      'redirectUri must be a page of your web app',
    ],
  ])('is not created with %s', async (_what, options, message) => {
    const all = { ...(await given()), ...options }
    expect(() => createAppAgent(all)).toThrow(TypeError)
    expect(() => createAppAgent(all)).toThrow(message)
  })

  it('uses separate cookies for each port of loopback, and for each path of a host', async () => {
    const { signer } = await given()
    const names = await Promise.all(
      ['http://127.0.0.1:8004', 'http://127.0.0.1:8005', 'https://a.example/~one', 'https://a.example/~two'].map(
        async (id) => {
          const world = await createWorld()
          const options = {
            allowInsecureLoopback: true,
            allowPath: true,
            fetch: world.fetch,
            now: () => world.clock.now,
          }
          const { signOut } = createAppAgent({ id, signer, authServers: [ids.authServer], ...options })
          const { Hono } = await import('hono')
          const app = new Hono().post('/', signOut)
          const left = await app.request('/', { method: 'POST', headers: { origin: new URL(id).origin } })
          return left.headers.getSetCookie()[0]?.split('=')[0]
        },
      ),
    )
    expect(names).toEqual(['agent-8004', 'agent-8005', '__Host-agent__one', '__Host-agent__two'])
  })
})
