import { type AgentOptions, createAgent, createWebAgent, memoryStore } from 'countersign/agent'
import { createAppAgent } from 'countersign/agent/hono'
import { draft11Agent, draft11Resource } from 'countersign/editions/draft-11'
import { createResource } from 'countersign/resource'
import { Hono } from 'hono'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createScriptedUser } from '../../scripted-user.js'
import { scopes } from '../../world.js'
import { openConsent, openPersonStage, type PersonStage, people } from './person-stage.js'

/** An agent and an API of draft -11 at the server. Pauses between polls take no time. */
async function openThree() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  const ticking = setInterval(() => vi.advanceTimersByTime(200), 5)
  onTestFinished(() => {
    clearInterval(ticking)
    vi.useRealTimers()
  })
  const stage = await openPersonStage()
  const { agent, resource, authServer, clock, origins } = stage
  const now = () => clock.now
  const api = createResource({
    edition: draft11Resource,
    id: resource.id,
    signer: resource.signer,
    authServers: [authServer],
    scopes,
    fetch: stage.fetch,
    now,
  })
  origins?.set(resource.id, async (request) => {
    const scope = { '/read': 'data.read', '/both': 'data.read data.write' }[new URL(request.url).pathname]
    if (scope === undefined) return api.handler(request)
    try {
      const verified = await api.verify(request, { require: 'authorization', scope })
      return Response.json({ sub: verified.sub, scope: verified.scope })
    } catch (error) {
      return api.toResponse(error)
    }
  })
  const options = {
    edition: draft11Agent,
    id: agent.id,
    signer: agent.signer,
    authServers: [authServer],
    fetch: stage.fetch,
    now,
  }
  const serve = (handler: (request: Request) => Promise<Response>) => origins?.set(agent.id, handler)
  return { ...stage, options, serve }
}

interface Deciding {
  person?: (typeof people)[keyof typeof people]
  consent?: string
  duration?: string
  /** The agent's cookie in the browser. */
  cookie?: string
}

/** Signs in, decides, and follows the redirect. Returns what the page then shows. */
async function decideInBrowser(
  stage: Pick<PersonStage, 'fetch'>,
  page: string,
  { person = people.alice, consent = 'grant', duration = 'until-removed', cookie = '' }: Deciding = {},
): Promise<string> {
  const user = createScriptedUser(stage.fetch)
  const { html, url } = await openConsent(stage as PersonStage, page, { user, person })
  const decided = await user.submit(html, url, consent === 'grant' ? { consent, duration } : { consent })
  const location = decided.headers.get('location')
  const response = location === null ? decided : await stage.fetch(new Request(location, { headers: { cookie } }))
  return /data-state="([^"]*)"/.exec(await response.text())?.[1] ?? ''
}

describe('agent, API and auth server of draft -11', () => {
  async function openOne(more: Partial<AgentOptions> = {}, consent = 'grant') {
    const stage = await openThree()
    const asked: string[] = []
    const shown: Promise<string>[] = []
    const create = () =>
      createAgent({
        ...stage.options,
        onePerson: true,
        onConsent({ url }) {
          asked.push(url)
          shown.push(decideInBrowser(stage, url, { consent }))
        },
        ...more,
      })
    const agent = create()
    stage.serve(agent.handler)
    return { ...stage, asked, shown, agent, create }
  }

  it('get a user’s consent, who returns to the agent', async () => {
    const { agent, resource, asked, shown } = await openOne()
    const response = await agent.fetch(`${resource.id}/read`)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ scope: ['data.read'], sub: expect.any(String) })
    expect(asked).toHaveLength(2)
    expect(await Promise.all(shown)).toEqual(['allowed', 'allowed'])
  })

  it('end with access_denied if the user denies it', async () => {
    const { agent, resource, shown } = await openOne({}, 'deny')
    await expect(agent.fetch(`${resource.id}/read`)).rejects.toMatchObject({ code: 'access_denied' })
    expect(await Promise.all(shown)).toEqual(['denied'])
  })

  it('do not prompt again for what the user has allowed until it is removed, and prompt for more', async () => {
    const { agent, resource, asked, create } = await openOne()
    await agent.fetch(`${resource.id}/read`)
    expect((await create().fetch(`${resource.id}/read`)).status).toBe(200)
    expect(asked).toHaveLength(2)
    expect(await (await agent.fetch(`${resource.id}/both`)).json()).toMatchObject({
      scope: ['data.read', 'data.write'],
    })
    expect(asked).toHaveLength(3)
  })

  it('renew tokens without the user', async () => {
    const { agent, resource, asked, clock } = await openOne()
    await agent.fetch(`${resource.id}/read`)
    clock.now += 3400
    expect((await agent.fetch(`${resource.id}/read`)).status).toBe(200)
    expect(asked).toHaveLength(2)
  })

  it('continue in another process with what an agent without a user has started', async () => {
    const stage = await openOne({ onConsent: undefined, store: memoryStore() })
    const { create, resource } = stage
    for (const _ of ['person token', 'auth token']) {
      const failure = await create()
        .fetch(`${resource.id}/read`)
        .catch((error: unknown) => error as { consent: { url: string } })
      await decideInBrowser(stage, 'consent' in failure ? failure.consent.url : '')
    }
    expect((await create().fetch(`${resource.id}/read`)).status).toBe(200)
  })
})

