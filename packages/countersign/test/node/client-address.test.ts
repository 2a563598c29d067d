import { createClientAddress } from 'countersign/node'
import { describe, expect, it } from 'vitest'

describe('createClientAddress', () => {
  it('believes nobody by default', () => {
    const find = createClientAddress([])
    expect(find('127.0.0.1', ['X-Forwarded-For', '203.0.113.9'])).toBe('127.0.0.1')
  })

  it.each<[string, string | undefined, string[], string | undefined]>([
    ['the client behind one proxy', '10.0.0.1', ['203.0.113.9'], '203.0.113.9'],
    ['the client behind two', '10.0.0.1', ['203.0.113.9, 10.2.3.4'], '203.0.113.9'],
    ['the last that is no proxy, whatever a client put before', '10.0.0.1', ['1.1.1.1, 203.0.113.9'], '203.0.113.9'],
    ['across several lines', '10.0.0.1', ['1.1.1.1', '203.0.113.9'], '203.0.113.9'],
    ['a peer that is no proxy', '203.0.113.5', ['1.1.1.1'], '203.0.113.5'],
    ['a proxy that says nothing', '10.0.0.1', [], '10.0.0.1'],
    ['nothing beyond what is no address', '10.0.0.1', ['203.0.113.9, unknown'], '10.0.0.1'],
    ['a mapped peer', '::ffff:10.0.0.1', ['203.0.113.9'], '203.0.113.9'],
    ['an IPv6 client', '::1', ['2001:db8::1'], '2001:db8::1'],
    ['no peer', undefined, ['203.0.113.9'], undefined],
  ])('finds %s', (_what, peer, lines, expected) => {
    const find = createClientAddress(['10.0.0.0/8', '::1'])
    const rawHeaders = ['Host', 'auth.example', ...lines.flatMap((line) => ['x-forwarded-for', line])]
    expect(find(peer, rawHeaders)).toBe(expected)
  })
})
