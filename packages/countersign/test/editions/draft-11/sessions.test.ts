import { once, setMaxListeners } from 'node:events'
import { createAgent } from 'countersign/agent'
import { draft11Agent, draft11ResourceWith } from 'countersign/editions/draft-11'
import {
  createSessionStore,
  createSessions,
  type Session,
  type SessionStore,
} from 'countersign/editions/draft-11/sessions'
import { createNodeListener } from 'countersign/node'
import { describe, expect, it } from 'vitest'
import { receivedMessage } from '../../received-message.js'
import { listen } from '../../resource/events-resource.js'
import { deferralIn, openStage, requestOf, requestWith, said, signers, tokenOf } from './resource-stage.js'
import { agentName, boundTo, ids, newSigner, now, type WireMessage, type WireRequest } from './wire.js'

const page = `${ids.resource}/connect`
const stranger = await newSigner('stranger')

/** An API whose users let agents in, and what its handler received. */
function openSessions(store?: SessionStore) {
  const clock = { now }
  const calls: { method: string; url: string; body: string; session: Session }[] = []
  const sessions = createSessions({ page, store, now: () => clock.now })
  const stage = openStage({ edition: draft11ResourceWith({ sessions }), scopes: undefined, now: () => clock.now })
  const serve = sessions.around(stage.resource, async (request, session) => {
    calls.push({ method: request.method, url: request.url, body: await request.text(), session })
    return Response.json({ user: session.user }, { status: request.method === 'POST' ? 201 : 200 })
  })
  const send = (message: WireMessage) => serve(requestOf(message), receivedMessage(message))
  const ask = async (parts: Partial<WireRequest> = {}, claims: Record<string, unknown> = {}) =>
    send(
      await requestWith(await tokenOf('agent', { iat: clock.now, exp: clock.now + 300, ...claims }), {
        target: '/notes',
        created: clock.now,
        ...parts,
      }),
    )
  const poll = (location: string, parts: Partial<WireRequest> = {}, claims: Record<string, unknown> = {}) =>
    ask({ target: new URL(location).pathname, ...parts }, claims)
  return { clock, calls, sessions, stage, send, ask, poll }
}

type Opened = ReturnType<typeof openSessions>

/** A call, its user's decision, and the response that the agent then polls. */
async function connect({ ask, poll, sessions }: Opened, parts: Partial<WireRequest> = {}) {
  const { location, code } = deferralIn(await ask(parts))
  await sessions.open(code, 'ann')
  const decided = await sessions.decide(code, 'ann', 'allow')
  const response = await poll(location)
  return { location, code, decided, response, access: response.headers.get('aauth-access') ?? '' }
}

const withAccess = (access: string, also = ['authorization']) => ({
  fields: { authorization: `AAuth ${access}` },
  also,
})

describe('a call without a session', () => {
  it('is deferred to the page of the API', async () => {
    const { ask, stage } = openSessions()
    const response = await ask()
    const { location, code, url } = deferralIn(response)
    expect([response.status, response.headers.get('retry-after'), url]).toEqual([202, '0', page])
    expect(await response.json()).toEqual({ status: 'pending' })
    expect(location).toMatch(/^https:\/\/api\.example\/aauth\/pending\/[0-9A-Z]{4}[\w-]{43}$/)
    expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}$/)
    expect(stage.resource.metadata).toMatchObject({ access_mode: 'session-token' })
  })

  it.each(['person', 'auth'] as const)('needs an agent token instead of a token of the kind %s', async (kind) => {
    const { send } = openSessions()
    const refused = await send(await requestWith(await tokenOf(kind), { target: '/notes' }))
    expect(said(refused)).toMatchObject({ status: 401, requirement: 'requirement=agent-token' })
  })

  it('is refused if the agent declares that it cannot take a user to a page', async () => {
    const { ask } = openSessions()
    const response = await ask({ fields: { 'aauth-capabilities': 'clarification' } })
    expect([response.status, await response.json()]).toMatchObject([403, { error: 'user_unreachable' }])
    expect((await ask({ fields: { 'aauth-capabilities': 'payment, interaction;x=1' } })).status).toBe(202)
  })

  it('is executed once, when its agent polls after the user has allowed it', async () => {
    const opened = openSessions()
    const { poll, calls } = opened
    const body = '{"title":"Tea"}'
    const post = { method: 'POST', body, also: ['content-type', 'content-digest'], target: '/notes' }
    const { response, access, location } = await connect(opened, post)
    expect([response.status, await response.json()]).toEqual([201, { user: 'ann' }])
    expect(access).toMatch(/^[\w-]{22}\.[\w-]{43}$/)
    const session = expect.objectContaining({ user: 'ann', agent: ids.agent, delegate: agentName }) as unknown
    expect(calls).toEqual([{ method: 'POST', url: `${ids.resource}/notes`, body, session }])
    expect((await poll(location)).status).toBe(410)
    expect(calls).toHaveLength(1)
  })
})

