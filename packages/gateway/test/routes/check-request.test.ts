import { AAuthError } from 'countersign/resource'
import {
  checkRequest,
  createClosedPaths,
  createRouteTable,
  type IsClosed,
  type Route,
  type RouteTable,
} from 'countersign-gateway'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { requireCoveredCoding } from '../../src/routes/check-request.js'
import { declareFallbacks } from './declare-fallbacks.js'

const read = { require: 'authorization', scope: 'read' } as const
const write = { require: 'authorization', scope: 'write' } as const
const routes: Route[] = [
  { method: '*', path: '/*', ...read },
  { method: '*', path: '/admin', ...write },
  { method: 'GET', path: '/users/{id}', require: 'identity' },
  { method: 'DELETE', path: '/users/{id}', ...write },
  { method: 'GET', path: '/users/me', require: 'signature' },
  { method: 'GET', path: '/openapi.json', require: 'none' },
  { method: '*', path: '/reports/*', require: 'authorization', scope: 'reports', maxBody: 10 },
]

interface Asked {
  method?: string
  headers?: [string, string][]
  otherwise?: 'refuse' | 'pass'
  of?: Route[]
  table?: RouteTable
  isClosed?: IsClosed
}

function judge(
  rawTarget: string,
  {
    method = 'GET',
    headers = [],
    otherwise = 'refuse',
    of = routes,
    table = createRouteTable(declareFallbacks(of)),
    isClosed,
  }: Asked = {},
) {
  const rawHeaders = [['Host', 'api.example'], ...headers].flat()
  return checkRequest({ method, rawTarget, rawHeaders }, { table, isClosed, otherwise })
}

function refusalOf(rawTarget: string, asked?: Asked): string {
  try {
    judge(rawTarget, asked)
  } catch (error) {
    if (error instanceof AAuthError) return error.code
    throw error
  }
  return 'passed'
}

const needOf = (rawTarget: string, asked?: Asked) => judge(rawTarget, asked).need

describe('a request is judged by the route that says most of it', () => {
  it.each([
    ['GET', '/', 'authorization', 'read'],
    ['GET', '/anything/below', 'authorization', 'read'],
    ['GET', '/admin', 'authorization', 'write'],
    ['GET', '/users/7', 'identity', undefined],
    ['HEAD', '/users/7', 'identity', undefined],
    ['DELETE', '/users/7', 'authorization', 'write'],
    ['GET', '/users/me', 'signature', undefined],
    ['GET', '/users/', 'authorization', 'read'],
    ['GET', '/openapi.json', 'none', undefined],
    ['GET', '/reports/', 'authorization', 'reports'],
    ['GET', '/reports/2026/11', 'authorization', 'reports'],
    ['GET', '/admin?x=/users/me', 'authorization', 'write'],
  ])('%s %s needs %s %s', (method, target, level, scope) => {
    expect(needOf(target, { method })).toMatchObject({ level, scope })
    expect(needOf(target, { method })?.routes).toHaveLength(1)
  })

  it.each([
    ['PUT', '/users/7'],
    ['DELETE', '/users/me'],
  ])('%s %s is refused, since a narrower route lists other methods', (method, target) => {
    expect(refusalOf(target, { method })).toBe('method_not_allowed')
  })

  it.each([
    ['PUT', '/users/7/'],
    ['DELETE', '/users/ME'],
    ['DELETE', '/users/me.json'],
    ['DELETE', '/users/me.a-b'],
    ['POST', '/OpenAPI.json'],
  ])('%s %s is refused: a narrower route that it folds to does not list the method', (method, target) => {
    expect(refusalOf(target, { method })).toBe('target_ambiguous')
  })

  it('with a method that another line of the same path has', () => {
    const of: Route[] = [
      { method: '*', path: '/events/*', ...write },
      { method: 'GET', path: '/events/*', ...read },
      { method: 'GET', path: '/events', require: 'none' },
      { method: 'HEAD', path: '/events', require: 'identity' },
      { method: '*', path: '/*', require: 'none' },
    ]
    expect(needOf('/events/7', { of })).toMatchObject({ scope: 'read' })
    expect(needOf('/events/7', { of, method: 'DELETE' })).toMatchObject({ scope: 'write' })
    expect(needOf('/events', { of })).toMatchObject({ level: 'none' })
    expect(needOf('/events', { of, method: 'HEAD' })).toMatchObject({ level: 'identity' })
    expect(() => judge('/events', { of, method: 'PUT' })).toThrow('This path supports only the methods GET, HEAD.')
  })

  it.each([
    ['/{x}.pdf', '/sec{x}', '/secret.pdf'],
    ['/s{x}', '/sec{x}', '/secret'],
    ['/public/*', '/{tenant}/admin', '/public/admin'],
    ['/{a}/b', '/a/{b}', '/a/b'],
  ])('and by all that say as much of it: %s and %s', (one, other, target) => {
    const open: Route = { method: 'GET', path: one, require: 'none' }
    const closed: Route = { method: 'GET', path: other, ...read }
    const wide: Route = { method: '*', path: '/*', require: 'none' }
    for (const of of [
      [open, closed, wide],
      [wide, closed, open],
    ])
      expect(needOf(target, { of })).toMatchObject(read2('read'))
  })

  it('in whatever order they are listed', () => {
    for (const of of [routes, routes.toReversed()]) expect(needOf('/admin', { of })).toMatchObject({ scope: 'write' })
  })
})

