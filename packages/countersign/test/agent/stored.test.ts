import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSigner, generatePrivateJwk } from 'countersign'
import { type AgentError, type AgentStore, createAgent, memoryStore } from 'countersign/agent'
import { fileStore } from 'countersign/node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { agentSigner, ended, ids, openStage, type Stage } from './stage.js'

const data = `${ids.api}/data`

function newStore(): AgentStore {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-stored-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return fileStore(folder)
}

async function untilAsked(stage: Stage, times = 1): Promise<void> {
  await expect.poll(() => stage.asked.length, { interval: 5 }).toBeGreaterThanOrEqual(times)
  expect(stage.asked).toHaveLength(times)
}

function fetchIn({ agent }: Stage, session = 's1'): Promise<string> {
  // A request that waits for another process keeps polling, even while the next test runs.
  onTestFinished(() => agent.forget(session))
  return ended(agent.for(session).fetch(data))
}

/** The same agent in another process, which shares only the store with this one. */
function restarted(stage: Stage, store: AgentStore, options: Parameters<typeof openStage>[0] = {}): Stage {
  const again = openStage({ store, ...options })
  again.clock.now = stage.clock.now + 60
  return again
}

async function allowed(store: AgentStore, answer: Record<string, string> = { code: 'the-code' }): Promise<Stage> {
  const stage = openStage({ store })
  const end = fetchIn(stage)
  await untilAsked(stage)
  const [consent] = stage.asked
  if (!consent) throw new TypeError('expected a consent prompt')
  expect(await stage.answer(consent, answer)).toContain('data-state="allowed"')
  expect(await end).toBe('data')
  return stage
}

