import { describe, expect, it } from 'vitest'
import { createNetworkRules } from '../../src/discovery/allowed-networks.node.js'

describe('the hosts of an allowed network', () => {
  const address = { kind: 'private', bytes: [10, 1, 2, 3], carried: undefined } as const

  it.each([
    ['*.corp.example', 'a.corp.example', true],
    ['*.corp.example', 'a.b.corp.example', true],
    ['*.corp.example', 'corp.example', false],
    ['*.corp.example', '.corp.example', false],
    ['*.corp.example', 'evilcorp.example', false],
    ['*.corp.example', 'corp.example.evil.example', false],
    ['corp.example', 'corp.example', true],
    ['corp.example', 'a.corp.example', false],
    ['corp.example', 'evilcorp.example', false],
  ])('%s: %s, %s', (pattern, host, fits) => {
    expect(createNetworkRules([{ cidr: '10.0.0.0/8', hosts: [pattern] }])(address, host, 443)).toBe(fits)
  })
})
