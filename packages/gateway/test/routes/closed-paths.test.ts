import { describe, expect, it } from 'vitest'
import { createClosedPaths, isPatternClosed, mcpPathProblems, requireNotClosed } from '../../src/routes/closed-paths.js'

const names = (path: string) => path.slice(1).split('/')
const parsed = (path: string) => ({
  segments: names(path),
  decoded: names(path),
  encoded: undefined,
  hasParameters: path.includes(';'),
})
const paths = [
  { path: '/api/mcp', below: true },
  { path: '/Docs/key', below: false },
]
const isClosed = createClosedPaths(paths)

it.each([
  ...'/api/mcp /API/Mcp /api/mcp/ /api/mcp/a/b /api/mcp.json /api/mcp~ /api/~mcp /api/mcp:x /api/.mcp /api/mcp.x/y'.split(
    ' ',
  ),
  ...'/api/mcp/index.html /index.php/api/mcp /api/index.php/mcp /docs/key /docs/Key.json /docs/key/ /docs/key/index'.split(
    ' ',
  ),
  ...'/docs/@key! /api/mcp/__data.json /docs/key/__data.json'.split(' '),
])('%s is closed', (path) => {
  expect(isClosed({ decoded: names(path) })).toBe(true)
  expect(isClosed(parsed(path))).toBe(true)
})

it.each([
  ...'/ /api /mcp /api/mcpx /api/xmcp /api/mcp-x /api/mcp_x /api/mcp9 /api/_mcp /x/api/mcp /apis/mcp /docs/key/a'.split(
    ' ',
  ),
  ...'/docs/keys /docs /docs/a/key'.split(' '),
])('%s is open', (path) => {
  expect(isClosed({ decoded: names(path) })).toBe(false)
  expect(isClosed(parsed(path))).toBe(false)
})

it('a path with parameters is closed if it is without them', () => {
  expect(isClosed(parsed('/docs/key;a=b'))).toBe(true)
  expect(isClosed({ decoded: names('/docs/other;a=b'), hasParameters: true })).toBe(false)
})

it('beside a table, names that start like a closed one are closed, except those of its routes', () => {
  const beside = createClosedPaths(paths, [{ path: '/api/MCPs' }, { path: '/api/{id}' }, { path: '/x' }])
  const isRequestClosed = (path: string) => beside(parsed(path))
  for (const path of ['/api/mcpx', '/api/mcp2/a', '/API/Mcp-x']) expect(isRequestClosed(path), path).toBe(true)
  for (const path of ['/api/mcps', '/api/mcps.json', '/api/mcps/a', '/api/xmcp', '/x/mcpx', '/api', '/docs/keys'])
    expect(isRequestClosed(path), path).toBe(false)
  expect(beside({ decoded: names('/api/mcpx') })).toBe(false)
  expect(createClosedPaths(paths, [])(parsed('/api/mcpx'))).toBe(true)
})

it('a field must not contain a closed path', () => {
  const refused = expect.objectContaining({ code: 'target_ambiguous' })
  const fields = (...all: string[][]) => all.map((each) => ({ names: each, isRest: false }))
  expect(() => requireNotClosed(fields(['a'], ['api', 'mcp']), isClosed)).toThrow(refused)
  expect(() => requireNotClosed(fields(['a'], []), isClosed)).not.toThrow()
  expect(() => requireNotClosed(fields(['api', 'mcp']), undefined)).not.toThrow()
  expect(() => requireNotClosed(fields([]), () => true)).not.toThrow()
})

it.each([
  ['/api/mcp', true],
  ['/api/mcp/{id}', true],
  ['/api/mcp/*', true],
  ['/api/*', false],
  ['/api/{id}', false],
  ['/docs/key', true],
  ['/docs/{id}', false],
  ['/api/mcp//a', false],
])('all paths of %s are closed: %s', (pattern, expected) => {
  expect(isPatternClosed(pattern, isClosed)).toBe(expected)
})

describe('the path of an MCP server', () => {
  const problemsOf = (mcp: string[], routes: (string | undefined)[] = [], published?: string[]) =>
    mcpPathProblems(
      mcp.map((path) => ({ path })),
      routes.map((path, at) => [at, path === undefined ? {} : { path }] as const),
      published,
    ).map(({ setting, problem }) => `${setting} ${problem}`)
  const inside = (path: string, server = '/mcp') =>
    `is ${path}, which belongs to the MCP server at ${server}, so the server's table applies: remove this entry, or change its path`
  const literal = 'must be a literal path, without wildcards, parameters or encoding'

  it.each<[string[], (string | undefined)[], string[] | undefined, string[]]>([
    [['/mcp'], ['/a', '/*', '/{x}', undefined, '/mcpx'], undefined, []],
    [
      ['/mcp'],
      ['/a', '/mcp', '/Mcp/x'],
      undefined,
      [`routes[1].path ${inside('/mcp')}`, `routes[2].path ${inside('/Mcp/x')}`],
    ],
    [['/mcp', '/mcp/a'], [], undefined, [`mcp[1].path ${inside('/mcp/a')}`]],
    [['/a', '/b'], [], undefined, []],
    [['/mcp/*'], ['/mcp/a'], undefined, [`mcp[0].path ${literal}`]],
    [['/{x}'], [], undefined, [`mcp[0].path ${literal}`]],
    [['/a%20b'], [], undefined, [`mcp[0].path ${literal}`]],
    [['mcp'], [], undefined, ['mcp[0].path must be a path that starts with /']],
    [
      ['/a'],
      [],
      ['/b', '/a/c'],
      ['mcp[0].path includes /a/c, at which the gateway publishes one of the API’s documents: use a different path'],
    ],
  ])('%j beside %j and %j', (mcp, routes, published, problems) => {
    expect(problemsOf(mcp, routes, published)).toEqual(problems)
  })
})