// G50
describe('a path for which routers run another route is refused if that needs more', () => {
  const open = { method: 'GET', require: 'none' } as const
  const strict = { method: 'GET', ...read } as const

  it.each([
    ['/users/{id}', '/users/'],
    ['/{id}', '/'],
    ['/{id}-x', '/'],
    ['/pub-{id}', '/pub-'],
    ['/pub-{id}.pdf', '/pub-'],
    ['/{a}/{id}.pdf', '/a/.pdf'],
    ['/{a}/{id}.pdf', '/users/'],
    ['/pub-{id}/x', '/pub-/x'],
  ])('%s, with an empty parameter, for %s', (path, target) => {
    const of: Route[] = [
      { ...open, path: '/*' },
      { ...strict, path },
    ]
    expect(refusalOf(target, { of })).toBe('target_ambiguous')
    expect(needOf(target, { of: [...of, { ...open, path: target }] })).toMatchObject({ level: 'none' })
  })

  it.each(['/INDEX.PHP/', '/index.html/', '/index.php/index.php', '/index'])(
    '/{id}, with an index file, for %s',
    (target) => {
      const of: Route[] = [
        { ...open, path: '/*' },
        { ...open, path: '/{a}/{b}' },
        { ...strict, path: '/{id}' },
      ]
      if (target === '/index') expect(needOf(target, { of })).toMatchObject(read2('read'))
      else expect(refusalOf(target, { of })).toBe('target_ambiguous')
    },
  )

  it('a wider one, for a parameter of more than 100 characters, unless mayShadow is set', () => {
    const id = (length: number) => 'a'.repeat(length)
    const of = (change: Partial<Route> = {}): Route[] => [
      { ...open, path: '/pages/{name}.pdf', ...change },
      { ...strict, path: '/*' },
    ]
    expect(refusalOf(`/pages/${id(100)}.pdf`, { of: of() })).toBe('passed')
    expect(refusalOf(`/pages/${id(101)}.pdf`, { of: of() })).toBe('target_ambiguous')
    expect(refusalOf(`/pages/${id(101)}.pdf`, { of: of({ mayShadow: true }) })).toBe('passed')
    expect(refusalOf(`/${id(101)}`, { of: of() })).toBe('passed')
  })

  it('a wider one, for a segment that is the literal name of another route', () => {
    const of: Route[] = [
      { ...open, path: '/{a}/{b}' },
      { ...open, path: '/me' },
      { ...open, path: '/x/y/z' },
      { ...strict, path: '/*' },
    ]
    expect(refusalOf('/me/7', { of })).toBe('target_ambiguous')
    expect(refusalOf('/x/7', { of })).toBe('target_ambiguous')
    expect(refusalOf('/you/y', { of })).toBe('passed')
    expect(refusalOf('/me', { of })).toBe('passed')
  })

  it('and HEAD needs what its own route and that of GET need', () => {
    const of: Route[] = [
      { method: 'HEAD', path: '/a', require: 'none' },
      { ...strict, path: '/a' },
      { method: 'HEAD', path: '/b', require: 'signature' },
      { ...open, path: '/b' },
      { method: 'HEAD', path: '/c', require: 'none' },
      { method: '*', path: '/*', ...write },
      { ...strict, path: '/*' },
    ]
    expect(needOf('/a', { of, method: 'HEAD' })).toMatchObject(read2('read'))
    expect(needOf('/b', { of, method: 'HEAD' })).toMatchObject({ level: 'signature' })
    expect(needOf('/c', { of, method: 'HEAD' })).toMatchObject(read2('read'))
    expect(needOf('/b', { of })).toMatchObject({ level: 'none' })
  })

  it('and a path that does not list the method has no precedence over a wider one', () => {
    const head = (path: string): Route[] => [
      { method: 'HEAD', path: '/admin', require: 'none' },
      { ...strict, path },
    ]
    for (const path of ['/admin/*', '/{page}.json', '/Admin/*']) {
      expect([path, refusalOf('/admin', { of: head(path), method: 'HEAD' })]).toEqual([path, 'target_ambiguous'])
      const both = [...head(path), { ...open, path: '/admin' }]
      expect([path, refusalOf('/admin', { of: both, method: 'HEAD' })]).toEqual([path, 'passed'])
    }
    const tenants: Route[] = [
      { ...open, path: '/{tenant}/admin' },
      { method: 'POST', path: '/public/*', require: 'none' },
      { method: 'POST', path: '/{tenant}/adm{in}', ...read },
    ]
    expect(needOf('/public/admin', { of: tenants, method: 'POST' })).toMatchObject(read2('read'))
    const query: Route[] = [
      { ...open, path: '/' },
      { method: 'HEAD', path: '/admin', require: 'none' },
    ]
    for (const path of ['/admin', '/admin/*'])
      expect(refusalOf('/?/admin', { of: [...query, { ...strict, path }], method: 'HEAD' })).toBe('target_ambiguous')
  })
})

// G53
describe('a path with a list is refused if one of its items needs more', () => {
  const of: Route[] = [
    { method: 'GET', path: '/trpc/{procedure}', require: 'none' },
    { method: 'GET', path: '/trpc/secret', ...read },
    { method: 'GET', path: '/trpc/post.{procedure}', require: 'none' },
    { method: 'GET', path: '/trpc/admin.{procedure}', ...read },
    { method: 'GET', path: '/{index}/_search/{type}', require: 'none' },
    { method: 'GET', path: '/private/_search/{type}', ...read },
    { method: 'GET', path: '/{index}/_search/secret', ...read },
    { method: 'GET', path: '/users/{ids}', require: 'none' },
  ]

  it.each([
    '/trpc/hello,secret?batch=1',
    '/trpc/secret,hello',
    '/trpc/hello%2Csecret',
    '/trpc/hello,Secret',
    '/trpc/post.x,admin.wipe',
    '/public,private/_search/a',
    '/a,b/_search/c,secret',
    `/trpc/${'a,'.repeat(20)}secret`,
    `/trpc/${Array.from({ length: 17 }, (_, at) => at).join(',')}`,
    `/a,b,c,d,e/_search/a,b,c,d`,
  ])('%s', (target) => expect(refusalOf(target, { of })).toBe('target_ambiguous'))

  it.each([
    '/trpc/a,b,c',
    '/trpc/post.x,post.y',
    '/a,b/_search/c,d',
    '/users/1,2,3',
    `/users/${Array.from({ length: 100 }, (_, at) => at).join(',')}`,
  ])('and %s passes', (target) => expect(refusalOf(target, { of })).toBe('passed'))
})

// G56
describe('COPY and MOVE need a destination that the same request could have', () => {
  const of: Route[] = [
    { method: 'COPY', path: '/files/*', require: 'identity', maxBody: 10 },
    { method: 'MOVE', path: '/files/*', require: 'identity' },
    { method: 'PUT', path: '/files/*', require: 'identity' },
    { method: 'COPY', path: '/inbox/{name}', require: 'none' },
    { method: 'MOVE', path: '/files/kept/*', ...write },
    { method: '*', path: '/put-only', require: 'none' },
  ]
  const isClosed = createClosedPaths([{ path: '/mcp', below: true }])
  const move = (destination: string[], method = 'MOVE') =>
    refusalOf('/files/a', {
      of,
      isClosed,
      method,
      headers: destination.map((each): [string, string] => ['Destination', each]),
    })

  it.each([
    '/files/kept/a',
    'http://api.example/files/kept/a',
    'https://[::1]:8080/files/kept/a',
    '/files/Kept/a',
    '/files/kept/',
    '/admin',
    '/put-only',
    '/mcp',
    '/files/../admin',
    '/files//a',
    '/files/%6bept/a',
    '/files/b?c',
    '/files/b#c',
    '//api.example/files/b',
    'http:/files/b',
    'http://user@api.example/files/b',
    'ftp://api.example/files/b',
    'files/b',
    '/files/b,/files/kept/a b',
    '',
  ])('not %j', (destination) => expect(move([destination])).toBe('target_ambiguous'))

  it('nor two of them', () => expect(move(['/files/b', '/files/c'])).toBe('header_duplicate'))

  it.each([[['/files/b']], [['https://api.example/files/b%20c']], [[]]])('%j passes', (destination) =>
    expect(move(destination)).toBe('passed'),
  )

  it('and a route that requires less passes, also with another limit of the body', () => {
    expect(move(['/inbox/a'], 'COPY')).toBe('passed')
    expect(refusalOf('/inbox/a', { of, method: 'COPY', headers: [['Destination', '/files/a']] })).toBe(
      'target_ambiguous',
    )
  })

  it('but other methods may have such a header', () => {
    expect(refusalOf('/files/a', { of, method: 'PUT', headers: [['Destination', 'Lisbon']] })).toBe('passed')
  })
})