describe('a web agent of draft -11 at the auth server', () => {
  async function openWeb() {
    const stage = await openThree()
    const asked: string[] = []
    const web = createWebAgent({
      ...stage.options,
      sessionOf: (request) => request.headers.get('cookie'),
      onConsent: ({ url }) => void asked.push(url),
    })
    stage.serve((request) => web.handler(request))
    return { ...stage, asked, web }
  }

  it('acts for each session’s own user', async () => {
    const stage = await openWeb()
    const { web, resource, asked } = stage
    const sub = async (session: string, person: NonNullable<Deciding['person']>) => {
      const response = web.for(session).fetch(`${resource.id}/read`)
      for (const _ of [1, 2]) {
        const { length } = asked
        await vi.waitFor(() => expect(asked.length).toBeGreaterThan(0))
        const page = asked.shift() ?? ''
        expect(length).toBeLessThanOrEqual(1)
        expect(await decideInBrowser(stage, page, { person, cookie: session })).toBe('allowed')
      }
      return ((await (await response).json()) as { sub: string }).sub
    }
    expect(await sub('s1', people.alice)).not.toBe(await sub('s2', people.bob))
  })

  it('brings the user of an app back to the page that they came from', async () => {
    const stage = await openThree()
    const { options, resource, serve } = stage
    const app = new Hono()
    const agent = createAppAgent({ ...options, home: '/' })
    app.use(agent.ownRoutes)
    app.get(
      '/events',
      agent.page(async (c, { fetch }) => c.text(`events: ${(await fetch(`${resource.id}/read`)).status}`)),
    )
    serve(async (request) => app.fetch(request))
    const browser = createScriptedUser(stage.fetch)
    let at = `${options.id}/events?day=1`
    let decisions = 0
    for (let hop = 0; hop < 12; hop++) {
      const response = await browser.open(at, { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' })
      const location = response.headers.get('location')
      if (location === null) {
        expect(await response.text()).toBe('events: 200')
        break
      }
      at = new URL(location, at).href
      if (!at.startsWith(stage.authServer)) continue
      const { html, url } = await openConsent(stage, at, { user: browser })
      const decided = await browser.submit(html, url, { consent: 'grant', duration: 'until-removed' })
      at = decided.headers.get('location') ?? ''
      decisions++
    }
    expect([at, decisions]).toEqual([`${options.id}/events?day=1`, 2])
  })

  it('gives an attacker nothing if someone else opens the link and allows it', async () => {
    const stage = await openWeb()
    const { web, resource, asked } = stage
    const response = web.for('attacker').fetch(`${resource.id}/read`)
    const refused = expect(response).rejects.toMatchObject({ code: 'other_user' })
    await vi.waitFor(() => expect(asked).toHaveLength(1))
    expect(await decideInBrowser(stage, asked[0] ?? '', { person: people.bob, cookie: 'victim' })).toBe('refused')
    await refused
    // What the victim has allowed is bound to a name that is not used again.
    const next = web.for('attacker').fetch(`${resource.id}/read`)
    next.catch(() => undefined)
    await vi.waitFor(() => expect(asked).toHaveLength(2))
    await web.forget('attacker')
    await expect(next).rejects.toMatchObject({ code: 'session_forgotten' })
  })
})
