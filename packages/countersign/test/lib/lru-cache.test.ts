import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LruCache } from '../../src/lib/lru-cache.js'

describe('LruCache', () => {
  it('evicts the least recently used entry, and never exceeds its limit', () => {
    const cache = new LruCache<number>(2)
    cache.set('a', 1, 10)
    cache.set('b', 2, 10)
    expect(cache.get('a', 0)).toBe(1)
    cache.set('c', 3, 10)
    expect([cache.get('a', 0), cache.get('b', 0), cache.get('c', 0)]).toEqual([1, undefined, 3])
    for (let i = 0; i < 100; i++) cache.set(`k${i}`, i, 10)
    expect(cache.size).toBe(2)
  })

  it('replacing an entry evicts no other', () => {
    const cache = new LruCache<number>(2)
    cache.set('a', 1, 10)
    cache.set('b', 2, 10)
    cache.set('b', 3, 10)
    expect([cache.get('a', 0), cache.get('b', 0)]).toEqual([1, 3])
  })

  it('an expired entry is absent, and removed', () => {
    const cache = new LruCache<number>(2)
    cache.set('a', 1, 10)
    expect(cache.get('a', 9)).toBe(1)
    expect(cache.get('a', 10)).toBeUndefined()
    expect(cache.size).toBe(0)
  })

  it('K27: no entry outlasts its time because the clock was set back; clocks that are corrected by seconds change nothing', () => {
    const cache = new LruCache<number>(2)
    expect(cache.get('a', 86_400)).toBeUndefined()
    cache.set('a', 1, 86_410)
    expect(cache.get('a', 86_340)).toBe(1)
    expect(cache.get('a', 86_400)).toBe(1)
    expect(cache.get('a', 0)).toBeUndefined()
    expect(cache.size).toBe(0)
    cache.set('b', 2, 10)
    expect([cache.get('b', 0), cache.get('b', 10)]).toEqual([2, undefined])
  })

  it('keys that every object inherits are absent', () => {
    const cache = new LruCache<number>(2)
    expect([cache.get('__proto__', 0), cache.get('constructor', 0)]).toEqual([undefined, undefined])
  })

  it('behaves like a list in order of use', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ verb: fc.constant('set' as const), key }) },
      { weight: 3, arbitrary: fc.record({ verb: fc.constant('get' as const), key }) },
      { weight: 1, arbitrary: fc.record({ verb: fc.constantFrom('delete' as const, 'clear' as const), key }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = new LruCache<number>(3)
        let listed: { key: string; value: number }[] = []
        for (const [time, { verb, key }] of steps.entries()) {
          const known = listed.find((entry) => entry.key === key)
          if (verb === 'clear') {
            cache.clear()
            listed = []
          } else if (verb === 'delete') {
            cache.delete(key)
            listed = listed.filter((entry) => entry !== known)
          } else if (verb === 'set') {
            cache.set(key, time, Number.POSITIVE_INFINITY)
            listed = [...listed.filter((entry) => entry !== known), { key, value: time }].slice(-3)
          } else {
            expect(cache.get(key, time)).toBe(known?.value)
            if (known) listed = [...listed.filter((entry) => entry !== known), known]
          }
          expect(cache.size).toBe(listed.length)
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('deletes', () => {
    const cache = new LruCache<number>(2)
    cache.set('a', 1, 10)
    cache.delete('a')
    expect(cache.get('a', 0)).toBeUndefined()
  })
})
