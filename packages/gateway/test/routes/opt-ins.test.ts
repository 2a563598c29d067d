import { AAuthError } from 'countersign/resource'
import { checkRequest, createRouteTable, type Route } from 'countersign-gateway'
import { describe, expect, it } from 'vitest'

const none = { method: 'GET', require: 'none' } as const
const strict = { method: 'GET', require: 'authorization', scope: 'admin' } as const

function needed(of: Route[], rawTarget: string, headers: string[] = []): string {
  const table = createRouteTable(of)
  try {
    const head = { method: 'GET', rawTarget, rawHeaders: headers }
    return checkRequest(head, { table, otherwise: 'refuse' }).need?.level ?? 'nothing'
  } catch (error) {
    if (error instanceof AAuthError) return error.code
    throw error
  }
}

// G39
describe('encoded delimiters in the last parameter', () => {
  const of: Route[] = [
    { ...none, path: '/projects/{id}/issues', encoded: ['%2F'] },
    { ...none, path: '/rooms/{alias}', encoded: ['%23'] },
    { ...none, path: '/labels/{name}', encoded: ['%25', '%2F', '%23'] },
    { ...none, path: '/a/{b}/{c}', encoded: ['%2F'] },
    { ...none, path: '/@{scope}', encoded: ['%2F'] },
    { ...none, path: '/plain/{id}' },
  ]

  it.each([
    '/projects/group%2Fproject/issues',
    '/projects/a%2fb%2Fc/issues',
    '/rooms/%23room:example.org',
    '/labels/100%25',
    '/labels/a%252Fb%2523',
    '/a/x/y%2Fz',
    '/@scope%2fname',
  ])('are accepted in %s', (target) => expect(needed(of, target)).toBe('none'))

  it.each([
    '/plain/a%2Fb',
    '/projects/a%23b/issues',
    '/projects/7/issues%2F8',
    '/projects/a%252Fb/issues',
    '/projects/%2Fa/issues',
    '/projects/a%2F/issues',
    '/projects/a%2F%2Fb/issues',
    '/projects/a%2F..%2Fb/issues',
    '/projects/..%2Fa/issues',
    '/projects/a%2F%20.%2Fb/issues',
    '/projects/a%2Fb%3Fc/issues',
    '/projects/a%2Fb%5Cc/issues',
    '/projects/a%2Fb%00/issues',
    '/rooms/..%23x',
    '/rooms/a%2Fb',
    '/labels/%252e%252e%252Fa',
    '/labels/a%253Fb',
    '/labels/a%255Cb',
    '/labels/a%2500b',
    '/labels/a%2525252525252Fb',
    '/labels/a%25EF%25BC%258Fb',
    '/a/x%2Fy/z',
    '/a/x%2Fy/z%2Fq',
    '/nowhere/a%2Fb',
  ])('are rejected in %s', (target) => expect(needed(of, target)).toBe('target_ambiguous'))

  it('are rejected if another interpretation requires more', () => {
    const guarded = (path: string): Route[] => [
      { ...none, path: '/projects/{id}', encoded: ['%2F', '%23', '%25'] },
      { ...strict, path },
    ]
    expect(needed(guarded('/projects/{id}/keys'), '/projects/7%2Fkeys')).toBe('target_ambiguous')
    expect(needed(guarded('/projects/{id}/keys'), '/projects/7%2FKeys')).toBe('target_ambiguous')
    expect(needed(guarded('/projects/{id}/keys'), '/projects/7%252Fkeys')).toBe('target_ambiguous')
    expect(needed(guarded('/projects/{id}/keys'), '/projects/7%2Fmembers')).toBe('none')
    expect(needed(guarded('/projects/7'), '/projects/7%23x')).toBe('target_ambiguous')
    expect(needed(guarded('/projects'), '/projects/%23x')).toBe('target_ambiguous')
    expect(needed(guarded('/admin'), '/projects/index.php%2Fadmin')).toBe('target_ambiguous')
  })

  it('are rejected if a server that truncates the path there runs a wider route, which requires more', () => {
    const cut = (path: string): Route[] => [
      { ...none, path, encoded: ['%23'] },
      { ...strict, path: '/projects/*' },
    ]
    expect(needed(cut('/projects/{id}.pdf'), '/projects/7%23.pdf')).toBe('target_ambiguous')
    expect(needed(cut('/projects/of-{id}'), '/projects/of-%23x')).toBe('target_ambiguous')
    expect(needed(cut('/projects/of-{id}'), '/projects/of-7%23x')).toBe('none')
  })
})

// G39
it('rejects an encoded slash after path parameters if the path without them requires more', () => {
  const both = { encoded: ['%2F'], pathParameters: true } as const
  const of: Route[] = [
    { ...none, path: '/projects/{id}', ...both },
    { ...strict, path: '/projects/admin/secrets' },
  ]
  expect(needed(of, '/projects/admin;x%2Fsecrets')).toBe('target_ambiguous')
  expect(needed(of, '/projects/admin;x%2Fsecrets;y')).toBe('target_ambiguous')
  expect(needed(of, '/projects/other;x%2Fsecrets')).toBe('none')
})

