import { type AgentRecord, memoryStore } from 'countersign/agent'
import { createAppAgent } from 'countersign/agent/hono'
import { describe, expect, it } from 'vitest'
import { agentSigner, ids } from '../stage.js'
import { openApp, type PageAgent, toOf } from './app-stage.js'

const consentPage = `${ids.authServer}/agent/auth?`
const fromForm = { method: 'POST', body: 'title=Lunch', headers: { origin: ids.agent, referer: `${ids.agent}/form` } }
const fromScript = { headers: { 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' } }
const lines = (response: Response) => response.headers.getSetCookie().map((line) => line.replace(/;.*/, ''))

describe('the options', () => {
  const create = (options: object) => () =>
    createAppAgent({ id: ids.agent, signer: agentSigner, authServers: [ids.authServer], ...options })

  it.each<[object, RegExp]>([
    [{ sessionOf: 'a cookie' }, /^sessionOf must be a function that returns the session of a request$/],
    [{ sessionTime: 0 }, /^sessionTime must be more than 0 seconds$/],
    [{ sessionTime: Number.NaN }, /^sessionTime must be more than 0 seconds$/],
    [{ home: 'https://evil.example' }, /^home must be a path of the app, such as \/start: https:\/\/evil\.example$/],
    [{ onConsent: () => undefined }, /createAppAgent.*onConsent/],
    [{ onePerson: true }, /createAppAgent.*onePerson/],
    [{ redirectUri: 'com.example.app:/callback' }, /redirectUri/],
  ])('%j are refused', (options, message) => {
    expect(create(options)).toThrow(message)
  })

  it('need no clock, no store and no home page', async () => {
    const { stage, openBrowser } = await openApp({ now: undefined, store: undefined, home: undefined })
    stage.clock.now = Math.floor(Date.now() / 1000)
    const browser = openBrowser()
    expect(toOf(await browser.allow())).toBe('/events')
    expect(await (await browser.request('/events')).text()).toBe('data')
  })

  it.each([
    [undefined, 30 * 86_400],
    [1, 1],
  ])('sessionTime %j stores a session for %i seconds', async (sessionTime, seconds) => {
    const store = memoryStore()
    const put: (AgentRecord & { owner: string })[] = []
    const { stage, openBrowser } = await openApp({
      sessionTime,
      store: {
        ...store,
        put: (owner, record) => {
          put.push({ ...record, owner })
          return store.put(owner, record)
        },
      },
    })
    await openBrowser().visit()
    const session = put.find(({ kind }) => kind === 'session')
    expect(session).toMatchObject({
      agent: ids.agent,
      owner: expect.stringMatching(/^[\w-]{22}$/),
      until: stage.clock.now + seconds,
      data: { until: stage.clock.now + seconds },
    })
  })

  it('redirectUri sets the path of the callback and of the cookie check', async () => {
    const { openBrowser } = await openApp({ redirectUri: `${ids.agent}/back?app=1` })
    const browser = openBrowser()
    const first = await browser.request('/events')
    expect(toOf(first)).toBe('/back?app=1&visit=%2Fevents')
    expect(toOf(await browser.request(toOf(first)))).toBe('/events')
    const callback = browser.callbackFor(toOf(await browser.request('/events')))
    expect(callback).toMatch(/^\/back\?app=1&state=/)
    expect(toOf(await browser.request(callback))).toBe('/events')
    expect((await browser.request('/callback')).status).toBe(404)
  })

  it('name cookies after the port if the app is at an http origin', async () => {
    const id = 'http://127.0.0.1:8004'
    const { openBrowser } = await openApp({ id, allowInsecureLoopback: true })
    const left = await openBrowser().request('/sign-out', { method: 'POST', headers: { origin: id } })
    expect(left.headers.getSetCookie()).toEqual(['agent-8004=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0'])
  })
})

describe('a page', () => {
  it('knows once, for a minute, that its user has just allowed something', async () => {
    const { scene, openBrowser } = await openApp()
    const browser = openBrowser()
    await browser.allow()
    expect(browser.cookies.get('__Host-agent-allowed')).toBe('1')
    scene.page = async ({ justAllowed }) => String(justAllowed)
    const script = await browser.request('/events', fromScript)
    expect([await script.text(), lines(script)]).toEqual(['false', []])
    const next = await browser.request('/events')
    expect([await next.text(), next.headers.getSetCookie()]).toEqual([
      'true',
      ['__Host-agent-allowed=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0'],
    ])
    expect(await (await browser.request('/events')).text()).toBe('false')
  })

  it('is not rendered for a prefetch or a form of another site', async () => {
    const { scene, openBrowser } = await openApp()
    expect((await openBrowser().request('/events', { headers: { 'sec-purpose': 'prefetch' } })).status).toBe(503)
    const headers = { origin: 'https://evil.example' }
    expect((await openBrowser().request('/events', { method: 'POST', headers })).status).toBe(403)
    expect(scene.made).toBe(0)
  })

  it('that a link checker requests starts no consent, with or without a session', async () => {
    const { stage, openBrowser } = await openApp()
    const browser = openBrowser()
    const responses = [await browser.request('/events', { method: 'HEAD' })]
    await browser.visit()
    stage.seen.length = 0
    const kept = new Map(browser.cookies)
    responses.push(await browser.request('/events', { method: 'HEAD' }))
    for (const response of responses) {
      expect([response.status, response.headers.get('location')]).toEqual([401, null])
      expect([response.headers.get('cache-control'), lines(response)]).toEqual(['private, no-store', []])
    }
    expect(stage.forms()).toEqual([])
    expect(browser.cookies).toEqual(kept)
  })

  it('loaded by a script says where the user must decide, and remembers the page of the script', async () => {
    const { openBrowser } = await openApp()
    const browser = openBrowser()
    const init = { headers: { ...fromScript.headers, referer: `${ids.agent}/calendar` } }
    const asked = await browser.visit('/events', init)
    expect([asked.status, asked.headers.get('cache-control')]).toEqual([401, 'private, no-store'])
    const { error, url } = (await asked.json()) as { error: string; url: string }
    expect([error, url]).toEqual(['consent_required', expect.stringContaining(consentPage)])
    expect(toOf(await browser.request(browser.callbackFor(url)))).toBe('/calendar')
  })

  it('that posts a form is sent again after the cookie check, but not after the consent', async () => {
    const { scene, openBrowser } = await openApp()
    const browser = openBrowser()
    const first = await browser.request('/events', fromForm)
    expect([first.status, toOf(first)]).toEqual([307, '/callback?visit=%2Fevents'])
    const checked = await browser.request(toOf(first), fromForm)
    expect([checked.status, toOf(checked)]).toEqual([307, '/events'])
    const asked = await browser.request('/events', fromForm)
    expect([asked.status, toOf(asked)]).toEqual([303, expect.stringContaining(consentPage)])
    expect(toOf(await browser.request(browser.callbackFor(toOf(asked))))).toBe('/form')
    expect(scene.made).toBe(2)
    const long = await openBrowser().request(`/events?${'x'.repeat(6000)}`, fromForm)
    expect([long.status, toOf(long)], 'too long to come back to').toEqual([303, '/callback?visit='])
  })

  it('that uses its agent after its response cannot start a session', async () => {
    const { scene, openBrowser, stage } = await openApp()
    let late: Promise<unknown> | undefined
    let respond: () => void = () => undefined
    const responded = new Promise<void>((resolve) => {
      respond = resolve
    })
    scene.page = async ({ fetch }: PageAgent) => {
      late = responded.then(() => fetch(ids.api)).catch(String)
      return 'shown'
    }
    expect(await (await openBrowser().request('/events')).text()).toBe('shown')
    respond()
    expect(await late).toBe('TypeError: A page handler must await fetch before it starts its response.')
    expect(stage.seen).toEqual([])
  })

  it('starts one session for visits at the same time', async () => {
    const { openBrowser } = await openApp()
    const browser = openBrowser()
    const first = await browser.request('/events')
    await browser.request(toOf(first))
    const responses = await Promise.all(['a', 'b'].map((day) => browser.request(`/events?day=${day}`)))
    const sessions = responses.flatMap(lines).filter((line) => line.startsWith('__Host-agent='))
    expect(new Set(sessions).size).toBe(1)
    const callback = browser.callbackFor(toOf(responses[0] as Response))
    expect(toOf(await browser.request(callback))).toMatch(/^\/events\?day=[ab]$/)
  })

  it('that requests nothing of a user needs no cookie', async () => {
    const { scene, openBrowser } = await openApp()
    scene.page = async (agent) => `${(await agent.tokens()).length} tokens`
    const shown = await openBrowser().request('/events')
    expect([await shown.text(), lines(shown)]).toEqual(['0 tokens', []])
  })
})

describe('if the auth server cannot be reached', () => {
  const busy = (seconds: string) => new Response('', { status: 429, headers: { 'retry-after': seconds } })

  it.each<[string, () => Response | Promise<never>, string]>([
    ['is overloaded', () => busy('150'), '150'],
    ['does not respond', () => Promise.reject(new Error('failed', { cause: 'no response within 5000 ms' })), '60'],
  ])('because it %s, the user learns when to try again', async (_why, auth, seconds) => {
    const { stage, openBrowser } = await openApp({ about: { name: 'Calendar helper' } })
    stage.token.auth = auth
    const shown = await openBrowser().visit('/events?day=1', { headers: { 'accept-language': 'ar' } })
    const html = await shown.text()
    expect([shown.status, shown.headers.get('retry-after')]).toEqual([503, seconds])
    expect(html).toContain('lang="ar"')
    expect(html).toContain('Calendar helper')
    expect(html).toContain(`<a href="${ids.agent}/events?day=1">`)
    const form = await (await openBrowser().visit('/events', fromForm)).text()
    expect(form).toContain(`<a href="${ids.agent}/form">`)
    const { headers: script } = fromScript
    const scripted = await openBrowser().visit('/events', { headers: script })
    expect([scripted.status, scripted.headers.get('retry-after')]).toEqual([503, seconds])
    expect(scripted.headers.get('cache-control')).toBe('private, no-store')
    expect(await scripted.json()).toEqual({ error: 'unavailable', retry_after: Number(seconds) })
  })
})
