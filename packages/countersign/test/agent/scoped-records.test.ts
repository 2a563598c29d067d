import { type AgentRecord, memoryStore } from 'countersign/agent'
import { describe, expect, it } from 'vitest'
import { keptConsents, pastAccess, scopedRecords } from '../../src/agent/scoped-records.js'

const records = scopedRecords(memoryStore(), { agent: 'https://agent.example', edition: 'january' })

it('grants the lease on a consent to one process until it is released or expires', async () => {
  const clock = { now: 100 }
  const [own, other] = [1, 2].map(() => keptConsents(records, () => clock.now))
  const granted = { until: 120, release: expect.any(Function) }
  const held = { holder: expect.any(String) }
  const lease = await own?.lease('alice', 'state-1', 120)
  expect(lease).toEqual(granted)
  expect(await other?.lease('alice', 'state-1', 120)).toEqual(held)
  expect(await other?.lease('alice', 'state-2', 120), 'of another consent').toEqual(granted)
  expect(await other?.lease('bob', 'state-1', 120), 'of another owner').toEqual(granted)
  if (lease && 'release' in lease) await lease.release()
  expect(await other?.lease('alice', 'state-1', 120)).toEqual(granted)
  clock.now = 120
  const next = await own?.lease('alice', 'state-1', 140)
  expect(next, 'expired').toMatchObject({ until: 140 })
  expect(await other?.lease('alice', 'state-1', 140)).toEqual(held)
})

it('replaces the lease of an overdue holder, and of no other', async () => {
  const consents = keptConsents(records, () => 100)
  await consents.lease('dave', 'state-1', 120)
  const there = await consents.lease('dave', 'state-1', 120)
  if (!('holder' in there)) throw new TypeError('another one holds the lease')
  expect(await consents.lease('dave', 'state-1', 120, 'another')).toEqual(there)
  expect(await consents.lease('dave', 'state-1', 120, there.holder)).toMatchObject({ until: 120 })
})

it('lists a consent by the name of its record, even if its data is damaged', async () => {
  await records.put('erin', { kind: 'consent', id: 'a' }, null)
  const consents = keptConsents(records, () => 100)
  expect(await consents.list('erin')).toEqual([{ id: 'a' }])
  expect(await consents.remove('erin', 'a')).toBe(true)
})

it('keeps the lease of the next holder when an expired one is released late', async () => {
  const clock = { now: 100 }
  const [slow, next, third] = [1, 2, 3].map(() => keptConsents(records, () => clock.now))
  const lease = await slow?.lease('carol', 'state-1', 120)
  clock.now = 121
  expect(await next?.lease('carol', 'state-1', 141)).toMatchObject({ until: 141 })
  if (lease && 'release' in lease) await lease.release()
  expect(await third?.lease('carol', 'state-1', 141)).toEqual({ holder: expect.any(String) })
})

it('remembers how access ended for a limited number of resources', async () => {
  const past = pastAccess(records)
  const at = (name: number) => ({ authServer: 'https://auth.example', resource: `https://api-${name}.example` })
  for (let name = 0; name < 150; name += 1) {
    await past.note('erin', at(name), 'expired')
    expect(await past.reasonFor('erin', at(name), [])).toBe('expired')
  }
  expect(await records.list('erin', 'past')).toHaveLength(100)
  expect(await past.reasonFor('erin', at(0), [])).toBe('expired')
})

describe('the records of an agent and an edition', () => {
  const agent = 'https://agent.example'

  it('are stored under their names, and separate from others in the same store', async () => {
    const store = memoryStore()
    const own = scopedRecords(store, { agent, edition: 'january' })
    const name = { kind: 'token', id: 'a b' } as const
    await own.put('alice', name, { of: 1 }, 600)
    const stored: AgentRecord = {
      agent,
      edition: 'january',
      kind: 'token',
      id: `january ${agent} a b`,
      data: { of: 1 },
      until: 600,
    }
    expect(await store.list('alice')).toEqual([stored])
    for (const change of [{ agent: 'https://other.example' }, { edition: 'other' }, { kind: 'person' as const }])
      await store.put('alice', { ...stored, ...change, id: `january ${agent} other` })
    expect(await own.list('alice', 'token')).toEqual([{ id: 'a b', data: { of: 1 } }])
    expect(await own.list('alice', 'person')).toEqual([{ id: 'other', data: { of: 1 } }])
    expect(await own.list('bob', 'token')).toEqual([])
    expect([own.isShared, scopedRecords({ ...store, isShared: true }, { agent, edition: 'x' }).isShared]).toEqual([
      false,
      true,
    ])
    expect(await own.add('alice', name, { of: 2 }, 700)).toEqual({ of: 1 })
    expect([await own.remove('alice', name), await own.remove('alice', name)]).toEqual([true, false])
    expect(await own.add('alice', name, { of: 2 }, 700)).toEqual({ of: 2 })
    await own.forget('alice')
    expect(await store.list('alice')).toEqual([])
  })

  it('number the leases on a consent, each with a random holder', async () => {
    const own = scopedRecords(memoryStore(), { agent, edition: 'january' })
    const clock = { now: 100 }
    const consents = keptConsents(own, () => clock.now)
    const held = async () => own.list('alice', 'lease')
    const lease = await consents.lease('alice', 'state-1', 120)
    expect(await held()).toEqual([{ id: 'state-1 0', data: { by: expect.stringMatching(/^[\w-]{16}$/), until: 120 } }])
    clock.now = 120
    if ('release' in lease) await lease.release()
    expect(await held(), 'expired, so it may be another one').toHaveLength(1)
    await consents.lease('alice', 'state-1', 140)
    expect((await held()).map(({ id }) => id)).toEqual(['state-1 0', 'state-1 1'])
  })
})

