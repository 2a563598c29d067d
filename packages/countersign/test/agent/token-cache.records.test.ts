import { afterEach, describe, expect, it, vi } from 'vitest'
import { createTokenCache } from '../../src/agent/token-cache.js'

type Options = Parameters<typeof createTokenCache>[0]
type Token = Parameters<ReturnType<typeof createTokenCache>['add']>[1]

const now = 1_800_000_000
const authServer = 'https://auth.example'
const resource = 'https://api.example/a'
const signal = new AbortController().signal
const url = `${resource}/events`

let jwts = 0
/** A token that is distinct from all others. */
function token(change: Partial<Token> = {}): Token {
  jwts++
  const jwt = `${jwts}`.padStart(50, '-')
  const live = { expiresAt: now + 600, refreshAt: now + 300, refreshToken: undefined, scope: [], user: 'alice' }
  return { jwt, resource, authServer, ...live, ...change }
}

/** A cache on records in memory, with a log of what it does to them. */
function openCache(
  change: Partial<Options> = {},
  isShared = true,
  kept: { kind: string; id: string; data: unknown }[] = [],
) {
  const log: string[] = []
  const is = (kind: string, id: string) => (record: { kind: string; id: string }) =>
    record.kind === kind && record.id === id
  const put = (kind: string, id: string, data: unknown) => {
    const at = kept.findIndex(is(kind, id))
    kept.splice(at === -1 ? kept.length : at, at === -1 ? 0 : 1, { kind, id, data })
  }
  const records: Options['records'] = {
    isShared,
    async list(owner, kind) {
      log.push(`list ${owner} ${kind}`)
      return kept.filter((record) => record.kind === kind)
    },
    async put(owner, { kind, id }, data, until) {
      log.push(`put ${owner} ${kind} until ${until}`)
      put(kind, id, data)
    },
    async add(_owner, { kind, id }, data) {
      if (!kept.some(is(kind, id))) put(kind, id, data)
      return kept.find(is(kind, id))?.data
    },
    async remove(owner, { kind, id }) {
      log.push(`remove ${owner} ${kind}`)
      const at = kept.findIndex(is(kind, id))
      if (at !== -1) kept.splice(at, 1)
      return at !== -1
    },
    async forget(owner) {
      log.push(`forget ${owner}`)
      kept.length = 0
    },
  }
  const past: Options['past'] = {
    note: async (owner, { resource: at }, reason) => void log.push(`note ${owner} ${at} ${reason}`),
    reasonFor: async () => 'first_time',
    forget: async (owner, at) => void log.push(`forget ${owner} ${at}`),
  }
  const cache = createTokenCache({ records, past, thumbprint: 'own key', now: () => now, ...change })
  const add = (held: Token) => cache.add('alice', held, signal)
  const found = async (asked: { method?: string; url?: string } = {}) =>
    (await cache.forRequest('alice', { method: 'GET', url, ...asked }))?.jwt
  return { cache, add, found, log, kept }
}

afterEach(() => void vi.restoreAllMocks())

describe('the token to try first', () => {
  it('is the newest one that is usable at the URL', async () => {
    const { add, found } = openCache()
    const [own, ended, renewable, other] = [
      token({ scope: ['a'] }),
      token({ scope: ['b'], expiresAt: now + 5 }),
      token({ scope: ['c'], expiresAt: now + 5, refreshToken: 'r' }),
      token({ scope: ['d'], resource: 'https://api.example/b' }),
    ] as const
    expect(await found()).toBeUndefined()
    await add(own)
    await add(ended)
    expect(await found()).toBe(own.jwt)
    await add(renewable)
    await add(other)
    expect(await found()).toBe(renewable.jwt)
    expect(await found({ url: 'https://api.example/b' })).toBe(other.jwt)
    expect(await found({ url: 'https://api.example/c' })).toBeUndefined()
  })

  it('is the newest one even if the system clock is set back', async () => {
    const { add, found } = openCache()
    const clock = vi.spyOn(Date, 'now')
    for (const time of [5000, 5000, 1000, 1000]) {
      clock.mockReturnValue(time)
      const held = token({ scope: [`s${jwts}`] })
      await add(held)
      expect(await found()).toBe(held.jwt)
    }
  })

  it('is the one that last served the method and path, or one like it', async () => {
    const { cache, add, found } = openCache()
    const [read, write] = [token({ scope: ['r', 'x'] }), token({ scope: ['w'] })]
    await add(read)
    await add(write)
    cache.recordUse('alice', { method: 'GET', url: `${url}?page=1` }, read)
    expect(await found({ url: `${url}?page=2` })).toBe(read.jwt)
    expect(await found({ method: 'POST' })).toBe(write.jwt)
    expect(await found({ url: `${url}/1` })).toBe(write.jwt)
    cache.recordUse('bob', { method: 'PUT', url }, read)
    expect(await found({ method: 'PUT' })).toBe(write.jwt)
    const like = token({ scope: ['x', 'r'] })
    await add(like)
    await add(token({ scope: ['z'] }))
    expect(await found()).toBe(like.jwt)
  })
})