describe('after a restart', () => {
  it('a token is used, and no one is prompted again', async () => {
    const store = newStore()
    const before = await allowed(store)
    const stage = restarted(before, store)
    expect(await fetchIn(stage)).toBe('data')
    expect(stage.asked).toEqual([])
    expect(stage.seen.map(({ scheme }) => scheme)).toEqual(['jwt'])
    const other = fetchIn(stage, 's2')
    await untilAsked(stage)
    await stage.agent.forget('s2')
    expect(await other, 'no token of another session is used').toBe('session_forgotten')
  })

  it('a refresh token yields a new token', async () => {
    const store = newStore()
    const first = openStage({ store })
    first.token.code = async () => ({ auth_token: await first.authToken(), refresh_token: 'refresh-1' })
    const end = fetchIn(first)
    await untilAsked(first)
    await first.answer(first.asked[0] ?? expect.fail())
    await end
    const stage = restarted(first, store)
    stage.clock.now += 86_400
    expect(await fetchIn(stage)).toBe('data')
    expect(stage.forms()).toEqual([{ request_type: 'refresh', refresh_token: 'refresh-1' }])
  })

  it('a token bound to another key is not used, but its refresh token is', async () => {
    const store = memoryStore()
    const first = openStage({ store })
    first.token.code = async () => ({ auth_token: await first.authToken(), refresh_token: 'refresh-1' })
    const end = fetchIn(first)
    await untilAsked(first)
    await first.answer(first.asked[0] ?? expect.fail())
    await end
    const signer = await createSigner(await generatePrivateJwk({ kid: 'agent-2' }))
    const stage = restarted(first, store, { signer })
    stage.token.refresh = async () => ({ auth_token: await stage.authToken({ cnf: { jwk: signer.jwk } }) })
    expect(await fetchIn(stage)).toBe('data')
    expect(stage.forms().map(({ request_type }) => request_type)).toEqual(['refresh'])
  })

  it('a consent decided then is exchanged and stored, even if no request waits', async () => {
    const store = newStore()
    const first = openStage({ store })
    void fetchIn(first)
    await untilAsked(first)
    const stage = restarted(first, store)
    expect(await stage.answer(first.asked[0] ?? expect.fail())).toContain('data-state="allowed"')
    expect(await fetchIn(stage)).toBe('data')
    expect(stage.asked).toEqual([])
    expect(stage.forms().map(({ request_type }) => request_type)).toEqual(['code'])
  })

  it('the next request shows the same page, although its process has exited', async () => {
    const store = newStore()
    const first = openStage({ store })
    void fetchIn(first)
    await untilAsked(first)
    const stage = restarted(first, store)
    const end = fetchIn(stage)
    await untilAsked(stage)
    expect(stage.asked[0]?.url).toBe(first.asked[0]?.url)
    expect(stage.asked[0]?.code).toBe(first.asked[0]?.code)
    expect(stage.forms()).toEqual([])
    expect(await stage.answer(stage.asked[0] ?? expect.fail())).toContain('data-state="allowed"')
    expect(await end).toBe('data')
    expect(await stage.answer(first.asked[0] ?? expect.fail())).toContain('No request is waiting')
  })

  it.each<[string, () => AgentStore]>([
    ['on disk', newStore],
    ['in memory', memoryStore],
  ])('an expired consent is requested again, even by the same process: %s', async (_where, open) => {
    const stage = openStage({ store: open() })
    const abort = new AbortController()
    const given = ended(stage.agent.for('s1').fetch(data, { signal: abort.signal }))
    await untilAsked(stage)
    abort.abort(new Error('given up'))
    await given
    stage.clock.now += 601
    stage.token.auth = () => ({ request_token: 'another request' })
    const end = fetchIn(stage)
    await untilAsked(stage, 2)
    expect(stage.asked[1]?.url).not.toBe(stage.asked[0]?.url)
    await stage.answer(stage.asked[1] ?? expect.fail())
    expect(await end).toBe('data')
  })

  it('a consent that was not decided in time is removed from the store', async () => {
    const store = newStore()
    // The second request replaces the first, which could still be decided at that time.
    for (const [round, hours] of [0, 1, 8].entries()) {
      const stage = openStage({ store })
      stage.clock.now += hours * 3600
      stage.token.auth = () => ({ request_token: `request of round ${round}` })
      void fetchIn(stage)
      await untilAsked(stage)
    }
    const consents = (await store.list('s1')).filter(({ kind }) => kind === 'consent')
    expect(consents).toHaveLength(1)
  })

  it('records of another agent or edition are not touched', async () => {
    const store = newStore()
    await allowed(store)
    const id = 'https://other.example'
    const other = openStage({ store, id })
    const { resourceToken } = other
    other.resourceToken = (scope) => resourceToken(scope, { agent: id })
    void fetchIn(other)
    await untilAsked(other)
    await other.answer(other.asked[0] ?? expect.fail())
    const stage = openStage({ store })
    expect(await fetchIn(stage)).toBe('data')
    expect(stage.asked).toEqual([])
  })

  it('forgotten tokens are gone', async () => {
    const store = newStore()
    const first = await allowed(store)
    await first.agent.forget('s1')
    const stage = restarted(first, store)
    void fetchIn(stage)
    await untilAsked(stage)
    await stage.agent.forget('s1')
  })
})

/** A store whose calls take a while. */
function slowed(store: AgentStore, delay: number): AgentStore {
  const wait = () => new Promise((soon) => setTimeout(soon, delay))
  return {
    isShared: store.isShared,
    list: (owner) => wait().then(() => store.list(owner)),
    put: (owner, record) => wait().then(() => store.put(owner, record)),
    add: (owner, record) => wait().then(() => store.add(owner, record)),
    remove: (owner, name) => wait().then(() => store.remove(owner, name)),
    forget: (owner) => wait().then(() => store.forget(owner)),
  }
}

/** Both wait for the user, on the page of the first. */
async function waitingBoth(stages: readonly [Stage, Stage]): Promise<[Promise<string>, Promise<string>]> {
  const first = fetchIn(stages[0])
  await untilAsked(stages[0])
  const second = fetchIn(stages[1])
  await untilAsked(stages[1])
  expect(stages[1].asked[0]?.url).toBe(stages[0].asked[0]?.url)
  return [first, second]
}

