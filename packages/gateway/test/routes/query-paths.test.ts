import { AAuthError } from 'countersign/resource'
import { checkRequest, createClosedPaths, createRouteTable, type Route } from 'countersign-gateway'
import { describe, expect, it } from 'vitest'
import { exchange, message, openGateway, statusOf } from '../gateway-stage.js'

const admin = { require: 'authorization', scope: 'admin' } as const
const of: Route[] = [
  { method: '*', path: '/', require: 'none' },
  { method: '*', path: '/login', require: 'none' },
  { method: '*', path: '/{tenant}/{page}', require: 'none', fallback: true },
  { method: 'GET', path: '/docs/*', require: 'none' },
  { method: '*', path: '/admin/*', ...admin },
  { method: '*', path: '/admin/help', require: 'none' },
  { method: 'GET', path: '/wp-json/*', ...admin },
  { method: '*', path: '/signed', require: 'signature' },
  { method: '*', path: '/users/{id}/private', require: 'signature' },
]
const table = createRouteTable(of)
const isClosed = createClosedPaths([{ path: '/mcp', below: true }])

function refusalOf(rawTarget: string, { frontController = false, method = 'GET', cookies = [''] } = {}): string {
  try {
    const rules = { table, isClosed, frontController, otherwise: 'refuse' } as const
    checkRequest({ method, rawTarget, rawHeaders: cookies.flatMap((cookie) => ['Cookie', cookie]) }, rules)
    return 'passed'
  } catch (error) {
    if (error instanceof AAuthError) return error.code
    throw error
  }
}