describe('P39: a session', () => {
  it('is for its agent, under any of its keys, and no one else', async () => {
    const opened = openSessions()
    const { ask, calls } = opened
    const { access } = await connect(opened)
    expect((await ask(withAccess(access))).status).toBe(200)
    expect((await ask({ ...withAccess(access), signer: stranger }, { cnf: boundTo(stranger) })).status).toBe(200)
    expect(calls).toHaveLength(3)
    expect((await ask(withAccess(access), { sub: 'aauth:other@agent.example' })).status).toBe(202)
    for (const wrong of [`${access}a`, access.replace('.', ''), `${'a'.repeat(22)}.${'b'.repeat(43)}`])
      expect((await ask(withAccess(wrong))).status).toBe(202)
    expect(calls).toHaveLength(3)
  })

  it('is not found by its name alone: the secret of the token decides', async () => {
    const opened = openSessions()
    const { access } = await connect(opened)
    const { access: another } = await connect(opened)
    const [name = '', secret = ''] = access.split('.')
    const [, otherSecret = ''] = another.split('.')
    for (const wrong of ['b'.repeat(43), otherSecret, secret.toLowerCase()])
      expect((await opened.ask(withAccess(`${name}.${wrong}`))).status, wrong).toBe(202)
    expect((await opened.ask(withAccess(access))).status).toBe(200)
  })

  it('must be covered by the signature', async () => {
    const opened = openSessions()
    const { access } = await connect(opened)
    const response = await opened.ask(withAccess(access, []))
    expect(said(response)).toMatchObject({
      status: 401,
      problem: expect.stringContaining('("@method" "@authority" "@path" "signature-key" "authorization")') as unknown,
    })
  })

  it('is not named by credentials of another scheme', async () => {
    const opened = openSessions()
    const { access } = await connect(opened)
    for (const authorization of [`Bearer ${access}`, `Bearer x, AAuth ${access}`, access])
      expect((await opened.ask({ ...withAccess(access), fields: { authorization } })).status, authorization).toBe(202)
  })

  it('is one of at most 100 of its agent', async () => {
    const store = createSessionStore(() => now)
    const held = {
      kind: 'session',
      value: '{}',
      until: now + 60,
      provider: ids.agent,
      holder: agentName,
      most: 100,
    } as const
    for (let each = 0; each < 99; each++) await store.add({ ...held, key: `session ${each}` })
    const opened = openSessions(store)
    expect((await connect(opened)).response.status).toBe(200)
    const { response } = await connect(opened)
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '3600'])
  })

  it('ends when the API ends it, or after its lifetime', async () => {
    const opened = openSessions()
    const { sessions, clock, ask } = opened
    const { access, decided } = await connect(opened)
    await sessions.end(decided?.session ?? '')
    expect((await ask(withAccess(access))).status).toBe(202)
    const { access: next } = await connect(opened)
    clock.now += 30 * 86_400 - 1
    expect((await ask(withAccess(next))).status).toBe(200)
    clock.now += 1
    expect((await ask(withAccess(next))).status).toBe(202)
  })
})