describe('two processes on one store', () => {
  it.each([
    ['two', 2, 0],
    ['eight', 8, 0],
    ['two with a slow store', 2, 100],
  ])(
    'that start at the same time show the user one page, and all get their response (L05): %s',
    async (_how, number, delay) => {
      const store = newStore()
      const stages = Array.from({ length: number }, () => openStage({ store: slowed(store, delay) }))
      const ends = stages.map((stage) => fetchIn(stage))
      for (const stage of stages) await untilAsked(stage)
      expect(new Set(stages.map(({ asked }) => asked[0]?.url)).size).toBe(1)
      await stages[0]?.answer(stages[0].asked[0] ?? expect.fail())
      expect(new Set(await Promise.all(ends))).toEqual(new Set(['data']))
      const codes = stages.flatMap((stage) => stage.forms()).filter(({ request_type }) => request_type === 'code')
      expect(codes).toHaveLength(1)
    },
  )

  it('share a token that was requested without a scope', async () => {
    const store = newStore()
    const stages = [openStage({ store }), openStage({ store })] as const
    for (const stage of stages) stage.resourceToken = () => openStage().resourceToken('', { scope: undefined as never })
    const ends = await waitingBoth(stages)
    await stages[0].answer(stages[0].asked[0] ?? expect.fail())
    expect(await Promise.all(ends)).toEqual(['data', 'data'])
  })

  it('both learn that the user denied', async () => {
    const store = newStore()
    const stages = [openStage({ store }), openStage({ store })] as const
    const [first, second] = await waitingBoth(stages)
    await stages[0].answer(stages[0].asked[0] ?? expect.fail(), { error: 'access_denied' })
    expect(await Promise.all([first, second])).toEqual(['access_denied', 'access_denied'])
  })

  it('either can receive the callback', async () => {
    const store = newStore()
    const stages = [openStage({ store }), openStage({ store })] as const
    const end = fetchIn(stages[0])
    await untilAsked(stages[0])
    expect(await stages[1].answer(stages[0].asked[0] ?? expect.fail())).toContain('data-state="allowed"')
    expect(await end).toBe('data')
    expect(await stages[1].answer(stages[0].asked[0] ?? expect.fail())).toContain('No request is waiting')
  })

  it('one no longer has a token that the other forgets', async () => {
    const store = newStore()
    const first = await allowed(store)
    const second = openStage({ store })
    expect(await fetchIn(second)).toBe('data')
    await first.agent.forget('s1')
    void fetchIn(second)
    await untilAsked(second)
    await second.agent.forget('s1')
  })

  it('one does not store a token if the other forgets the session during the exchange', async () => {
    const store = newStore()
    const stages = [openStage({ store }), openStage({ store })] as const
    void fetchIn(stages[0])
    await untilAsked(stages[0])
    stages[0].token.code = async () => {
      await stages[1].agent.forget('s1')
      return { auth_token: await stages[0].authToken() }
    }
    expect(await stages[0].answer(stages[0].asked[0] ?? expect.fail())).toContain('data-state="failed"')
    expect(await stages[0].agent.for('s1').tokens()).toEqual([])
    expect((await store.list('s1')).filter(({ kind }) => kind === 'person')).toEqual([])
  })

  it('a rejected token does not complete a consent: the process waits for the new one', async () => {
    const store = newStore()
    const stage = await allowed(store)
    const old = stage.seen.findLast(({ jwt }) => jwt)?.jwt
    stage.api = async (_path, { jwt }) => (jwt && jwt !== old ? new Response('data') : stage.challenge('data.read'))
    stage.token.code = async () => {
      await new Promise((soon) => setTimeout(soon, 800))
      return { auth_token: await stage.authToken({ jti: 'new' }) }
    }
    const end = fetchIn(stage)
    await untilAsked(stage, 2)
    await stage.answer(stage.asked[1] ?? expect.fail())
    expect(await end).toBe('data')
  })

  it('one that times out leaves the page to the other, which waits within its own limit', async () => {
    const store = newStore()
    const stages = [openStage({ store, consentTimeout: 5 }), openStage({ store, consentTimeout: 1800 })] as const
    const [first, second] = await waitingBoth(stages)
    for (const { clock } of stages) clock.now += 6
    expect(await first).toBe('consent_expired')
    expect(await stages[1].answer(stages[0].asked[0] ?? expect.fail())).toContain('data-state="allowed"')
    expect(await second).toBe('data')
    expect(stages[1].forms().map(({ request_type }) => request_type)).toEqual(['code'])
  })

  it('one that shows the page of the other reports its own limit when it times out', async () => {
    const store = newStore()
    const stages = [openStage({ store }), openStage({ store, consentTimeout: 3 })] as const
    const first = fetchIn(stages[0])
    await untilAsked(stages[0])
    const end = stages[1].agent
      .for('s1')
      .fetch(data)
      .catch(({ message }: Error) => message)
    await untilAsked(stages[1])
    for (const { clock } of stages) clock.now += 4
    expect(await end).toBe('No decision within 3 s.')
    expect(await stages[0].answer(stages[0].asked[0] ?? expect.fail())).toContain('data-state="allowed"')
    expect(await first).toBe('data')
  })

  it('one that is killed while it exchanges a code leaves that to the next, which does not prompt', async () => {
    const store = newStore()
    const killed = openStage({ store })
    void fetchIn(killed)
    await untilAsked(killed)
    let isExchanging = false
    killed.token.code = () => {
      isExchanging = true
      return new Promise<never>(() => undefined)
    }
    void killed.answer(killed.asked[0] ?? expect.fail())
    await expect.poll(() => isExchanging).toBe(true)
    const stage = openStage({ store })
    const end = fetchIn(stage)
    await new Promise((soon) => setTimeout(soon, 700))
    expect(stage.forms(), 'the lease has not expired').toEqual([])
    stage.clock.now += 21
    expect(await end).toBe('data')
    expect(stage.asked).toEqual([])
    expect(stage.forms()).toMatchObject([{ request_type: 'code', code: 'the-code' }])
  })

  it('a code that one of them cannot send is exchanged by the other, which is waiting', async () => {
    const store = newStore()
    const stages = [openStage({ store }), openStage({ store })] as const
    stages[1].document = { agent_token_endpoint: 'https://elsewhere.example/token' }
    const end = fetchIn(stages[0])
    await untilAsked(stages[0])
    expect(await stages[1].answer(stages[0].asked[0] ?? expect.fail())).toContain('data-state="failed"')
    expect(await end).toBe('data')
    expect(stages[0].asked).toHaveLength(1)
    expect(stages[0].forms()).toMatchObject([{ request_type: 'auth' }, { request_type: 'code', code: 'the-code' }])
  })

  it('two callbacks for one consent are exchanged one after the other, and the second shows the result', async () => {
    const store = newStore()
    const stages = [openStage({ store }), openStage({ store })] as const
    const ends = await waitingBoth(stages)
    const pages = stages.map((stage) => stage.answer(stages[0].asked[0] ?? expect.fail()))
    for (const page of await Promise.all(pages)) expect(page).toContain('data-state="allowed"')
    expect(await Promise.all(ends)).toEqual(['data', 'data'])
    const codes = stages.flatMap((stage) => stage.forms()).filter(({ request_type }) => request_type === 'code')
    expect(codes).toHaveLength(1)
  })

  it('no one is prompted while a code is exchanged', async () => {
    const store = newStore()
    const stage = openStage({ store })
    const abort = new AbortController()
    const given = ended(stage.agent.for('s1').fetch(data, { signal: abort.signal }))
    await untilAsked(stage)
    abort.abort(new Error('given up'))
    await given
    let isExchanging = false
    stage.token.code = async () => {
      isExchanging = true
      await new Promise((soon) => setTimeout(soon, 500))
      return { auth_token: await stage.authToken() }
    }
    const page = stage.answer(stage.asked[0] ?? expect.fail())
    await expect.poll(() => isExchanging).toBe(true)
    expect(await fetchIn(stage)).toBe('data')
    expect(await page).toContain('data-state="allowed"')
    expect(stage.asked).toHaveLength(1)
  })

  it('a token obtained by one is used by the other, which removes no token that it does not know', async () => {
    const store = newStore()
    const stages = [openStage({ store }), openStage({ store })] as const
    const end = fetchIn(stages[0])
    await untilAsked(stages[0])
    await stages[0].answer(stages[0].asked[0] ?? expect.fail())
    await end
    expect(await fetchIn(stages[1])).toBe('data')
    expect(stages[1].forms()).toEqual([])
  })
})

