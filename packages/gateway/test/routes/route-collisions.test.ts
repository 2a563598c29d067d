import { AAuthError } from 'countersign/resource'
import { checkRequest, createRouteTable, type Route } from 'countersign-gateway'
import { describe, expect, it } from 'vitest'

const none = { method: 'GET', require: 'none' } as const
const strict = { method: 'GET', require: 'authorization', scope: 'admin' } as const

function needed(of: Route[], rawTarget: string, method = 'GET'): string {
  const table = createRouteTable(of)
  try {
    return checkRequest({ method, rawTarget, rawHeaders: [] }, { table, otherwise: 'refuse' }).need?.level ?? 'nothing'
  } catch (error) {
    if (error instanceof AAuthError) return error.code
    throw error
  }
}

// G46
describe('a table is rejected if a server may confuse the paths of one route with those of a stricter one', () => {
  it.each([
    ['/Admin', '/admin', /set case: 'kept' on routes\[1\]/],
    ['/doc/{name}.pdf', '/doc/{name}', /set endings: 'kept' on routes\[1\]/],
    ['/openapi.json', '/openapi.yaml', /set endings: 'kept' on routes\[1\]/],
    [
      '/Doc/{name}.pdf',
      '/doc/{id}',
      /set case: 'kept' and endings: 'kept' on|set (?:case|endings): 'kept' on routes\[1\]/,
    ],
    ['/admin/index.html', '/admin', /set endings: 'kept'/],
    ['/admin', '/admin/index', /set endings: 'kept'/],
    ['/admin/', '/admin', /requires more\. If the API may treat it as either, set mayShadow: true on routes\[0\]/],
    ['/index.php/admin', '/admin', /mayShadow: true on routes\[0\]/],
    ['/index.php/*', '/*', /mayShadow: true on routes\[0\]/],
    ['/data', '/data.d/*', /set endings: 'kept'/],
    ['/data.{x}/*', '/data/*', /set endings: 'kept'/],
    ['/a/data.{x}/y', '/a/data/*', /set endings: 'kept'/],
    ['/stra%C3%9Fe', '/strasse', /set case: 'kept'/],
    ['/a+b', '/a%20b', /mayShadow/],
    ['/%EF%BD%81', '/a', /mayShadow/],
  ])('%s next to %s', (weak, stronger, hint) => {
    const of: Route[] = [
      { ...none, path: weak },
      { ...strict, path: stronger },
    ]
    expect(() => createRouteTable(of)).toThrow(hint)
    expect(() => createRouteTable(of)).toThrow(`routes[0] is GET ${weak}`)
    expect(() => createRouteTable(of)).toThrow(`${stronger} of routes[1]`)
    expect(() => createRouteTable([...of].reverse())).toThrow(`routes[1] is GET ${weak}`)
    const shadowing: Route[] = [{ ...none, path: weak, mayShadow: true }, of[1] as Route]
    expect(needed(shadowing, weak.replaceAll(/\{\w+\}|\*/g, 'x'))).toBe('none')
  })

  it('in both directions if the levels are equal and the scopes differ', () => {
    const of: Route[] = [
      { ...strict, path: '/a' },
      { ...strict, scope: 'other', path: '/A' },
    ]
    expect(() => createRouteTable(of)).toThrow(/routes\[0\] is GET \/a, which some servers treat as \/A of routes\[1\]/)
    const kept = of.map((route): Route => ({ ...route, case: 'kept' }))
    expect([needed(kept, '/a'), needed(kept, '/A')]).toEqual(['authorization', 'authorization'])
  })

  it.each([
    ['/{page}', '/admin'],
    ['/admin', '/*'],
    ['/openapi.json', '/*'],
    ['/admin-x', '/admin'],
    ['/v1.1/*', '/v1/*'],
    ['/users/{id}/avatar', '/users/{id}'],
    ['/users/{id}', '/users/me'],
    ['/{name}.pdf', '/sec{name}'],
  ])('but not %s next to %s', (weak, stronger) => {
    expect(() =>
      createRouteTable([
        { ...none, path: weak },
        { ...strict, path: stronger },
      ]),
    ).not.toThrow()
  })

  it('but not for methods that the stricter route does not list, or if it requires no more', () => {
    for (const other of [
      { ...strict, method: 'POST', path: '/users.json' },
      { ...none, path: '/users.json' },
    ])
      expect(() => createRouteTable([{ ...none, path: '/users' }, other])).not.toThrow()
  })
})

