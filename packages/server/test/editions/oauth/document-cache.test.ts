import { describe, expect, it } from 'vitest'
import { DocumentCache } from '../../../src/editions/oauth/document-cache.js'

const now = 1_800_000_000

/** A cache of three entries, of which one owner may have two, and the names of those that it contains. */
function openCache(share = 2) {
  const cache = new DocumentCache<string>({ limit: 3, share })
  const add = (names: string, owner?: string, expiresAt = now + 60) => {
    for (const name of names) cache.set(name, name, { expiresAt, owner }, now)
  }
  const found = (at = now) =>
    'abcdefgh'
      .split('')
      .filter((name) => cache.get(name, at) !== undefined)
      .join('')
  return { cache, add, found }
}

describe('a full cache', () => {
  it('evicts the entry that was least recently used, also within one second', () => {
    const { cache, add, found } = openCache()
    add('abc')
    expect(cache.get('a', now)).toBe('a')
    add('d')
    expect(found()).toBe('acd')
  })

  it('evicts an expired entry first, and one that is kept last', () => {
    const { cache, add, found } = openCache()
    add('abc')
    cache.set('c', 'c', { expiresAt: now, owner: undefined }, now)
    add('d')
    expect(found()).toBe('abd')
    cache.keep('a')
    cache.keep('b')
    add('ef')
    expect(found()).toBe('abf')
    cache.keep('f')
    add('g')
    expect(found()).toBe('bfg')
  })

  it('evicts none for an entry that it replaces, which stays kept', () => {
    const { cache, add, found } = openCache()
    add('abc')
    cache.keep('a')
    cache.set('a', 'new', { expiresAt: now + 60, owner: undefined }, now)
    expect(cache.get('a', now)).toBe('new')
    expect(found()).toBe('abc')
    add('de')
    expect(found()).toBe('ade')
  })
})

it('an owner with more than the share of the entries evicts only their own', () => {
  const { cache, add, found } = openCache()
  add('a')
  add('bc', 'mallory')
  add('d', 'mallory')
  expect(found()).toBe('acd')
  cache.delete('c')
  add('e', 'mallory')
  expect(found()).toBe('ade')
  add('f', 'mallory')
  expect(found()).toBe('aef')
})

it('an entry is absent from the second in which it expires, and no longer counts toward the share', () => {
  const { add, found } = openCache()
  add('ab', 'mallory')
  expect(found(now + 59)).toBe('ab')
  expect(found(now + 60)).toBe('')
  add('cd', 'mallory')
  expect(found()).toBe('cd')
})

it('an owner with all of the share evicts their own also where there is room, or an entry of another has expired', () => {
  const { cache, add, found } = openCache()
  add('abc', 'mallory')
  expect(found()).toBe('bc')
  add('d')
  cache.set('d', 'd', { expiresAt: now, owner: undefined }, now)
  add('e', 'mallory')
  expect(found()).toBe('ce')
})

it('an owner with none of the share evicts the least recently used entry of all', () => {
  const { add, found } = openCache(1)
  add('abc')
  add('d', 'mallory')
  expect(found()).toBe('bcd')
})