// G39
describe('parameters of the last segment', () => {
  const of: Route[] = [
    { ...none, path: '/orders', pathParameters: true },
    { ...none, path: '/orders/{id}', pathParameters: true },
    { ...none, path: '/plain/{id}' },
  ]

  it.each(['/orders;status=open', '/orders/7;v=2;w', '/orders/7;'])('are accepted in %s', (target) =>
    expect(needed(of, target)).toBe('none'),
  )

  it.each([
    '/plain/7;v=2',
    '/orders;x/7',
    '/orders/7;x/',
    '/orders/;x',
    '/orders/..;x',
    '/orders/.;x',
    '/orders/7%3Bv=2',
    '/orders/7;v=%2F',
    '/orders/7;v=%3F',
    '/nowhere;x',
  ])('are rejected in %s', (target) => expect(needed(of, target)).toBe('target_ambiguous'))

  it('are rejected if another interpretation requires more', () => {
    const guarded: Route[] = [
      { ...none, path: '/doc/pub-{name}', pathParameters: true },
      { ...strict, path: '/doc/{name}', pathParameters: true },
      { ...none, path: '/page', pathParameters: true },
    ]
    expect(needed(guarded, '/doc/pub-;x')).toBe('authorization')
    expect(needed(guarded, '/doc/secret;.pdf')).toBe('authorization')
    expect(needed(guarded, '/doc/pub-a;x')).toBe('none')
    expect(needed([...guarded, { ...strict, path: '/{page}' }], '/page;x')).toBe('target_ambiguous')
  })

  it('are rejected if a server that keeps them in the name runs a wider route, which requires more', () => {
    const sitemap: Route = { ...none, path: '/sitemap.xml', pathParameters: true }
    const pdf: Route = { ...none, path: '/{id}.pdf', pathParameters: true }
    for (const of of [
      [sitemap],
      [pdf],
      [pdf, { ...none, method: 'POST', path: '/{id}', pathParameters: true }],
    ] as Route[][])
      for (const target of ['/sitemap.xml;', '/7.pdf;', '/7.pdf;x', '/7.pdf;x.png'])
        expect([target, needed([...of, { ...strict, path: '/*', pathParameters: true }], target)]).not.toEqual([
          target,
          'none',
        ])
    expect(needed([pdf, { ...strict, path: '/*' }], '/7.pdf')).toBe('none')
    expect(needed([pdf, { ...strict, path: '/*' }], '/7.pdf;.pdf')).toBe('none')
    expect(needed([pdf, { ...none, path: '/{id}', pathParameters: true }, { ...strict, path: '/*' }], '/7.pdf;x')).toBe(
      'none',
    )
  })
})

// G39
describe('OData calls and batches', () => {
  const of: Route[] = [
    { ...none, path: '/*', fallback: true },
    { ...strict, path: '/Users({id})' },
    { ...strict, path: '/Users/{id}' },
  ]

  it('need a route that names them', () => {
    for (const target of ['/Users(1)', "/Users('a')"]) expect(needed(of, target)).toBe('authorization')
    const others = [
      '/users(1)',
      '/Users%281%29',
      '/Users(1)/Name',
      '/Orders(1)',
      '/(S(x))/Users/1',
      '/(S(x)y)z/Users/1',
    ]
    for (const target of [...others, '/$batch', '/%24batch', '/x/$BATCH'])
      expect([target, needed(of, target)]).toEqual([target, 'target_ambiguous'])
    for (const target of ['/report%20(1).pdf', '/$count', '/a(b)c']) expect(needed(of, target)).toBe('none')
  })

  it('are ordinary names if no route names them or contains a parenthesis', () => {
    const plain: Route[] = [
      { ...none, path: '/*', fallback: true },
      { ...strict, path: '/Users/{id}' },
    ]
    for (const target of ['/wiki/Mercury_(planet)', '/report(1)']) expect(needed(plain, target)).toBe('none')
    for (const target of ['/Users(1)', '/users(1)', '/Service.Users(1)', '/Users%281%29', '/$batch', '/(S(x))/Users/1'])
      expect([target, needed(plain, target)]).toEqual([target, 'target_ambiguous'])
  })

  it('are rejected as multipart/mixed if something is verified', () => {
    const batch = (type: string) => ['Content-Type', type]
    for (const type of ['multipart/mixed;boundary=a', 'Multipart/Mixed', 'text/plain, multipart / mixed'])
      expect(needed(of, '/Users/1', batch(type))).toBe('media_type_unsupported')
    expect(needed(of, '/Users/1', batch('multipart/form-data;boundary=a'))).toBe('authorization')
    expect(needed(of, '/open', batch('multipart/mixed'))).toBe('none')
  })
})
