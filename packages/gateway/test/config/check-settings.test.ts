import { describe, expect, it } from 'vitest'
import { collisionsIn, contradictionsIn, readableSettings, warningsOf } from '../../src/config/check-settings.js'

const read = { method: 'GET', path: '/events', require: 'authorization', scope: 'events.read' }
const open = { method: 'GET', path: '/open', require: 'none' }
const settings = {
  id: 'https://api.example',
  authServer: 'https://auth.example',
  upstream: { url: 'http://127.0.0.1:3000' },
  scopes: { 'events.read': 'See your events' },
  routes: [read],
}
const other = { edition: 'draft-11', authServers: 'any', keyFile: 'other.json' }
const problemsOf = (change: object) =>
  contradictionsIn(readableSettings({ ...settings, ...change })).map(({ setting, problem }) => `${setting} ${problem}`)
const without = (...names: (keyof typeof settings)[]) =>
  Object.fromEntries(Object.entries(settings).filter(([name]) => !names.some((each) => each === name)))

describe('readableSettings', () => {
  it('reads each setting that is valid on its own, and names all that are present', () => {
    const given = { ...settings, id: 7, listen: { port: 0 }, other: 1, routes: [read, { ...open, path: 7 }, 'x', null] }
    const readable = readableSettings(given)
    expect(readable.names).toEqual(new Set(Object.keys(given)))
    expect(readable).toMatchObject({ authServer: settings.authServer, scopes: settings.scopes, instances: 1 })
    expect(readable).not.toHaveProperty('id')
    expect(readable).not.toHaveProperty('listen')
    const rows = [...readable.routes].map(([at, { method, path, require }]) => [at, method, path, require])
    expect(rows).toEqual([
      [0, 'GET', '/events', 'authorization'],
      [1, 'GET', undefined, 'none'],
      [2, undefined, undefined, undefined],
      [3, undefined, undefined, undefined],
    ])
  })

  it('takes routes that are not a list for none', () => {
    expect([...readableSettings({ routes: read }).routes]).toEqual([])
  })
})

