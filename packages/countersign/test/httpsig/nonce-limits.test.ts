import { type NonceCounts, reachedLimit, requireNonceLimits, widerNetwork } from 'countersign/signatures'
import { expect, it } from 'vitest'

const limits = requireNonceLimits({ total: 400 }, 400)
/** The counts for a bare key, in a store in which strangers have filled their 100 slots. */
const full = { isAgent: false, ofHolder: 1, ofNetwork: 40, ofWider: 40, most: 40, mostOfWider: 100, all: 100 }

it.each<[string, Partial<NonceCounts>, ReturnType<typeof reachedLimit>]>([
  ['a store that is not full', { all: 99, ofNetwork: 100, ofWider: 100 }, undefined],
  [
    'the network that holds the most, with more than half of its wider network',
    { most: 51, ofNetwork: 51 },
    'strangers',
  ],
  ['the network that holds the most, with half of its wider network', { most: 50, ofNetwork: 50 }, 'strangers'],
  ['the network that holds the most, with less than half of its wider network', {}, undefined],
  ['any network in the wider network that holds the most', { ofNetwork: 1, ofWider: 100 }, 'strangers'],
  ['another network, when one holds the most', { most: 50, ofNetwork: 49, ofWider: 100 }, undefined],
  ['a wider network with less than its share of the last slots', { all: 150, ofNetwork: 0, ofWider: 0 }, undefined],
  ['a wider network with its share of the last slots', { all: 150, ofNetwork: 0, ofWider: 1 }, 'strangers'],
  ['anyone, when no slot is left', { all: 200, ofNetwork: 0, ofWider: 0 }, 'strangers'],
])('%s', (_claim, counts, expected) => {
  expect(reachedLimit({ ...full, ...counts }, limits)).toBe(expected)
})

const agent = { ...full, isAgent: true, ofNetwork: 1, ofWider: 1 }

it.each<[string, NonceCounts, ReturnType<typeof reachedLimit>]>([
  ['an agent below its limit', { ...agent, ofHolder: 16_383 }, undefined],
  ['an agent at its limit', { ...agent, ofHolder: 16_384 }, 'perAgent'],
  ['a key at its limit', { ...full, ofHolder: 256 }, 'perKey'],
  ['a network of keys at its limit', { ...full, ofNetwork: 4096, all: 0 }, 'perNetwork'],
  ['an agent of a network that could hold no more keys', { ...agent, ofNetwork: 4096 }, undefined],
  ['an agent in the network that holds the most', { ...agent, all: 400, ofNetwork: 90, most: 90 }, 'network'],
  ['an agent in another network', { ...agent, all: 400, ofNetwork: 89, most: 90 }, undefined],
  ['an agent, when no slot is left', { ...agent, all: 800 }, 'total'],
  ['an agent, when one is left', { ...agent, all: 799, ofNetwork: 0, ofWider: 0 }, undefined],
])('the default limits apply to %s', (_claim, counts, expected) => {
  expect(reachedLimit(counts, limits)).toBe(expected)
})

it.each([
  ['192.0.2', '192.0'],
  ['2001:db8:1', '2001:db8'],
  ['unknown', 'unknown'],
])('the network %s is part of %s', (network, wider) => {
  expect(widerNetwork(network)).toBe(wider)
})

const names = ['perKey', 'perNetwork', 'perAgent', 'total'] as const

it.each(names)('%s is an integer from 1 on', (name) => {
  expect(requireNonceLimits({ [name]: 1 }, 400)[name]).toBe(1)
  for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => requireNonceLimits({ [name]: value }, 400)).toThrow(`the nonce limit ${name} must be`)
})