describe('P40: a request that waits for its user', () => {
  it('is seen by the first user who opens its code, and by no one else', async () => {
    const { ask, poll, sessions } = openSessions()
    const { location, code } = deferralIn(await ask())
    expect(await sessions.open(code.toLowerCase().replaceAll('-', ' '), 'ann')).toEqual({
      agent: ids.agent,
      delegate: agentName,
      code,
    })
    expect(await sessions.open(code, 'ann'), 'the same page again').toBeDefined()
    expect(await sessions.open(code, 'bob')).toBeUndefined()
    expect(await sessions.decide(code, 'bob', 'allow')).toBeUndefined()
    expect(await (await poll(location)).json()).toEqual({ status: 'interacting' })
  })

  it('cannot be decided before its user has opened it', async () => {
    const { ask, sessions } = openSessions()
    expect(await sessions.decide(deferralIn(await ask()).code, 'ann', 'allow')).toBeUndefined()
  })

  it('ends with the user’s refusal', async () => {
    const { ask, poll, sessions, calls } = openSessions()
    const { location, code } = deferralIn(await ask())
    await sessions.open(code, 'ann')
    await sessions.decide(code, 'ann', 'deny')
    const refused = await poll(location)
    expect([refused.status, await refused.json()]).toMatchObject([403, { error: 'denied' }])
    expect([(await poll(location)).status, calls]).toEqual([410, []])
  })

  it('is unknown to other agents, other keys, and at other URLs', async () => {
    const { ask, poll, sessions } = openSessions()
    const { location, code } = deferralIn(await ask())
    expect((await poll(location, {}, { sub: 'aauth:other@agent.example' })).status).toBe(404)
    expect((await poll(location, { signer: stranger }, { cnf: boundTo(stranger) })).status).toBe(404)
    expect((await poll(`${location.slice(0, -2)}aa`)).status).toBe(404)
    expect((await poll(location, { method: 'DELETE', signer: stranger }, { cnf: boundTo(stranger) })).status).toBe(404)
    expect((await poll(location, { method: 'DELETE' })).status).toBe(204)
    expect(await sessions.open(code, 'ann')).toBeUndefined()
    expect((await poll(location)).status).toBe(410)
  })

  it.each([
    ['expires if no one opens it', undefined, 408, 'expired'],
    ['is abandoned if its user does not decide', 'ann', 403, 'abandoned'],
  ])('%s', async (_what, user, status, error) => {
    const { ask, clock, sessions, poll } = openSessions()
    const { location, code } = deferralIn(await ask())
    if (user !== undefined) await sessions.open(code, user)
    clock.now += 700
    expect(await sessions.decide(code, 'ann', 'allow')).toBeUndefined()
    const response = await poll(location)
    expect([response.status, await response.json()]).toMatchObject([status, { error }])
  })

  it('ends after five wrong codes for it, and a user may get only so many wrong', async () => {
    const { ask, poll, sessions } = openSessions()
    const { location, code } = deferralIn(await ask())
    const wrong = code.slice(0, -1) + (code.endsWith('0') ? '1' : '0')
    for (let each = 0; each < 5; each++) expect(await sessions.open(wrong, `user ${each}`)).toBeUndefined()
    expect(await sessions.open(code, 'ann')).toBeUndefined()
    expect((await poll(location)).status).toBe(410)
    const other = deferralIn(await ask({ target: '/other' }))
    for (let each = 0; each < 20; each++) await sessions.open('0000-0000-0000', 'eve')
    expect(await sessions.open(other.code, 'eve')).toBeUndefined()
    expect(await sessions.open(other.code, 'ann')).toBeDefined()
  })

  it('can still be opened after four wrong codes for it', async () => {
    const { ask, sessions } = openSessions()
    const { code } = deferralIn(await ask())
    const wrong = code.slice(0, -1) + (code.endsWith('0') ? '1' : '0')
    for (let each = 0; each < 4; each++) await sessions.open(wrong, `user ${each}`)
    expect(await sessions.open(code, 'ann')).toBeDefined()
  })

  it('is hidden from a user for an hour after 20 wrong codes', async () => {
    const { ask, clock, sessions } = openSessions()
    const opens = async () => (await sessions.open(deferralIn(await ask()).code, 'eve')) !== undefined
    for (let each = 0; each < 19; each++) await sessions.open('0000-0000-0000', 'eve')
    expect(await opens()).toBe(true)
    await sessions.open('0000-0000-0000', 'eve')
    expect(await opens()).toBe(false)
    clock.now += 3599
    expect(await opens()).toBe(false)
    clock.now += 1
    expect(await opens()).toBe(true)
  })

  it.each([
    ['opened', 600, undefined],
    ['decided, if it was opened at once', 600, 0],
    ['decided, if it was opened late', 890, 590],
    ['polled after the decision', 300, -1],
  ])('can be %s for %i seconds', async (_what, seconds, openedAt) => {
    for (const [after, isInTime] of [
      [seconds - 1, true],
      [seconds, false],
    ] as const) {
      const { ask, clock, sessions, poll } = openSessions()
      const { location, code } = deferralIn(await ask())
      clock.now += Math.max(openedAt ?? 0, 0)
      if (openedAt !== undefined) await sessions.open(code, 'ann')
      if (openedAt === -1) await sessions.decide(code, 'ann', 'allow')
      clock.now = now + after
      if (openedAt === -1) expect((await poll(location)).status).toBe(isInTime ? 200 : 410)
      else if (openedAt === undefined) expect((await sessions.open(code, 'ann')) !== undefined).toBe(isInTime)
      else expect((await sessions.decide(code, 'ann', 'allow')) !== undefined).toBe(isInTime)
    }
  })

  it('has at most 32 KiB, with its headers', async () => {
    const { send } = openSessions()
    const post = async (length: number) => {
      const signed = { target: '/notes', method: 'POST', also: ['content-type', 'content-digest'] }
      return requestWith(await tokenOf('agent'), { ...signed, body: 'a'.repeat(length) })
    }
    const fields = (await post(1)).headers.filter(([name]) => /^content-(?:type|digest)$/.test(name))
    const most = 32_768 - JSON.stringify(fields).length
    expect((await send(await post(most))).status).toBe(202)
    expect((await send(await post(most + 1))).status).toBe(413)
  })

  it.each([
    ['', '5'],
    ['wait=0', '5'],
    ['nowait=3', '5'],
    ['WAIT=3', '0'],
    ['respond-async, wait="3"', '0'],
  ])('whose poll has the preference %j is polled again after %s seconds', async (prefer, seconds) => {
    const { ask, sessions, stage } = openSessions()
    const target = new URL(deferralIn(await ask()).location).pathname
    const message = await requestWith(await tokenOf('agent'), { target, fields: prefer === '' ? {} : { prefer } })
    const response = await sessions.gate(stage.resource).admit(receivedMessage(message), AbortSignal.abort())
    expect((response as Response).headers.get('retry-after')).toBe(seconds)
  })

  it('can only be polled and abandoned', async () => {
    const { ask, poll } = openSessions()
    expect((await poll(deferralIn(await ask()).location, { method: 'POST' })).status).toBe(405)
  })

  it('is not held if 200 polls are', async () => {
    const store = createSessionStore(() => now)
    const released = new AbortController()
    const isReleased = once(released.signal, 'abort')
    let reads = 0
    const { ask, sessions, stage } = openSessions({
      ...store,
      async get(key) {
        reads++
        await isReleased
        return store.get(key)
      },
    })
    const target = new URL(deferralIn(await ask()).location).pathname
    const gone = new AbortController()
    setMaxListeners(0, gone.signal)
    let answered = 0
    const polls = Array.from({ length: 201 }, async () => {
      const message = await requestWith(await tokenOf('agent'), { target, fields: { prefer: 'wait=20' } })
      await sessions.gate(stage.resource).admit(receivedMessage(message), gone.signal)
      answered++
    })
    await expect.poll(() => reads, { timeout: 20_000 }).toBe(201)
    released.abort()
    await expect.poll(() => reads, { timeout: 20_000 }).toBeGreaterThan(401)
    expect(answered).toBe(1)
    gone.abort()
    await Promise.all(polls)
  })

  it('has at most 19 others of its agent beside it', async () => {
    const { ask } = openSessions()
    for (let each = 0; each < 20; each++) expect((await ask()).status).toBe(202)
    const refused = await ask()
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60'])
    expect((await ask({}, { sub: 'aauth:other@agent.example' })).status).toBe(202)
  })
})

