import { describe, expect, it } from 'vitest'
import {
  corsHeaders,
  isPreflight,
  originProblem,
  preflightHeaders,
  showToPages,
  withPageHeaders,
} from '../../src/responses/cors.js'

const app = 'https://app.example'
const request = (method: string, ...rawHeaders: string[]) => ({ method, rawTarget: '/', rawHeaders })
const asked = ['Origin', app, 'Access-Control-Request-Method', 'POST']
/** The headers of January. */
const responseHeaders = ['Agent-Auth', 'Signature-Error']
const exposed = [
  'Access-Control-Expose-Headers',
  'Agent-Auth, Signature-Error, Date, Retry-After, Allow, WWW-Authenticate, Mcp-Session-Id',
]

it.each<[string, ReturnType<typeof request>, boolean]>([
  ['OPTIONS with an origin and a method', request('OPTIONS', ...asked), true],
  ['another method', request('GET', ...asked), false],
  ['without an origin', request('OPTIONS', ...asked.slice(2)), false],
  ['without a method', request('OPTIONS', ...asked.slice(0, 2)), false],
  ['with two origins', request('OPTIONS', 'origin', 'null', ...asked), false],
])('a preflight: %s', (_what, head, expected) => {
  expect(isPreflight(head)).toBe(expected)
})

describe('the headers of a response', () => {
  const listed = { origins: [app], responseHeaders }

  it.each<[string, string[], Parameters<typeof corsHeaders>[1], (readonly string[])[]]>([
    ['a listed origin', ['Origin', app], listed, [['Vary', 'Origin'], ['Access-Control-Allow-Origin', app], exposed]],
    ['any origin', ['Origin', app], { origins: '*', responseHeaders }, [['Access-Control-Allow-Origin', '*'], exposed]],
    ['another origin', ['Origin', 'https://evil.example'], listed, [['Vary', 'Origin']]],
    ['two origins', ['Origin', app, 'Origin', app], listed, [['Vary', 'Origin']]],
    ['no origin', [], listed, [['Vary', 'Origin']]],
    // G17. Otherwise, a cache could serve this response to pages, which could not read it.
    [
      'no origin, with any allowed',
      [],
      { origins: '*', responseHeaders },
      [['Access-Control-Allow-Origin', '*'], exposed],
    ],
  ])('for %s', (_what, rawHeaders, cors, headers) => {
    expect(corsHeaders(rawHeaders, cors)).toEqual(headers)
  })

  const ours = corsHeaders(['Origin', app], listed)
  const theirs = ['Access-Control-Allow-Origin', '*', 'access_control_max_age', '9', 'X-Other', 'a']

  it('replace those of the upstream', () => {
    expect(withPageHeaders(theirs, ours)).toEqual(['X-Other', 'a', ...ours.flat()])
    const headers = new Headers({ 'access-control-allow-origin': '*', 'x-other': 'a', vary: 'Accept' })
    showToPages(headers, ours)
    expect(headers.get('access-control-allow-origin')).toBe(app)
    expect(headers.get('x-other')).toBe('a')
    expect(headers.get('vary')).toBe('Accept, Origin')
  })

  it('include those that the upstream exposes, for a listed origin only', () => {
    const more = ['Access-Control-Expose-Headers', 'X-Total']
    expect(withPageHeaders(more, ours)).toEqual([...more, ...ours.flat()])
    const others = corsHeaders(['Origin', 'https://evil.example'], listed)
    expect(withPageHeaders(more, others)).toEqual(['Vary', 'Origin'])
  })
})

describe('the headers of a preflight', () => {
  const allows = (method: string) => method === 'POST'
  const allowed = [['Access-Control-Allow-Origin', '*'], exposed, ['Access-Control-Allow-Methods', 'POST']]
  const headersOf = (rawHeaders: string[], maxAge?: number) =>
    preflightHeaders(request('OPTIONS', ...rawHeaders), allows, { origins: '*', maxAge, responseHeaders })

  it('allow a method that a route lists, for ten minutes or as configured', () => {
    expect(headersOf(asked)).toEqual([...allowed, ['Access-Control-Max-Age', '600']])
    expect(headersOf(asked, 0)).toEqual([...allowed, ['Access-Control-Max-Age', '0']])
  })

  it.each([
    ['signature', true],
    ['signature,signature-input', true],
    ['Content-Type , signature', true],
    ['signature;', false],
    [' signature', true],
    ['signature,', false],
    ['a b', false],
  ])('allow the headers %j: %s', (fields, expected) => {
    const headers = headersOf([...asked, 'Access-Control-Request-Headers', fields])
    const names = headers.map(([name]) => name)
    expect(names.includes('Access-Control-Allow-Headers')).toBe(expected)
    if (expected) expect(headers).toContainEqual(['Access-Control-Allow-Headers', fields.trim()])
  })

  it('allow nothing else', () => {
    expect(headersOf(['Origin', app, 'Access-Control-Request-Method', 'DELETE'])).toEqual([])
    expect(
      preflightHeaders(request('OPTIONS', ...asked), allows, { origins: ['https://other.example'], responseHeaders }),
    ).toEqual([])
  })
})

it.each([
  ['https://app.example', undefined],
  ['http://localhost:3000', undefined],
  ['https://app.example/', 'must be in the form that browsers send: https://app.example'],
  ['https://App.example:443', 'must be in the form that browsers send: https://app.example'],
  ['https://*.example', 'must be one origin, without *: list each origin, or use "*" instead of the list'],
  ['ftp://app.example', 'must be an origin: https://app.example'],
  ['null', 'must be an origin: https://app.example'],
  [1, 'must be an origin: https://app.example'],
])('the origin %s: %s', (origin, problem) => {
  expect(originProblem(origin)).toBe(problem)
})
