import { createWebAgent, type WebAgent, type WebAgentOptions } from 'countersign/agent'
import { describe, expect, it } from 'vitest'
import { createScriptedUser, decideAs } from '../scripted-user.js'
import { createWorld, ids, type World } from '../world.js'

interface CallbackAttack {
  id: string
  claim: string
  /** One change to a valid callback. */
  change?: (callback: URL) => void
  /** The browser session in which the callback arrives. An empty string means none. */
  session?: string
  init?: RequestInit
  /** @default 400 */
  status?: number
  /** Text that the page must contain. @default that no request is waiting for this response */
  says?: string
}

const notHere = 'No request is waiting for this response'
const otherBrowser = 'This request was started in another browser, so the response was not used'
const noSession = 'The agent does not recognize this browser, so the response was not used'
const broken = 'missing, duplicate or conflicting parameters'

const attacks: readonly CallbackAttack[] = [
  {
    id: 'C30',
    claim: 'iss of another auth server',
    change: (url) => url.searchParams.set('iss', 'https://other.example'),
    says: 'came from an unexpected server',
  },
  {
    id: 'C30',
    claim: 'no iss',
    change: (url) => url.searchParams.delete('iss'),
    says: 'came from an unexpected server',
  },
  {
    id: 'C31',
    claim: 'an unknown state',
    change: (url) => url.searchParams.set('state', 'A'.repeat(32)),
    says: notHere,
  },
  { id: 'C31', claim: 'an empty state', change: (url) => url.searchParams.set('state', ''), says: notHere },
  { id: 'C31', claim: 'no state', change: (url) => url.searchParams.delete('state'), says: notHere },
  { id: 'C31', claim: 'the state of another browser session', session: 'session-2', says: otherBrowser },
  { id: 'L08', claim: 'the state of a browser session, in a request without a session', session: '', says: noSession },
  {
    id: 'L08',
    claim: 'an error response, in another browser session',
    change: (url) => {
      url.searchParams.delete('code')
      url.searchParams.set('error', 'access_denied')
    },
    session: 'session-2',
    says: otherBrowser,
  },
  {
    id: 'L08',
    claim: 'no state and no browser session',
    change: (url) => url.searchParams.delete('state'),
    session: '',
    says: noSession,
  },
  {
    id: 'C31',
    claim: 'both a code and an error',
    change: (url) => url.searchParams.set('error', 'access_denied'),
    says: broken,
  },
  { id: 'C31', claim: 'neither', change: (url) => url.searchParams.delete('code'), says: broken },
  ...['state', 'iss', 'code'].map((name) => ({
    id: 'C31',
    claim: `${name} twice`,
    change: (url: URL) => url.searchParams.append(name, url.searchParams.get(name) ?? ''),
    says: broken,
  })),
  { id: 'C39', claim: 'a HEAD request, as sent by link scanners', init: { method: 'HEAD' }, status: 405, says: '' },
  { id: 'C39', claim: 'a POST', init: { method: 'POST' }, status: 405, says: 'Method not allowed: use GET' },
  {
    id: 'C39',
    claim: 'a browser that only prefetches',
    init: { headers: { 'sec-purpose': 'prefetch;prerender' } },
    status: 503,
    says: '',
  },
]

interface Waiting {
  world: World
  agent: WebAgent
  callback: string
  /** Sessions for which consent was requested, in order. */
  asked: string[]
  ended: Promise<number>
}

/** Creates a web agent whose session 1 is waiting for a callback, and returns it with the valid callback. */
async function waiting(options: Partial<WebAgentOptions> = {}): Promise<Waiting> {
  let found: (callback: string) => void = () => undefined
  const callback = new Promise<string>((resolve) => {
    found = resolve
  })
  const world = await createWorld()
  const asked: string[] = []
  const agent = createWebAgent({
    id: ids.agent,
    signer: world.agentSigner,
    authServers: [ids.authServer],
    sessionOf: (request) => request.headers.get('cookie'),
    onConsent: async ({ url, session }) => {
      found(await decideAs(createScriptedUser(world.fetch), url, 'grant'))
      asked.push(session)
    },
    fetch: world.fetch,
    now: () => world.clock.now,
    ...options,
  })
  world.origins.set(ids.agent, (request) => agent.handler(request))
  const ended = agent
    .for('session-1')
    .fetch(`${ids.resource}/data-auth`)
    .then(({ status }) => status)
  return { world, agent, callback: await callback, asked, ended }
}

function arrive({ agent }: Waiting, callback: string, session = 'session-1', init: RequestInit = {}) {
  const headers = new Headers(init.headers)
  if (session !== '') headers.set('cookie', session)
  return agent.handler(new Request(callback, { ...init, headers }))
}

