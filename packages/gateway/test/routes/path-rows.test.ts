import { describe, expect, it } from 'vitest'
import {
  indexRows,
  isStricter,
  mayNeedMore,
  mostSpecific,
  pathRowsOf,
  routesAmong,
  routesFor,
} from '../../src/routes/path-rows.js'

type Rows = ReturnType<typeof pathRowsOf>
type Given = Parameters<typeof pathRowsOf>[0] extends Iterable<readonly [number, infer Route]> ? Partial<Route> : never

const rowsOf = (...routes: (string | Given)[]): Rows =>
  pathRowsOf(
    routes.map((given, at) => {
      const route = typeof given === 'string' ? { path: given } : given
      return [at, { method: 'GET', path: '/', require: 'none', ...route }] as const
    }),
  )
const pathsOf = (rows: Rows | readonly Rows[number][]) => rows.map(({ rows: [{ route }] }) => route.path)
const names = (path: string) => path.slice(1).split('/')

describe('rows', () => {
  it('are grouped by path, whatever its parameters are called, and compared as their first route says', () => {
    const rows = rowsOf(
      '/a/{x}',
      { path: '/b', case: 'kept' },
      { path: '/a/{y}', method: 'POST' },
      { path: '/c', endings: 'kept' },
      { path: '/d', case: 'kept', endings: 'kept' },
    )
    expect(rows.map(({ rows: own, fold }) => [own.map(({ at }) => at), fold])).toEqual([
      [[0, 2], 0],
      [[1], 1],
      [[3], 2],
      [[4], 3],
    ])
  })

  it('have one folded form, unless the end of their path can be dropped', () => {
    const [plain, index] = rowsOf('/A/b.json', '/a/index') as [Rows[number], Rows[number]]
    const formOf = (row: Rows[number], fold: number, end?: 'index' | 'empty' | 'nothing') =>
      row.formIn(fold, end).segments.map(({ before }) => before)
    expect([0, 1, 2, 3].map((fold) => formOf(plain, fold))).toEqual([
      ['a', 'b'],
      ['A', 'b'],
      ['a', 'b.json'],
      ['A', 'b.json'],
    ])
    expect(plain.formIn(0, 'nothing')).toBe(plain.formIn(0))
    expect((['index', 'empty', 'nothing'] as const).map((end) => formOf(index, 0, end))).toEqual([
      ['a'],
      ['a', 'index'],
      ['a', 'index'],
    ])
    expect(formOf(index, 0)).toEqual(['a'])
  })
})

describe('the index finds, in the order of the table, the rows', () => {
  const rows = rowsOf('/a/b', '/{x}/b', '/a/*', '/*', '/a', '/c/b', '/a/{y}/z', '/a/b/', '/a-x/b.json', '/q/{x}')
  const index = indexRows(rows)

  it.each([
    ['/', ['/*']],
    ['/a', ['/a/*', '/*', '/a']],
    ['/a/b', ['/a/b', '/{x}/b', '/a/*', '/*', '/a']],
    ['/a/b/', ['/a/b', '/{x}/b', '/a/*', '/*', '/a', '/a/b/']],
    ['/a/q/z', ['/a/*', '/*', '/a', '/a/{y}/z']],
    ['/c/b/d', ['/{x}/b', '/*', '/c/b']],
    ['/d/e', ['/*']],
    ['/a_x/b.json', ['/{x}/b', '/*', '/a-x/b.json']],
    ['/a-x/b.tar.gz', ['/{x}/b', '/*', '/a-x/b.json']],
    ['/a.x/b', ['/a/b', '/{x}/b', '/a/*', '/*', '/a', '/a-x/b.json']],
  ])('of %s and of paths above it', (path, found) => {
    expect(pathsOf(index.at(names(path)))).toEqual(found)
  })

  it.each([
    ['/*', pathsOf(rows)],
    ['/a/*', ['/a/b', '/{x}/b', '/a/*', '/*', '/a', '/a/{y}/z', '/a/b/']],
    ['/{t}/b/*', ['/a/b', '/{x}/b', '/a/*', '/*', '/a', '/c/b', '/a/{y}/z', '/a/b/', '/a-x/b.json', '/q/{x}']],
    ['/{t}/c/*', ['/a/*', '/*', '/a', '/a/{y}/z', '/q/{x}']],
    ['/q/r/*', ['/*', '/q/{x}']],
  ])('that may share paths with %s', (path, found) => {
    const [{ pattern }] = rowsOf(path) as [Rows[number]]
    expect(pathsOf(index.foldedIn(0).sharing(pattern.segments))).toEqual(found)
  })

  it('that are compared in one form', () => {
    const mixed = indexRows(rowsOf('/A/index', { path: '/a', case: 'kept' }, '/a/x.json'))
    const found = (fold: number, path: string, end?: 'nothing') =>
      pathsOf(mixed.foldedIn(fold, end).around(names(path)))
    expect(found(0, '/a/x')).toEqual(['/A/index', '/a/x.json'])
    expect(found(0, '/a/index')).toEqual(['/A/index'])
    expect(found(0, '/a', 'nothing')).toEqual([])
    expect(found(0, '/a/index', 'nothing')).toEqual(['/A/index'])
    expect(found(1, '/a')).toEqual(['/a'])
    expect(found(1, '/A')).toEqual([])
    expect(found(2, '/a')).toEqual([])
    expect(mixed.foldedIn(0)).toBe(mixed.foldedIn(0, 'index'))
  })
})