// G54
describe('a request that may contain another one, which needs more, is refused', () => {
  const of: Route[] = [
    { method: '*', path: '/about', require: 'none' },
    { method: 'GET', path: '/rpc/hello', require: 'none' },
    { method: '*', path: '/rpc/secret', ...read },
    { method: '*', path: '/me', ...read },
    { method: 'GET', path: '/scim/v2/Bulk', require: 'none' },
    { method: 'GET', path: '/scim/v2/Groups/{id}', require: 'none' },
    { method: '*', path: '/scim/v2/Users/{id}', ...read },
    { method: '*', path: '/{tenant}/v2/keys', ...read },
    { method: '*', path: '/scim/v2/{type}/{id}', ...read },
    { method: 'GET', path: '/a/b/c/d/run', require: 'none' },
  ]
  const batch = (...items: unknown[]) => encodeURIComponent(JSON.stringify(items))
  const batchOf = (length: number) => batch(...Array.from({ length }, (_, at) => ({ url: `/${at}` })))

  it.each<[string, [string, string][]?]>([
    ['/about?_action=admin.wipe'],
    ['/about?x=1&%5Faction=admin.wipe'],
    ['/about?qfunc=abc'],
    ['/about?qaction=abc'],
    ['/about?_astroAction=abc'],
    ['/about', [['Next-Action', 'abc']]],
    ['/rpc/hello', [['x-orpc-batch', 'buffered']]],
    ['/rpc/hello', [['X-Amz-Copy-Source', '/rpc/secret']]],
    ['/rpc/hello', [['x-ms-rename-source', '/rpc/secret']]],
    ['/rpc/hello', [['X-Copy-From', 'rpc/secret']]],
    ['/rpc/hello', [['X-Object-Manifest', 'rpc/secret']]],
    [`/rpc/hello?batch=${batch({ url: 'http://a/rpc/secret' })}`],
    [`/rpc/hello?batch=${batch({ url: '/rpc/hello' }, { uri: '/rpc/Secret' })}`],
    [`/rpc/hello?batch=${batch({ path: 'rpc/secret?x' })}`],
    [`/rpc/hello?batch=${batch({ path: '/secret' })}`],
    [`/scim/v2/Bulk?batch=${batch({ path: '/Users/7' })}`],
    [`/scim/v2/Bulk?batch=${batch({ path: 'v2/users/7' })}`],
    [`/scim/v2/Bulk?batch=${batch({ path: 'keys' })}`],
    [`/scim/v2/Bulk?batch=${batch({ path: '/a/b' })}`],
    [`/rpc/hello?batch=${batch({ url: '/rpc/secret' }).replace('url', '%5Cu0075rl')}`],
    [`/rpc/hello?batch=${encodeURIComponent("[{url:'/rpc/secret'}]")}`],
    [`/rpc/hello?batch=${encodeURIComponent('{"requests":[{"relativeUrl":"rpc/secret"}]}')}`],
    [`/rpc/hello?b=${encodeURIComponent(`${'['.repeat(9000)}{"url":"/rpc/secret"}${']'.repeat(9000)}`)}`],
    [`/rpc/hello?${`b=${batch({ url: '/x' })}&`.repeat(17)}`],
    [`/rpc/hello?b=${batchOf(17)}`],
    // Each URL may be one of five paths.
    [`/a/b/c/d/run?b=${batchOf(13)}`],
    [`/rpc/hello?batch=${batch({ url: '\ud800' })}`],
    [`/rpc/hello?batch=${batch({ url: '/rpc/sec\tret' })}`],
    [`/rpc/hello?batch=${batch({ url: 'h:80/rpc/secret' })}`],
    // What some parsers skip before JSON: control characters and a byte order mark. ASP decodes %u005B.
    ...['%01', '%00', '%1F', '%251f', '%A0', '%C2%A0', '%EF%BB%BF', '%u0020', '%uFEFF'].map((before): [string] => [
      `/rpc/hello?batch=${before}${batch({ url: '/rpc/secret' })}`,
    ]),
    // Most servers separate parameters only at `&`.
    ['/rpc/hello?batch=[{"x":";","url":"/rpc/secret"}]'],
    [`/rpc/hello?batch=${batch({ x: ';', y: '&', url: '/rpc/secret' }).replace('%3B', ';')}`],
    ['/rpc/hello?b=[{url:/me}]'],
    [`/rpc/hello?batch=%u005B${batch({ url: '/rpc/secret' }).replace('%5B', '')}`],
  ])('%s %j', (target, headers = []) => expect(refusalOf(target, { of, headers })).toBe('target_ambiguous'))

  it.each<[string, [string, string][]?]>([
    ['/about?action=x'],
    ['/about', [['X-Batch-Size', '10']]],
    [`/rpc/hello?batch=${batch({ url: '/rpc/hello' }, { url: 'https://other.example/x' })}`],
    [`/rpc/hello?filter=${batch('url', 'path')}`],
    [`/scim/v2/Bulk?batch=${batch({ path: '/Groups/7' }, { path: 'https://other.example/Users/7' }, { path: 'a/b' })}`],
    ['/rpc/hello?q=[path]+and+[url]'],
    [`/rpc/hello?${`b=${batch({ url: '/x' })}&`.repeat(16)}`],
    [`/a/b/c/d/run?b=${batchOf(12)}`],
    [`/rpc/hello?q=${encodeURIComponent('{"url":"/rpc/secret"}')}`],
  ])('and %s %j passes', (target, headers = []) => expect(refusalOf(target, { of, headers })).toBe('passed'))

  it('unless no route requires more, or the route has mayNameMethod', () => {
    const alike = of.map(({ method, path }): Route => ({ method, path, ...read }))
    expect(refusalOf('/about?_action=x', { of: alike })).toBe('passed')
    const named = of.map((route): Route => (route.path === '/about' ? { ...route, mayNameMethod: true } : route))
    expect(refusalOf(`/about?_action=x&b=${batch({ url: '/rpc/secret' })}`, { of: named })).toBe('passed')
    expect(refusalOf('/about', { of: named, headers: [['Next-Action', 'x']] })).toBe('passed')
  })
})

// G45
it('a path with more names of page data than are interpreted is refused', () => {
  const of: Route[] = [{ method: '*', path: '/events/*', require: 'none' }]
  for (const name of ['page-data', 'a.segments', '_next/data/x']) {
    expect(refusalOf(`/events/${`${name}/`.repeat(4)}page-data.json`, { of })).toBe('passed')
    expect(refusalOf(`/events/${`${name}/`.repeat(5)}page-data.json`, { of })).toBe('target_ambiguous')
    expect(refusalOf(`/events/x?a=/${`${name}/`.repeat(3)}&b=/x/${`${name}/`.repeat(3)}`, { of })).toBe(
      'target_ambiguous',
    )
  }
})

it('a Content-Type of more than 1024 characters is refused', () => {
  const of: Route[] = [{ method: 'GET', path: '/x', require: 'none' }]
  const ofLength = (length: number) => refusalOf('/x', { of, headers: [['Content-Type', 'a'.repeat(length)]] })
  expect([ofLength(1024), ofLength(1025)]).toEqual(['passed', 'headers_too_large'])
})

// G50
describe('a path by which a framework runs another one is refused if that needs more', () => {
  const of: Route[] = [
    { method: '*', path: '/*', require: 'none' },
    { method: '*', path: '/users/{id}/{part}', require: 'none' },
    { method: '*', path: '/admin', ...read },
    { method: '*', path: '/kept', ...read, endings: 'kept' },
    { method: '*', path: '/users/{id}', ...read },
    { method: '*', path: '/below/*', ...read },
    { method: '*', path: '/base/x', ...read },
  ]

  it.each([
    '/admin/__data.json',
    '/ADMIN/__data.json?x-sveltekit-invalidated=1',
    '/admin.html__data.json',
    '/kept.html__data.json',
    '/kept/__data.json',
    '/users/7/__data.json',
    '/users/7/_payload.json',
    '/admin/_payload.js',
    '/admin/_.data',
    '/admin/q-data.json',
    '/admin/q-loader-data.json',
    '/kept/index.pageContext.json',
    '/_next/data/p_acQfcqDgaJ30-9EYaBY/admin.json',
    '/_next/data/b/below/7.json',
    '/_next/data/b/below.json',
    '/_next/data/b/kept.json',
    '/base/_next/data/b/x.json',
    '/page-data/admin/page-data.json',
    '/kept.segments/_tree.segment.rsc',
    '/admin.segments/_full.segment.rsc',
    '/index.php/admin/__data.json',
    '/?/admin/__data.json',
  ])('%s', (target) => expect(refusalOf(target, { of })).toBe('target_ambiguous'))

  it.each([
    '/__data.json',
    '/public/__data.json',
    '/_next/data/b/public.json',
    '/_next/static/admin.js',
    '/page-data/x',
  ])('and %s passes', (target) => expect(refusalOf(target, { of })).toBe('passed'))
})

