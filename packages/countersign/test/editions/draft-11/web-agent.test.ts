import {
  type AgentStore,
  createWebAgent,
  memoryStore,
  type WebAgent,
  type WebAgentOptions,
  type WebConsentRequest,
} from 'countersign/agent'
import { draft11Agent } from 'countersign/editions/draft-11'
import { describe, expect, it, vi } from 'vitest'
import { agentSigner, ids, openStage, type Seen, type Stage } from './agent-stage.js'

const data = `${ids.resource}/data`

interface WebStage extends Stage {
  web: WebAgent
  prompts: WebConsentRequest[]
  /** Follows the callback of the latest page in a session's browser. */
  comeBack: (session: string, parameters?: Record<string, string>) => Promise<string>
}

function openWebStage(options: Partial<WebAgentOptions> = {}): WebStage {
  const stage = openStage({ decision: 'none' })
  const prompts: WebConsentRequest[] = []
  const web = createWebAgent({
    edition: draft11Agent,
    id: ids.agent,
    signer: agentSigner,
    authServers: [ids.personServer],
    sessionOf: (request) => request.headers.get('cookie'),
    onConsent: (consent) => void prompts.push(consent),
    fetch: stage.fetch,
    now: () => stage.clock.now,
    ...options,
  })
  const comeBack = async (session: string, parameters: Record<string, string> = {}) => {
    const callback = new URL(new URL(prompts.at(-1)?.url ?? '').searchParams.get('callback') ?? '')
    for (const [name, value] of Object.entries(parameters)) callback.searchParams.set(name, value)
    const response = await web.handler(new Request(callback, { headers: { cookie: session } }))
    return /data-state="([^"]*)"/.exec(await response.text())?.[1] ?? ''
  }
  return Object.assign(stage, { web, prompts, comeBack })
}

const namesOf = ({ seen }: Stage, path: string) =>
  seen.filter(({ url, typ }) => url.includes(path) && typ === 'aa-agent+jwt').map(({ claims }) => String(claims.sub))
const pollsOf = ({ seen }: Stage): Seen[] => seen.filter(({ url }) => url.includes('/pending/'))

/** An agent that restarted after an attacker had sent a victim the link to a page, and the victim had allowed the request there. */
async function openRestarted() {
  const store = memoryStore()
  const stage = openWebStage({ store })
  const restarted = openWebStage({ store, fetch: stage.fetch })
  void stage.web
    .for('attacker')
    .fetch(data)
    .catch(() => undefined)
  await expect.poll(() => stage.prompts).toHaveLength(1)
  stage.decide(stage.prompts[0]?.url ?? '')
  restarted.prompts.push(...stage.prompts)
  return { store, stage, restarted }
}

/** Allows in the session's own browser whatever it is prompted for, until the request has its response. */
async function allowAll(stage: WebStage, session: string, response: Promise<Response>): Promise<Response> {
  let handled = stage.prompts.length
  let isDone = false
  const done = response.finally(() => {
    isDone = true
  })
  while (!isDone) {
    await vi.waitFor(() => expect(isDone || stage.prompts.length > handled).toBe(true), { timeout: 5000, interval: 5 })
    if (isDone) break
    const { url } = stage.prompts[handled++] as WebConsentRequest
    stage.decide(url)
    await stage.comeBack(session)
  }
  return done
}

