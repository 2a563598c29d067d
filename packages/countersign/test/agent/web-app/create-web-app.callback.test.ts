import { describe, expect, it } from 'vitest'
import { ids } from '../stage.js'
import { type AppOptions, openApp, toOf } from './app-stage.js'

const fromScript = { 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' }

describe('a browser that returns no cookies', () => {
  const check = '/callback?visit=%2Fevents'
  const request = async (options: AppOptions, headers: Record<string, string> = {}) =>
    (await openApp(options)).openBrowser().request(check, { headers })

  it('learns this, with a way back, and no auth server is contacted', async () => {
    const { openBrowser, stage } = await openApp({ about: { name: 'Calendar helper' } })
    const refused = await openBrowser().request(check, { headers: { 'accept-language': 'en' } })
    const html = await refused.text()
    expect(refused.status).toBe(400)
    for (const part of ['data-state="refused"', 'does not send cookies', 'Calendar helper', `${ids.agent}/events"`])
      expect(html).toContain(part)
    expect(stage.seen).toEqual([])
  })

  it('learns this on the page of the app, in the browser’s language', async () => {
    const callbackResponse = (outcome: string, detail?: string) => new Response(`${outcome}: ${detail}`)
    const shown = await request({ callbackResponse }, { 'accept-language': 'ar' })
    expect(await shown.text()).toMatch(/^refused: .*ملفات تعريف الارتباط/)
  })

  it('learns this in JSON if it is a script', async () => {
    const shown = await request({}, fromScript)
    expect([shown.status, shown.headers.get('cache-control')]).toEqual([400, 'no-store'])
    expect(await shown.json()).toEqual({ error: 'cookies_required' })
  })

  it('passes the check with a session of the agent or of the app', async () => {
    const { openBrowser } = await openApp()
    const browser = openBrowser()
    await browser.allow()
    expect(toOf(await browser.request(check))).toBe('/events')
    const { openBrowser: openOther } = await openApp({ ownSession: (header) => header })
    expect(toOf(await openOther().request(check, { headers: { 'x-session': 's-1' } }))).toBe('/events')
  })
})

describe('the callback', () => {
  const denied = { error: 'access_denied' }

  it.each<[AppOptions, string]>([
    [{}, '/'],
    [{ home: '/start' }, '/start'],
  ])('of a denied consent shows that, with %j a way to %s', async (options, home) => {
    const { openBrowser } = await openApp({ ...options, about: { name: 'Calendar helper' } })
    const browser = openBrowser()
    const callback = browser.callbackFor(toOf(await browser.visit()), denied)
    const html = await (await browser.request(callback, { headers: { 'accept-language': 'ar' } })).text()
    for (const part of ['data-state="denied"', 'lang="ar"', 'Calendar helper', `<a href="${home}">`])
      expect(html).toContain(part)
    expect(toOf(await browser.request('/sign-out', { method: 'POST', headers: { origin: ids.agent } }))).toBe(home)
  })

  it('that fails leads back to the page', async () => {
    const { stage, openBrowser } = await openApp({ home: '/start' })
    const browser = openBrowser()
    const callback = browser.callbackFor(toOf(await browser.visit()))
    stage.token.code = () => new Response('', { status: 500 })
    const html = await (await browser.request(callback)).text()
    expect(html).toContain('data-state="failed"')
    expect(html).toContain(`<a href="${ids.agent}/events">`)
  })

  it('shows the app’s own page, except after approval', async () => {
    const callbackResponse = (outcome: string, _detail: unknown, request: Request) =>
      new Response(`${outcome} at ${new URL(request.url).pathname}`)
    const { openBrowser } = await openApp({ callbackResponse })
    const browser = openBrowser()
    const asked = toOf(await browser.visit())
    expect(await (await browser.request(browser.callbackFor(asked, denied))).text()).toBe('denied at /callback')
    expect(toOf(await openBrowser().allow())).toBe('/events')
  })

  it('replaces the session, so that anyone who knew it loses access', async () => {
    const { openBrowser } = await openApp()
    const [browser, thief] = [openBrowser(), openBrowser()]
    const callback = browser.callbackFor(toOf(await browser.visit()))
    for (const [name, value] of browser.cookies) thief.cookies.set(name, value)
    expect(toOf(await browser.request(callback))).toBe('/events')
    thief.cookies.delete('__Host-agent-visit')
    expect(await (await browser.request('/events')).text()).toBe('data')
    expect(toOf(await thief.request('/events'))).toMatch(/^\/callback\?visit=/)
  })

  it('can be passed to the agent itself, with the browser’s session', async () => {
    const { agent, openBrowser } = await openApp()
    const browser = openBrowser()
    const url = ids.agent + browser.callbackFor(toOf(await browser.visit()))
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    expect((await agent.handler(new Request(url))).status).toBe(400)
    expect(toOf(await agent.handler(new Request(url, { headers: { cookie } })))).toBe('/events')
  })

  it('passed to the agent itself has no session if the app has its own', async () => {
    const { agent, openBrowser } = await openApp({ ownSession: (header) => header })
    const headers = { 'x-session': 's-1' }
    const browser = openBrowser()
    const url = ids.agent + browser.callbackFor(toOf(await browser.visit('/events', { headers })))
    expect((await agent.handler(new Request(url, { headers: { cookie: '__Host-agent=s-1' } }))).status).toBe(400)
  })
})
