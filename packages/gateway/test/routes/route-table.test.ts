import { AAuthError } from 'countersign/resource'
import { checkRequest, createRouteTable, type Route } from 'countersign-gateway'
import { expect, it } from 'vitest'

const pathOf = (text: string) => {
  const segments = text.slice(1).split('/')
  return { segments, decoded: segments, encoded: undefined, hasParameters: false }
}
const open: Route = { method: 'GET', path: '/*', require: 'none' }

it('plain paths of up to 256 characters are looked up once', () => {
  const table = createRouteTable([open])
  const isRemembered = (text: string) => {
    const first = table.at(pathOf(text))
    return table.at(pathOf(text)) === first
  }
  for (const text of ['/', '/a-_Z/9/', `/${'a'.repeat(256)}`]) expect(isRemembered(text), text).toBe(true)
  for (const text of ['/a.b', '/a.', '/.a', '/a~', '/é', `/${'a'.repeat(257)}`])
    expect(isRemembered(text), text).toBe(false)
})

it('a table remembers 1000 paths', () => {
  const table = createRouteTable([open])
  const at = (number: number) => table.at(pathOf(`/${number}`))
  const first = at(0)
  for (let number = 1; number < 1000; number++) at(number)
  expect(at(0)).toBe(first)
  at(1000)
  expect(at(0)).not.toBe(first)
})

it('a remembered path is compared with stricter routes once per method', () => {
  let reads = 0
  const counted: Route = {
    ...open,
    method: '*',
    get mayShadow() {
      reads++
      return undefined
    },
  }
  const routed = createRouteTable([counted]).at(pathOf('/a'))
  const need = routed.need('GET')
  if (!need) throw new Error('no route')
  expect(routed.need('GET')).toBe(need)
  const readsFor = (method: string, given = need) => {
    const before = reads
    routed.requireNoStricter(method, given)
    return reads - before
  }
  expect([readsFor('GET') > 0, readsFor('GET')]).toEqual([true, 0])
  expect([readsFor('GET', { ...need }) > 0, readsFor('GET', { ...need }) > 0]).toEqual([true, true])
  expect([readsFor('POST') > 0, readsFor('POST') > 0]).toEqual([true, true])
  const other = routed.need('POST')
  if (!other) throw new Error('no route')
  expect([readsFor('POST', other) > 0, readsFor('POST', other)]).toEqual([true, 0])
})

const strict = { method: 'GET', require: 'signature' } as const
const none = { method: 'GET', require: 'none' } as const

/** What a request needs with a table, or the code of its refusal. */
function needed(routes: Route[], rawTarget: string, method = 'GET'): string {
  try {
    const rules = { table: createRouteTable(routes), otherwise: 'refuse' } as const
    return checkRequest({ method, rawTarget, rawHeaders: [] }, rules).need?.level ?? 'nothing'
  } catch (error) {
    if (error instanceof AAuthError) return error.code
    throw error
  }
}

it('a long parameter beside a wider, stricter route is refused, unless its route may shadow that one', () => {
  const [short, long] = [`/a/${'x'.repeat(100)}`, `/a/${'x'.repeat(101)}`]
  const wider: Route = { ...strict, path: '/a/*' }
  const narrow: Route = { ...none, path: '/a/{x}' }
  expect([needed([narrow, wider], short), needed([narrow, wider], long)]).toEqual(['none', 'target_ambiguous'])
  expect(needed([{ ...narrow, mayShadow: true }, wider], long)).toBe('none')
  expect(needed([narrow, { ...wider, ...none }], long)).toBe('none')
})

// G50. Rails, and Symfony and chi, do not match these parameters, and try the next route.
it.each([
  ['/a/{x}', '/a/x.js', '/a/x.min.js'],
  ['/a/{x}.json', '/a/x.json', '/a/x.y.json'],
  ['/a/{x}-y', '/a/x-y', '/a/x-y-y'],
  ['/a/{x}/y', '/a/x/y', '/a/x.z/y'],
])('an unusual parameter of %s beside a wider, stricter route is refused, but not %s: %s', (path, usual, unusual) => {
  const wider: Route = { ...strict, path: '/a/*' }
  const narrow: Route = { ...none, path }
  expect([needed([narrow, wider], usual), needed([narrow, wider], unusual)]).toEqual(['none', 'target_ambiguous'])
  expect(needed([{ ...narrow, mayShadow: true }, wider], unusual)).toBe('none')
  expect(needed([narrow, { ...wider, ...none }], unusual)).toBe('none')
})

