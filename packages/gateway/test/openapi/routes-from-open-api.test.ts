import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AAuthError } from 'countersign/resource'
import {
  checkRequest,
  createRouteTable,
  type DescribedRoutes,
  readDescription,
  routesFromOpenApi,
} from 'countersign-gateway'
import { describe, expect, it, onTestFinished } from 'vitest'

/** The routes of an OpenAPI document, after its head. */
async function routesOf(yaml: string): Promise<DescribedRoutes> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-openapi-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'openapi.yaml')
  writeFileSync(file, `openapi: 3.1.0\ninfo: { title: a, version: '1' }\n${yaml}`)
  return routesFromOpenApi(await readDescription(file))
}

function needed({ routes }: DescribedRoutes, method: string, rawTarget: string): string {
  try {
    const rules = { table: createRouteTable(routes), otherwise: 'refuse' } as const
    const { need } = checkRequest({ method, rawTarget, rawHeaders: ['Host', 'api.example'] }, rules)
    return [need?.level, need?.scope].filter(Boolean).join(' ')
  } catch (error) {
    if (error instanceof AAuthError) return error.code
    throw error
  }
}

const open = '{ get: { security: [] } }'
const closed = '{ get: { security: [{ o: [admin] }] } }'

// G41
describe('routes from an OpenAPI document are never weaker than it specifies', () => {
  it.each([
    ['two parameters in a segment', '/files/{name}', '/files/{a}-{b}', '/files/x-y', 'authorization admin'],
    ['encoded letters', '/{page}', '/größe', '/gr%C3%B6%C3%9Fe', 'authorization admin'],
    ['a space', '/{page}', '/my file', '/my%20file', 'authorization admin'],
    ['unnecessary encoding', '/{page}', '/%61dmin', '/admin', 'authorization admin'],
    ['brackets', '/{page}', '/a[b]', '/a%5Bb%5D', 'authorization admin'],
    ['a query', '/', '/?Action=Delete', '/?Action=Delete', 'authorization admin'],
    ['two names for a parameter', '/u/{x}', '/u/{id}', '/u/1', 'authorization admin'],
    ['two parameters in a part of a segment', '/r/{x}', '/r/of-{a}-{b}.pdf', '/r/of-1-2.pdf', 'authorization admin'],
    ['two parameters in a part of a segment, elsewhere', '/r/{x}', '/r/of-{a}-{b}.pdf', '/r/other', 'none'],
  ])('with %s', async (_, first, second, target, need) => {
    for (const paths of [
      [first, second],
      [second, first],
    ]) {
      const lines = paths.map((path) => `  "${path}": ${path === first ? open : closed}\n`)
      const described = await routesOf(`paths:\n${lines.join('')}`)
      expect(needed(described, 'GET', target)).toBe(need)
      const noted = described.notes.filter((note) => note.includes('requires nothing'))
      expect(noted).toHaveLength(described.routes.filter(({ require }) => require === 'none').length)
    }
  })

  // G46
  it('and a table that servers could confuse is reported with the declaration to add', async () => {
    const described = await routesOf(`paths:\n  /users: ${closed}\n  /users.json: ${open}\n`)
    expect(described.notes.join('\n')).toMatch(/will not start with this table: routes\[1\] .*endings: 'kept'/)
    const path = described.routes.map((route) => ({ ...route, endings: 'kept' as const }))
    expect(needed({ ...described, routes: path }, 'GET', '/users')).toBe('authorization admin')
    expect(needed({ ...described, routes: path }, 'GET', '/users.json')).toBe('none')
  })

  it('with merge keys', async () => {
    const described = await routesOf(
      'security: []\nx-s: &s { security: [{ o: [admin] }] }\npaths:\n  /a: { get: { <<: *s, summary: x } }\n  /b:\n    <<: { get: *s }\n',
    )
    expect(['/a', '/b'].map((path) => needed(described, 'GET', path))).toEqual([
      'authorization admin',
      'authorization admin',
    ])
  })

  it('with scope names that no token has', async () => {
    const described = await routesOf(
      'paths:\n  /a: { get: { security: [{ o: [events.read, "admin access"] }] } }\n  /b: { get: { security: [{ o: ["été"], p: [7] }] } }\n',
    )
    expect(needed(described, 'GET', '/a')).toBe('authorization events.read admin%20access')
    expect(needed(described, 'GET', '/b')).toBe('authorization %C3%A9t%C3%A9 7')
    expect(described.scopes).toMatchObject({ 'admin%20access': 'admin access', '%C3%A9t%C3%A9': 'été' })
  })

  it('with operations next to a reference', async () => {
    const described = await routesOf(
      `paths:\n  /{x}: ${open.replace('get', 'post')}\n  /a: { $ref: '#/components/pathItems/A', post: { security: [{ o: [admin] }] } }\ncomponents: { pathItems: { A: ${open} } }\n`,
    )
    expect(needed(described, 'POST', '/a')).toBe('authorization admin')
    expect(needed(described, 'GET', '/a')).toBe('none')
  })

  it.each([
    ['a path', `  /docs/{page}: ${open}\n  /docs/internal: { $ref: './x.yaml' }\n`, /GET \/docs\/internal/],
    [
      'an operation',
      `  /docs/{page}: ${open}\n  /docs/internal: { get: { $ref: './x.yaml' } }\n`,
      /GET \/docs\/internal\. /,
    ],
    ['a parameter', `  /{a}/{b}: ${open}\n  /docs/{page}: { $ref: './x.yaml' }\n`, /GET \/docs\/\{page\}/],
  ])(
    'because %s that is described in another file and allowed by another route is rejected',
    async (_, paths, list) => {
      await expect(routesOf(`paths:\n${paths}`)).rejects.toThrow(list)
    },
  )

  it('and left-out operations are refused if no route allows them', async () => {
    const described = await routesOf(
      `paths:\n  /docs: ${open}\n  /docs/internal: { $ref: './x.yaml' }\n  /docs/help: { get: { security: [] }, post: { $ref: './x.yaml' } }\n  /{x}: { post: { security: [] } }\n  /odd//path: ${open}\n  x-foo: ${open}\n`,
    )
    expect(described.routes.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /docs',
      'GET /docs/help',
      'POST /{x}',
    ])
    expect(needed(described, 'GET', '/docs/internal')).toBe('not_found')
    expect(needed(described, 'POST', '/docs/help')).toBe('method_not_allowed')
    expect(described.notes.join('\n')).toMatch(
      /POST \/docs\/help has no description in this document[\s\S]*GET \/odd\/\/path is skipped/,
    )
  })
})

