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