describe('contradictionsIn', () => {
  it('finds none in valid settings, or beside an edition that does not exist', () => {
    for (const change of [{}, { edition: 'draft-0' }]) expect(problemsOf(change)).toEqual([])
  })

  it('finds a missing or misspelled auth server, and several that OAuth clients cannot use', () => {
    const problemsIn = (change: object) =>
      contradictionsIn(readableSettings({ ...without('authServer'), ...change })).map(
        ({ setting, problem }) => `${setting} ${problem}`,
      )
    expect(problemsIn({})).toEqual(['authServer is missing; it must be a URL'])
    expect(problemsIn({ edition: 'draft-11', authServers: 'any' })).toEqual([])
    expect(problemsIn({ edition: 'draft-11', authServers: ['https://ps.example', 'ps.example'] })).toEqual([
      expect.stringMatching(/^authServers\[1\] must be https/),
    ])
    const mcp = [{ path: '/a' }, { path: '/b', accept: ['aauth', 'oauth'] }]
    for (const change of [{ accept: ['aauth', 'oauth'] }, { mcp }])
      expect(problemsIn({ edition: 'draft-11', authServers: 'any', ...change })).toEqual([
        'authServers cannot be combined with oauth in accept: OAuth clients use one auth server, so set authServer',
      ])
  })

  const form = 'must be https:// and a lower-case domain name, without a path, trailing slash or default port'
  const hint = '; for http on this machine during development, set allowInsecureLoopback to true'
  it.each<[object, string[]]>([
    [{ id: 'https://api.example/' }, [`id ${form}`]],
    [{ authServer: 'http://auth.example' }, [`authServer ${form}`]],
    [{ id: 'http://127.0.0.1:8080' }, [`id ${form}${hint}`]],
    [{ id: 'http://[::1]:8080' }, [`id ${form}${hint}`]],
    [{ id: 'http://localhost' }, [`id ${form}${hint}`]],
    [{ id: 'http://localhost/a' }, [`id ${form}${hint}`]],
    [{ id: 'http://localhost.example' }, [`id ${form}`]],
    [{ id: 'xhttp://localhost' }, [`id ${form}`]],
    [{ id: 'http://127.0.0.1:8080', allowInsecureLoopback: true }, []],
    [{ mcp: [{ path: '/mcp', accept: ['aauth', 'oauth'], name: 'Events', initialScope: 'events.read' }] }, []],
    [{ edition: 'draft-11', routes: [read, { ...open, require: 'user' }] }, []],
    [
      { routes: [{ ...open, require: 'user' }] },
      ['routes[0].require can be "user" only if "draft-11" is the only edition'],
    ],
    [{ edition: 'draft-11', authServers: ['https://ps.example'] }, ['authServers cannot be combined with authServer']],
    [
      { authServers: ['https://ps.example'] },
      [
        'authServers cannot be combined with authServer',
        'authServers needs edition: "draft-11"; in January 2026, set authServer',
      ],
    ],
    [
      { edition: 'draft-11', denyList: true, assertion: true },
      [
        'denyList is not part of edition draft-11, in which auth servers report revoked tokens themselves',
        'assertion is not available with edition draft-11',
      ],
    ],
    [{ accept: ['aauth', 'oauth'], stateFolder: 'state', otherEditions: [{ ...other, denyList: false }] }, []],
    [
      {
        assertion: true,
        routes: [{ ...open, require: 'user' }],
        otherEditions: [
          { ...other, authServers: ['https://ps.example', 'ps.example'], denyList: true },
          { edition: 'january', keyFile: 'third.json' },
        ],
      },
      [
        expect.stringMatching(/^otherEditions\[0\]\.authServers\[1\] must be https/),
        'routes[0].require can be "user" only if "draft-11" is the only edition',
        'otherEditions[0].denyList is not part of edition draft-11, in which auth servers report revoked tokens themselves',
        'assertion is not available with edition draft-11',
        'otherEditions[1].authServer is missing; it must be a URL',
        'otherEditions[1].edition is january again: configure each edition once',
        'routes[0].require can be "user" only if "draft-11" is the only edition',
      ],
    ],
    [{ stateFolder: 'state' }, [expect.stringMatching(/^stateFolder needs edition: "draft-11", in which/)]],
    [{ accept: ['aauth', 'oauth'] }, []],
    [
      { accept: ['aauth', 'oauth'], otherwise: 'pass' },
      [
        'otherwise cannot be pass if accept includes oauth: OAuth clients request a token only after a 401, and Authorization is not forwarded. Use refuse',
      ],
    ],
    [
      { accept: ['aauth', 'oauth'], routes: [], mcp: [] },
      ['accept applies to routes, and there are none: set accept in the entries of mcp'],
    ],
    [
      { accept: ['aauth', 'oauth'], verifyOnly: true, trustProxy: ['127.0.0.1'], otherwise: 'pass' },
      [
        'accept cannot include oauth with verifyOnly: the proxy forwards access tokens to the API, and the API’s own challenges to clients. Run the gateway as a reverse proxy for OAuth clients',
      ],
    ],
    [
      { mcp: [{ path: '/mcp', initialScope: 'events.see' }] },
      [
        'mcp[0].initialScope is only used by OAuth clients: set accept to ["aauth", "oauth"], or remove this setting',
        'mcp[0].initialScope contains events.see, which is not described in scopes',
      ],
    ],
    [
      {
        mcp: [{ path: '/mcp', accept: ['aauth', 'oauth'] }],
        routes: [read, { ...open, path: '/.well-known/oauth-protected-resource/mcp' }],
      },
      [
        'routes[1].path is /.well-known/oauth-protected-resource/mcp, at which the gateway publishes the metadata of an OAuth resource: remove this route',
      ],
    ],
    [
      {
        accept: ['aauth', 'oauth'],
        mcp: [{ path: '/.well-known/oauth-protected-resource' }],
      },
      [
        'mcp[0].path includes /.well-known/oauth-protected-resource, at which the gateway publishes one of the API’s documents: use a different path',
      ],
    ],
    [
      { routes: [{ ...read, scope: 'events.read events.write' }] },
      ['routes[0].scope contains events.write, which is not described in scopes'],
    ],
    [
      { routes: [{ ...read, scope: 'toString' }] },
      ['routes[0].scope contains toString, which is not described in scopes'],
    ],
    [
      { routes: [open, { ...read, scope: 'other' }] },
      ['routes[1].scope contains other, which is not described in scopes'],
    ],
    [{ routes: [{ ...open, scope: 'events.read' }] }, ['routes[0].scope is only valid with require: "authorization"']],
    [
      { routes: [{ ...open, path: '/{id}', encoded: ['%2F'] }] },
      ["routes[0].encoded requires upstream.matches: 'raw', which declares that the API matches encoded paths"],
    ],
    [
      {
        mcp: [
          {
            path: '/mcp',
            connect: 'a',
            tools: { t: 'b' },
            resources: { 'notes://a': 'c' },
            prompts: { p: 'd' },
            methods: { m: '' },
          },
        ],
      },
      [
        'mcp[0].connect contains a',
        'mcp[0].tools.t contains b',
        'mcp[0].resources.notes://a contains c',
        'mcp[0].prompts.p contains d',
      ].map((each) => `${each}, which is not described in scopes`),
    ],
    [
      { instances: 2 },
      ['instances is 2, so each instance would accept the same signed request once: set redis as their shared memory'],
    ],
    [{ instances: 2, redis: 'redis://127.0.0.1' }, []],
    [{ instances: 'x' }, []],
    [
      { stateFolder: 'state', redis: 'redis://127.0.0.1' },
      [
        'stateFolder needs edition: "draft-11", in which auth servers report revoked tokens',
        'stateFolder cannot be combined with redis, which stores the revoked tokens',
      ],
    ],
    [
      { edition: 'draft-0', authServers: ['https://ps.example'] },
      [
        'authServers cannot be combined with authServer',
        'authServers needs edition: "draft-11"; in January 2026, set authServer',
      ],
    ],
    [{ verifyOnly: true }, ['trustProxy must contain the proxy’s address: all other callers get 404']],
    [{ verifyOnly: true, trustProxy: ['127.0.0.1'] }, []],
    [
      { verifyOnly: true, trustProxy: ['127.0.0.1'], mcp: [{ path: '/mcp' }] },
      [
        'mcp cannot be protected with verifyOnly: an MCP call is in the body, which the proxy does not pass on. Run the gateway as a reverse proxy for MCP servers',
      ],
    ],
  ])('%j', (change, problems) => {
    expect(problemsOf(change)).toEqual(problems)
  })

  it('names scopes only if they are described', () => {
    expect(contradictionsIn(readableSettings(without('scopes')))).toEqual([])
  })

  it.each<[(keyof typeof settings)[], object, string[]]>([
    [['routes'], {}, ['routes is missing; it must be a list. Only a gateway with mcp can omit it']],
    [['routes'], { mcp: [] }, []],
    [
      ['upstream'],
      {},
      [
        'upstream is missing; it must be the address of the API: http://127.0.0.1:3000. Only --verify-only, for nginx or Caddy, works without it',
      ],
    ],
    [['upstream'], { verifyOnly: true, trustProxy: ['127.0.0.1'] }, []],
    [
      ['upstream'],
      { verifyOnly: true, trustProxy: ['127.0.0.1'], assertion: true },
      ['upstream is missing; it must be the address of the API, which is the audience of assertions'],
    ],
    [['upstream'], { verifyOnly: 'yes' }, []],
  ])('without %j, and with %j', (names, more, problems) => {
    const found = contradictionsIn(readableSettings({ ...without(...names), ...more }))
    expect(found.map(({ setting, problem }) => `${setting} ${problem}`)).toEqual(problems)
  })
})