// G15
describe('a path that differs from one of a stricter route in punctuation is refused', () => {
  const of: Route[] = [
    { method: '*', path: '/*', require: 'none' },
    { method: '*', path: '/own-page', require: 'none' },
    { method: '*', path: '/own.page', require: 'none' },
    ...['/own_page', '/admin_users', '/admin_users/*', '/admin_area/*', '/a/b-c/d'].map(
      (path): Route => ({ method: '*', path, ...read }),
    ),
    { method: '*', path: '/kept_page', ...read, endings: 'kept' },
  ]

  it.each([
    '/admin-users',
    '/admin.users',
    '/ADMIN.users/',
    '/admin!users/x',
    '/admin~users',
    '/admin-area/list',
    '/admin.area/list',
    '/admin.area',
    '/a/b_c/d',
    '/a/b.c/d.json',
    '/own~page',
  ])('%s', (target) => expect(refusalOf(target, { of, method: 'DELETE' })).toBe('target_ambiguous'))

  it.each(['/own-page', '/own.page', '/kept-page', '/adminusers', '/admin-userz', '/admin--users', '/a.b'])(
    'and %s passes',
    (target) => expect(refusalOf(target, { of, method: 'DELETE' })).toBe('passed'),
  )

  // G02
  it.each(['x-tunneled-method', 'X_Tunnelled_Method', 'x-http-verb', 'x-rest-method', 'X-GData-Method-Override'])(
    'or as %s says',
    (name) => {
      expect(refusalOf(`/?${name}=DELETE`, { of, method: 'POST' })).toBe('request_malformed')
      expect(refusalOf('/', { of, method: 'POST', headers: [[name, 'DELETE']] })).toBe('request_malformed')
    },
  )
})

// G15
describe('another name of an entity of OData is refused if the entity needs more', () => {
  const sets: Route[] = [
    { method: '*', path: '/odata/*', require: 'none' },
    { method: '*', path: '/odata/Users({id})', ...read },
  ]
  const whole: Route[] = [
    ...sets,
    { method: '*', path: '/odata/Users/*', ...read },
    { method: '*', path: '/odata/Users({id})/*', ...read },
  ]

  it.each([
    [sets, '/odata/Users/1'],
    [sets, '/odata/users/1/'],
    [sets, '/odata/S.Users/1'],
    [whole, '/odata/S.Users'],
    [whole, '/odata/S.S.Users'],
    [whole, '/odata/S.Users/1'],
    [whole, '/odata/s.users/1/name'],
    [whole, '/odata/S.Users(1)'],
    [whole, '/odata/S.Users(1)/name'],
    [whole, `/odata/a${'/Users/x'.repeat(9)}`],
  ])('case %#', (of, target) => expect(refusalOf(target, { of, method: 'DELETE' })).toBe('target_ambiguous'))

  it.each([
    [sets, '/odata/Books/1'],
    [sets, '/odata/S.Books'],
    [sets, '/odata/S.Users'],
  ])('and case %# passes', (of, target) => expect(refusalOf(target, { of, method: 'DELETE' })).toBe('passed'))
})

// G15
describe('a path below a name with an ending is refused if what is below the name needs more', () => {
  const open = { method: '*', require: 'none' } as const
  const of: Route[] = [
    { ...open, path: '/*' },
    { ...open, path: '/v1.1/*' },
    { ...open, path: '/v1.2/list' },
    { ...open, path: '/{any}/{other}/c' },
    { method: '*', path: '/admin/*', ...read },
    { method: '*', path: '/a/b/*', ...read },
    { method: '*', path: '/v1/*', ...read },
    { method: '*', path: '/kept/*', ...read, endings: 'kept' },
  ]

  it.each(['/admin.x/users', '/ADMIN.x.y/users/7', '/admin.json/x/', '/a/b.x/c', '/a/b.x/c/d', '/v1.3/x', '/v1.2/x'])(
    '%s',
    (target) => {
      expect(refusalOf(target, { of, method: 'DELETE' })).toBe('target_ambiguous')
      expect(refusalOf(`/?${target}`, { of, method: 'DELETE' })).toBe('target_ambiguous')
    },
  )

  it.each([
    '/admins.x/users',
    '/admin-x/users',
    '/b.x/c',
    '/a.x/b',
    '/kept.x/y',
    '/v1.1/x',
    '/v1.1/x.json',
    '/v1.2/list',
  ])('and %s passes', (target) => expect(refusalOf(target, { of, method: 'DELETE' })).toBe('passed'))
})