describe('past access', () => {
  const at = { authServer: 'https://auth.example', resource: 'https://api.example' }
  const other = { ...at, resource: 'https://other.example' }
  const held = (scope: string, place = at) => ({ ...place, scope: scope.split(' ') })
  const open = (isShared = false) => {
    const own = scopedRecords({ ...memoryStore(), isShared }, { agent: 'https://agent.example', edition: 'january' })
    return { own, past: pastAccess(own) }
  }

  it.each<[string, string | undefined, ReturnType<typeof held>[], string]>([
    ['nothing is held', 'read', [], 'first_time'],
    ['something else is held', 'read', [held('read', other)], 'first_time'],
    ['less is held', 'read write', [held('read')], 'step_up'],
    ['parts are held', 'read write', [held('read'), held('write')], 'step_up'],
    ['the same is held', 'read', [held('read')], 'revoked'],
    ['more is held', 'read', [held('x'), held('read write')], 'revoked'],
    ['a token without a scope is needed', undefined, [held('read')], 'revoked'],
  ])('is the reason for a decision: %s', async (_what, scope, tokens, reason) => {
    expect(await open().past.reasonFor('alice', { ...at, scope }, tokens)).toBe(reason)
  })

  it('is remembered by auth server, resource and owner', async () => {
    const { past } = open()
    await past.note('alice', at, 'expired')
    await past.note('alice', other, 'revoked')
    const reasonFor = (owner: string, place: typeof at) => past.reasonFor(owner, { ...place, scope: 'read' }, [])
    expect(await reasonFor('alice', at)).toBe('expired')
    expect(await reasonFor('alice', other)).toBe('revoked')
    expect(await reasonFor('alice', { ...at, authServer: 'https://other.example' })).toBe('first_time')
    expect(await reasonFor('bob', at)).toBe('first_time')
    await past.note('alice', at, 'revoked')
    expect(await reasonFor('alice', at)).toBe('revoked')
  })

  it('is noted and forgotten only once a slow store has done so', async () => {
    const store = memoryStore()
    const delay = async () => new Promise((resolve) => setTimeout(resolve, 10))
    const slow: typeof store = {
      ...store,
      put: async (...args) => delay().then(() => store.put(...args)),
      remove: async (...args) => delay().then(() => store.remove(...args)),
    }
    const past = pastAccess(scopedRecords(slow, { agent: 'https://agent.example', edition: 'january' }))
    await past.note('alice', at, 'expired')
    expect(await store.list('alice')).toHaveLength(1)
    await past.forget('alice', at.resource)
    expect(await store.list('alice')).toEqual([])
  })

  it.each([
    [true, []],
    [false, ['a', 'c']],
  ])('is forgotten by resource, with its consents if the store is shared: %s', async (isShared, left) => {
    const { own, past } = open(isShared)
    await past.note('alice', at, 'expired')
    await past.note('alice', other, 'expired')
    const consents = { a: at, b: other, c: at }
    for (const [id, need] of Object.entries(consents)) await own.put('alice', { kind: 'consent', id }, { need })
    await own.put('alice', { kind: 'consent', id: 'damaged' }, null)
    await own.put('alice', { kind: 'consent', id: 'empty' }, {})
    await past.forget('alice', at.resource)
    expect((await own.list('alice', 'past')).map(({ id }) => id)).toEqual([`${at.authServer} ${other.resource}`])
    const ids = (await own.list('alice', 'consent')).map(({ id }) => id)
    expect(ids.toSorted()).toEqual([...left, 'b', 'damaged', 'empty'].toSorted())
  })
})
