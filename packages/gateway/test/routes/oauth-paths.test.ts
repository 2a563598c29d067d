import { expect, it } from 'vitest'
import { isMetadataPath, metadataPaths, type OAuthSettings, oauthProblems } from '../../src/routes/oauth-paths.js'

const accept = ['aauth', 'oauth'] as const
const metadata = '/.well-known/oauth-protected-resource'

it.each<[Pick<OAuthSettings, 'accept' | 'mcp'>, string[]]>([
  [{}, []],
  [{ accept: ['aauth'], mcp: [{ path: '/mcp' }] }, []],
  [{ accept }, [metadata]],
  [
    { mcp: [{ path: '/a', accept }, { path: '/b' }, { path: '/c', accept: ['oauth'] }] },
    [`${metadata}/a`, `${metadata}/c`],
  ],
  [{ accept, mcp: [{ path: '/mcp', accept }] }, [metadata, `${metadata}/mcp`]],
])('%j publishes metadata at these paths', (settings, paths) => {
  expect(metadataPaths(settings)).toEqual(paths)
})

it.each([
  [metadata, true],
  [`${metadata}/`, true],
  [`${metadata}/mcp`, true],
  [`${metadata}s`, false],
  [`/x${metadata}`, false],
  ['/', false],
])('%s may be a path of metadata: %s', (path, may) => {
  expect(isMetadataPath(path)).toBe(may)
})

const route = { path: '/calendar' }

it.each<[string, Partial<Omit<OAuthSettings, 'routes'>>, object[], Record<string, string>]>([
  ['no OAuth', {}, [], {}],
  [
    'OAuth',
    { accept, otherwise: 'refuse', mcp: [{ path: '/mcp', accept, name: 'Mail', initialScope: 'a' }] },
    [route],
    {},
  ],
  ['OAuth for MCP only', { mcp: [{ path: '/mcp', accept, name: 'Mail' }], otherwise: 'pass' }, [], {}],
  ['no routes', { accept }, [], { accept: 'set accept in the entries of mcp' }],
  ['other requests that pass', { accept, otherwise: 'pass' }, [route], { otherwise: 'Use refuse' }],
  [
    'a name and a scope that nothing uses',
    { mcp: [{ path: '/a' }, { path: '/b', name: 'Mail', initialScope: 'a' }] },
    [],
    { 'mcp[1].name': 'only used by OAuth clients', 'mcp[1].initialScope': 'only used by OAuth clients' },
  ],
  [
    'a route that accepts more than the gateway',
    { accept: ['aauth'] },
    [route, { ...route, accept }],
    { 'routes[1].accept': 'set it there, too' },
  ],
  [
    'a route at the metadata',
    { accept },
    [route, { path: metadata }, { path: `${metadata}/other` }],
    { 'routes[1].path': `is ${metadata}, at which the gateway publishes the metadata` },
  ],
  ['a route without a path, and one that accepts the same', { accept }, [{}, { ...route, accept }], {}],
  [
    'several problems',
    { accept, otherwise: 'pass', mcp: [{ path: '/a', name: 'Mail' }] },
    [],
    { accept: 'set accept', otherwise: 'Use refuse', 'mcp[0].name': 'only used' },
  ],
  [
    'several routes at the metadata',
    { accept },
    [{ path: metadata }, { path: metadata }],
    { 'routes[0].path': 'remove this route', 'routes[1].path': 'remove this route' },
  ],
  [
    'several routes that accept more',
    {},
    [
      { ...route, accept },
      { ...route, accept },
    ],
    { 'routes[0].accept': 'set it', 'routes[1].accept': 'set it' },
  ],
  ['a route at metadata of OAuth that is off', {}, [{ path: metadata }], {}],
])('with %s, these settings have problems', (_what, settings, routes, expected) => {
  const found = oauthProblems({ ...settings, routes: routes.entries() })
  expect(found.map(({ setting }) => setting)).toEqual(Object.keys(expected))
  for (const { setting, problem } of found) expect(problem).toContain(expected[setting])
})