// G15
describe('a path that matches a stricter route only after folding is refused', () => {
  const of: Route[] = [...routes, { method: '*', path: '/sign', ...write }]
  const names = ['/Admin', '/ADMIN', '/%EF%BD%81dmin', '/%C5%BFign', '/adm%C4%B1n', '/adm%C4%B0n', '/admin+', '/+admin']
  const invisible = ['/ad%C2%ADmin', '/ad%E2%80%8Bmin', '/admin%E2%80%8B', '/ad%EF%BB%BFmin', '/adm%C3%ADn/../x']
  const ends = ['/admin/', '/admin.', '/admin..', '/admin%20', '/%20admin', '/%C2%A0admin%20', '/admin%20.', '/admin:']
  const endings = [
    '/admin.json',
    '/Admin.XML',
    '/admin.tar.gz',
    '/admin.abcdefghi',
    '/admin.a-b',
    '/admin.%C3%A9',
    '/admin..x',
  ]
  const streams = ['/admin::$DATA', '/ADMIN:$I30:$INDEX_ALLOCATION', '/admin%3A%3A$data', '/admin%3A%3A%24DATA']
  const files = ['/admin/index.html', '/admin/index.php', '/admin/Index', '/admin/default.aspx', '/admin/index.html/']
  const scripts = [
    '/index.php/admin',
    '/INDEX.PHP/Admin/',
    '/app.php/admin',
    '/x.cgi/admin.json',
    '/x/index.php/admin',
    '/admin.php/x',
  ]
  const more = [
    '/admin/index.php/x',
    '/index.php%20/admin',
    '/index.php::$DATA/admin',
    '/index/admin',
    '/a.php/b.php/admin',
  ]
  it.each([...names, ...ends, ...endings, ...streams, ...files, ...scripts, ...more])('%s', (target) => {
    expect(refusalOf(target, { of })).toBe('target_ambiguous')
  })
  it.each(invisible)('%s', (target) => expect(refusalOf(target, { of })).toBe('target_ambiguous'))

  it('for the front controller itself, which Symfony treats as the base of the API', () => {
    const table: Route[] = [
      { method: 'GET', path: '/', ...read },
      { method: 'GET', path: '/open/*', require: 'none' },
    ]
    for (const target of ['/open/public/index.php', '/open/public/index.php/'])
      expect(refusalOf(target, { of: table })).toBe('target_ambiguous')
    expect(refusalOf('/open/public/index.html', { of: table })).toBe('passed')
  })

  it('on every level below the one that the stricter route needs, and for a scope that it does not have', () => {
    const strict: Route = { method: 'GET', path: '/a', require: 'authorization', scope: 'x y' }
    for (const [weak, refusal] of [
      [{ require: 'none' }, 'target_ambiguous'],
      [{ require: 'signature' }, 'target_ambiguous'],
      [{ require: 'identity' }, 'target_ambiguous'],
      [{ require: 'authorization', scope: 'x' }, 'target_ambiguous'],
      [{ require: 'authorization', scope: 'z' }, 'target_ambiguous'],
      [{ require: 'authorization', scope: 'y z x' }, 'passed'],
    ] as const) {
      const table: Route[] = [{ method: 'GET', path: '/*', ...weak }, strict]
      expect(refusalOf('/A', { of: table })).toBe(refusal)
      expect(refusalOf('/b', { of: table })).toBe('passed')
    }
  })

  it('for a smaller body, or one that must be seen, except with GET', () => {
    const wide = (change: Partial<Route>): Route[] => [
      { method: '*', path: '/*', require: 'identity' },
      { method: '*', path: '/a', require: 'identity', ...change },
    ]
    expect(refusalOf('/A', { method: 'POST', of: wide({ maxBody: 10 }) })).toBe('target_ambiguous')
    expect(refusalOf('/A', { method: 'GET', of: wide({ maxBody: 10 }) })).toBe('passed')
    const unseen: Route[] = [
      { method: 'POST', path: '/*', require: 'identity', body: 'unseen' },
      { method: 'POST', path: '/a', require: 'identity' },
    ]
    expect(refusalOf('/A', { method: 'POST', of: unseen })).toBe('target_ambiguous')
  })

  it('without the slash in front of *, behind a parameter, and by what a parameter is beside', () => {
    const table: Route[] = [
      { method: '*', path: '/*', require: 'none' },
      { method: '*', path: '/reports/*', ...write },
      { method: '*', path: '/data.d/*', ...write },
      { method: '*', path: '/users/{id}', ...write },
      { method: '*', path: '/cgi/{name}', ...write },
      { method: '*', path: '/caf%C3%A9-{id}', ...write },
      { method: '*', path: '/{id}%3Aadmin', ...write },
      { method: '*', path: '/me:{action}', ...write },
    ]
    const open = ['/reports', '/Reports', '/reports/', '/Reports/7', '/reports.json', '/data.d', '/DATA.D/x']
    const parameters = ['/users/7/', '/Users/7', '/users/7/index.html', '/cgi/run.pl/x']
    const beside = [
      '/caf%c3%a9-1',
      '/cafe%CC%81-1',
      '/CAF%C3%89-1',
      '/1%3aadmin',
      '/1:admin',
      '/1%3AADMIN',
      '/ME%3Ax',
      '/me%3Ax',
    ]
    for (const target of [...open, ...parameters, ...beside]) {
      const refusal = target === '/reports/' ? 'passed' : 'target_ambiguous'
      expect([target, refusalOf(target, { of: table })]).toEqual([target, refusal])
    }
    expect(needOf('/reports/', { of: table })).toMatchObject({ scope: 'write' })
  })

  it('also if a wide route matches its raw path, and a narrower one no longer matches the folded path', () => {
    const table: Route[] = [
      { method: 'GET', path: '/users/*', ...read },
      { method: 'GET', path: '/users/{id}', require: 'none' },
    ]
    expect(needOf('/users/7', { of: table })).toMatchObject({ level: 'none' })
    expect(refusalOf('/users/index.html', { of: table })).toBe('target_ambiguous')
  })

  // G59. Apache with MultiViews runs admin.php for /admin/x, as any server does for a script without an extension.
  it.each([
    ['GET', '/admin/x', 'target_ambiguous'],
    ['GET', '/Admin/x/y.css', 'target_ambiguous'],
    ['GET', '/hook/x', 'target_ambiguous'],
    ['GET', '/users/7/avatar', 'target_ambiguous'],
    ['GET', '/admins/x', 'passed'],
    ['GET', '/events/7/x', 'passed'],
    ['GET', '/a/print/x', 'passed'],
    ['POST', '/about/x', 'passed'],
  ])('a route with fallback does not serve paths below a stricter one: %s %s', (method, target, expected) => {
    const of: Route[] = [
      { method: '*', path: '/*', require: 'none', fallback: true },
      { method: 'GET', path: '/admin', ...write },
      { method: 'POST', path: '/hook', require: 'identity' },
      { method: 'GET', path: '/users/{id}', ...read },
      { method: 'GET', path: '/{page}/print', ...read },
      { method: 'GET', path: '/about', require: 'none' },
      { method: 'GET', path: '/events', ...read },
      { method: 'GET', path: '/events/*', require: 'none', fallback: true },
    ]
    expect(refusalOf(target, { of, method })).toBe(expected)
  })

  it('and every code point is folded like its other forms', () => {
    const encoded = (text: string) => encodeURIComponent(`x${text}y`)
    const wide: Route = { method: 'GET', path: '/*', require: 'none', fallback: true }
    const forms = [
      (letter: string) => letter.toUpperCase(),
      (letter: string) => letter.toLowerCase(),
      (letter: string) => letter.normalize('NFKC'),
      (letter: string) => letter.normalize('NFKC').toUpperCase().normalize('NFKC').toLowerCase(),
      (letter: string) => letter.toUpperCase().toLowerCase().normalize('NFKD'),
    ]
    const pairs: [letter: string, other: string][] = []
    for (let code = 0x80; code < 0x1_f000; code++) {
      if (code >= 0xd800 && code < 0xe000) continue
      const letter = String.fromCodePoint(code)
      const others = new Set(forms.map((form) => form(letter)).filter((other) => !/[/\\;?#%\p{Cc}]/u.test(other)))
      for (const other of others) if (other !== letter) pairs.push([letter, other])
    }
    const missed: string[] = []
    for (let at = 0; at < pairs.length; at += 25) {
      const some = pairs.slice(at, at + 25)
      const paths = new Set(some.map(([, other]) => `/${encoded(other)}`))
      const strict = [...paths].map((path): Route => ({ method: 'GET', path, ...write }))
      const table = createRouteTable([wide, ...strict])
      for (const [letter] of some) {
        if (paths.has(`/${encoded(letter)}`)) continue
        const problem = refusalOf(`/${encoded(letter)}`, { table })
        if (problem !== 'target_ambiguous') missed.push(`${letter} ${problem}`)
      }
    }
    expect(missed).toEqual([])
  })

  it('and other paths pass', () => {
    expect(needOf('/openapi.json')).toMatchObject({ level: 'none' })
    expect(needOf('/administrators')).toMatchObject({ scope: 'read' })
    expect(needOf('/admin-x')).toMatchObject({ scope: 'read' })
    expect(needOf('/users/ME')).toMatchObject({ level: 'identity' })
    expect(needOf('/compare/v1...v2')).toMatchObject({ scope: 'read' })
    expect(needOf('/v1.0/a.txt/admin')).toMatchObject({ scope: 'read' })
    expect(needOf('/foo@bar.example,a=b!$&')).toMatchObject({ scope: 'read' })
  })
})

const read2 = (scope: string) => ({ level: 'authorization', scope })

describe('a path with more than one interpretation is refused', () => {
  it.each([
    '//admin',
    '/x//admin',
    '/x/../admin',
    '/x/./admin',
    '/%2e%2e/admin',
    '/x/..;/admin',
    '/x/.;a=b/admin',
    '/;x/admin',
    '/%61dmin',
    '/admi%6E',
    '/a%2Dmin',
    '/x%2Fadmin',
    '/x%2fadmin',
    '/x%5Cadmin',
    '/x%252Fadmin',
    '/%252e%252e/admin',
    '/%25252e%25252e/admin',
    '/x%00',
    '/admin%0d%0aX: y',
    '/admin%0A',
    '/%c0%ae%c0%ae/admin',
    '/%E9',
    '/admin%',
    '/admin%zz',
    '/x%EF%BC%8Fadmin',
    '/x/..%20/admin',
    '/x/%20../admin',
    '/x/.%C2%AD./admin',
    '/x/%E2%80%8B/admin',
    '/%20/admin',
    '/x/.../admin',
    '/x/..::$DATA/admin',
    '/%EF%BC%8E%EF%BC%8E/admin',
    '/\\admin',
    'admin',
    'http://api.example/admin',
    '*',
    '/admin#x',
    // G39
    '/users/7%3F/avatar',
    '/users/7;/avatar',
    '/users/7%23/avatar',
    '/users/7%253F/avatar',
    '/admin;x',
    '/admin;$x',
    '/public/..;$x/admin',
    '/admin%3Bx',
    '/admin%3Fx',
    '/admin%2520',
    '/x/admin%25',
    '/a|b',
    '/a[b]',
    '/a"b',
    '/a<b>',
    '/a^b',
    '/a`b',
    '/a{b}',
    '/a b',
    '/ä',
    '/..x/admin',
    '/x/%20..x',
    '/x/.:/y',
    '/x%C2%85',
    '/x%E2%81%87',
    '/x%CD%BEy',
    '/x%EF%BC%85%32%65',
    '/x%E2%84%80y',
    '/x%E2%88%95y',
    '/%E2%80%A5/y',
    `/${'a/'.repeat(256)}`,
    '/a.php/b.php/c.php/d',
  ])('%s', (target) => {
    expect(refusalOf(target)).toBe('target_ambiguous')
    expect(refusalOf(target, { otherwise: 'pass' })).toBe('target_ambiguous')
  })
})

// G02
describe('what would make another request of it is refused', () => {
  it.each([
    'X-HTTP-Method-Override',
    'X-HTTP-Method',
    'X-Method-Override',
    'x_http_method_override',
    'X.HTTP.Method-Override',
    'X-Original-URL',
    'X-Rewrite-URL',
    'X-Original-URI',
    'X-Forwarded-Uri',
    'X_Forwarded_Prefix',
    'XHTTPMethodOverride',
    'X-HTTP_Method--Override',
    'X-Method-Overide',
    'X-Original-Path',
    'X-Override-URL',
    'X-HTTP-Path-Override',
    'X-Invoke-Path',
    'X-Matched-Path',
    'X-Envoy-Original-Path',
    'X-Astro-Path',
    'X-WAWS-Unencoded-URL',
    'x-middleware-subrequest',
    'SCRIPT_NAME',
    'Script-Name',
    'X-Script-Name',
    'PATH_INFO',
    'Path.Info',
    'HTTP_REQUEST_METHOD',
  ])('the header %s', (name) => {
    expect(refusalOf('/users/7', { headers: [[name, 'DELETE']] })).toBe('request_malformed')
    expect(refusalOf('/users/7', { headers: [[name, '']], otherwise: 'pass' })).toBe('request_malformed')
  })

  it.each([
    '_method=DELETE',
    'a=1; .method=DELETE',
    'a=1;b=2;[_method=x; c=3',
    '%5fmethod=DELETE',
    'X-HTTP-Method-Override=PUT',
  ])('the cookie %s', (cookie) => {
    expect(refusalOf('/users/7', { headers: [['Cookie', cookie]] })).toBe('request_malformed')
    expect(refusalOf('/users/7', { headers: [['cookie', cookie]], otherwise: 'pass' })).toBe('request_malformed')
  })

  it.each([
    '_method=DELETE',
    '__proto__[a]=b',
    '__proto__.a=b',
    '%5B__proto__%5D%5Ba]=b',
    'x=1&_METHOD=DELETE',
    '%5Fmethod=PUT',
    '_%6dethod=PUT',
    'a;_method=PUT',
    'X-HTTP-Method-Override=PUT',
    'x_http_method_override=PUT',
    'x-original-url=/admin',
    '.method=PUT',
    '+_method=PUT',
    '%20_method=PUT',
    '%20.method',
    '_method%00x=PUT',
    '[_method]=PUT',
    '%5B_method%5D=PUT',
    '[_method=PUT',
    '_method[]=PUT',
    '_method[x]=PUT',
    '%255Fmethod=PUT',
    '%25255Fmethod=PUT',
    '%FF_method=PUT',
    '$httpMethod=PUT',
    '_method_override=PUT',
    'a=1&amp;_method=PUT',
    '%u005fmethod=PUT',
    '%u0058-HTTP-Method-Override=PUT',
    '%25u005Fmethod=PUT',
    '%%75005fmethod=PUT',
    '_%uff4dethod=PUT',
  ])('the parameter %s', (query) => {
    expect(refusalOf(`/users/7?${query}`)).toBe('request_malformed')
    expect(refusalOf(`/users/7?a=b&${query}`)).toBe('request_malformed')
  })

  it.each([
    'payment_method=card&%6dethod=x',
    'method=card&method[]=a&method2=b&methods=c',
    'httpMethod=GET&xpath=/a&request_uri=x&prefix=y',
    'shipping.method=a&a=_method&_methods=1&__methodology=2',
    'q=%',
    'q=%E9&%E9=1',
    'q=%u005fmethod&%u00e9=1&%u=1',
    'payment_method_types[]=card&payment_method_types%5B0%5D=card&payment_method_options[card][x]=y',
    'shipping+method=a&http_method=GET&paymentMethod=x&grant_type=client_credentials&code_challenge_method=S256',
  ])('and not %s', (query) => expect(refusalOf(`/users/7?${query}`)).toBe('passed'))

  it('what was signed and is not passed on', () => {
    const signed = (name: string): [string, string][] => [
      ['Signature-Input', `sig1=("@method" "${name.toLowerCase()}");created=1`],
      [name, 'x'],
    ]
    for (const name of ['X_Request_Id', 'Client-IP', 'X-Forwarded-For', 'Proxy'])
      expect(refusalOf('/users/7', { headers: signed(name) })).toBe('request_malformed')
    for (const name of ['X-Request-Id', 'Accept'])
      expect(refusalOf('/users/7', { headers: signed(name) })).toBe('passed')
    expect(refusalOf('/users/7', { headers: [['X_Request_Id', 'x']] })).toBe('passed')
  })

  // G01
  it('a Connection that takes away what was signed, a second Host, a coding of the transfer', () => {
    expect(refusalOf('/users/7', { headers: [['Connection', 'close, Content-Type']] })).toBe('request_malformed')
    expect(refusalOf('/users/7', { headers: [['connection', 'x, cookie']] })).toBe('request_malformed')
    for (const name of ['If-Match', 'Range', 'X-Request-Id']) {
      const covered: [string, string][] = [
        [name, 'x'],
        ['Signature-Input', `sig=("@method" "${name.toLowerCase()}");created=1`],
      ]
      const taken: [string, string] = ['Connection', `close, ${name}`]
      expect(refusalOf('/users/7', { headers: [...covered, taken] })).toBe('request_malformed')
      expect(refusalOf('/users/7', { headers: covered })).toBe('passed')
      expect(refusalOf('/users/7', { headers: [[name, 'x'], taken] })).toBe('request_malformed')
    }
    expect(refusalOf('/users/7', { headers: [['host', 'other.example']] })).toBe('header_duplicate')
    const types: [string, string][] = [
      ['Content-Type', 'text/plain'],
      ['content-type', 'application/x-www-form-urlencoded'],
    ]
    expect(refusalOf('/users/7', { headers: types })).toBe('header_duplicate')
    expect(refusalOf('/users/7', { headers: [['Transfer-Encoding', 'gzip, chunked']] })).toBe('request_malformed')
  })

  // G01
  it.each([
    'x-aauth-level',
    'if-match',
    'x-forwarded-for',
    'transfer-encoding',
    'connection',
    'x',
    '"close"',
    'close;x',
  ])('a Connection with %s', (option) => {
    for (const value of [option, `close, ${option}`, `${option.toUpperCase()},keep-alive`])
      expect(refusalOf('/users/7', { headers: [['Connection', value]] })).toBe('request_malformed')
    const lines: [string, string][] = [
      ['Connection', 'keep-alive'],
      ['connection', option],
    ]
    expect(refusalOf('/users/7', { headers: lines })).toBe('request_malformed')
  })

  it.each([
    'close',
    'Keep-Alive, TE',
    'Upgrade, HTTP2-Settings',
    'keep-alive,, Upgrade',
    'Proxy-Connection',
    'Trailer',
    '',
  ])('and not a Connection with %s', (value) =>
    expect(refusalOf('/users/7', { headers: [['Connection', value]] })).toBe('passed'),
  )

  it('a signed header that is named like an option of Connection', () => {
    const covered: [string, string] = ['Signature-Input', 'sig=("@method" "close");created=1']
    const headers: [string, string][] = [['Close', 'x'], covered]
    expect(refusalOf('/users/7', { headers })).toBe('passed')
    expect(refusalOf('/users/7', { headers: [...headers, ['Connection', 'close']] })).toBe('request_malformed')
  })
})

// G40
describe('a coding of the content that no signature covers', () => {
  const of: Route[] = [
    { method: 'POST', path: '/signed', require: 'signature' },
    { method: 'POST', path: '/open', require: 'none' },
  ]
  const coded = (input: string, ...codings: string[]): Asked => ({
    of,
    method: 'POST',
    headers: [['Signature-Input', input], ...codings.map((coding): [string, string] => ['Content-Encoding', coding])],
  })
  it('is refused where something is verified', () => {
    const bare = 'sig1=("@method" "content-digest");created=1'
    const covered = 'sig1=("@method" "content-digest" "content-encoding");created=1'
    for (const codings of [['gzip'], ['identity', 'br'], ['identity, gzip'], ['']])
      expect(refusalOf('/signed', coded(bare, ...codings))).toBe('media_type_unsupported')
    for (const codings of [[], ['identity'], ['Identity']])
      expect(refusalOf('/signed', coded(bare, ...codings))).toBe('passed')
    expect(refusalOf('/signed', coded(covered, 'gzip'))).toBe('passed')
    const ofOther = 'sig1=("@method" "content-encoding");created=1;tag="web-bot-auth"'
    expect(refusalOf('/signed', coded(ofOther, 'gzip')), 'a signature of another protocol').toBe(
      'media_type_unsupported',
    )
    expect(refusalOf('/open', coded('', 'gzip'))).toBe('passed')
  })
})

it('decides on a content coding by what was verified, not by what the head names (G40)', () => {
  const rawHeaders = ['Signature-Input', 'a=("@method"), b=("content-encoding")', 'Content-Encoding', 'gzip']
  expect(() => requireCoveredCoding({ rawHeaders }, ['@method'])).toThrow('Cover content-encoding')
  expect(() => requireCoveredCoding({ rawHeaders }, ['@method', 'content-encoding'])).not.toThrow()
  expect(() => requireCoveredCoding({ rawHeaders: ['Content-Encoding', 'identity'] }, [])).not.toThrow()
})

it('a hop-by-hop header that a signature covers is refused, since the API would not get it', () => {
  const covered = (name: string): [string, string][] => [
    ['Signature-Input', `sig1=("@method" "${name}");created=1`],
    [name.toUpperCase(), name === 'transfer-encoding' ? 'chunked' : 'trailers'],
  ]
  const of: Route[] = [{ method: 'POST', path: '/x', require: 'signature' }]
  for (const name of ['proxy-authorization', 'trailer', 'expect', 'keep-alive', 'upgrade', 'te', 'transfer-encoding']) {
    expect([name, refusalOf('/x', { of, method: 'POST', headers: covered(name) })]).toEqual([name, 'request_malformed'])
    expect(refusalOf('/x', { of, method: 'POST', headers: [...covered('x'), ...covered(name).slice(1)] })).toBe(
      'passed',
    )
  }
})

describe('what is not listed is refused', () => {
  const of: Route[] = [{ method: 'GET', path: '/events', ...read }]
  it('by its path, its method, and a method that * does not stand for', () => {
    expect(refusalOf('/others', { of })).toBe('not_found')
    expect(refusalOf('/', { of })).toBe('not_found')
    expect(refusalOf('/events', { of, method: 'POST' })).toBe('method_not_allowed')
    expect(refusalOf('/events', { of, method: 'HEAD' })).toBe('passed')
    for (const method of ['MOVE', 'PROPFIND', 'PURGE', 'get'])
      expect(refusalOf('/admin', { method })).toBe('method_not_allowed')
    for (const method of ['TRACE', 'CONNECT'])
      expect(refusalOf('/admin', { method, otherwise: 'pass' })).toBe('method_not_allowed')
  })

  // G13
  it('or left to the upstream where that is said, unless it has a signature header', () => {
    expect(judge('/others', { of, otherwise: 'pass' })).toEqual({ verify: false, need: undefined })
    expect(judge('/events', { of, otherwise: 'pass' })).toMatchObject({ verify: false })
    for (const name of ['Signature', 'signature-input', 'Signature-Key']) {
      const headers: [string, string][] = [[name, '']]
      expect(judge('/events', { of, otherwise: 'pass', headers })).toMatchObject({ verify: true })
      expect(refusalOf('/others', { of, otherwise: 'pass', headers })).toBe('not_found')
    }
  })

  // S51
  it.each([
    ['one tagged member', 'sig1=("@authority");created=1;tag="web-bot-auth"', false],
    ['component parameters', 'sig1=("@authority" "signature-agent";key="a");created=1;tag="web-bot-auth"', false],
    ['two tagged members', 'a=("@authority");tag="x", b=("@path");tag="y"', false],
    ['one member of two without a tag', 'a=("@authority");tag="x", b=("@path")', true],
    ['a tag that is no string', 'a=("@authority");tag=1', true],
    ['a tag inside of a component', 'a=("@authority";tag="x")', true],
    ['no member', '', true],
    ['no dictionary', 'a=("@authority");tag="x";', true],
  ])('a signature for another protocol counts as none: %s', (_, input, isOurs) => {
    const headers: [string, string][] = [
      ['Signature-Input', input],
      ['Signature', 'sig1=:AAAA:'],
      ['Signature-Agent', '"https://crawler.example"'],
    ]
    expect(judge('/events', { of, otherwise: 'pass', headers })).toMatchObject({ verify: isOurs })
    expect(judge('/events', { of, otherwise: 'refuse', headers })).toMatchObject({ verify: true })
  })
})

describe('a path of two routes for servers that fold it and servers that do not', () => {
  const of: Route[] = [
    { method: 'GET', path: '/videos/{id}', ...read },
    { method: 'GET', path: '/videos/aBc1', require: 'none' },
    { method: 'GET', path: '/t/{tenant}/x', ...read },
    { method: 'GET', path: '/t/demo/x', require: 'none' },
  ]

  it('needs what its raw path needs, which is more', () => {
    for (const target of ['/videos/ABC1', '/videos/aBc1%20', '/videos/aBc1.', '/videos/aBc1%E2%80%8B', '/t/Demo/x'])
      expect(needOf(target, { of })).toMatchObject(read2('read'))
    for (const target of ['/videos/aBc1', '/t/demo/x']) expect(needOf(target, { of })).toMatchObject({ level: 'none' })
  })

  it('is not found if no route has its raw path', () => {
    for (const target of ['/videos/ABC1/', '/Videos/ABC1', '/t/demo/x/', '/T/Demo/x'])
      expect(refusalOf(target, { of })).toBe('not_found')
  })

  it('needs as much as each route that a server may choose, in every table', () => {
    const levels = ['none', 'signature', 'identity', 'user', 'authorization'] as const
    const segment = fc.constantFrom('a', 'A', 'aB', 'b', '{p}', '{q}')
    const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`)
    const table = fc
      .uniqueArray(fc.record({ path, require: fc.constantFrom(...levels) }), {
        selector: (route) => route.path.replaceAll(/\{.\}/g, '{}'),
        minLength: 1,
        maxLength: 6,
      })
      .map((rows): Route[] =>
        rows.map((row) => ({ method: 'GET', ...row, ...(row.require === 'authorization' ? { scope: 'read' } : {}) })),
      )
    const asked = fc
      .tuple(
        fc.array(fc.constantFrom('a', 'A', 'ab', 'aB', 'AB', 'b', 'a%20', 'aB.', 'B%20'), {
          minLength: 1,
          maxLength: 3,
        }),
        fc.constantFrom('', '/'),
      )
      .map(([parts, end]) => `/${parts.join('/')}${end}`)
    const ways = [
      (part: string) => part,
      (part: string) => part.toLowerCase(),
      (part: string) => part.replace(/(?:%20|\.)$/, ''),
      (part: string) => part.toLowerCase().replace(/(?:%20|\.)$/, ''),
    ]
    fc.assert(
      fc.property(table, asked, (given, target) => {
        for (const way of ways) {
          const parts = target.slice(1).replace(/\/$/, '').split('/').map(way)
          const chosen = servedBy(given, parts, way)
          if (!chosen) continue
          let level: string | undefined
          try {
            level = needOf(target, { of: given })?.level
          } catch (error) {
            // A request or a table that is refused.
            if (error instanceof AAuthError || error instanceof TypeError) return
            throw error
          }
          expect(levels.indexOf(level as Route['require'])).toBeGreaterThanOrEqual(levels.indexOf(chosen.require))
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a path that was looked up before', () => {
  const given: Route[] = [
    { method: 'GET', path: '/notes/{id}', require: 'signature' },
    { method: 'PUT', path: '/notes/{id}', ...write },
    { method: 'GET', path: '/notes/Mine', ...write },
    { method: 'PUT', path: '/notes/Mine', ...write },
  ]
  const asked = ['GET', 'HEAD', 'PUT', 'DELETE'].flatMap((method) =>
    ['/notes/1', '/notes/Mine', '/notes/mine', '/notes/2.json', '/notes', `/notes/${'a'.repeat(300)}`].map(
      (target) => [target, method] as const,
    ),
  )
  const verdict = (table: RouteTable, [target, method]: readonly [string, string]) => {
    const refusal = refusalOf(target, { method, table })
    return refusal === 'passed' ? needOf(target, { method, table })?.scope : refusal
  }

  it('is judged as the first time, for every method, and after many others', () => {
    const expected = asked.map((each) => verdict(createRouteTable(declareFallbacks(given)), each))
    expect(new Set(expected)).toEqual(
      new Set([undefined, 'write', 'target_ambiguous', 'method_not_allowed', 'not_found']),
    )
    const table = createRouteTable(declareFallbacks(given))
    for (let round = 0; round < 3; round++) {
      expect(asked.map((each) => verdict(table, each))).toEqual(expected)
      for (let at = 0; at < 1500; at++)
        table.at({
          segments: ['notes', `n${at}`],
          decoded: ['notes', `n${at}`],
          encoded: undefined,
          hasParameters: false,
        })
    }
  })

  it('is refused for another method although one method passed', () => {
    const table = createRouteTable(declareFallbacks(given))
    const routed = table.at({
      segments: ['notes', 'mine'],
      decoded: ['notes', 'mine'],
      encoded: undefined,
      hasParameters: false,
    })
    const need = routed.need('PUT')
    if (!need) throw new Error('PUT has a route')
    expect(() => routed.requireNoStricter('PUT', need)).not.toThrow()
    const weaker = routed.need('GET')
    if (!weaker) throw new Error('GET has a route')
    expect(() => routed.requireNoStricter('GET', weaker)).toThrow('which needs more')
  })
})

/** The route that a server takes that tries literal segments before parameters, from the left. */
function servedBy(
  routes: readonly Route[],
  parts: readonly string[],
  way: (part: string) => string,
): Route | undefined {
  const names = (route: Route) => route.path.slice(1).split('/')
  return routes
    .filter((route) => {
      const own = names(route)
      return own.length === parts.length && own.every((name, at) => name.startsWith('{') || way(name) === parts[at])
    })
    .toSorted((one, other) => literals(names(other)).localeCompare(literals(names(one))))[0]
}

function literals(names: readonly string[]): string {
  return names.map((name) => (name.startsWith('{') ? '0' : '1')).join('')
}

describe('a long path is judged in at most a millisecond', () => {
  const of: Route[] = [...routes, ...['PUT', 'PATCH', 'POST'].map((method) => ({ method, path: '/b/{id}', ...read }))]

  const kept: Route[] = [
    { method: 'GET', path: '/p/{id}', ...read, encoded: ['%2F'], endings: 'kept' },
    { method: 'GET', path: '/q/{id}', ...write, case: 'kept' },
  ]
  const table = createRouteTable(declareFallbacks([...of, ...kept]))
  const isClosed = createClosedPaths([{ path: '/mcp', below: true }])

  /** Milliseconds of CPU, the least of several batches. */
  function costOf(target: string): number {
    const costs = Array.from({ length: 10 }, () => {
      const before = process.cpuUsage()
      for (let times = 0; times < 10; times++) refusalOf(target, { table, isClosed })
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 10_000
    })
    return Math.min(...costs)
  }

  it.each([
    [':', 8100],
    ['%3A', 2700],
    ['.', 8100],
    ['.a', 4050],
    ['%20', 2700],
    [';', 8100],
    ['$', 8100],
    ['%25', 2700],
    ['/a.b', 60],
    ['/%20a', 60],
    ['%C3%84', 1300],
    ['%CC%81', 1300],
    ['(', 8100],
    ['+', 8100],
    ['index/', 120],
    ['/index', 250],
    ['/a.php', 250],
    ['%2Fa.php', 1000],
    ['%2Findex', 1000],
    ['%2F', 2600],
    ['/a.php/b.php', 1],
    [`/a.php/b.php${'/a.b'.repeat(240)}`, 1],
    [`?a=${'/index'.repeat(1300)}`, 1],
    [`?${'a=/b.php&'.repeat(900)}`, 1],
    [`?a=/${'./'.repeat(4000)}`, 1],
    [`?${Array.from({ length: 99 }, (_, at) => `a=/${at}/b`).join('&')}`, 1],
    [`?a=${'/a.b'.repeat(250)}/c.php/d.php/e`, 1],
  ])('of %s', (part, times) => {
    const target = `/b/x${part.repeat(times)}x`
    expect(costOf(target)).toBeLessThan(1)
  })
})