describe('the user whom an agent acts for', () => {
  it('stays the same: a token of another user is not stored, and their page reports it (L01)', async () => {
    const store = newStore()
    const first = await allowed(store)
    const stage = restarted(first, store)
    stage.api = async (path, { jwt }) =>
      jwt && path.endsWith('data') ? new Response('data') : stage.challenge('data.write')
    stage.token.code = async () => ({ auth_token: await stage.authToken({ sub: 'mallory', scope: 'data.write' }) })
    const end = ended(stage.agent.for('s1').fetch(`${ids.api}/other`))
    await untilAsked(stage)
    const page = await stage.answer(stage.asked[0] ?? expect.fail())
    expect(page).toContain('data-state="refused"')
    expect(page).toContain('This agent acts for someone else')
    expect(await end).toBe('other_user')
    expect(await fetchIn(stage), 'the earlier token is still stored').toBe('data')
  })

  it('is identified by agent_sub, if the response has it: the sub may differ for each resource (W38)', async () => {
    const store = newStore()
    const stage = openStage({ store })
    const answer = async (agentSub: string, sub: string, scope?: string) => ({
      auth_token: await stage.authToken({ sub, ...(scope && { scope }) }),
      agent_sub: agentSub,
    })
    stage.token.code = () => answer('alice-for-agent', 'alice-for-one')
    const first = fetchIn(stage)
    await untilAsked(stage)
    await stage.answer(stage.asked[0] ?? expect.fail())
    expect(await first).toBe('data')
    stage.api = async (path, { jwt }) =>
      jwt && path.endsWith('data') ? new Response('data') : stage.challenge('data.write')
    stage.token.code = () => answer('mallory-for-agent', 'alice-for-one', 'data.write')
    const second = ended(stage.agent.for('s1').fetch(`${ids.api}/other`))
    await untilAsked(stage, 2)
    expect(await stage.answer(stage.asked[1] ?? expect.fail())).toContain('data-state="refused"')
    expect(await second).toBe('other_user')
    stage.token.code = () => answer('alice-for-agent', 'alice-for-two', 'data.write')
    void ended(stage.agent.for('s1').fetch(`${ids.api}/other`))
    await untilAsked(stage, 3)
    expect(await stage.answer(stage.asked[2] ?? expect.fail())).toContain('data-state="allowed"')
  })

  it('is identified by a string: a token whose sub is not a string is not stored', async () => {
    const stage = openStage({ store: memoryStore() })
    stage.token.code = async () => ({ auth_token: await stage.authToken({ sub: 5 as never }) })
    const end = fetchIn(stage)
    await untilAsked(stage)
    expect(await stage.answer(stage.asked[0] ?? expect.fail())).toContain('data-state="refused"')
    expect(await end).toBe('other_user')
  })

  it('may change after the session was forgotten', async () => {
    const store = memoryStore()
    const stage = await allowed(store)
    await stage.agent.forget('s1')
    stage.token.code = async () => ({ auth_token: await stage.authToken({ sub: 'bob' }) })
    const end = fetchIn(stage)
    await untilAsked(stage, 2)
    expect(await stage.answer(stage.asked[1] ?? expect.fail())).toContain('data-state="allowed"')
    expect(await end).toBe('data')
  })
})