describe('a stored token', () => {
  it('replaces those of the same kind and resource whose scopes it has, and those that ended', async () => {
    const { cache, add, log } = openCache()
    const tokens = [
      token({ scope: ['a', 'c'] }),
      token({ scope: ['a'] }),
      token({ scope: ['a'], kind: 'other' }),
      token({ scope: ['a'], resource: 'https://other.example' }),
      token({ scope: ['d'], expiresAt: now + 5 }),
    ]
    for (const held of tokens) await add(held)
    log.length = 0
    await add(token({ scope: ['a', 'b'] }))
    expect(log.filter((line) => line.startsWith('remove'))).toHaveLength(2)
    const scopes = (await cache.list('alice')).map(({ scope, resource: at }) => [scope.join(), at])
    expect(scopes).toEqual([
      ['a,b', resource],
      ['a', 'https://other.example'],
      ['a', resource],
      ['a,c', resource],
    ])
  })

  it('replaces itself', async () => {
    const { cache, add, kept } = openCache()
    const held = token({ scope: ['a'] })
    await add(held)
    await add({ ...held, refreshToken: 'r' })
    expect(await cache.list('alice')).toMatchObject([{ isRenewable: true }])
    expect(kept.filter(({ kind }) => kind === 'token')).toHaveLength(1)
  })

  it('is dropped by the store when it ends, unless it can be refreshed', async () => {
    const { add, log } = openCache()
    await add(token())
    expect(log.filter((line) => !line.startsWith('list'))).toEqual([
      `note alice ${resource} expired`,
      `put alice token until ${now + 600}`,
    ])
    log.length = 0
    await add(token({ refreshToken: 'r', scope: ['a'] }))
    expect(log).toContain('put alice token until undefined')
    expect(log.join()).not.toContain('note')
  })

  it('is the last one to be kept if there are 100', async () => {
    const { cache, add } = openCache({}, false)
    for (let at = 0; at < 101; at++) await add(token({ scope: [`s${at}`] }))
    const scopes = (await cache.list('alice')).map(({ scope: [value] }) => value)
    expect([scopes.length, scopes[0], scopes.at(-1)]).toEqual([100, 's100', 's1'])
  })

  it('is not stored if its owner was forgotten', async () => {
    const { cache, kept } = openCache()
    const error = new Error('forgotten')
    await expect(cache.add('alice', token(), AbortSignal.abort(error))).rejects.toBe(error)
    expect(kept).toEqual([])
  })

  it.each<[string, Partial<Token>, boolean]>([
    ['the same user', {}, true],
    ['another user', { user: 'bob' }, false],
    ['another user of another auth server', { user: 'bob', authServer: 'https://other.example' }, true],
    ['another user in the same scope', { user: 'bob', authServer: 'https://o.example', userScope: authServer }, false],
    ['no user', { user: undefined, jwt: 'not a token' }, true],
    ['a user that is not text', { user: 7 }, false],
  ])('of %s: stored or refused', async (_who, change, isStored) => {
    const { cache, add } = openCache()
    await add(token({ scope: ['a'] }))
    const adding = add(token({ scope: ['b'], ...change }))
    if (isStored) await adding
    else await expect(adding).rejects.toMatchObject({ code: 'other_user' })
    expect(await cache.list('alice')).toHaveLength(isStored ? 2 : 1)
  })
})

