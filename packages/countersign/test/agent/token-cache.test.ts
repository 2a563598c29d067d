import { memoryStore, type RecordName } from 'countersign/agent'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createTokenCache } from '../../src/agent/token-cache.js'
import { ended, ids, openStage, type Stage, settled } from './stage.js'

/** Asks as a session, and gives the token that was shown at last, decoded as far as its name. */
async function shownTo(stage: Stage, path: string, session = 's1'): Promise<string | undefined> {
  await stage.agent.for(session).fetch(ids.api + path)
  return stage.seen.findLast(({ url }) => url.startsWith(ids.api))?.jwt
}

/** A stage whose auth server gives tokens at once; each path asks for the scope of its name. */
function openDirect(life = 600, more: Record<string, unknown> = {}): Stage & { given: string[] } {
  const stage = openStage()
  const given: string[] = []
  const give = async (scope: string) => {
    const jwt = await stage.authToken({ scope, exp: stage.clock.now + life })
    given.push(jwt)
    return { auth_token: jwt, ...more }
  }
  stage.api = async (path, { jwt }) => {
    const scope = path.slice(1).replaceAll('+', ' ')
    const has = jwt ? claimsOf(jwt).scope.split(' ') : []
    if (scope.split(' ').every((value) => has.includes(value))) return new Response('data')
    return stage.challenge(scope, jwt ? 403 : 401)
  }
  stage.token.auth = (form) => give(claimsOf(form.get('resource_token') ?? '').scope)
  stage.token.refresh = () => give('read')
  return Object.assign(stage, { given })
}

const claimsOf = (jwt: string) =>
  JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as { scope: string }

describe('a token that is held', () => {
  it.each([
    ['594 s old', 594, 0],
    ['595 s old', 595, 1],
    ['700 s old', 700, 1],
  ])('of 600 s is shown until 5 s before its end, so that it does not end on the way: %s', async (_age, age, more) => {
    const stage = openDirect()
    await shownTo(stage, '/read')
    stage.clock.now += age
    stage.seen.length = 0
    expect(await shownTo(stage, '/read')).toBe(stage.given.at(-1))
    expect(stage.forms()).toHaveLength(more)
    expect(stage.seen[0]?.scheme).toBe(more === 0 ? 'jwt' : 'jwks')
  })

  it.each([
    [ids.api, ['/', '?a=b', '/#part', '/deep/er?x'], ['.evil.example/read', ':8443/read', 'x/read']],
    [`${ids.api}/v1`, ['', '/', '?a=b', '#part', '/deep/er?x'], ['0', '.json', ';a', '%2Fx', '/../v2']],
  ])('is shown only under its resource, %s, and the agent’s own key elsewhere', async (resource, under, elsewhere) => {
    const stage = openStage({ allowPath: true })
    stage.resourceToken = (scope) => openStage().resourceToken(scope, { iss: resource })
    stage.token.auth = async () => ({ auth_token: await stage.authToken({ aud: resource }) })
    const { fetch } = stage.agent.for('s1')
    await fetch(`${resource}/read`)
    stage.api = () => new Response('data')
    stage.seen.length = 0
    for (const rest of [...under, ...elsewhere]) await fetch(resource + rest)
    expect(stage.seen.map(({ scheme }) => scheme)).toEqual([...under.map(() => 'jwt'), ...elsewhere.map(() => 'jwks')])
  })

  it('gives way to a newer one that has all its scopes', async () => {
    const stage = openDirect()
    await shownTo(stage, '/read')
    await shownTo(stage, '/read+write')
    expect(stage.given).toHaveLength(2)
    expect(await shownTo(stage, '/read')).toBe(stage.given[1])
    await shownTo(stage, '/read+write')
    expect(stage.given).toHaveLength(2)
  })

  it('stays beside a newer one that lacks one of its scopes, which is tried first', async () => {
    const stage = openDirect()
    await shownTo(stage, '/read+write')
    await shownTo(stage, '/write+erase')
    expect(stage.given).toHaveLength(2)
    stage.seen.length = 0
    expect(await shownTo(stage, '/write')).toBe(stage.given[1])
    expect(await shownTo(stage, '/read')).toBe(stage.given[0])
    expect(stage.seen.map(({ jwt }) => stage.given.indexOf(jwt ?? ''))).toEqual([1, 1, 0])
    expect(stage.forms()).toEqual([])
  })

  it('is not tried again where it was refused for what it should have', async () => {
    const stage = openDirect()
    await shownTo(stage, '/read')
    const answering = stage.api
    stage.api = (path, one) => (one.jwt === stage.given[0] ? stage.challenge('read', 403) : answering(path, one))
    expect(await shownTo(stage, '/read')).toBe(stage.given[1])
    expect(stage.given).toHaveLength(2)
  })

  it('is requested again if the token with the scopes has expired', async () => {
    const stage = openDirect()
    await shownTo(stage, '/read+write')
    stage.clock.now += 300
    await shownTo(stage, '/erase')
    stage.clock.now += 295
    expect(await shownTo(stage, '/read')).toBe(stage.given[2])
  })

  it('for another resource stays where a newer one comes', async () => {
    const stage = openDirect()
    await shownTo(stage, '/read')
    const other = 'https://other.example'
    stage.resourceToken = async (scope = '') => {
      const { resourceToken } = openStage()
      return resourceToken(scope, { iss: other })
    }
    stage.authToken = async (changes) => openStage().authToken({ ...changes, aud: other })
    await stage.agent.for('s1').fetch(`${other}/read`)
    expect(stage.forms()).toHaveLength(2)
    stage.seen.length = 0
    expect(await shownTo(stage, '/read')).toBe(stage.given[0])
    expect(stage.seen).toHaveLength(1)
  })
})