it('an agent that cannot prompt returns the consent URL immediately, and continues once the user has decided', async () => {
  const stage = openStage()
  const answers = openStage()
  const agent = createAgent({
    id: ids.agent,
    onePerson: true,
    signer: agentSigner,
    authServers: [ids.authServer],
    now: () => stage.clock.now,
    fetch: async (input, init) => {
      const request = new Request(input, init)
      if (request.url === data)
        return request.headers.get('signature-key')?.includes('scheme=jwt')
          ? new Response('data')
          : answers.challenge('data.read')
      if (request.url === `${ids.authServer}/agent/token`) {
        const type = new URLSearchParams(await request.text()).get('request_type')
        return Response.json(type === 'auth' ? { request_token: 'a' } : { auth_token: await answers.authToken() })
      }
      return Response.json({
        issuer: ids.authServer,
        jwks_uri: `${ids.authServer}/jwks.json`,
        agent_token_endpoint: `${ids.authServer}/agent/token`,
        agent_auth_endpoint: `${ids.authServer}/agent/auth`,
      })
    },
  })
  const error = await agent.fetch(data).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    code: 'consent_required',
    consent: { url: expect.stringContaining(`${ids.authServer}/agent/auth?`) },
  })
  const { url = '' } = (error as AgentError).consent ?? {}
  const again = await agent.fetch(data).catch((thrown: unknown) => thrown)
  expect(again, 'for the same consent').toMatchObject({ consent: { url } })
  const callback = new URL(`${ids.agent}/callback?code=a`)
  callback.searchParams.set('state', new URL(url).searchParams.get('state') ?? '')
  expect(await (await agent.handler(new Request(callback))).text()).toContain('data-state="allowed"')
  expect(await (await agent.fetch(data)).text()).toBe('data')
  await agent.forget()
  await expect(agent.fetch(data)).rejects.toMatchObject({ code: 'consent_required' })
})