const codesSent = async ({ world }: Waiting) =>
  (await Promise.all(world.sent.map((request) => request.clone().text()))).filter((body) => body.includes('aacd_'))
    .length

describe('the agent’s callback', () => {
  it('accepts a valid callback: the base case', async () => {
    const scene = await waiting()
    expect(await (await arrive(scene, scene.callback)).text()).toContain('data-state="allowed"')
    expect(await scene.ended).toBe(200)
    expect(await codesSent(scene)).toBe(1)
  })

  it.each(attacks.map((attack) => [attack.id, attack.claim, attack] as const))(
    '%s: refuses %s, sends no code, and still accepts the correct callback',
    async (_id, _claim, { change, session, init, status = 400, says = notHere }) => {
      const scene = await waiting()
      const changed = new URL(scene.callback)
      change?.(changed)
      const refused = await arrive(scene, changed.href, session, init)
      expect(refused.status).toBe(status)
      const page = await refused.text()
      expect(page).toContain(says)
      if (status === 400) {
        expect(page).toContain('data-state="refused"')
        expect(refused.headers.get('referrer-policy')).toBe('no-referrer')
      }
      expect(page).not.toContain('aacd_')
      expect(await codesSent(scene)).toBe(0)
      await arrive(scene, scene.callback)
      expect(await scene.ended).toBe(200)
    },
  )

  it('C31: refuses a callback that was already used', async () => {
    const scene = await waiting()
    await arrive(scene, scene.callback)
    await scene.ended
    expect((await arrive(scene, scene.callback)).status).toBe(400)
    expect(await codesSent(scene)).toBe(1)
  })

  it.each<[string, WebAgentOptions['sessionOf'], string]>([
    [
      'throws',
      () => {
        throw new Error('no such cookie')
      },
      'no such cookie',
    ],
    ['rejects', async () => Promise.reject(new Error('the store is down')), 'the store is down'],
    ['returns a number', () => 1 as never, 'a session must be a string, not of type number'],
  ])(
    'L08: does not use the callback if sessionOf %s, and continues once sessionOf works again',
    async (_how, broken, message) => {
      let sessionOf = broken
      const scene = await waiting({ sessionOf: (request) => sessionOf(request) })
      await expect(arrive(scene, scene.callback)).rejects.toThrow(message)
      expect(await codesSent(scene)).toBe(0)
      sessionOf = () => 'session-1'
      await arrive(scene, scene.callback)
      expect(await scene.ended).toBe(200)
    },
  )

  it.each([undefined, null, ''])(
    'L08: treats a browser as having no session if sessionOf returns %j',
    async (session) => {
      const scene = await waiting({ sessionOf: () => session })
      expect(await (await arrive(scene, scene.callback)).text()).toContain(noSession)
      expect(await codesSent(scene)).toBe(0)
    },
  )

  it('L08: accepts a callback without state only in a session that is waiting for exactly one', async () => {
    const scene = await waiting({ interop: { stateOptional: [ids.authServer] } })
    const callback = new URL(scene.callback)
    callback.searchParams.delete('state')
    for (const session of ['session-2', '']) expect((await arrive(scene, callback.href, session)).status).toBe(400)
    expect(await (await arrive(scene, callback.href)).text()).toContain('data-state="allowed"')
    expect(await scene.ended).toBe(200)
  })

  it('L08: rejects a callback without state while two are pending, even if the caller of one has given up', async () => {
    const scene = await waiting({ interop: { stateOptional: [ids.authServer] } })
    const callback = new URL(scene.callback)
    callback.searchParams.delete('state')
    const abort = new AbortController()
    const more = scene.agent.for('session-1').fetch(`${ids.resource}/read`, { signal: abort.signal })
    await expect.poll(() => scene.asked).toEqual(['session-1', 'session-1'])
    expect(await (await arrive(scene, callback.href)).text()).toContain(notHere)
    abort.abort(new Error('given up'))
    await expect(more).rejects.toThrow('given up')
    expect(await (await arrive(scene, callback.href)).text()).toContain(notHere)
    expect(await codesSent(scene)).toBe(0)
    await arrive(scene, scene.callback)
    expect(await scene.ended).toBe(200)
  })

  it('passes the outcome to a custom callback page, with the reason if it was refused', async () => {
    const said: unknown[] = []
    const scene = await waiting({
      callbackResponse: (...answer) => {
        said.push(answer)
        return new Response(null, { status: 303, headers: { location: '/' } })
      },
    })
    expect((await arrive(scene, scene.callback, '')).status).toBe(303)
    await arrive(scene, scene.callback)
    expect(said).toEqual([
      ['refused', expect.stringContaining(noSession), expect.any(Request)],
      ['allowed', undefined, expect.any(Request)],
    ])
  })
})
