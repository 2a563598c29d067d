import { AAuthError } from 'countersign/resource'
import { checkRequest, createRouteTable, type Route } from 'countersign-gateway'
import { describe, expect, it } from 'vitest'

const notes: Route[] = [
  { method: 'GET', path: '/notes/{id}', require: 'authorization', scope: 'notes.read' },
  { method: 'POST', path: '/notes/{id}', require: 'none' },
  { method: 'DELETE', path: '/notes/{id}', require: 'authorization', scope: 'notes.delete' },
]

interface Asked {
  of?: readonly Route[]
  method?: string
  isFromProxy?: boolean
}

function refusalOf(rawTarget: string, headers: [string, string][] = [], asked: Asked = {}): string {
  const { of = notes, method = 'POST', isFromProxy = false } = asked
  const rawHeaders = ['Host', 'api.example', ...headers.flat()]
  try {
    checkRequest({ method, rawTarget, rawHeaders, isFromProxy }, { table: createRouteTable(of), otherwise: 'refuse' })
    return 'passed'
  } catch (error) {
    if (!(error instanceof AAuthError)) throw error
    return error.code
  }
}

it('a refusal names at most 32 characters of the field, and what is wrong with the method', () => {
  const name = `verb_${'x'.repeat(27)}`
  const ask = (method: string) => () =>
    checkRequest(
      { method: 'POST', rawTarget: `/notes/7?${name}yz=${method}`, rawHeaders: ['Host', 'api.example'] },
      { table: createRouteTable(notes), otherwise: 'refuse' },
    )
  expect(ask('DELETE')).toThrow(`The field ${name} specifies DELETE, which needs more here than POST`)
  expect(ask('PUT')).toThrow(`The field ${name} specifies PUT, which no route lists here.`)
})

// G02
describe('a parameter or header that names a method that requires more on its path', () => {
  it.each([
    'x-tunneled-method=DELETE',
    'a=1&verb=delete',
    '_verb=DELETE',
    '$override=Delete',
    'http_method=GET',
    'httpMethod=%20DELETE%00',
    'req%75estMethod=%2544ELETE',
    'method=DELETE',
    'method=PUT',
    'method[]=DELETE',
    'entry[method]=DELETE;a=b',
    'tunnel=DELETE',
    'requestType=%22DELETE%22',
    'rest-action=PUT',
    'http_verb=PATCH',
  ])('is rejected in a query: %s', (query) => expect(refusalOf(`/notes/7?${query}`)).toBe('request_malformed'))

  it.each<[string, string]>([
    ['X-REST-Method', 'DELETE'],
    ['Http-Method', 'delete'],
    ['X-Method', 'DELETE'],
    ['X-HTTP-Verb', 'DELETE'],
    ['X-Acme-Override', 'DELETE, x'],
    ['X-Acme-Method', 'x, PUT'],
    ['Tunnel-Via', 'DELETE'],
    ['Access-Control-Request-Method-Verb', 'DELETE'],
    ['x_verb', '"DELETE"'],
    ['Cookie', 'a=1; verb=DELETE; b=2'],
    ['cookie', 'http_method=delete'],
    ['cookie', 'a=1; v%65rb=DELETE'],
  ])('is rejected in a header: %s %s', (name, value) =>
    expect(refusalOf('/notes/7', [[name, value]])).toBe('request_malformed'),
  )

  it.each([
    'payment_method=card&verb=POST&delivery_method=post',
    'methods=DELETE&verbs[]=DELETE&verbose=delete&action=delete&type=delete&operation=DELETE',
    'verb=delete+all&verb=DELETE2&q=verb&q=DELETE&a=method=DELETE',
    'method=tools/call&method=MOVE&method=OPTIONS',
  ])('is accepted if it is data: %s', (query) => expect(refusalOf(`/notes/7?${query}`)).toBe('passed'))

  it('is accepted in CORS headers, in headers with other values, and in proxy headers', () => {
    for (const [name, value] of [
      ['Access-Control-Request-Method', 'DELETE'],
      ['X-Payment-Method', 'card'],
      ['X-Allowed-Methods', 'GET, DELETE'],
      ['X-Acme-Method', 'POST'],
      ['Cookie', 'session=_method; verb=DELETE=; method=card; a=verb=DELETE; DELETE'],
    ] as [string, string][])
      expect(refusalOf('/notes/7', [[name, value]])).toBe('passed')
    const forwarded: [string, string][] = [['X-Forwarded-Method', 'DELETE']]
    expect(refusalOf('/notes/7', forwarded, { isFromProxy: true })).toBe('passed')
    expect(refusalOf('/notes/7', forwarded)).toBe('request_malformed')
  })

  it('is compared with the paths that some servers interpret it as', () => {
    const of: Route[] = [...notes, { method: '*', path: '/{any}/{id}', require: 'none' }]
    expect(refusalOf('/other/7?verb=DELETE', [], { of })).toBe('passed')
    expect(refusalOf('/Notes/7', [], { of })).toBe('passed')
    expect(refusalOf('/Notes/7?verb=DELETE', [], { of })).toBe('request_malformed')
  })

  it('is accepted if no route lists the method, unless frameworks override POST with it', () => {
    const of = notes.slice(1, 2)
    for (const method of ['PUT', 'PATCH', 'DELETE'])
      expect(refusalOf(`/notes/7?verb=${method}`, [], { of })).toBe('request_malformed')
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'MOVE', 'LOCK'])
      expect(refusalOf(`/notes/7?verb=${method}`, [], { of })).toBe('passed')
  })

  it('is accepted as GET, HEAD or POST in a request with another method, and as a method of delivery or payment', () => {
    const of: Route[] = [...notes, { method: 'PATCH', path: '/notes/{id}', require: 'none' }]
    for (const query of ['delivery_method=get', 'verb=GET', 'http_method=post'])
      expect([query, refusalOf(`/notes/7?${query}`, [], { of, method: 'PATCH' })]).toEqual([query, 'passed'])
    expect(refusalOf('/notes/7?verb=DELETE', [], { of, method: 'PATCH' })).toBe('request_malformed')
    for (const name of ['payment_method', 'shippingMethod', 'preferred_contact_method'])
      expect([name, refusalOf(`/notes/7?${name}=get`, [], { of })]).toEqual([name, 'passed'])
  })

  it('is accepted with mayNameMethod, and if the method requires no more', () => {
    const of = notes.map((route) => (route.method === 'POST' ? { ...route, mayNameMethod: true as const } : route))
    expect(refusalOf('/notes/7?verb=DELETE', [['X-Acme-Method', 'DELETE']], { of })).toBe('passed')
    const open: Route[] = [{ method: '*', path: '/notes/*', require: 'none' }]
    expect(refusalOf('/notes/7?verb=DELETE', [['X-Acme-Method', 'DELETE']], { of: open })).toBe('passed')
  })
})