describe('a token for a need', () => {
  const need = { resource, authServer, scope: 'a b' }

  it('has all scopes, the same kind and resource, and is not about to end', async () => {
    const { cache, add } = openCache()
    for (const change of [
      { scope: ['a'] },
      { scope: ['a', 'b'], kind: 'other' },
      { scope: ['a', 'b'], resource: 'https://other.example' },
      { scope: ['a', 'b'], expiresAt: now + 5, refreshToken: 'r' },
    ])
      await add(token(change))
    expect(await cache.satisfying('alice', need)).toBeUndefined()
    const fitting = token({ scope: ['a', 'b', 'c'], expiresAt: now + 6 })
    await add(fitting)
    expect(await cache.satisfying('alice', need)).toEqual(fitting)
    expect((await cache.satisfying('alice', { ...need, kind: 'other' }))?.kind).toBe('other')
    expect(await cache.satisfying('alice', { resource, authServer, scope: undefined })).toEqual(fitting)
  })

  it('is for the same call, if it is for one only, which one of two processes takes', async () => {
    const { cache, add } = openCache()
    const single = token({ scope: ['a', 'b'], call: 'one' })
    await add(token({ scope: ['a'] }))
    await add(single)
    expect(await cache.satisfying('alice', need)).toBeUndefined()
    expect(await cache.satisfying('alice', { ...need, call: 'other' })).toBeUndefined()
    expect(await cache.satisfying('alice', { ...need, call: 'one' })).toEqual(single)
    expect(await cache.forRequest('alice', { method: 'GET', url: resource })).toMatchObject({ scope: ['a'] })
    expect(await cache.list('alice')).toMatchObject([{ scope: ['a'] }])
    expect(await Promise.all([cache.take('alice', single), cache.take('alice', single)])).toEqual([true, false])
    expect(await cache.satisfying('alice', { ...need, call: 'one' })).toBeUndefined()
  })

  it('was stored after a given time', async () => {
    const { cache, add } = openCache()
    vi.spyOn(Date, 'now').mockReturnValue(5_000_000)
    await add(token({ scope: ['a', 'b'] }))
    expect(await cache.satisfying('alice', need, 4999)).toBeDefined()
    expect(await cache.satisfying('alice', need, 5001)).toBeUndefined()
  })
})

describe('records', () => {
  const stored = (held: Token, at: number, thumbprint = 'own key') => ({
    kind: 'token',
    id: held.jwt,
    data: { token: held, thumbprint, at },
  })

  it('are listed newest first, and as ended if they belong to another key', async () => {
    const [old, young, foreign] = [token({ scope: ['a'] }), token({ scope: ['b'] }), token({ refreshToken: 'r' })]
    const kept = [stored(old, 1), stored(young, 3), stored(foreign, 2, 'another key'), { ...stored(old, 4), kind: 'x' }]
    const { cache } = openCache({}, true, kept)
    expect(await cache.list('alice')).toEqual([
      { resource, authServer, scope: ['b'], expiresAt: now + 600, isRenewable: false },
      { resource, authServer, scope: [], expiresAt: 0, isRenewable: true },
      { resource, authServer, scope: ['a'], expiresAt: now + 600, isRenewable: false },
    ])
  })

  it.each([
    [true, 2],
    [false, 1],
  ])('that are shared (%s) are read %i times for two requests', async (isShared, times) => {
    const { cache, found, log } = openCache({}, isShared, [stored(token(), 1)])
    await found()
    await cache.list('alice')
    expect(log.filter((line) => line === 'list alice token')).toHaveLength(times)
  })

  it('of an owner without tokens are read each time', async () => {
    const { found, log } = openCache({}, false)
    await found()
    await found()
    expect(log).toHaveLength(2)
  })
})

describe('a token that is removed', () => {
  it.each<[string, Partial<Token>, string]>([
    ['before it ends was revoked', {}, 'revoked'],
    ['5 seconds before it ends has ended', { expiresAt: now + 5 }, 'ended'],
  ])('%s', async (_when, change, reason) => {
    const { cache, add, log } = openCache({}, false)
    const held = token({ refreshToken: 'r', ...change })
    const other = token({ scope: ['other'] })
    await add(other)
    await add(held)
    log.length = 0
    await cache.drop('alice', held)
    expect(log).toEqual(['remove alice token', `note alice ${resource} ${reason}`])
    expect((await cache.list('alice')).map(({ scope }) => scope)).toEqual([['other']])
  })

  it('without a reason leaves no note', async () => {
    const { cache, log } = openCache()
    await cache.remove('alice', token())
    expect(log).toEqual(['remove alice token', 'list alice token'])
  })
})

describe('forgetting', () => {
  it('removes the tokens for one resource', async () => {
    const { cache, add, log } = openCache({}, false)
    await add(token())
    await add(token({ resource: 'https://other.example' }))
    log.length = 0
    await cache.forget('alice', resource)
    expect(log).toEqual(['remove alice token', `forget alice ${resource}`])
    expect((await cache.list('alice')).map(({ resource: at }) => at)).toEqual(['https://other.example'])
  })

  it('removes everything that is cached, after what was begun before', async () => {
    const { cache, add, found, log } = openCache({}, false)
    const adding = add(token())
    await Promise.all([adding, cache.forget('alice')])
    expect(log.at(-1)).toBe('forget alice')
    expect(await found()).toBeUndefined()
  })
})