describe('the path of a server', () => {
  it.each([
    ['{ url: "https://x/v1/" }', '/v1/a', /^$/],
    ['{ url: /v1/../v2 }', '/v2/a', /^$/],
    [
      '{ url: "https://x/{v}", variables: { v: { default: v3 } } }',
      '/v3/a',
      /is used with its default values: https:\/\/x\/v3/,
    ],
    ['{ url: "https://x/{v}" }', '/a', /has no valid path/],
    ['{ url: "https://x/v1" }, { url: "https://x/v2" }', '/v1/a', /The server with the path \/v2 is skipped/],
  ])('%s', async (servers, path, note) => {
    const { routes, notes } = await routesOf(`servers: [${servers}]\npaths:\n  /a: ${closed}\n`)
    expect(routes[0]?.path).toBe(path)
    expect(notes.join('\n')).toMatch(note)
  })

  it('is that of the path or operation if these have their own servers', async () => {
    const own = (path: string) => `servers: [{ url: ${path} }]`
    const { routes } = await routesOf(
      `${own('/v1')}\npaths:\n  /a: ${closed}\n  /b: { ${own('/v2')}, get: {}, put: { ${own('/v3')} } }\n`,
    )
    expect(routes.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /v1/a', 'GET /v2/b', 'PUT /v3/b'])
  })
})

it('reports left-out operations, and each permission that is renamed or generated', async () => {
  const { notes, routes, scopes } = await routesOf(`
webhooks: { newPet: { post: {} } }
paths:
  /pets:
    summary: Pets
    x-more: {}
    get: { security: [{ key: [] }] }
    post: { security: [{ o: [pets write] }] }
    put: { security: [{ o: [pets write] }] }
    trace: {}
    query: {}
`)
  expect(routes.map(({ method, scope }) => `${method} ${scope}`)).toEqual([
    'GET pets.read',
    'PUT pets%20write',
    'POST pets%20write',
  ])
  expect(Object.keys(scopes).sort()).toEqual(['pets%20write', 'pets.read'])
  expect(notes).toEqual([
    'TRACE /pets is skipped: its method is never forwarded.',
    'QUERY /pets is skipped: add a route for it by hand if agents may send such requests.',
    'The scope "pets write" is written as pets%20write: tokens cannot contain its original name.',
    'The webhook newPet is skipped, because the API itself sends it to other parties.',
    'These permissions are derived from paths, because their operations specify no scope: pets.read.',
  ])
})

it('writes a route for HEAD if it is described differently from GET', async () => {
  const { routes } = await routesOf(`
paths:
  /open:
    get: { security: [] }
    head: { security: [{ o: [pets] }] }
  /alike:
    get: { security: [] }
    head: { security: [] }
`)
  expect(routes.map(({ method, path, require }) => `${method} ${path} ${require}`)).toEqual([
    'GET /open none',
    'HEAD /open authorization',
    'GET /alike none',
  ])
})

it('describes scopes as the document’s OAuth schemes do, and by their names if these have no description', async () => {
  const described = await routesOf(`components:
  securitySchemes:
    o:
      type: oauth2
      flows:
        clientCredentials:
          tokenUrl: https://auth.example/token
          scopes: { notes.read: See your notes, notes.write: '', notes.share: 7 }
paths:
  /notes:
    get: { security: [{ o: [notes.read] }] }
    put: { security: [{ o: [notes.write] }] }
    post: { security: [{ o: [notes.share] }] }
`)
  expect(described.scopes).toEqual({
    'notes.read': 'See your notes',
    'notes.write': 'notes.write',
    'notes.share': 'notes.share',
  })
})

it('names a permission after the first part of the path that is a word', async () => {
  const described = await routesOf("paths:\n  '/2fa/api/v1/{id}/user-groups': { get: { security: [{ key: [] }] } }\n")
  expect(needed(described, 'GET', '/2fa/api/v1/7/user-groups')).toBe('authorization user-groups.read')
})

describe('a document', () => {
  const described = (paths: object, more: object = {}) =>
    routesFromOpenApi({ openapi: '3.1.0', security: [{ o: ['s'] }], paths, ...more })
  const pathOf = (path: string) => described({ [path]: { get: {} } }).routes.map((route) => route.path)
  const needOf = (operation: object, path = '/a', more: object = {}) =>
    described({ [path]: operation }, more).routes.map(({ method, require, scope }) =>
      [method, require, scope].filter(Boolean).join(' '),
    )

  it('of version 3.0 or 3.1 is read, and no other', () => {
    for (const openapi of ['3.0.0', '3.0.4', '3.1.0'])
      expect(routesFromOpenApi({ openapi })).toMatchObject({ routes: [] })
    for (const document of ['3.2.0', '2.0', '13.1.0', '3.1', 3.1, undefined].map((openapi) => ({ openapi })))
      expect(() => routesFromOpenApi(document)).toThrow('not an OpenAPI document of version 3.0 or 3.1')
    for (const document of [[], null, '3.1.0', undefined])
      expect(() => routesFromOpenApi(document)).toThrow('not an OpenAPI document of version 3.0 or 3.1')
  })

  it.each([
    ['/a/*/b', '/a/%2A/b'],
    ['/files/*', '/files/*'],
    ['/a*', '/a%2A'],
    ['/a#b?c', '/a'],
    ['/a?b\n', '/a'],
    ['/x{a}y{b}z', '/x{a}z'],
    ['/{a}{b}/{a}', '/{a}/{a}'],
    ['/{a}é', '/{a}%C3%A9'],
    ["/a-._~!$&'()+,=:@b", "/a-._~!$&'()+,=:@b"],
    ['/a/', '/a/'],
  ])('with the path %j has a route for %s', (path, written) => {
    expect(pathOf(path)).toEqual([written])
    const notes = path === written ? [] : [`GET ${path} is written as ${written}.`]
    expect(described({ [path]: { get: {} } }).notes).toEqual(notes)
  })

  it('has a route for each operation, and none for other members', () => {
    const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch']
    const item = Object.fromEntries(methods.map((method) => [method, { security: [{ o: [method] }] }]))
    const others = { $ref: undefined, summary: 'x', description: 'x', servers: undefined, parameters: [], 'x-y': {} }
    expect(described({ '/a': { ...others, ...item } })).toMatchObject({
      routes: methods.map((method) => ({ method: method.toUpperCase(), path: '/a', scope: method })),
      notes: [],
    })
    expect(described({ a: item, 'x-a': item }).routes).toEqual([])
    expect(described({ '/a': { link: {}, 'xy-z': {} } }).notes.map((note) => note.slice(0, 20))).toEqual([
      'LINK /a is skipped: ',
      'XY-Z /a is skipped: ',
    ])
  })

  it.each([
    [undefined, 'GET authorization s'],
    [[], 'GET none'],
    [[{}], 'GET none'],
    [[{ o: ['a'] }, {}], 'GET none'],
    [[{ o: ['a'] }, { o: ['b'] }], 'GET authorization a'],
    [[{ o: ['a', 'b'], p: ['b', 'c'] }], 'GET authorization a b c'],
    [[{ o: [] }], 'GET authorization a.read'],
    [[{ o: 'a' }], 'GET authorization a.read'],
    ['none', 'GET authorization a.read'],
    [{}, 'GET authorization a.read'],
    [[[]], 'GET authorization a.read'],
  ])('with the security %j requires %s', (security, need) => {
    expect(needOf({ get: { security } })).toEqual([need])
  })

  it('without scopes gets one to read and one to change, named after the path', () => {
    const security = [{ o: [] }]
    const scopesOf = (path: string, ...methods: string[]) =>
      described({ [path]: Object.fromEntries(methods.map((method) => [method, {}])) }, { security }).scopes
    const [reading, writing] = [
      ['get', 'head', 'options'],
      ['put', 'post', 'delete', 'patch'],
    ]
    expect(scopesOf('/user-groups_x', ...(reading as string[]))).toEqual({
      'user-groups_x.read': 'See your user groups x',
    })
    expect(scopesOf('/notes', ...(writing as string[]))).toEqual({
      'notes.write': 'Create, change and delete your notes',
    })
    for (const [path, scope] of [
      ['/{id}', 'api.read'],
      ['/API/V12/x', 'x.read'],
      ['/apis/x', 'apis.read'],
      ['/xapi/y', 'xapi.read'],
      ['/v1x/y', 'v1x.read'],
      ['/xv1/y', 'xv1.read'],
      ['/a.b/1a/é/c', 'c.read'],
    ] as const)
      expect(Object.keys(scopesOf(path, 'get')), path).toEqual([scope])
  })

  it('is read through references within it', () => {
    const chain = (length: number) =>
      Object.fromEntries(
        Array.from({ length }, (_, at) => [
          `r${at}`,
          at === length - 1 ? { security: [] } : { $ref: `#/x/r${at + 1}` },
        ]),
      )
    const needVia = ($ref: unknown, x: object = {}) =>
      routesFromOpenApi({
        openapi: '3.1.0',
        security: [{ o: ['s'] }],
        paths: { '/a': { get: { $ref } } },
        x,
      }).routes.map(({ require }) => require)
    expect(needVia('#/x/r0', chain(1))).toEqual(['none'])
    expect(needVia('#/x/r0', chain(9))).toEqual(['none'])
    expect(needVia('#/x/r0', chain(10))).toEqual([])
    expect(needVia('#/x/a~1b~01', { 'a/b~1': { security: [] } })).toEqual(['none'])
    for (const reference of ['#/x/no', '#/constructor', '#/openapi/length', 'x.yaml#/x/r0', '#x', '/x/r0', 7, null])
      expect(needVia(reference, chain(1)), String(reference)).toEqual([])
    expect(needVia('#/x/list/0', { list: [{ security: [] }] })).toEqual([])
  })

  it('has a note for each route that seems to be a health check and is not open', () => {
    const names = 'health healthz healthcheck health-check live livez liveness ready readyz readiness ping'.split(' ')
    for (const name of [...names, 'PING']) {
      const note = `GET /x/${name} seems to be a health check: if anyone may call it, set "require" to "none".`
      expect(described({ [`/x/${name}`]: { get: {} } }).notes).toEqual([note])
    }
    for (const path of ['/xping', '/pingx', '/ping/x']) expect(described({ [path]: { get: {} } }).notes).toEqual([])
    expect(described({ '/ping': { get: { security: [] } } }).notes).toEqual([
      'According to the document, GET /ping requires nothing: anyone can call it.',
    ])
  })

  it('that describes requests twice has a route that requires everything, and one note', () => {
    const secured = (...scopes: string[]) => ({ get: { security: scopes.length === 0 ? [] : [{ o: scopes }] } })
    const paths = { '/{a}': secured('x', 'y'), '/{b}': secured(), '/{c}': secured('y', 'z'), '/{d}': secured() }
    expect(described(paths)).toMatchObject({
      routes: [{ method: 'GET', path: '/{a}', require: 'authorization', scope: 'x y z' }],
      notes: ['/{b}', '/{c}', '/{d}'].map(
        (path) =>
          `GET ${path} is described more than once: the route requires everything that any of its descriptions requires.`,
      ),
    })
    expect(described({ '/{a}': secured(), '/{b}': secured() }).routes).toEqual([
      { method: 'GET', path: '/{a}', require: 'none' },
    ])
    expect(described({ '/{a}': secured(), '/{b}': secured('x') }).routes).toMatchObject([{ scope: 'x' }])
  })

  it.each<[unknown, string, string[]]>([
    [undefined, '/a', []],
    ['https://x/v1', '/a', []],
    [[], '/a', []],
    [['https://x/v1'], '/a', []],
    [[{}], '/a', []],
    [[{ url: 7 }], '/a', []],
    [[{ url: 'https://x/v1//' }], '/v1/a', []],
    [[{ url: 'https://x/v1' }, { url: '/v1/' }], '/v1/a', []],
    [
      [{ url: '/' }, { url: '/v1' }, { url: '/v1' }],
      '/a',
      ['The server with the path /v1 is skipped, because the first server has the path /.'],
    ],
    [
      [{ url: '/v1' }, { url: '/' }],
      '/v1/a',
      ['The server with the path / is skipped, because the first server has the path /v1.'],
    ],
    [
      [{ url: 'https://{h}/v1', variables: { h: { default: 7 } } }],
      '/a',
      ['The server https://{h}/v1 has no valid path: prefix the routes with its actual path.'],
    ],
    [
      [{ url: '/{v}', variables: [] }],
      '/a',
      ['The server /{v} has no valid path: prefix the routes with its actual path.'],
    ],
    [[{ url: 'https://[' }], '/a', ['The server https://[ has no valid path: prefix the routes with its actual path.']],
    [
      [{ url: '/{v}', variables: { v: { default: 'v2' } } }],
      '/v2/a',
      ['The server /{v} is used with its default values: /v2.'],
    ],
  ])('with the servers %j has the path %s', (servers, path, notes) => {
    const found = described({ '/a': { get: {}, put: { servers } } }, { servers })
    expect(found.routes.map((route) => route.path)).toEqual([path, path])
    expect(found.notes).toEqual(notes)
  })

  it('with HEAD has no route for it if GET requires the same', () => {
    const [one, other] = [{ security: [{ o: ['x'] }] }, { security: [{ o: ['y'] }] }]
    expect(needOf({ get: one, head: one })).toEqual(['GET authorization x'])
    expect(needOf({ get: one, head: other })).toEqual(['GET authorization x', 'HEAD authorization y'])
    expect(needOf({ get: one, head: { security: [] } })).toEqual(['GET authorization x', 'HEAD none'])
    expect(needOf({ head: one })).toEqual(['HEAD authorization x'])
  })

  it('keeps the first description of a scope, and names those that it derives once', () => {
    const found = described(
      { '/b/{x}': { get: {}, put: {} }, '/b': { get: {} }, '/c': { get: { security: [{ o: ['b.read'] }] } } },
      {
        security: [{ o: [] }],
      },
    )
    expect(found.scopes).toEqual({ 'b.read': 'See your b', 'b.write': 'Create, change and delete your b' })
    expect(found.notes).toEqual([
      'These permissions are derived from paths, because their operations specify no scope: b.read, b.write.',
    ])
  })

  it('with an operation that is skipped is refused only if a wider route would permit it', () => {
    const skipped = { get: { $ref: 'x.yaml' } }
    const refused = (paths: object) => {
      try {
        described(paths)
        return ''
      } catch (error) {
        return (error as Error).message
      }
    }
    expect(refused({ '/{x}': { get: {} }, '/a': skipped })).toBe(
      'These operations are skipped, but a wider route would permit them: GET /a. Correct or complete their descriptions in this document.',
    )
    expect(refused({ '/{x}': { post: {} }, '/a': skipped })).toBe('')
    expect(refused({ '/{x}': { get: {} }, '/a': { ...skipped, post: {} } })).toBe('')
    expect(refused({ '/{x}': skipped, '/a': { get: {} } })).toBe('')
    expect(refused({ '/a': { get: {} }, '/b': skipped })).toBe('')
    expect(refused({ '/{x}': { get: {} }, '/a//b': skipped })).toBe('')
    expect(refused({ '/{x}': { get: {} }, '/a': { $ref: 'x.yaml' } })).toContain('permit them: GET /a, HEAD /a.')
  })
})
