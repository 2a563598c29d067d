import { AAuthError } from 'countersign/resource'
import { createRouteTable, judgeRequest, type Route } from 'countersign-gateway'
import { describe, expect, it } from 'vitest'

const none = { method: 'GET', require: 'none' } as const
const strict = { method: 'GET', require: 'authorization', scope: 'admin' } as const

function needed(of: Route[], rawTarget: string, method = 'GET'): string {
  const table = createRouteTable(of)
  try {
    return judgeRequest({ method, rawTarget, rawHeaders: [] }, { table, otherwise: 'refuse' }).need?.level ?? 'nothing'
  } catch (error) {
    if (error instanceof AAuthError) return error.code
    throw error
  }
}

// G46
describe('a table is refused if a server may take the paths of one route for those of a stricter one', () => {
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
    ['/admin/', '/admin', /needs more\. If the API may take it for either, set mayShadow: true on routes\[0\]/],
    ['/index.php/admin', '/admin', /mayShadow: true on routes\[0\]/],
    ['/index.php/*', '/*', /mayShadow: true on routes\[0\]/],
    ['/data', '/data.d/*', /set endings: 'kept'/],
    ['/data.{x}/*', '/data/*', /set endings: 'kept'/],
    ['/a/data.{x}/y', '/a/data/*', /set endings: 'kept'/],
    ['/stra%C3%9Fe', '/strasse', /set case: 'kept'/],
    ['/a+b', '/a%20b', /mayShadow/],
    ['/%EF%BD%81', '/a', /mayShadow/],
  ])('%s beside %s', (weak, stronger, hint) => {
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

  it('whose level is the same and whose scope is another, both ways', () => {
    const of: Route[] = [
      { ...strict, path: '/a' },
      { ...strict, scope: 'other', path: '/A' },
    ]
    expect(() => createRouteTable(of)).toThrow(/routes\[0\] is GET \/a, which some servers take for \/A of routes\[1\]/)
    const kept = of.map((route): Route => ({ ...route, case: 'kept' }))
    expect([needed(kept, '/a'), needed(kept, '/A')]).toEqual(['authorization', 'authorization'])
  })

  it.each([
    ['/*', '/admin'],
    ['/{page}', '/admin'],
    ['/admin', '/*'],
    ['/openapi.json', '/*'],
    ['/admin-x', '/admin'],
    ['/v1.1/*', '/v1/*'],
    ['/users/{id}/avatar', '/users/{id}'],
    ['/users/{id}', '/users/me'],
    ['/{name}.pdf', '/sec{name}'],
  ])('and not %s beside %s', (weak, stronger) => {
    expect(() =>
      createRouteTable([
        { ...none, path: weak },
        { ...strict, path: stronger },
      ]),
    ).not.toThrow()
  })

  it('and not for methods that the stricter route does not list, or if it needs no more', () => {
    for (const other of [
      { ...strict, method: 'POST', path: '/users.json' },
      { ...none, path: '/users.json' },
    ])
      expect(() => createRouteTable([{ ...none, path: '/users' }, other])).not.toThrow()
  })
})

describe('what a route declares of the API', () => {
  it('is taken for its own path only', () => {
    const of: Route[] = [
      { ...none, method: '*', path: '/*' },
      { ...strict, path: '/Secret', case: 'kept' },
      { ...strict, path: '/doc/{name}', endings: 'kept' },
      { ...strict, path: '/admin' },
    ]
    for (const target of ['/secret', '/SECRET']) expect(needed(of, target)).toBe('none')
    for (const target of ['/Secret/', '/Secret.json', '/Secret%20', '/doc/x/', '/DOC/x', '/Admin', '/admin.x'])
      expect([target, needed(of, target)]).toEqual([target, 'target_ambiguous'])
    expect(needed(of, '/doc/x.pdf')).toBe('authorization')
  })

  it('with mayShadow lets the whole pattern pass, and no other path that folds to a stricter route', () => {
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
      /routes\[1\] has another case than routes\[0\]/,
    ],
    [
      [
        { ...none, path: '/a' },
        { ...strict, path: '/a' },
      ],
      /routes\[1\] says otherwise of GET \/a than routes\[0\]/,
    ],
  ] as [Route[], RegExp][])('%j is refused', (of, reason) => expect(() => createRouteTable(of)).toThrow(reason))
})