describe('P41: the browser returns', () => {
  const callback = 'https://agent.example/callback?state=s1'
  async function decideWith(given: string, decision: 'allow' | 'deny' = 'allow', members: object = {}) {
    const { ask, sessions, stage } = openSessions()
    stage.publish(ids.agent, 'aauth-agent.json', signers.provider, members)
    const { code } = deferralIn(await ask())
    await sessions.open(code, 'ann')
    return (await sessions.decide(code, 'ann', decision, given))?.returnTo
  }
  const published = { callback_endpoint: 'https://agent.example/callback' }

  it('only to the callback that the agent’s provider publishes', async () => {
    expect(await decideWith(callback, 'allow', published)).toBe(callback)
    expect(await decideWith(callback, 'deny', published)).toBe(`${callback}&error=access_denied`)
    for (const other of [
      'https://agent.example/other',
      'https://evil.example/callback',
      'javascript:0',
      `${callback}#a`,
    ])
      expect(await decideWith(other, 'allow', published)).toBeUndefined()
    expect(await decideWith('http://127.0.0.1:9/', 'allow', published)).toBeUndefined()
    expect(await decideWith('http://127.0.0.1:9/', 'allow', { localhost_callback_allowed: true })).toBe(
      'http://127.0.0.1:9/',
    )
  })
})