type HeldToken = Parameters<ReturnType<typeof createTokenCache>['add']>[1]

const one: HeldToken = {
  jwt: 'a',
  resource: ids.api,
  scope: ['read'],
  expiresAt: 600,
  refreshAt: 480,
  authServer: '',
  refreshToken: undefined,
}

const asked = { method: 'GET', url: `${ids.api}/data` }

/** Of a store in this process, with the records of one agent. */
function openHeld({ settles = true } = {}) {
  const store = memoryStore()
  const forgotten: string[] = []
  const recordOf = (name: RecordName, data: unknown) => ({ ...name, agent: ids.agent, edition: 'an edition', data })
  const records: Parameters<typeof createTokenCache>[0]['records'] = {
    isShared: false,
    list: async (owner, kind) => (await store.list(owner)).filter((record) => record.kind === kind),
    put: async (owner, name, data) => {
      if (settles) await settled()
      await store.put(owner, recordOf(name, data))
    },
    add: async (owner, name, data) => (await store.add(owner, recordOf(name, data))).data,
    remove: async (owner, name) => store.remove(owner, name),
    forget: async (owner) => store.forget(owner),
  }
  const past: Parameters<typeof createTokenCache>[0]['past'] = {
    note: (owner, { resource }, reason) => records.put(owner, { kind: 'past', id: resource }, reason),
    reasonFor: async () => 'first_time',
    forget: async (owner, resource) => void forgotten.push(`${owner} ${resource}`),
  }
  const held = createTokenCache({ records, past, thumbprint: 'a key', now: () => 0 })
  const never = new AbortController().signal
  return {
    ...held,
    store,
    forgotten,
    add: (owner: string, token: HeldToken, signal = never) => held.add(owner, token, signal),
  }
}

