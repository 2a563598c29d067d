import { AAuthError } from 'countersign'
import { createSessionStore, type SessionRecord } from 'countersign/editions/draft-11/sessions'
import { describe, expect, it } from 'vitest'
import { hasSessionRoom, refusingStore } from '../../src/editions/session-store.js'

const start = 1_800_000_000

/** A store in memory whose clock the test moves, where an agent may have two records of each kind. */
function openStore() {
  const clock = { now: start }
  const store = createSessionStore(() => clock.now)
  const add = (key: string, change: Partial<SessionRecord> = {}) =>
    store.add({
      kind: 'request',
      key,
      value: 'a',
      until: clock.now + 600,
      provider: 'https://agent.example',
      holder: 'aauth:a@agent.example',
      most: 2,
      ...change,
    })
  return { clock, store, add }
}

describe('a record', () => {
  it('is there until it expires, and then its key is free', async () => {
    const { clock, store, add } = openStore()
    expect(await add('k', { until: start + 10 })).toBe('added')
    clock.now += 9
    expect(await Promise.all([store.get('k'), add('k'), store.replace('k', 'a', 'b'), store.get('k')])).toEqual([
      'a',
      'taken',
      true,
      'b',
    ])
    clock.now += 1
    expect(await Promise.all([store.get('k'), store.replace('k', 'b', 'c'), add('k'), store.get('k')])).toEqual([
      undefined,
      false,
      'added',
      'a',
    ])
  })

  it('is a copy of what its caller has', async () => {
    const { store } = openStore()
    const of = { provider: 'https://agent.example', holder: 'aauth:a@agent.example', most: 1 }
    const mine: SessionRecord = { kind: 'session', key: 'k', value: 'a', until: start + 600, ...of }
    await store.add(mine)
    await store.replace('k', 'a', 'b')
    expect(mine.value).toBe('a')
    mine.value = 'c'
    expect(await store.get('k')).toBe('b')
  })

  it('counts for its agent and kind until it is removed', async () => {
    const { store, add } = openStore()
    expect(await Promise.all(['1', '2', '3'].map(async (key) => add(key)))).toEqual(['added', 'added', 'full'])
    expect(await Promise.all([add('s', { kind: 'session' }), add('o', { holder: 'aauth:b@agent.example' })])).toEqual([
      'added',
      'added',
    ])
    await store.remove('1')
    await store.remove('1')
    expect(await Promise.all([add('3'), add('4')])).toEqual(['added', 'full'])
  })

  it('counts after it has expired only until expired records are removed, once a minute', async () => {
    const { clock, add } = openStore()
    await add('1', { until: start + 60 })
    await add('2')
    clock.now += 59
    expect(await add('3')).toBe('full')
    clock.now += 1
    expect(await add('3')).toBe('added')
    expect(await add('4', { holder: 'aauth:b@agent.example', until: start + 70 })).toBe('added')
    expect(await add('5', { holder: 'aauth:b@agent.example' })).toBe('added')
    clock.now += 59
    expect(await add('6', { holder: 'aauth:b@agent.example' })).toBe('full')
    clock.now += 1
    expect(await add('6', { holder: 'aauth:b@agent.example' })).toBe('added')
  })

  it('also expires after the clock was set back', async () => {
    const { clock, add } = openStore()
    await add('1', { holder: 'aauth:b@agent.example' })
    clock.now -= 1000
    for (const key of ['2', '3']) expect(await add(key, { until: clock.now + 10 })).toBe('added')
    expect(await add('4')).toBe('full')
    clock.now += 60
    expect(await add('4')).toBe('added')
  })
})

it('more than 2000 requests of all agents are refused only to the sites with the most', () => {
  const counts = { ofIssuer: 1, ofSite: 60, most: 60, all: 2000 }
  const has = (kind: 'request' | 'session', change: Partial<typeof counts>) =>
    hasSessionRoom({ kind, most: 2 }, { ...counts, ...change }, 3000)
  expect([has('request', { all: 1999 }), has('request', {}), has('request', { most: 61 })]).toEqual([true, false, true])
  expect(has('request', { most: 61, all: 4000 }), 'at twice as many').toBe(false)
  expect([has('session', {}), has('session', { all: 2999 }), has('session', { all: 3000 })]).toEqual([
    true,
    true,
    false,
  ])
  expect(has('session', { ofIssuer: 2 }), 'of one agent').toBe(false)
})

describe('a store that fails', () => {
  const failing = (error: unknown) => {
    const fail = () => {
      throw error
    }
    return { add: fail, get: fail, replace: fail, remove: fail }
  }

  it('refuses the request, with the cause', async () => {
    const cause = new Error('the disk is full')
    const store = refusingStore('https://api.example/connect', failing(cause))
    for (const call of [
      async () => store.add({} as SessionRecord),
      async () => store.get('k'),
      async () => store.replace('k', 'a', 'b'),
      async () => store.remove('k'),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'unavailable', retryAfter: 5, cause })
  })

  it('refuses as it wishes', async () => {
    const refusal = new AAuthError('too_many_requests', 'Not now.')
    await expect(Promise.resolve(refusingStore('a', failing(refusal)).get('k'))).rejects.toBe(refusal)
  })

  it('is reported if it lacks a verb', () => {
    const whole = createSessionStore()
    for (const store of [{ ...whole, get: undefined }, { ...whole, remove: 'k' }, undefined, null, 7])
      expect(() => refusingStore('a', store as never)).toThrow('store must have add, get, replace and remove')
  })
})