describe('collisionsIn', () => {
  const collisions = (change: object) =>
    collisionsIn(readableSettings({ ...settings, ...change })).map(({ setting }) => setting)

  it.each<[object, string[]]>([
    [{}, []],
    [
      {
        routes: [
          { ...read, path: '/users' },
          { ...open, path: '/users.json' },
        ],
      },
      ['routes[1]'],
    ],
    [
      {
        routes: [
          { ...read, path: '/users' },
          { ...open, path: '/users.json', require: 'x' },
        ],
      },
      [],
    ],
    [
      {
        routes: [
          { ...read, path: '/users' },
          { ...open, path: '/users.json', maxBody: -1 },
        ],
      },
      ['routes[1]'],
    ],
    [
      {
        routes: [
          { ...read, path: '/users', scope: undefined },
          { ...open, path: '/users.json' },
        ],
      },
      [],
    ],
  ])('%j', (change, found) => {
    expect(collisions(change)).toEqual(found)
  })

  it('includes a gateway that forwards requests around its MCP servers', () => {
    expect(collisions({ mcp: [{ path: '/mcp' }], otherwise: 'pass' }).length).toBeGreaterThan(0)
    expect(collisions({ mcp: [{ path: '/mcp' }] })).toEqual([])
    const around = (route: object) => collisions({ mcp: [{ path: '/mcp' }], otherwise: 'pass', routes: [read, route] })
    expect(around({ ...open, path: '/*' })).toEqual(expect.arrayContaining(['otherwise']))
    expect(around({ fallback: true })).toEqual(['otherwise'])
    expect(around({ ...open, path: '/*', fallback: true })).not.toContain('otherwise')
    expect(around({ ...open, path: '/x/*', fallback: true })).toContain('otherwise')
  })
})