it('a token whose owner was forgotten in the meantime is not stored', async () => {
  const held = openHeld()
  const abort = new AbortController()
  const adding = [held.add('s1', one), held.add('s1', { ...one, jwt: 'b', scope: ['write'] }, abort.signal)]
  abort.abort(new Error('forgotten'))
  await held.forget('s1')
  expect((await Promise.allSettled(adding)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  expect(await held.forRequest('s1', asked)).toBeUndefined()
})

it('a token that is no longer accepted leaves no record of an owner who is forgotten at the same time', async () => {
  const held = openHeld()
  await held.add('s1', one)
  const dropping = held.drop('s1', one)
  await held.forget('s1')
  await dropping
  expect(held.store.list('s1')).toEqual([])
})

it('forgets the tokens of one resource, and how earlier access to it ended', async () => {
  const held = openHeld()
  const other = { ...one, jwt: 'b', resource: 'https://other.example' }
  await held.add('s1', one)
  await held.add('s1', other)
  await held.add('s2', one)
  await held.forget('s1', ids.api)
  expect(held.forgotten).toEqual([`s1 ${ids.api}`])
  expect((await held.list('s1')).map(({ resource }) => resource)).toEqual(['https://other.example'])
  expect(await held.list('s2')).toHaveLength(1)
  const tokens = (await held.store.list('s1')).filter(({ kind }) => kind === 'token')
  expect(tokens).toHaveLength(1)
})

it('lists the tokens that can be used, newest first', async () => {
  const held = openHeld()
  await held.add('s1', { ...one, expiresAt: 5 })
  await held.add('s1', { ...one, jwt: 'b', scope: ['write'], expiresAt: 6 })
  await held.add('s1', { ...one, jwt: 'c', scope: ['erase'], expiresAt: 0, refreshToken: 'r' })
  expect(await held.list('s1')).toEqual([
    { resource: ids.api, authServer: '', scope: ['erase'], expiresAt: 0, isRenewable: true },
    { resource: ids.api, authServer: '', scope: ['write'], expiresAt: 6, isRenewable: false },
  ])
})

it.each([
  [['read'], 0, true],
  [['read', 'write'], 0, false],
  [[], 0, true],
  [['read'], Number.MAX_SAFE_INTEGER, false],
])('finds a token with the scopes %j that was stored after %i: %s', async (scope, since, found) => {
  const held = openHeld()
  await held.add('s1', one)
  const need = { resource: ids.api, authServer: '', scope: scope.join(' ') }
  expect((await held.satisfying('s1', need, since)) !== undefined).toBe(found)
  expect(await held.satisfying('s1', { ...need, resource: 'https://other.example' }, since)).toBeUndefined()
  expect(await held.satisfying('s1', { ...need, kind: 'other' }, since)).toBeUndefined()
  expect(await held.satisfying('s2', need, since)).toBeUndefined()
})

it('a token replaces only tokens of the same kind', async () => {
  const held = openHeld()
  await held.add('s1', { ...one, jwt: 'b', scope: [], kind: 'other' })
  await held.add('s1', { ...one, jwt: 'c', scope: [] })
  await held.add('s1', one)
  const need = { resource: ids.api, authServer: '', scope: undefined }
  expect((await held.satisfying('s1', { ...need, kind: 'other' }))?.jwt).toBe('b')
  expect((await held.satisfying('s1', need))?.jwt).toBe(one.jwt)
  expect(await held.list('s1')).toHaveLength(2)
})

it('a token that is removed leaves the other ones of its session', async () => {
  const held = openHeld()
  const other = { ...one, jwt: 'b', scope: ['write'] }
  await held.add('s1', one)
  await held.add('s1', other)
  await held.remove('s1', other)
  expect((await held.forRequest('s1', asked))?.jwt).toBe('a')
  await held.remove('s1', one)
  expect(await held.forRequest('s1', asked)).toBeUndefined()
})

describe('of two tokens for one resource', () => {
  it('each is shown where it served before, so that reads and writes in turn cost no refusal', async () => {
    const stage = openDirect()
    stage.api = async (path, { jwt, method }) => {
      const scope = method === 'GET' ? 'read' : 'write'
      const has = jwt ? claimsOf(jwt).scope.split(' ') : []
      return has.includes(scope) ? new Response(path) : stage.challenge(scope, jwt ? 403 : 401)
    }
    const { fetch } = stage.agent.for('s1')
    const read = () => fetch(`${ids.api}/data?of=${Math.random()}`)
    const write = () => fetch(`${ids.api}/data`, { method: 'DELETE' })
    await read()
    await write()
    stage.seen.length = 0
    for (const ask of [read, write, read, write, read]) expect((await ask()).status).toBe(200)
    // The first one after the write learns that the older token is the right one.
    expect(stage.seen).toHaveLength(5)
    expect(new Set(stage.seen.map(({ jwt }) => jwt)).size).toBe(2)
  })

  it('the one that served a path is forgotten with its session', async () => {
    const held = openHeld()
    const other = { ...one, jwt: 'b', scope: ['write'] }
    await held.add('s1', one)
    held.recordUse('s1', asked, one)
    await held.add('s1', other)
    expect((await held.forRequest('s1', asked))?.jwt).toBe('a')
    expect((await held.forRequest('s1', { ...asked, method: 'POST' }))?.jwt).toBe('b')
    await held.remove('s1', one)
    expect((await held.forRequest('s1', asked))?.jwt).toBe('b')
    await held.forget('s1')
    expect(await held.forRequest('s1', asked)).toBeUndefined()
  })
})

describe('what is held is bounded', () => {
  it('to 100 tokens of one session', async () => {
    const stage = openDirect()
    for (let scope = 0; scope < 101; scope++) await shownTo(stage, `/s${scope}`)
    expect(stage.given).toHaveLength(101)
    await shownTo(stage, '/s1')
    expect(stage.given, 'the hundredth is there').toHaveLength(101)
    await shownTo(stage, '/s0')
    expect(stage.given, 'the oldest is not').toHaveLength(102)
  })

  it('to 10,000 sessions: the one that got a token longest ago is forgotten', async () => {
    const held = openHeld({ settles: false })
    const has = async (...sessions: number[]) =>
      Promise.all(sessions.map(async (session) => (await held.forRequest(`s${session}`, asked)) !== undefined))
    for (let session = 0; session < 10_000; session++) await held.add(`s${session}`, one)
    expect(await has(0, 9999)).toEqual([true, true])
    await held.add('s0', one)
    expect(await has(0, 1), 'no new one came').toEqual([true, true])
    await held.add('s10000', one)
    expect(await has(0, 1, 2, 10_000)).toEqual([true, false, true, true])
    await held.remove('s2', one)
    await held.add('s10001', one)
    expect(await has(2, 3, 10_001), 'there was room again').toEqual([false, true, true])
  })
})

describe('a refresh token', () => {
  const refreshable = { refresh_token: 'refresh-1' }

  it.each([
    ['479 s old', 479, []],
    ['480 s old', 480, ['refresh']],
    ['594 s old', 594, ['refresh']],
    ['595 s old', 595, ['refresh']],
    ['an hour old', 3600, ['refresh']],
  ])('is used from 80 %% of the life of its auth token on: %s', async (_age, age, types) => {
    const stage = openDirect(600, refreshable)
    await shownTo(stage, '/read')
    stage.clock.now += age
    stage.seen.length = 0
    await shownTo(stage, '/read')
    await settled()
    expect(stage.forms().map(({ request_type }) => request_type)).toEqual(types)
    expect(stage.seen.filter(({ url }) => url.startsWith(ids.api)).map(({ scheme }) => scheme)).toEqual(['jwt'])
    for (const form of stage.forms()) expect(form).toEqual({ request_type: 'refresh', refresh_token: 'refresh-1' })
    expect(await shownTo(stage, '/read')).toBe(stage.given.at(-1))
  })

  it('is waited for only where the token has ended', async () => {
    const stage = openDirect(600, refreshable)
    await shownTo(stage, '/read')
    let letGo: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      letGo = resolve
    })
    const refreshing = stage.token.refresh
    stage.token.refresh = async (...args) => {
      await gate
      return refreshing(...args)
    }
    stage.clock.now += 594
    expect(await shownTo(stage, '/read')).toBe(stage.given[0])
    stage.clock.now += 1
    const waiting = shownTo(stage, '/read')
    await settled()
    expect(stage.forms().map(({ request_type }) => request_type)).toEqual(['auth', 'refresh'])
    letGo()
    expect(await waiting).toBe(stage.given[1])
  })

  it('is used before a request whose answer may be a stream, which ends with the token, where little is left of it', async () => {
    const stage = openDirect(600, refreshable)
    await shownTo(stage, '/read')
    const { fetch } = stage.agent.for('s1')
    const listen = async () => {
      stage.seen.length = 0
      await fetch(`${ids.api}/read`, { headers: { accept: 'application/json, text/event-stream' } })
      return stage.seen.map(({ scheme, jwt }) => jwt ?? scheme)
    }
    stage.clock.now += 479
    expect(await listen(), '121 s are enough').toEqual([stage.given[0]])
    stage.clock.now += 1
    expect(await listen()).toEqual(['jwks', stage.given[1]])
    expect(await listen(), 'the new one').toEqual([stage.given[1]])
  })

  it.each<[string, (stage: Stage) => void]>([
    ['refuses', (stage) => (stage.token.refresh = () => Response.json({ error: 'server_error' }, { status: 500 }))],
    ['gives no answer in three seconds to', (stage) => (stage.token.refresh = () => new Promise(() => undefined))],
  ])('that the auth server %s keeps no stream from its beginning', async (_what, change) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const stage = openDirect(600, refreshable)
    await shownTo(stage, '/read')
    change(stage)
    stage.clock.now += 590
    const answer = stage.agent.for('s1').fetch(`${ids.api}/read`, { headers: { accept: 'text/event-stream' } })
    await vi.advanceTimersByTimeAsync(3000)
    expect(await ended(answer)).toBe('data')
    expect(stage.seen.at(-1)?.jwt).toBe(stage.given[0])
  })

  it('that the auth server refuses in the background is no failure of the request, which goes on', async () => {
    const stage = openDirect(600, refreshable)
    await shownTo(stage, '/read')
    stage.token.refresh = () => Response.json({ error: 'server_error' }, { status: 500 })
    stage.clock.now += 500
    expect(await ended(stage.agent.for('s1').fetch(`${ids.api}/read`))).toBe('data')
    await settled()
    expect(await shownTo(stage, '/read')).toBe(stage.given[0])
  })

  it('is used if a token is refused before it expires; if that is refused too, a new one is requested', async () => {
    const stage = openDirect(600, refreshable)
    await shownTo(stage, '/read')
    const answering = stage.api
    stage.api = (path, one) => (one.jwt === stage.given[0] ? stage.challenge('read') : answering(path, one))
    stage.seen.length = 0
    expect(await shownTo(stage, '/read')).toBe(stage.given[1])
    expect(stage.forms().map(({ request_type }) => request_type)).toEqual(['refresh'])
    stage.seen.length = 0
    await shownTo(stage, '/read')
    expect(stage.seen.map(({ jwt }) => jwt)).toEqual([stage.given[1]])
  })

  it.each([
    ['invalid_grant', 400],
    ['access_denied', 403],
  ])('that ended with %s: the token is dropped and a new one asked for', async (error, status) => {
    const stage = openDirect(600, refreshable)
    await shownTo(stage, '/read')
    stage.token.refresh = () => Response.json({ error }, { status })
    stage.clock.now += 600
    stage.seen.length = 0
    expect(await shownTo(stage, '/read')).toBe(stage.given[1])
    expect(stage.seen.map(({ scheme, url }) => `${scheme} ${new URL(url).pathname}`)).toEqual([
      'jwks /agent/token',
      'jwks /read',
      'jwks /agent/token',
      'jwt /read',
    ])
  })

  it('that ended: a refused token is dropped, and the next request begins with the agent’s own key', async () => {
    const stage = openDirect(600, refreshable)
    await shownTo(stage, '/read')
    stage.token.refresh = () => Response.json({ error: 'invalid_grant' }, { status: 400 })
    stage.token.auth = () => Response.json({ error: 'access_denied' }, { status: 403 })
    const answering = stage.api
    stage.api = (path, one) => (one.jwt === stage.given[0] ? stage.challenge('read') : answering(path, one))
    const answers = [await ended(stage.agent.for('s1').fetch(`${ids.api}/read`))]
    stage.seen.length = 0
    answers.push(await ended(stage.agent.for('s1').fetch(`${ids.api}/read`)))
    expect(answers).toEqual(['access_denied', 'access_denied'])
    expect(stage.seen[0]?.scheme).toBe('jwks')
  })

  it('that is no text is none', async () => {
    const stage = openDirect(600, { refresh_token: 7 })
    await shownTo(stage, '/read')
    stage.clock.now += 500
    stage.seen.length = 0
    await shownTo(stage, '/read')
    await settled()
    expect(stage.forms()).toEqual([])
  })
})