describe.each(['in process', 'over HTTP'])('our agent at such an API, %s', (how) => {
  it('shows the page, gets the response of its call, and needs no user again', async () => {
    const { sessions, stage, calls } = openSessions()
    const serve = sessions.around(stage.resource, async (request, { user }) => {
      calls.push({ method: request.method, url: request.url, body: await request.text(), session: {} as Session })
      return new Response(user)
    })
    const port = how === 'in process' ? 0 : await listen(createNodeListener(serve, { origin: ids.resource }))
    const shown: string[] = []
    const agent = createAgent({
      edition: draft11Agent,
      id: ids.agent,
      signer: signers.provider,
      authServers: [ids.personServer],
      onePerson: true,
      now: () => now,
      async onConsent({ url, code }) {
        shown.push(code ?? '')
        const parameters = new URL(url).searchParams
        const request = await sessions.open(parameters.get('code') ?? '', 'ann')
        expect(request?.code).toBe(code)
        await sessions.decide(code ?? '', 'ann', 'allow', parameters.get('callback'))
      },
      async fetch(input, init) {
        const request = new Request(input, init)
        const { pathname } = new URL(request.url)
        if (stage.resource.publishedPaths.has(pathname)) return stage.resource.handler(request)
        if (!request.url.startsWith(ids.resource)) return new Response(null, { status: 404 })
        if (port === 0) return serve(request)
        const { method, headers } = request
        const body = method === 'POST' ? await request.text() : null
        return fetch(`http://127.0.0.1:${port}${pathname}`, { method, headers, body })
      },
    })
    stage.publish(ids.agent, 'aauth-agent.json', signers.provider)
    const post = { method: 'POST', body: 'a note', headers: { 'content-type': 'text/plain' } }
    expect(await (await agent.fetch(`${ids.resource}/notes`, post)).text()).toBe('ann')
    expect(await (await agent.fetch(`${ids.resource}/notes/1`)).text()).toBe('ann')
    expect(calls.map(({ method, body }) => [method, body])).toEqual([
      ['POST', 'a note'],
      ['GET', ''],
    ])
    expect(shown).toHaveLength(1)
  })
})

it('refuses options that cannot work', () => {
  for (const wrong of ['http://api.example/connect', `${page}?a=1`, `${page}#a`, 'connect'])
    expect(() => createSessions({ page: wrong })).toThrow('page must be an https URL')
  for (const lifetime of [0.5, 0, -1]) expect(() => createSessions({ page, lifetime })).toThrow('lifetime')
  expect(() => createSessions({ page, lifetime: 1 })).not.toThrow()
  const { resource } = openStage()
  expect(() => createSessions({ page }).around(resource, () => new Response())).toThrow('draft11ResourceWith')
  const sessions = createSessions({ page })
  const edition = draft11ResourceWith({ sessions })
  openStage({ edition })
  expect(() => openStage({ edition })).toThrow('each resource needs its own')
})
