import { describe, expect, it } from 'vitest'
import { isTargeted, keepPrivate, privateCacheControl, setPrivate, varyBySigner } from '../../src/node/keep-private.js'

it.each([
  ['', 'private, no-store'],
  ['no-cache', 'private, no-store'],
  ['public, max-age=60', 'private, no-store'],
  ['private', 'private'],
  ['max-age=60, Private', 'max-age=60, Private'],
  ['no-store', 'no-store'],
  ['no-store, must-understand', 'private, no-store'],
  ['no-store, must-understand=1', 'private, no-store'],
  ['private="set-cookie"', 'private, no-store'],
  ['x="private"', 'private, no-store'],
  ['x="a\\"private, no-store', 'private, no-store'],
  ['x="a, b", private', 'x="a, b", private'],
])('Cache-Control %j becomes %j', (set, expected) => {
  expect(privateCacheControl(set)).toBe(expected)
})

it.each([
  ['', 'Signature-Key'],
  ['Accept', 'Accept, Signature-Key'],
  ['Accept , Origin,', 'Accept, Origin, Signature-Key'],
  ['accept, signature-KEY', 'accept, signature-KEY'],
  ['*', '*'],
  ['Accept, *', 'Accept, *'],
])('Vary %j becomes %j', (set, expected) => {
  expect(varyBySigner(set)).toBe(expected)
})

it.each([
  ['CDN-Cache-Control', true],
  ['Cloudflare-CDN-Cache-Control', true],
  ['Surrogate-Control', true],
  ['Edge-Control', true],
  ['X-Accel-Expires', true],
  ['X-LiteSpeed-Cache-Control', true],
  ['X-Reverse-Proxy-TTL', true],
  ['Cache-Control', false],
  ['X-Surrogate-Control', false],
  ['Edge-Control-2', false],
  ['XCDN-Cache-Control', false],
])('%s targets particular caches: %s', (name, expected) => {
  expect(isTargeted(name)).toBe(expected)
})

it('sets the headers of a whole response, and removes those for particular caches', () => {
  const headers = new Headers({ 'cdn-cache-control': 'max-age=60', 'surrogate-control': 'private', vary: 'Accept' })
  setPrivate(headers)
  expect(Object.fromEntries(headers)).toEqual({
    'cache-control': 'private, no-store',
    vary: 'Accept, Signature-Key',
  })
})

/** The head of a Node response, without a connection. */
class Head {
  readonly fields = new Map<string, [name: string, value: unknown]>()
  written: unknown[] = []
  getHeader(name: string) {
    return this.fields.get(name.toLowerCase())?.[1] as string | undefined
  }
  getHeaderNames() {
    return [...this.fields.keys()]
  }
  setHeader(name: string, value: unknown) {
    this.fields.set(name.toLowerCase(), [name, value])
    return this
  }
  appendHeader(name: string, value: unknown) {
    return this.setHeader(name, [this.getHeader(name) ?? [], value].flat())
  }
  removeHeader(name: string) {
    this.fields.delete(name.toLowerCase())
  }
  writeHead(status: number, ...rest: unknown[]) {
    this.written = [status, ...rest]
    return this
  }
}

/** Replaces the method with a wrapper, as middleware does. */
function replaced(head: Head): Head {
  const writeHead = head.writeHead.bind(head)
  return Object.assign(head, { writeHead: (status: number, ...rest: unknown[]) => writeHead(status, ...rest) })
}

const written = (head: Head) => Object.fromEntries(head.fields.values())

describe.each([
  ['a response', () => new Head()],
  ['a response whose writeHead was replaced', () => replaced(new Head())],
])('keepPrivate for %s', (_what, open) => {
  it('sets the headers when the head is written, whatever was set before', () => {
    const head = open()
    keepPrivate(head)
    head.setHeader('Cache-Control', 'public')
    head.setHeader('Vary', 'Accept')
    head.setHeader('CDN-Cache-Control', 'max-age=60')
    head.setHeader('Surrogate-Control', 'private')
    head.writeHead(200)
    expect(written(head)).toEqual({
      'cache-control': 'private, no-store',
      vary: 'Accept, Signature-Key',
    })
    expect(head.written).toEqual([200])
  })

  it.each([
    ['an object', { 'Cache-Control': 'public', 'X-A': ['1', '2'] }],
    [
      'pairs',
      [
        ['Cache-Control', 'public'],
        ['X-A', '1'],
        ['x-a', '2'],
      ],
    ],
    ['an alternating list', ['Cache-Control', 'public', 'X-A', '1', 'x-a', '2']],
  ])('takes the headers that are passed as %s', (_form, headers) => {
    const head = open()
    keepPrivate(head)
    head.writeHead(201, 'Created', headers)
    expect(head.written).toEqual([201, 'Created'])
    expect(written(head)).toEqual({
      'cache-control': 'private, no-store',
      vary: 'Signature-Key',
      'X-A': ['1', '2'],
    })
  })
})

it('keeps the headers from middleware that sets its own while the head is written', () => {
  const head = new Head()
  const write = head.writeHead.bind(head)
  head.writeHead = (status, ...rest) => {
    head.setHeader('Cache-Control', 'public')
    head.appendHeader('vary', 'Accept')
    head.removeHeader('Vary')
    head.setHeader('CDN-Cache-Control', 'max-age=60')
    head.setHeader('X-Other', 'a')
    head.appendHeader('X-More', 'b')
    head.removeHeader('X-Old')
    return write(status, ...rest)
  }
  keepPrivate(head)
  head.setHeader('X-Old', 'c')
  head.writeHead(200)
  expect(written(head)).toEqual({
    'cache-control': 'private, no-store',
    vary: 'Signature-Key',
    'X-Other': 'a',
    'X-More': ['b'],
  })
  head.setHeader('Cache-Control', 'later')
  expect(head.getHeader('cache-control')).toBe('later')
})