// G48
describe('a query with a path that requires more is rejected', () => {
  it.each([
    '/?/admin/users',
    '/?/admin/users?x=1',
    '/?/admin/users&x=1',
    '/?//Admin//users/',
    '/?%2Fadmin%2Fusers',
    '/?/signed%20',
    '/?/signed%0A',
    '/?%252Fadmin/users',
    '/?+/admin/users',
    '/?/x/../admin/users',
    '/?/./admin/users.json',
    '/?\\admin\\users',
    '/?/index.php/admin/users',
    '/?/%EF%BD%81dmin/x',
    '/?x=1&r=/admin/users',
    '/?a;r=/admin/users',
    '/login?next=/admin/users',
    '/?/wp-json/wp/v2/users',
    '/?/signed',
    '/?/users/7/private',
    '/?/users/a=b/private',
    '/?%2Fusers/a;b/private',
    '/?/users/a&b/private?x',
    '/?/mcp',
    '/?r=/MCP/messages',
    '/?rest_route=/wp/v2/users',
    '/?rest_route=wp/v2/users',
    '/?rest.route=/wp/v2/users',
    '/?rest%20route=/wp/v2/users',
    '/?rest[route=/wp/v2/users',
    '/?+rest_route=/',
    '/?rest%5Froute=/wp/v2/users',
    '/?rest_route[]=/wp/v2/users',
    '/?Rest_Route%00x=/wp/v2/users',
  ])('%s', (target) => {
    expect(refusalOf(target)).toBe('target_ambiguous')
    expect(refusalOf(target, { method: 'POST' })).toBe('target_ambiguous')
  })

  it.each([
    '/?admin/users',
    '/?r=admin/users',
    '/?s=Admin%2Fusers&x',
    '/?q=wp-json',
    '/?q=admin/users%00',
    '/?q=admin/users%00.html',
    '/?a=signed',
    '/?x=mcp/x',
    '/?users/a=b/private',
  ])('%s, if the API is a front controller', (target) => {
    expect(refusalOf(target)).toBe('passed')
    expect(refusalOf(target, { frontController: true })).toBe('target_ambiguous')
  })

  // Without php.ini, cookies replace parameters in PHP's $_REQUEST.
  it('a cookie, if the API is a front controller', () => {
    const cookies = ['a=b; url=admin/users']
    expect(refusalOf('/', { cookies })).toBe('passed')
    expect(refusalOf('/', { cookies, frontController: true })).toBe('target_ambiguous')
    // Many servers, such as those in Go and Python, remove quotes and escapes.
    for (const cookie of ['url="admin/users"', 'url="\\141dmin\\/users"', 'a="b"; url = "/admin"'])
      expect([cookie, refusalOf('/', { cookies: [cookie], frontController: true })]).toEqual([
        cookie,
        'target_ambiguous',
      ])
    for (const cookie of ['a=b; page=2', 'a="b\\"; page="2"'])
      expect(refusalOf('/', { cookies: [cookie], frontController: true })).toBe('passed')
    // The limit on paths, and so on the time that a head takes, is for all lines.
    const many = Array.from({ length: 200 }, (_, line) => `a=${line}/b`)
    expect(refusalOf('/', { cookies: many, frontController: true })).toBe('target_ambiguous')
    const judge = () =>
      checkRequest(
        { method: 'GET', rawTarget: '/', rawHeaders: ['Cookie', 'a=x.php/y.php/z.php'] },
        { table, frontController: true, otherwise: 'refuse' },
      )
    expect(judge).toThrow('The Cookie header has paths with more than two script names.')
  })

  it('but other queries are accepted', () => {
    for (const target of [
      '/login?next=/docs/a',
      '/login?next=/tenant/page',
      '/login?next=/',
      '/?/admin/help',
      '/?/ad+min/users',
      '/?page=2&sort=name&rest_routes=/x&q=rest_route',
      '/signed?next=/signed',
      '/?a=https://api.example/admin/users',
    ])
      for (const method of ['GET', 'POST']) expect([target, refusalOf(target, { method })]).toEqual([target, 'passed'])
    expect(refusalOf('/?page=2&sort=name', { frontController: true })).toBe('passed')
    expect(refusalOf('/admin/x?next=/admin/users')).toBe('passed')
  })

  it('and a query with more than 100 possible paths is rejected', () => {
    const query = (length: number) => Array.from({ length }, (_, at) => `a=/${at}`).join('&')
    expect(refusalOf(`/login?${query(100)}`)).toBe('passed')
    expect(refusalOf(`/login?${query(101)}`)).toBe('target_ambiguous')
  })

  it.each([
    ['a=/x.php&b=/y.php', undefined],
    ['a=/x.php&b=/y.php&c=/z.php', 'The query has paths with more than two script names.'],
    ['a=/_next/page-data&b=/a.segments/_next', undefined],
    ['a=/_next/page-data&b=/a.segments/_next&c=/page-data', 'The query has paths with more than four page-data names.'],
    [`a=/${'a/'.repeat(127)}b&c=/${'a/'.repeat(127)}b`, undefined],
    [`a=/${'a/'.repeat(127)}b&c=/${'a/'.repeat(128)}b`, 'The query has paths with more than 256 segments.'],
  ])('and the paths in %.40s together: %s', (query, problem) => {
    const judge = () =>
      checkRequest({ method: 'GET', rawTarget: `/docs/a?${query}`, rawHeaders: [] }, { table, otherwise: 'refuse' })
    if (problem === undefined) expect(judge).not.toThrow()
    else expect(judge).toThrow(problem)
  })

  it('at an MCP server, if the path requires anything', async () => {
    const mcp = [{ path: '/mcp', tools: {} }]
    const { port, arrived } = await openGateway({ mcp, routes: of })
    const send = (target: string) => exchange(port, message([`POST ${target} HTTP/1.1`, 'Host: api.example']))
    expect(statusOf(await send('/mcp?/admin/users'))).toBe(400)
    expect(statusOf(await send('/mcp?rest_route=/x'))).toBe(400)
    expect(statusOf(await send('/mcp?/docs/a'))).toBe(401)
    const ofController = await openGateway({ mcp, routes: of, frontController: true })
    const withCookie = (cookie: string) =>
      exchange(ofController.port, message(['POST /mcp HTTP/1.1', 'Host: api.example', `Cookie: url=${cookie}`]))
    expect(statusOf(await withCookie('admin/users'))).toBe(400)
    expect(statusOf(await withCookie('docs/a'))).toBe(401)
    expect([...arrived, ...ofController.arrived]).toEqual([])
  })
})
