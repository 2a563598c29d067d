import { describe, expect, it } from 'vitest'
import {
  calledNames,
  entityPaths,
  interpretations,
  listedPaths,
  literalNames,
  mostListed,
  readingsOf,
  requireNamedCalls,
  spelledReadings,
} from '../../src/routes/interpretations.js'

type ParsedPath = Parameters<typeof spelledReadings>[0]

const names = (path: string) => path.slice(1).split('/')
const parsed = (path: string, more: Partial<ParsedPath> = {}): ParsedPath => ({
  segments: names(path),
  decoded: names(path),
  encoded: undefined,
  hasParameters: false,
  ...more,
})
const readingsFor = (path: ParsedPath, open = false) =>
  interpretations(path, open).map(({ names: read, open: isOpen }) => `/${read.join('/')}${isOpen ? '/*' : ''}`)

it.each([
  ['/a/b', ['/a/b']],
  ['/a/x.php', ['/a/x.php']],
  ['/index.php', ['/index.php']],
  ['/a/index.html', ['/a/index.html']],
  ['/a/Index.php', ['/a/Index.php', '/']],
  ['/a/index.php5', ['/a/index.php5']],
  ['/a/xindex.php', ['/a/xindex.php']],
  ['/a/b.segments', ['/a/b.segments']],
  ['/a/b.SEGMENTS/c', ['/a/b.SEGMENTS/c', '/a/b']],
  ['/x.php/a/b', ['/x.php/a/b', '/x.php', '/a/b', '/a/b']],
  ['/a/index.php/b', ['/a/index.php/b', '/a/index.php', '/b', '/a/b']],
  ['/a/__data.json', ['/a/__data.json', '/a']],
  ['/a/__route.js', ['/a/__route.js', '/a']],
  ['/a/_payload.json', ['/a/_payload.json', '/a']],
  ['/a/_payload.js', ['/a/_payload.js', '/a']],
  ['/a/_.data', ['/a/_.data', '/a']],
  ['/a/_root.data', ['/a/_root.data', '/a']],
  ['/a/q-data.json', ['/a/q-data.json', '/a']],
  ['/a/Q-Loader-Data.json', ['/a/Q-Loader-Data.json', '/a']],
  ['/a/index.pageContext.json', ['/a/index.pageContext.json', '/a']],
  ['/a/b.html__data.json', ['/a/b.html__data.json', '/a/b']],
  ['/a/b.HTML__Data.JSON', ['/a/b.HTML__Data.JSON', '/a/b']],
  ['/a/b.html__data.json5', ['/a/b.html__data.json5']],
  ['/a/my__data.json', ['/a/my__data.json']],
  ['/_next/data/build/a/b.json', ['/_next/data/build/a/b.json', '/a/b']],
  ['/_NEXT/Data/build/a/b.json', ['/_NEXT/Data/build/a/b.json', '/a/b']],
  ['/x/_next/data/build/index.json', ['/x/_next/data/build/index.json', '/x']],
  ['/_next/data/build', ['/_next/data/build']],
  ['/_next/static/build/a', ['/_next/static/build/a']],
  ['/page-data/page-data.json', ['/page-data/page-data.json', '/']],
  ['/page-data/a/b/page-data.json', ['/page-data/a/b/page-data.json', '/a/b']],
  ['/a.segments/page-data/b/page-data.json', ['/a.segments/page-data/b/page-data.json', '/a', '/a.segments/b']],
  ['/page-data/a.segments/page-data.json', ['/page-data/a.segments/page-data.json', '/a.segments', '/page-data/a']],
  ['/Page-Data/a/Page-Data.JSON', ['/Page-Data/a/Page-Data.JSON', '/a']],
  ['/page-data/a/other.json', ['/page-data/a/other.json']],
  ...[
    '/x_next/data/build/a.json',
    '/_nextx/data/build/a.json',
    '/_next/xdata/build/a.json',
    '/_next/datax/build/a.json',
    '/x/data/build/a.json',
    '/xpage-data/a/page-data.json',
    '/page-datax/a/page-data.json',
    '/page-data/a/xpage-data.json',
    '/page-data/a/page-data.jsonx',
    '/a.segmentsx/b',
  ].map((path): [string, string[]] => [path, [path]]),
  ['/a.segments/x', ['/a.segments/x', '/a']],
  ['/a.Segments/x', ['/a.Segments/x', '/a']],
  ['/a/b.segments/x/y', ['/a/b.segments/x/y', '/a/b']],
])('servers may read %s as %j', (path, readings) => {
  expect(readingsFor(parsed(path)).toSorted()).toEqual(readings.toSorted())
})

it('reads an open pattern like the paths below it', () => {
  expect(readingsFor(parsed('/a/x.php'), true)).toEqual(['/a/x.php/*', '/a/x.php', '//*', '/a/*'])
})

describe('a path with parameters or encoded octets', () => {
  it.each([
    [parsed('/a/b;c=1', { hasParameters: true }), ['/a/b;c=1', '/a/b']],
    [parsed('/a/b/c', { decoded: ['a', 'b/c'], encoded: { at: 1, octets: ['%2F'] } }), ['/a/b/c', '/a/b/c']],
    [parsed('/a', { decoded: ['a', 'b#c'], encoded: { at: 1, octets: ['%23'] } }), ['/a/b#c', '/a/b#c', '/a/b']],
    [
      parsed('/a', { decoded: ['a', 'b;x/c;y'], encoded: { at: 1, octets: ['%2F'] }, hasParameters: true }),
      ['/a/b;x/c;y', '/a/b', '/a/b;x/c;y', '/a/b/c', '/a/b'],
    ],
  ])('%j is read as %j', (path, readings) => {
    expect(readingsFor(path)).toEqual(readings)
  })

  it('has several spellings', () => {
    expect(spelledReadings(parsed('/a/b'))).toEqual([])
    expect(spelledReadings(parsed('/a/b;c', { hasParameters: true }))).toEqual([
      ['a', 'b;c'],
      ['a', 'b'],
    ])
    const encoded = {
      segments: ['%C3%A9', 'b%2Fc'],
      decoded: ['é', 'b/c'],
      encoded: { at: 1, octets: ['%2F'] as const },
    }
    expect(spelledReadings(parsed('/', encoded))).toEqual([
      ['%C3%A9', 'b/c'],
      ['%C3%A9', 'b', 'c'],
    ])
  })
})