it('a header that the operator’s proxy may set is checked only if a client sent it', () => {
  expect(refusalOf('/notes/7', [['Verb_In', 'DELETE']])).toBe('request_malformed')
  expect(refusalOf('/notes/7', [['Verb_In', 'DELETE']], { isFromProxy: true })).toBe('passed')
  expect(refusalOf('/notes/7', [['Verb-In', 'DELETE']], { isFromProxy: true })).toBe('request_malformed')
})

it('letters with a space between them name no method', () => {
  expect(refusalOf('/notes/7?http_method=DE%20LETE')).toBe('passed')
  expect(refusalOf('/notes/7?http_method=+%22DELETE%09')).toBe('request_malformed')
})

it('at most 16 parameters of a query may be batches, with at most 16 URLs', () => {
  const query = (count: number, value: string) => Array.from({ length: count }, (_, at) => `${at}=${value}`).join('&')
  const batch = encodeURIComponent('[{"url":"/other/a/b"}]')
  expect(refusalOf(`/notes/7?${query(16, batch)}`)).toBe('passed')
  expect(refusalOf(`/notes/7?${query(17, batch)}`)).toBe('target_ambiguous')
  expect(refusalOf(`/notes/7?${query(17, '[1]')}`)).toBe('passed')
  const urls = (count: number) =>
    encodeURIComponent(`[${Array.from({ length: count }, (_, at) => `{"url":"/other/a/${at}"}`).join()}]`)
  expect(refusalOf(`/notes/7?a=${urls(16)}`)).toBe('passed')
  expect(refusalOf(`/notes/7?a=${urls(17)}`)).toBe('target_ambiguous')
})

it('the URLs of a batch in a query have at most 3200 names, and 64 paths', () => {
  const urls = (url: (at: number) => string) =>
    encodeURIComponent(`[${Array.from({ length: 16 }, (_, at) => `{"url":"${url(at)}"}`).join()}]`).replaceAll(
      '%2F',
      '/',
    )
  const named = (names: number) => `/notes/7?a=${urls((at) => `https://h/${at}${'/a'.repeat(names - 1)}`)}`
  expect([200, 201].map((names) => refusalOf(named(names)))).toEqual(['passed', 'target_ambiguous'])
  const deep = (depth: number) => `/deep${'/a'.repeat(depth)}?a=${urls((at) => `b/c/${at}`)}`
  const of: Route[] = [{ method: 'POST', path: '/deep/*', require: 'none' }, ...notes]
  expect([3, 4].map((depth) => refusalOf(deep(depth), [], { of }))).toEqual(['passed', 'target_ambiguous'])
})

it('a field that names GET, HEAD or POST is data in a request with another method', () => {
  const of: Route[] = [
    { method: 'PUT', path: '/a', require: 'none' },
    { method: 'GET', path: '/a', require: 'signature' },
    { method: 'POST', path: '/a', require: 'signature' },
    { method: 'PATCH', path: '/a', require: 'signature' },
  ]
  const refusals = ['GET', 'HEAD', 'POST', 'PATCH'].map((other) =>
    refusalOf(`/a?http_method=${other}`, [], { of, method: 'PUT' }),
  )
  expect(refusals).toEqual(['passed', 'passed', 'passed', 'request_malformed'])
})