describe('warningsOf', () => {
  const warnings = (change: object, given: object = {}) =>
    warningsOf({ edition: 'january', verifyOnly: false, routes: [], mcp: [], instances: 1, ...change } as never, given)
  const unseen = (names: string) =>
    `verifyOnly: proxies do not pass on the body, so these routes refuse all requests other than GET and HEAD: ${names}. To allow them on a route that neither deletes nor spends, set "body": "unseen" there.`

  it.each<[object, object, string[]]>([
    [{}, { limits: { maxBody: 1 } }, []],
    [
      { verifyOnly: true },
      { limits: { maxBody: 1, silence: 1, connections: 1 } },
      [
        'limits.maxBody has no effect with verifyOnly: set this limit in the proxy.',
        'limits.silence has no effect with verifyOnly: set this limit in the proxy.',
      ],
    ],
    [
      { verifyOnly: true, routes: [open, { ...open, maxBody: 1 }] },
      {},
      ['routes[1].maxBody has no effect with verifyOnly: set this limit in the proxy.'],
    ],
    [
      { verifyOnly: true, cors: { origins: '*' } },
      {},
      ['cors has no effect with verifyOnly: configure the proxy or the API to respond to preflights.'],
    ],
    [
      { verifyOnly: true, upstream: { preserveHost: true } },
      {},
      ['upstream.preserveHost has no effect with verifyOnly: set the Host header in the proxy.'],
    ],
    [{ verifyOnly: true, upstream: { preserveHost: false } }, {}, []],
    [
      { verifyOnly: true, cors: { origins: '*' }, upstream: { preserveHost: true } },
      {},
      [expect.stringMatching(/^cors /), expect.stringMatching(/^upstream/)],
    ],
    [{ verifyOnly: true, routes: [open, { ...open, method: 'HEAD' }] }, {}, []],
    [
      {
        verifyOnly: true,
        routes: [
          { ...open, method: 'POST' },
          { ...open, method: '*', path: '/a' },
        ],
      },
      {},
      [unseen('POST /open, * /a')],
    ],
    [{ verifyOnly: true, routes: [{ ...open, method: 'POST', body: 'unseen' }] }, {}, []],
    [{ routes: [{ ...open, method: 'POST' }] }, {}, []],
    [{ otherEditions: [other] }, {}, [expect.stringContaining('accepted again after a restart')]],
    [{ otherEditions: [other], stateFolder: 'state' }, {}, []],
    [{ instances: 2 }, {}, []],
    [{ mcp: [{}] }, {}, []],
    [{ mcp: [{ accept: ['aauth', 'oauth'] }] }, {}, []],
    [{ mcp: [{}], otherwise: 'pass' }, {}, []],
    [
      { mcp: [{}, { accept: ['aauth', 'oauth'] }], otherwise: 'pass' },
      {},
      [
        'mcp[1].accept includes oauth, so the gateway does not forward bearer tokens on any path. If the API has its own bearer tokens, give the MCP server a separate gateway.',
      ],
    ],
    [
      { instances: 2, mcp: [{}] },
      {},
      [
        'mcp: in versions of MCP before 2026-07-28, each session is known to only one gateway: route each client to the same gateway.',
      ],
    ],
  ])('%j, given %j', (change, given, expected) => {
    expect(warnings(change, given)).toEqual(expected)
  })

  it.each([
    'maxBody',
    'uploads',
    'memory',
    'bodyTimeout',
    'stallTimeout',
    'connectTimeout',
    'responseTimeout',
    'silence',
  ])('limits.%s has no effect with verifyOnly', (name) => {
    expect(warnings({ verifyOnly: true }, { limits: { [name]: 1 } })).toHaveLength(1)
  })
})
