import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { ids } from '../stage.js'
import { mounts, openApp, toOf } from './app-stage.js'

const consentPage = `${ids.authServer}/agent/auth?`
const attributes = 'Path=/; HttpOnly; SameSite=Lax; Secure'

describe.each(Object.entries(mounts))('a web app in %s', (_framework, mount) => {
  it('checks cookies, then has the user decide, and returns to the page with a session', async () => {
    const { scene, openBrowser } = await openApp({}, mount)
    const browser = openBrowser()
    const first = await browser.request('/events?day=1')
    expect([first.status, toOf(first)]).toEqual([303, '/callback?visit=%2Fevents%3Fday%3D1'])
    expect(first.headers.get('cache-control')).toBe('private, no-store')
    expect(first.headers.getSetCookie()).toEqual([
      expect.stringMatching(`^__Host-agent-visit=[\\w-]{22}; ${attributes}; Max-Age=600$`),
    ])
    const checked = await browser.request(toOf(first))
    expect([checked.status, toOf(checked), checked.headers.getSetCookie()]).toEqual([303, '/events?day=1', []])
    const asked = await browser.request('/events?day=1')
    expect([asked.status, await asked.clone().text()]).toEqual([303, ''])
    expect(toOf(asked)).toContain(consentPage)
    expect(asked.headers.getSetCookie()).toEqual([
      expect.stringMatching(`^__Host-agent=[\\w-]{22}\\.[\\w-]{43}; ${attributes}$`),
      expect.stringMatching(
        `^__Host-agent-back-[\\w-]{16}=${encodeURIComponent('/events?day=1')}; ${attributes}; Max-Age=10800$`,
      ),
    ])
    const callback = await browser.request(browser.callbackFor(toOf(asked)))
    expect([callback.status, toOf(callback)]).toEqual([303, '/events?day=1'])
    expect(callback.headers.getSetCookie()).toEqual([
      expect.stringMatching(`^__Host-agent-back-[\\w-]{16}=; ${attributes}; Max-Age=0$`),
      `__Host-agent-allowed=1; ${attributes}; Max-Age=60`,
      expect.stringMatching(`^__Host-agent=[\\w-]{22}\\.[\\w-]{43}; ${attributes}$`),
      `__Host-agent-visit=; ${attributes}; Max-Age=0`,
    ])
    const shown = await browser.request('/events?day=1')
    expect([shown.status, await shown.text()]).toEqual([200, 'data'])
    expect(scene.made).toBe(3)
    expect([...browser.cookies.keys()]).toEqual(['__Host-agent'])
    expect((await openBrowser().request('/events')).status, 'for another browser').toBe(303)
  })

  it('serves its own documents, and leaves other paths to the app', async () => {
    const { openBrowser } = await openApp({}, mount)
    const document = await openBrowser().request('/.well-known/aauth-agent')
    expect(await document.json()).toMatchObject({ agent: ids.agent, jwks_uri: `${ids.agent}/jwks.json` })
    const keys = await openBrowser().request('/jwks.json?cached=no')
    expect(await keys.json()).toMatchObject({ keys: [expect.objectContaining({ kid: 'agent-1' })] })
    expect((await openBrowser().request('/.well-known/aauth-agent/x')).status).toBe(404)
  })

  it('leaves the globals of the process as they are', async () => {
    const { openBrowser } = await openApp({}, mount)
    class OwnResponse extends Response {}
    vi.stubGlobal('Response', OwnResponse)
    onTestFinished(() => void vi.unstubAllGlobals())
    expect((await openBrowser().request('/jwks.json')).status).toBe(200)
    expect(globalThis.Response).toBe(OwnResponse)
  })

  it('keeps a page out of caches and its cookies to itself, whatever headers the page sets', async () => {
    const { scene, openBrowser } = await openApp({}, mount)
    const browser = openBrowser()
    scene.page = async () => 'no agent'
    const plain = await browser.request('/public')
    expect([plain.status, await plain.text()]).toEqual([201, 'no agent'])
    expect(plain.headers.getSetCookie()).toEqual(['theme=dark'])
    expect(plain.headers.get('cdn-cache-control')).toBeNull()
    expect(plain.headers.get('cache-control')).toBe('private, no-store')
    scene.page = async ({ fetch }) => {
      const error = await fetch(ids.api).catch((thrown: { code: string }) => thrown)
      return 'code' in error ? String(error.code) : 'none'
    }
    const asked = await browser.visit('/public')
    expect([asked.status, await asked.text()]).toEqual([201, 'consent_required'])
    const names = asked.headers.getSetCookie().map((line) => line.split('=', 1)[0])
    expect(names).toEqual(['theme', '__Host-agent-visit'])
    const started = await browser.visit('/public')
    expect(started.headers.getSetCookie().map((line) => line.split('=', 1)[0])).toEqual([
      'theme',
      '__Host-agent',
      expect.stringMatching(/^__Host-agent-back-/),
    ])
    expect(started.headers.get('cache-control')).toBe('private, no-store')
  })

  it('passes an error of the page on', async () => {
    const { scene, openBrowser } = await openApp({}, mount)
    scene.page = () => Promise.reject(new Error('the page failed'))
    const failed = await openBrowser().request('/events')
    expect([failed.status, await failed.text()]).toEqual([500, 'the page failed'])
  })

  it('signs out: only from its own pages, and with everything that was allowed', async () => {
    const { openBrowser } = await openApp({}, mount)
    const browser = openBrowser()
    await browser.allow()
    const foreign = await browser.request('/sign-out', { method: 'POST', headers: { origin: 'https://evil.example' } })
    expect([foreign.status, await foreign.text()]).toEqual([403, expect.stringContaining('was ignored')])
    expect((await browser.request('/events')).status).toBe(200)
    const planted = new Map(browser.cookies)
    const left = await browser.request('/sign-out', { method: 'POST', headers: { origin: ids.agent } })
    expect([left.status, toOf(left)]).toEqual([303, '/'])
    expect(left.headers.getSetCookie()).toEqual([`__Host-agent=; ${attributes}; Max-Age=0`])
    for (const [name, value] of planted) browser.cookies.set(name, value)
    expect(toOf(await browser.visit())).toContain(consentPage)
    expect((await openBrowser().request('/sign-out', { method: 'POST', headers: { origin: ids.agent } })).status).toBe(
      303,
    )
  })

  it('uses the sessions of the app, if it has any', async () => {
    const { openBrowser } = await openApp({ ownSession: (header) => header }, mount)
    const browser = openBrowser()
    const headers = { 'x-session': 's-1' }
    const callback = await browser.allow('/events', { headers })
    expect(toOf(callback)).toBe('/events')
    expect(callback.headers.getSetCookie().map((line) => line.split(/[=;]/, 1)[0])).toEqual([
      expect.stringMatching(/^__Host-agent-back-/),
      '__Host-agent-allowed',
    ])
    expect(await (await browser.request('/events', { headers })).text()).toBe('data')
    expect((await browser.request('/events', { headers: { 'x-session': 's-2' } })).status).toBe(303)
    const signedOut = await browser.request('/events')
    expect([signedOut.status, await signedOut.text()]).toEqual([
      500,
      'sessionOf returned no session: users must sign in before they open this page',
    ])
    const post = { method: 'POST', headers: { ...headers, origin: ids.agent } }
    expect((await browser.request('/sign-out', post)).headers.getSetCookie()).toEqual([])
    expect((await browser.request('/events', { headers })).status).toBe(303)
  })
})

it('starts no session once the response has begun: its cookie could no longer be set', async () => {
  const { openBrowser } = await openApp({}, mounts.express)
  const browser = openBrowser()
  const early = await browser.request('/early')
  expect(await early.text()).toBe('early: TypeError: A page handler must await fetch before it starts its response.')
  await browser.allow()
  expect(await (await browser.request('/early')).text()).toBe('early: data')
})