describe('a web agent of draft -11', () => {
  it('polls only after the session’s own browser has returned', async () => {
    const stage = openWebStage()
    const response = stage.web.for('s1').fetch(data)
    await expect.poll(() => stage.prompts).toHaveLength(1)
    stage.decide(stage.prompts[0]?.url ?? '')
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(pollsOf(stage)).toEqual([])
    expect(await stage.comeBack('s1')).toBe('allowed')
    expect(pollsOf(stage)).toHaveLength(1)
    await expect.poll(() => stage.prompts).toHaveLength(2)
    stage.decide(stage.prompts[1]?.url ?? '')
    await stage.comeBack('s1')
    expect((await response).status).toBe(200)
  })

  it('abandons the request if another browser returns, and starts the next one under a new name', async () => {
    const stage = openWebStage()
    const response = stage.web.for('attacker').fetch(data)
    await expect.poll(() => stage.prompts).toHaveLength(1)
    // The victim was sent the link, and allows it.
    stage.decide(stage.prompts[0]?.url ?? '')
    expect(await stage.comeBack('victim')).toBe('refused')
    expect(pollsOf(stage).map(({ method }) => method)).toEqual(['DELETE'])
    await expect(response).rejects.toMatchObject({ code: 'other_user' })
    void stage.web
      .for('attacker')
      .fetch(data)
      .catch(() => undefined)
    await expect.poll(() => stage.prompts).toHaveLength(2)
    const [first, second] = namesOf(stage, '/token')
    expect(first).toMatch(/^aauth:[\w-]{22}@agent\.example$/)
    expect(second).not.toBe(first)
    expect(stage.seen.filter(({ typ }) => typ === 'aa-person+jwt')).toEqual([])
    await stage.web.forget('attacker')
  })

  it('abandons the request if the browser returns before anyone has decided: the session may only pretend to return', async () => {
    const stage = openWebStage()
    const response = stage.web.for('attacker').fetch(data)
    const refused = expect(response).rejects.toMatchObject({ code: 'other_user' })
    await expect.poll(() => stage.prompts).toHaveLength(1)
    expect(await stage.comeBack('attacker')).toBe('refused')
    await refused
    expect(pollsOf(stage).map(({ method, headers }) => [method, headers.get('prefer')])).toEqual([
      ['GET', null],
      ['DELETE', null],
    ])
    expect(stage.pending.size, 'no one can decide any more').toBe(0)
  })

  it('abandons the request if another browser returns to another process', async () => {
    const store: AgentStore = { ...memoryStore(), isShared: true }
    const stage = openWebStage({ store })
    const other = openWebStage({ store, fetch: stage.fetch })
    const refused = expect(stage.web.for('attacker').fetch(data)).rejects.toMatchObject({ code: 'other_user' })
    await expect.poll(() => stage.prompts).toHaveLength(1)
    stage.decide(stage.prompts[0]?.url ?? '')
    other.prompts.push(...stage.prompts)
    expect(await other.comeBack('victim')).toBe('refused')
    await refused
    expect(pollsOf(stage).map(({ method }) => method)).toEqual(['DELETE'])
  })

  it('abandons the request if another browser returns after a restart', async () => {
    const { stage, restarted } = await openRestarted()
    expect(await restarted.comeBack('victim')).toBe('refused')
    expect(pollsOf(stage).map(({ method }) => method)).toEqual(['DELETE'])
    expect(await restarted.comeBack('attacker')).toBe('refused')
    expect(pollsOf(stage)).toHaveLength(1)
    await stage.web.forget('attacker')
  })

  it('abandons the request if it is no longer on record which browser started it', async () => {
    const { store, stage, restarted } = await openRestarted()
    // The store keeps 10,000 owners without a token. The attacker's session stays in use.
    for (let other = 0; other < 10_000; other++) {
      await store.put(`s${other}`, { agent: '', edition: '', kind: 'past', id: '', data: {} })
      await store.list('attacker')
    }
    expect(await restarted.comeBack('victim')).toBe('refused')
    expect(await restarted.comeBack('attacker')).toBe('refused')
    expect(pollsOf(stage).map(({ method }) => method)).toEqual(['DELETE'])
    expect(stage.pending.size, 'no one can receive the token any more').toBe(0)
    await stage.web.forget('attacker')
  })

  it('abandons the request if a browser without a session returns', async () => {
    const stage = openWebStage()
    const response = stage.web.for('s1').fetch(data)
    await expect.poll(() => stage.prompts).toHaveLength(1)
    stage.decide(stage.prompts[0]?.url ?? '')
    expect(await stage.comeBack('')).toBe('refused')
    expect(pollsOf(stage).map(({ method }) => method)).toEqual(['DELETE'])
    await expect(response).rejects.toMatchObject({ code: 'other_user' })
  })

  it('abandons the request if no browser returns in time', async () => {
    const stage = openWebStage({ consentTimeout: 0.05, now: () => Date.now() / 1000 })
    stage.clock.now = Math.floor(Date.now() / 1000)
    const response = stage.web.for('s1').fetch(data)
    await expect(response).rejects.toMatchObject({ code: 'consent_expired' })
    expect(pollsOf(stage).map(({ method }) => method)).toEqual(['DELETE'])
  })

  it('has a name for each session, and keeps it once the session’s user has returned', async () => {
    const stage = openWebStage()
    await allowAll(stage, 's1', stage.web.for('s1').fetch(data))
    stage.clock.now += 3600
    await allowAll(stage, 's1', stage.web.for('s1').fetch(data))
    await allowAll(stage, 's2', stage.web.for('s2').fetch(data))
    const names = namesOf(stage, '/token')
    // The first session asks twice after its hour: what it may expect to get without a prompt, and what the API then requires.
    const [first, last] = [names[0], names.at(-1)]
    expect(names).toEqual([first, first, first, last])
    expect(last).not.toBe(first)
    expect(new Set(namesOf(stage, '/authorize')).size).toBe(2)
  })

  it('gives every consent its own name until the user has returned', async () => {
    const stage = openWebStage({ onConsent: undefined })
    const failure = (await stage.web
      .for('s1')
      .fetch(data)
      .catch((error: unknown) => error)) as { consent: { url: string } }
    expect(failure).toMatchObject({ code: 'consent_required' })
    await stage.web
      .for('s1')
      .fetch('https://other.example/data')
      .catch(() => undefined)
    const again = (await stage.web
      .for('s1')
      .fetch(data)
      .catch((error: unknown) => error)) as { consent: { url: string } }
    expect(again.consent.url).toBe(failure.consent.url)
    const [first, second, ...more] = namesOf(stage, '/token')
    expect(second).not.toBe(first)
    expect(more, 'the third request joined the first consent').toEqual([])
    expect(pollsOf(stage), 'the user has not returned').toEqual([])
  })

  it('has another name for each interaction of a resource until the user has returned', async () => {
    const stage = openWebStage()
    stage.api = (seen) =>
      seen.headers.has('authorization')
        ? new Response('data')
        : stage.defer(seen, () => new Response('data', { headers: { 'aauth-access': 'session' } }))
    const first = stage.web.for('s1').fetch(data)
    await expect.poll(() => stage.prompts).toHaveLength(1)
    stage.decide(stage.prompts[0]?.url ?? '')
    expect(await stage.comeBack('victim')).toBe('refused')
    await expect(first).rejects.toMatchObject({ code: 'other_user' })
    const second = await allowAll(stage, 's1', stage.web.for('s1').fetch(data))
    expect(second.status).toBe(200)
    const [one, two] = namesOf(stage, '/data')
    expect(one).not.toBe(two)
    expect((await stage.web.for('s1').fetch(data)).status).toBe(200)
    expect(namesOf(stage, '/data').at(-1), 'the name to which the session belongs').toBe(two)
  })

  it('must issue its own agent tokens', () => {
    expect(() => openWebStage({ agentToken: () => '' })).toThrow(/^agentToken: a web agent has a name for each/)
  })
})