const routesIn = (routes: Iterable<{ method: string; path: string }>) =>
  [...routes].map(({ method, path }) => `${method} ${path}`)

it.each([
  ['GET', ['GET /a']],
  ['HEAD', ['HEAD /a', 'GET /a']],
  ['POST', ['* /a']],
  ['MOVE', ['MOVE /a']],
  ['COPY', []],
])('the routes of a path that may run for %s: %j', (method, found) => {
  const [row] = rowsOf(...['*', 'GET', 'HEAD', 'MOVE'].map((each) => ({ method: each, path: '/a' }))) as [Rows[number]]
  expect(routesIn(routesFor(row, method))).toEqual(found)
})

it('a GET route serves HEAD once, and before *', () => {
  const [row] = rowsOf({ method: '*', path: '/a' }, { path: '/a' }) as [Rows[number]]
  expect(routesIn(routesFor(row, 'HEAD'))).toEqual(['GET /a'])
  expect(routesIn(routesFor(row, 'PUT'))).toEqual(['* /a'])
})

it('the most specific paths apply, or wider ones if these do not list the method', () => {
  const rows = rowsOf('/*', '/{x}/a', '/b/*', { path: '/b/a', method: 'POST' })
  expect(pathsOf(mostSpecific(rows))).toEqual(['/b/a'])
  expect(pathsOf(mostSpecific(rows.slice(0, 3)))).toEqual(['/{x}/a', '/b/*'])
  expect(pathsOf(mostSpecific(rows.slice(0, 2)))).toEqual(['/{x}/a'])
  expect(pathsOf(mostSpecific(rows.slice(0, 1)))).toEqual(['/*'])
  expect(routesIn(routesAmong(rows, 'GET'))).toEqual(['GET /{x}/a', 'GET /b/*'])
  expect(routesIn(routesAmong(rows, 'HEAD'))).toEqual(['GET /{x}/a', 'GET /b/*'])
  expect(routesIn(routesAmong(rows, 'POST'))).toEqual(['POST /b/a'])
  expect(routesIn(routesAmong(rows, 'PUT'))).toEqual([])
})

describe('another row is stricter', () => {
  const [wide, same, narrow, post] = rowsOf('/{x}/*', '/a/{y}', '/a/b', { path: '/a/c', method: 'POST' }) as [
    Rows[number],
    Rows[number],
    Rows[number],
    Rows[number],
  ]
  const isMore = () => true

  it('if its route requires more, unless a narrower row of the request lists the method', () => {
    expect(isStricter(same, 'GET', { own: [] }, isMore)).toBe(true)
    expect(isStricter(same, 'GET', { own: [] }, () => false)).toBe(false)
    expect(isStricter(same, 'GET', { own: [same] }, isMore)).toBe(true)
    expect(isStricter(same, 'GET', { own: [wide] }, isMore)).toBe(true)
    expect(isStricter(same, 'GET', { own: [narrow] }, isMore)).toBe(false)
    expect(isStricter(same, 'GET', { own: [post] }, isMore)).toBe(true)
    expect(isStricter(same, 'HEAD', { own: [narrow] }, isMore)).toBe(false)
  })

  it('if it does not list the method, unless a row of the request is the same or narrower', () => {
    const strict = (own: Rows[number][], ...more: (() => boolean)[]) =>
      isStricter(same, 'POST', { own }, () => false, ...more)
    expect([[], [wide], [same], [narrow], [post]].map((own) => strict(own))).toEqual([true, true, false, false, false])
    expect([strict([], () => false), strict([wide], () => true), strict([narrow], () => true)]).toEqual([
      false,
      true,
      false,
    ])
  })
})

it.each([
  ['/x,y', '/a', true],
  ['/x,y', '/{id}', true],
  ['/x,y', '/a/b', false],
  ['/x,y', '/', true],
  ['/x,y/b', '/a/b', true],
  ['/x,y/B.json', '/a/b', true],
  ['/x,y/c', '/a/b', false],
  ['/x,y/c', '/a/{id}', true],
  ['/x,y', '/a/*', true],
  ['/x,y/c', '/a/*', true],
  ['/x,y/c', '/b/c/d/*', false],
  ['/x,y', '/*', true],
  ['/x', '/a', false],
  ['/b', '/%62', true],
])('a list in %s may contain an item that leads to %s: %s', (path, strict, expected) => {
  const need = {
    routes: [{ method: 'GET', path: '/o', require: 'none' }],
    level: 'none',
    scope: undefined,
    acceptsOAuth: false,
    maxBody: undefined,
    isBodyUnseen: false,
  } as const
  const weak = rowsOf(strict)
  const rows = rowsOf({ path: strict, require: 'signature' })
  expect(mayNeedMore(rows, names(path), 'GET', need)).toBe(expected)
  expect(mayNeedMore(rows, names(path), 'POST', need)).toBe(false)
  expect(mayNeedMore(weak, names(path), 'GET', need)).toBe(false)
})