// G50
it('a path below a stricter one whose last parameter takes the rest of a path, as in Echo, is refused', () => {
  const routes: Route[] = [
    { ...strict, path: '/users/{id}' },
    { ...none, path: '/users/{id}/avatar' },
    { ...none, path: '/{owner}/{repo}/{file}' },
  ]
  const targets = ['/users/7/x', '/USERS/7/x', '/users/7/avatar', '/others/7/x']
  expect(targets.map((target) => needed(routes, target))).toEqual([
    'target_ambiguous',
    'target_ambiguous',
    'none',
    'none',
  ])
})

// G50
it('a name that is only an extension may be no name, as in Spring', () => {
  const routes: Route[] = [
    { ...strict, path: '/' },
    { ...strict, path: '/users/' },
    { ...none, path: '/{page}' },
    { ...none, path: '/users/{id}' },
  ]
  const kept = routes.map((route): Route => ({ ...route, endings: 'kept' }))
  for (const target of ['/.json', '/users/.json', '/users/.tar.gz'])
    expect([needed(routes, target), needed(kept, target)]).toEqual(['target_ambiguous', 'none'])
  expect(needed(routes, '/users/a.json')).toBe('none')
})

it('HEAD meets the requirements of a route for HEAD that is wider than the GET route, because Rails runs that one', () => {
  const routes: Route[] = [
    { method: 'HEAD', path: '/*', require: 'identity' },
    { ...none, path: '/{page}' },
  ]
  expect([needed(routes, '/a', 'HEAD'), needed(routes, '/a', 'GET')]).toEqual(['identity', 'none'])
})

it('a path on which a router may follow another route to a wider, stricter one is refused', () => {
  const routes: Route[] = [
    { ...none, path: '/{x}/b' },
    { ...none, path: '/a/c' },
    { ...none, path: '/d/e' },
    { ...strict, path: '/*' },
  ]
  const targets = ['/a/b', '/d/b', '/z/b', '/a/c']
  expect(targets.map((target) => needed(routes, target))).toEqual([
    'target_ambiguous',
    'target_ambiguous',
    'none',
    'none',
  ])
})

it('punctuation distinguishes names if the stricter route keeps endings', () => {
  const wide: Route = { ...none, path: '/doc/{x}' }
  const narrow: Route = { ...strict, path: '/doc/a_b' }
  expect(needed([wide, narrow], '/doc/a-b')).toBe('target_ambiguous')
  expect(needed([wide, { ...narrow, endings: 'kept' }], '/doc/a-b')).toBe('none')
})

it('a table has stricter routes, or MCP servers, than a request needs', () => {
  const hasStricter = (routes: Route[], mcp: string[] = []) => {
    const table = createRouteTable(routes, mcp)
    const need = table.at(pathOf('/a')).need('GET')
    return need && table.hasStricter(need)
  }
  const own: Route = { ...none, path: '/a' }
  expect(hasStricter([own, { ...strict, path: '/b' }])).toBe(true)
  expect(hasStricter([own, { ...none, path: '/b' }])).toBe(false)
  expect(hasStricter([own], ['/mcp'])).toBe(true)
})

it('a method is refused only if its whole name is one that is never forwarded', () => {
  const rules = { table: createRouteTable([open]), otherwise: 'pass' } as const
  const judge = (method: string) => () => checkRequest({ method, rawTarget: '/a', rawHeaders: [] }, rules)
  for (const method of ['CONNECT', 'trace', 'TRACK']) expect(judge(method)).toThrow(`${method} is not forwarded.`)
  for (const method of ['XTRACE', 'TRACKS']) expect(judge(method)()).toEqual({ verify: false, need: undefined })
})