it('a table is rejected if a server may confuse paths for only one of their methods', () => {
  const users: Route[] = [
    { ...strict, path: '/users.json' },
    { ...none, method: 'POST', path: '/users.json' },
  ]
  expect(() => createRouteTable([{ ...none, method: '*', path: '/users' }, ...users])).toThrow('routes[0] is * /users')
  const wider: Route = { ...strict, path: '/a/*' }
  const narrow: Route = { ...none, method: '*', path: '/a/{x}' }
  expect(() => createRouteTable([{ ...narrow, mayShadow: true }, wider])).not.toThrow()
  expect(() => createRouteTable([{ ...narrow, mayShadow: true }])).toThrow(
    'has mayShadow, but shadows no stricter route',
  )
})

it('an open route that accepts OAuth requires less than one within it that does not', () => {
  const both = ['aauth', 'oauth'] as const
  const within: Route = { method: 'GET', path: '/a/b', require: 'identity' }
  const problemOf = (open: Partial<Route>) => {
    const around: Route = { method: 'GET', path: '/a/*', require: 'identity', accept: both, ...open }
    try {
      createRouteTable([around, within], [], both)
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }
  expect(problemOf({})).toContain('accepts OAuth, unlike GET /a/b of routes[1], which shares paths with it')
  expect(problemOf({ require: 'signature' })).toContain('requires less than GET /a/b of routes[1]')
  expect(problemOf({ require: 'signature', accept: undefined })).toContain('requires less than GET /a/b of routes[1]')
  expect(problemOf({ accept: undefined })).toBe('')
})

// G52
describe('a table is rejected if an open route requires less than a route within it', () => {
  const table = (...rows: Partial<Route>[]) => createRouteTable(rows.map((row) => ({ ...none, path: '/', ...row })))
  const admin = { ...strict, path: '/admin' }

  it.each([
    ['/*', '/admin'],
    ['/*', '/admin/*'],
    ['/*', '/'],
    ['/*', '/{id}'],
    ['/admin/*', '/admin'],
    ['/admin/*', '/admin.json'],
    ['/Admin/*', '/admin/users'],
    ['/users/{id}/*', '/users/{id}'],
    ['/users/{id}/*', '/users/me/keys'],
    ['/{tenant}/*', '/admin'],
    ['/a/b/c/*', '/a/b/c/d'],
    ['/a/b/c/*', '/{x}/b/c/d'],
    ['/public/*', '/{tenant}/admin'],
    ['/public/*', '/{tenant}/admin/*'],
    ['/a{x}/*', '/{y}b/c'],
    ['/index.php/*', '/admin'],
    ['/app/index.php/*', '/app/admin'],
  ])('%s next to %s, in either order', (weak, stronger) => {
    const [open, within] = [{ path: weak }, { ...strict, path: stronger }]
    const problem = (at: number) =>
      `routes[${at}] is GET ${weak}, which requires less than GET ${stronger} of routes[${1 - at}]`
    expect(() => table(open, within)).toThrow(problem(0))
    expect(() => table(within, open)).toThrow(problem(1))
    expect(() => table(open, within)).toThrow(
      /List the permitted paths instead, because unlisted paths are refused\. .*, set fallback: true on routes\[0\]$/,
    )
    expect(() => table({ ...open, fallback: true }, within)).not.toThrow()
  })

  it.each([
    ['/{page}', '/admin/*'],
    ['/{page}.html', '/admin/*'],
    ['/a{x}', '/admin/*'],
    ['/admin{x}', '/admin/*'],
    ['/{page}/x', '/Admin/*'],
    ['/{tenant}/{page}', '/{tenant}/admin/*'],
    ['/x/{page}', '/{tenant}/admin/*'],
  ])('with a parameter that can begin like an open one: %s next to %s', (weak, stronger) => {
    const [page, mount] = [{ path: weak }, { ...strict, path: stronger }]
    expect(() => table(page, mount)).toThrow(
      `routes[0] is GET ${weak}, which requires less than GET ${stronger} of routes[1], which some servers run for`,
    )
    expect(() => table({ ...page, fallback: true }, mount)).not.toThrow()
    expect(() => table(page, { ...mount, path: stronger.slice(0, -2) })).not.toThrow()
    expect(() => table({ ...page, ...strict }, mount)).not.toThrow()
  })

  it.each([
    ['/b{page}', '/admin/*'],
    ['/{page}', '/*'],
    ['/{page}', '/x/admin/*'],
    ['/y/{page}', '/x/admin/*'],
    ['/administrators', '/admin/*'],
    ['/public/*', '/admin/*'],
    ['/public/*', '/*'],
    ['/public/x/*', '/public/*'],
    ['/pub-{x}/*', '/sec-{y}/z'],
    ['/users/{id}/*', '/users'],
    ['/users/{id}', '/users/me'],
    ['/{page}', '/admin'],
  ])('but not %s next to %s', (weak, stronger) =>
    expect(() => table({ path: weak }, { ...strict, path: stronger })).not.toThrow(),
  )

  it.each<[Partial<Route>, Partial<Route>, boolean]>([
    [{ require: 'none' }, { require: 'signature', scope: undefined }, true],
    [{ require: 'signature' }, { require: 'identity', scope: undefined }, true],
    [{ require: 'identity' }, {}, true],
    [{ require: 'authorization', scope: 'read' }, {}, true],
    [{ require: 'authorization', scope: 'read' }, { scope: 'read admin' }, true],
    [{ require: 'authorization', scope: 'read admin' }, {}, false],
    [{ require: 'authorization', scope: 'admin' }, {}, false],
    [{ require: 'authorization', scope: 'admin' }, { maxBody: 10 }, false],
    [{ require: 'identity' }, { require: 'identity', scope: undefined }, false],
  ])('%j next to %j: %s', (weak, stronger, isRefused) => {
    const build = () => table({ path: '/*', ...weak }, { ...admin, ...stronger })
    if (isRefused) expect(build).toThrow(/set fallback: true on routes\[0\]/)
    else expect(build).not.toThrow()
  })

  it('with a body that may be unseen', () => {
    const unseen = { method: 'POST', path: '/*', require: 'identity', body: 'unseen' } as const
    expect(() => table(unseen, { ...unseen, path: '/a', body: undefined })).toThrow(/set fallback/)
    expect(() =>
      table({ ...unseen, method: 'GET' }, { ...unseen, method: 'GET', path: '/a', body: undefined }),
    ).not.toThrow()
  })

  it.each([
    ['GET', 'GET', true],
    ['HEAD', 'GET', true],
    ['GET', 'HEAD', true],
    ['GET', '*', true],
    ['*', 'GET', true],
    ['*', 'POST', true],
    ['OPTIONS', '*', true],
    ['GET', 'POST', true],
    ['POST', 'GET', true],
    ['MOVE', '*', true],
    ['MOVE', 'MOVE', true],
  ])('even for methods that the stricter path does not list: %s next to %s', (weak, stronger) => {
    const build = () => table({ method: weak, path: '/*' }, { ...admin, method: stronger })
    expect(build).toThrow(`routes[0] is ${weak} /*, which requires less than ${stronger} /admin of`)
  })

  it('but not for a method that the stricter path lists as open', () => {
    const post = { ...admin, method: 'POST' }
    expect(() => table({ path: '/*' }, { path: '/admin' }, post)).not.toThrow()
    expect(() => table({ method: '*', path: '/*' }, { path: '/admin' }, post)).toThrow(/less than POST \/admin/)
  })

  it('according to the row that determines the method', () => {
    const read = { ...strict, method: '*', path: '/*' }
    expect(() => table(read, { path: '/*' }, admin)).toThrow(/^routes\[1\] is GET/)
    const all = { ...admin, method: '*' }
    expect(() => table({ method: '*', path: '/*' }, { ...strict, path: '/*' }, all)).toThrow(/^routes\[0\] is \*/)
    expect(() => table({ method: 'HEAD', path: '/*' }, { ...strict, path: '/*' }, admin)).not.toThrow()
    expect(() =>
      table({ method: '*', path: '/*' }, { method: '*', path: '/admin' }, { ...admin, method: 'PUT' }),
    ).toThrow(/less than PUT \/admin of routes\[2\]/)
  })

  it('and fallback is rejected if it has no effect', () => {
    const needless = /routes\[0\] has fallback, but no stricter route or MCP server shares its paths: remove fallback/
    expect(() => table({ path: '/*', fallback: true })).toThrow(needless)
    expect(() => table({ path: '/{page}', fallback: true }, admin)).toThrow(needless)
    expect(() => table({ ...admin, path: '/*', fallback: true }, { path: '/admin' })).toThrow(needless)
    expect(() => table({ path: '/*', fallback: true }, { ...admin, require: 'none', scope: undefined })).toThrow(
      needless,
    )
  })

  it('and with fallback, other paths are accepted, and names that fold to the stricter route are not', () => {
    const of: Route[] = [{ ...none, path: '/*', fallback: true }, admin]
    expect(['/x', '/admin', '/Admin', '/admin/__data.json'].map((target) => needed(of, target))).toEqual([
      'none',
      'authorization',
      'target_ambiguous',
      'target_ambiguous',
    ])
  })
})

describe('a declaration of a route about the API', () => {
  it('applies to its own path only', () => {
    const of: Route[] = [
      { ...none, method: '*', path: '/*', fallback: true },
      { ...strict, path: '/Secret', case: 'kept' },
      { ...strict, path: '/doc/{name}', endings: 'kept' },
      { ...strict, path: '/admin' },
    ]
    for (const target of ['/secret', '/SECRET']) expect(needed(of, target)).toBe('none')
    for (const target of ['/Secret/', '/Secret.json', '/Secret%20', '/doc/x/', '/DOC/x', '/Admin', '/admin.x'])
      expect([target, needed(of, target)]).toEqual([target, 'target_ambiguous'])
    expect(needed(of, '/doc/x.pdf')).toBe('authorization')
  })

  it('with mayShadow accepts the whole pattern, but no other path that folds to a stricter route', () => {
    const of: Route[] = [
      { ...none, path: '/doc/{name}.pdf', mayShadow: true },
      { ...strict, path: '/doc/{name}' },
      { ...strict, path: '/doc' },
    ]
    expect(needed(of, '/doc/x.pdf')).toBe('none')
    expect(needed(of, '/doc/index.pdf')).toBe('target_ambiguous')
  })

  it.each([
    [[{ ...none, path: '/a', mayShadow: true }], /routes\[0\] has mayShadow, but shadows no stricter route/],
    [
      [
        { ...none, path: '/a', case: 'kept' },
        { ...none, method: 'PUT', path: '/a' },
      ],
      /routes\[1\] has a different case than routes\[0\]/,
    ],
    [
      [
        { ...none, path: '/a' },
        { ...strict, path: '/a' },
      ],
      /routes\[1\] contradicts routes\[0\], which is also GET \/a/,
    ],
  ] as [Route[], RegExp][])('%j is rejected', (of, reason) => expect(() => createRouteTable(of)).toThrow(reason))
})