describe('the paths of the items of a list', () => {
  it.each([
    ['/a/b', []],
    ['/a,b', ['/a', '/b']],
    ['/a,a', ['/a']],
    ['/x/a,b/c,d', ['/x/a/c', '/x/a/d', '/x/b/c', '/x/b/d']],
  ])('%s: %j', (path, paths) => {
    expect(listedPaths(names(path))?.map((each) => `/${each.join('/')}`)).toEqual(paths)
  })

  it('are at most 16', () => {
    const list = (count: number) => [Array.from({ length: count }, (_, at) => `i${at}`).join(',')]
    expect(mostListed).toBe(16)
    expect(listedPaths(list(16))).toHaveLength(16)
    expect(listedPaths(list(17))).toBeUndefined()
    expect(listedPaths(['a,b,c', 'd,e,f'], 9)).toHaveLength(9)
    expect(listedPaths(['a,b,c', 'd,e,f'], 8)).toBeUndefined()
  })
})

describe('OData', () => {
  const called = new Set(['users'])

  it('finds the called names and the literal names of patterns', () => {
    const segments = [
      { before: 'odata', free: false },
      { before: 'Us%C3%A9rs(', free: true },
      { before: 'Users(1)', free: false },
      { before: 'of-', free: true },
    ]
    expect(calledNames([{ segments }])).toEqual(new Set(['usérs', 'users']))
    expect(literalNames([{ segments }])).toEqual(new Set(['odata', 'users(1)']))
  })

  it.each([
    ['/odata/Users/1', ['/odata/Users(1)']],
    ['/odata/S.Users/1', ['/odata/Users/1', '/odata/Users(1)']],
    ['/odata/S.Users(1)', ['/odata/Users(1)']],
    ['/odata/Users(1)/x', []],
    ['/odata/Users', []],
    ['/odata/Users/', []],
    ['/odata/Other/1', []],
    ['/Users/Users/1', ['/Users(Users)/1', '/Users/Users(1)']],
  ])('servers may read %s as %j', (path, paths) => {
    expect(entityPaths(names(path), called).map((each) => `/${each.join('/')}`)).toEqual(paths)
  })

  it('reads nothing if no route is called', () => {
    expect(entityPaths(names('/odata/Users/1'), new Set())).toEqual([])
  })

  it('reads at most eight entity names', () => {
    const path = (count: number) => Array.from({ length: count + 1 }, () => 'Users')
    expect(entityPaths(path(8), called)).toHaveLength(8)
    expect(() => entityPaths(path(9), called)).toThrow('The path contains more than 8 entity names.')
  })

  const chosen = [{ segments: [{ before: 'odata' }, { before: 'Users(' }] }]

  it.each<[string, ReadonlySet<string> | undefined, string | undefined]>([
    ['/odata/Users(1)', undefined, undefined],
    ['/odata/users', undefined, undefined],
    ['/odata/Other(1)', undefined, 'Other('],
    ['/Users(1)/x', undefined, 'Users('],
    ['/odata/Users%281)', undefined, 'Users%28'],
    ['/odata/Users(1', undefined, undefined],
    ['/odata/Users)', undefined, undefined],
    ['/odata/$batch', undefined, '$batch'],
    ['/odata/$BATCH(x', undefined, '$BATCH(x'],
    ['/odata/$batches', undefined, undefined],
    ['/(S(abc))/x', undefined, '('],
    ['/(ab', undefined, undefined],
    ['/x/Other(1)', called, undefined],
    ['/x/Users(1)', called, undefined],
    ['/Users(1)/x', called, 'Users('],
    ['/S.Users(1)/x', called, 'S.Users('],
    ['/S.T.Users(1)/x', called, 'S.T.Users('],
    ['/S.Other(1)/x', called, undefined],
  ])('%s is a call of no route: %s', (path, sets, name) => {
    const given = parsed(path, { decoded: names(path).map((each) => decodeURIComponent(each)) })
    const judge = () => requireNamedCalls(given, chosen, sets)
    if (name === undefined) expect(judge).not.toThrow()
    else expect(judge).toThrow(`No route contains ${name}: in OData, it may refer to another resource.`)
  })
})

it('collects all readings of a path, and those with too many items', () => {
  expect(readingsOf(parsed('/a/x.php'), new Set()).paths).toEqual([['a', 'x.php']])
  const { paths, unlisted } = readingsOf(parsed('/x.php/a,b'), new Set())
  expect(paths.map((each) => each.join('/'))).toEqual([
    'x.php/a,b',
    'x.php/a',
    'x.php/b',
    'x.php',
    'a,b',
    'a',
    'b',
    'a,b',
    'a',
    'b',
  ])
  expect(unlisted).toEqual([])
  const many = Array.from({ length: 9 }, (_, at) => `i${at}`).join(',')
  expect(readingsOf(parsed(`/x.php/${many}`), new Set()).unlisted).toHaveLength(2)
})
