import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { expect, it } from 'vitest'
import { createConnections, parseUpstream, upstreamOptions, upstreamProblem } from '../src/upstream.js'

const problem = 'must be a scheme, host and port without a path, such as http://127.0.0.1:3000'

it.each([
  ['http://127.0.0.1:3000', { secure: false, authority: '127.0.0.1:3000', hostname: '127.0.0.1', port: 3000 }],
  ['http://api.internal/', { secure: false, authority: 'api.internal', hostname: 'api.internal', port: 80 }],
  ['https://api.internal', { secure: true, authority: 'api.internal', hostname: 'api.internal', port: 443 }],
  ['https://[::1]:8443', { secure: true, authority: '[::1]:8443', hostname: '::1', port: 8443 }],
  ['http://[::1]', { secure: false, authority: '[::1]', hostname: '::1', port: 80 }],
])('the upstream %s is read', (url, upstream) => {
  expect(upstreamProblem(url)).toBeUndefined()
  expect(parseUpstream(url)).toEqual(upstream)
})

it.each<unknown>([
  ...'ftp://x http://x/a http://x/?a http://x/#a http://u@x http://:p@x ws://x x'.split(' '),
  '',
  7,
  ['http://x'],
  undefined,
])('the upstream %j is refused', (url) => {
  expect(upstreamProblem(url as string)).toBe(problem)
  expect(() => parseUpstream(url as string)).toThrow(new TypeError(`upstream ${problem}`))
})

it('an upstream may be given as just its URL', () => {
  expect(upstreamOptions('http://x')).toEqual({ url: 'http://x' })
  const options = { url: 'http://x', matches: 'raw' } as const
  expect(upstreamOptions(options)).toBe(options)
})

it('connections are kept for later requests, for less time than upstreams keep them, or closed', () => {
  const connections = createConnections()
  for (const [secure, kind] of [
    [false, HttpAgent],
    [true, HttpsAgent],
  ] as const) {
    const [kept, once] = [connections.agent(secure, false), connections.agent(secure, true)]
    expect([kept instanceof kind, once instanceof kind, kept === once]).toEqual([true, true, false])
    expect([kept, once].map((each) => each instanceof HttpsAgent)).toEqual([secure, secure])
    expect(connections.agent(secure, false)).toBe(kept)
    expect(connections.agent(secure, true)).toBe(once)
    expect(kept).toMatchObject({ maxFreeSockets: 256, options: { keepAlive: true, timeout: 4000 } })
    expect(once).not.toMatchObject({ options: { keepAlive: true } })
  }
  connections.close()
})