it('L12: processes of an agent that cannot prompt show a user one page, whichever process is called', async () => {
  const store = newStore()
  const stages = [1, 2].map(() => openStage({ store, onConsent: undefined }))
  const urls = new Set<string>()
  for (const { agent } of [...stages, ...stages, ...stages]) {
    const asked = await agent
      .for('s1')
      .fetch(data)
      .then(
        () => undefined,
        ({ consent }: AgentError) => consent,
      )
    urls.add(asked?.url ?? 'none')
    // Longer than the interval in which a waiting process must send a heartbeat.
    for (const { clock } of stages) clock.now += 9
  }
  expect([...urls]).toEqual([expect.stringContaining('request_token=')])
  expect(stages.map(({ forms }) => forms().length)).toEqual([1, 0])
})

it('an agent that cannot prompt waits for the decision on its page, whichever process receives it', async () => {
  const store = newStore()
  const stage = openStage()
  const open = () =>
    createAgent({
      id: ids.agent,
      onePerson: true,
      signer: agentSigner,
      authServers: [ids.authServer],
      store,
      now: () => stage.clock.now,
      fetch: stage.toPeers,
    })
  const [agent, other] = [open(), open()]
  const pageOf = async () =>
    ((await agent.fetch(data).catch((error: unknown) => error)) as AgentError).consent?.url ?? ''
  const url = await pageOf()
  expect(await agent.waitForConsent('https://auth.example/another')).toBe(false)
  const signal = AbortSignal.timeout(50)
  await expect(agent.waitForConsent(url, { signal })).rejects.toThrow('timeout')
  const waiting = agent.waitForConsent(url)
  const callback = new URL(`${ids.agent}/callback?code=a`)
  callback.searchParams.set('state', new URL(url).searchParams.get('state') ?? '')
  expect(await (await other.handler(new Request(callback))).text()).toContain('data-state="allowed"')
  expect(await waiting).toBe(true)
  await agent.forget()
  const denied = await pageOf()
  const refused = expect(agent.waitForConsent(denied)).rejects.toMatchObject({ code: 'access_denied' })
  const state = new URL(denied).searchParams.get('state') ?? ''
  const said = new URLSearchParams({ error: 'access_denied', state })
  await other.handler(new Request(`${ids.agent}/callback?${said}`))
  await refused
})

it('agents that cannot prompt return the page of a pending consent, whichever process started it, even after a restart', async () => {
  const store = newStore()
  const stage = openStage()
  const open = (later: number) =>
    createAgent({
      id: ids.agent,
      onePerson: true,
      signer: agentSigner,
      authServers: [ids.authServer],
      store,
      now: () => stage.clock.now + later,
      fetch: stage.toPeers,
    })
  const pageOf = (later: number): Promise<string> =>
    open(later)
      .fetch(data)
      .then(
        () => expect.fail(),
        ({ consent }: AgentError) => consent?.url ?? expect.fail(),
      )
  const page = await pageOf(0)
  expect(page).toContain(`${ids.authServer}/agent/auth?`)
  expect(await pageOf(60), 'no second consent is requested').toBe(page)
  expect(await pageOf(601), 'the consent has expired').not.toBe(page)
  expect(stage.forms().map(({ request_type }) => request_type)).toEqual(['auth', 'auth'])
  const answer = async (code: string) => {
    const callback = new URL(`${ids.agent}/callback?code=${code}`)
    callback.searchParams.set('state', new URL(page).searchParams.get('state') ?? '')
    return (await open(60).handler(new Request(callback))).text()
  }
  const answering = stage.token.code
  stage.token.code = () => Response.json({ error: 'invalid_grant' }, { status: 400 })
  expect(await answer('expired')).toContain('data-state="failed"')
  stage.token.code = answering
  expect(await answer('a')).toContain('data-state="allowed"')
  expect(await (await open(60).fetch(data)).text()).toBe('data')
})

it('if a code yields no token, both waiting processes learn of it, and both prompt again', async () => {
  const store = newStore()
  const stages = [openStage({ store }), openStage({ store })] as const
  const first = fetchIn(stages[0])
  await untilAsked(stages[0])
  const second = fetchIn(stages[1])
  await untilAsked(stages[1])
  stages[0].token.code = () => Response.json({ error: 'invalid_grant' }, { status: 400 })
  await stages[0].answer(stages[0].asked[0] ?? expect.fail())
  expect(await Promise.all([first, second])).toEqual(['token_request_failed', 'token_request_failed'])
  stages[1].token.auth = () => ({ request_token: 'another request' })
  const next = fetchIn(stages[1])
  await untilAsked(stages[1], 2)
  expect(await stages[1].answer(stages[0].asked[0] ?? expect.fail()), 'the earlier page').toContain(
    'data-state="allowed"',
  )
  expect(await stages[1].answer(stages[1].asked[1] ?? expect.fail())).toContain('data-state="allowed"')
  expect(await next).toBe('data')
})

it('stored tokens can be listed, and dropped for one resource', async () => {
  const store = newStore()
  const stage = openStage({ store })
  stage.token.code = async () => ({ auth_token: await stage.authToken(), refresh_token: 'refresh-1', expires_in: 600 })
  const end = fetchIn(stage)
  await untilAsked(stage)
  const [consent] = stage.asked
  if (consent) await stage.answer(consent)
  expect(await end).toBe('data')
  const agent = createAgent({
    id: ids.agent,
    signer: agentSigner,
    authServers: [ids.authServer],
    onePerson: true,
    store,
    fetch: stage.toPeers,
    now: () => stage.clock.now,
  })
  expect(await agent.tokens(), 'not those of another owner').toEqual([])
  const summary = {
    resource: ids.api,
    authServer: ids.authServer,
    scope: ['data.read'],
    expiresAt: stage.clock.now + 600,
    isRenewable: true,
  }
  expect(await stage.agent.for('s1').tokens()).toEqual([summary])
  stage.token.auth = async () => ({ auth_token: await stage.authToken(), expires_in: 600 })
  await agent.fetch(data)
  expect(await agent.tokens()).toEqual([{ ...summary, isRenewable: false }])
  await agent.forget({ resource: 'https://other.example' })
  expect(await agent.tokens()).toHaveLength(1)
  await agent.forget({ resource: ids.api })
  expect(await agent.tokens()).toEqual([])
  expect(await stage.agent.for('s1').tokens(), 'those of another owner').toHaveLength(1)
  stage.clock.now += 601
  expect(await stage.agent.for('s1').tokens(), 'a token that can be refreshed').toHaveLength(1)
})
