import { describe, expect, it } from 'vitest'
import {
  acceptProblem,
  covers,
  coversNeed,
  encodedWithoutRaw,
  isProofStricter,
  methodDistance,
  methodProblem,
  needOf,
  type Route,
  requirementOf,
  routeProblems,
  strengthOf,
  withAccept,
} from '../../src/routes/route.js'

it.each([
  ['GET', 'GET', 0],
  ['HEAD', 'GET', 1],
  ['HEAD', '*', 2],
  ['PURGE', '*', undefined],
  ['POST', 'GET', undefined],
])('a request with %s, and a route for %s: distance %s', (method, routed, distance) => {
  expect(methodDistance(method, routed)).toBe(distance)
})

it.each(['*', 'GET', 'M-SEARCH', 'PROPFIND'])('a route may have the method %s', (method) => {
  expect(methodProblem(method)).toBeUndefined()
})

it.each([
  ['get', 'must be a method in upper case, or *'],
  ['GET ', 'must be a method in upper case, or *'],
  ['GET,POST', 'must be a method in upper case, or *'],
  ['', 'must be a method in upper case, or *'],
  [undefined, 'must be a method in upper case, or *'],
  ['CONNECT', 'is never forwarded'],
  ['TRACE', 'is never forwarded'],
  ['TRACK', 'is never forwarded'],
  ['PSOT', 'is not an HTTP method that Node.js can parse; did you mean POST?'],
])('a route may not have the method %j', (method, problem) => {
  expect(methodProblem(method)).toBe(problem)
})

it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('* includes %s', (method) => {
  expect(methodDistance(method, '*')).toBe(2)
})

describe('routeProblems', () => {
  const open = { method: 'GET', path: '/files/{id}', require: 'none' } as const
  const closed = { method: 'GET', path: '/files/{id}', require: 'authorization', scope: 'files.read' } as const

  it.each<Partial<Route>>([
    open,
    closed,
    { ...closed, scope: 'files.read files.write' },
    { ...open, require: 'signature', maxBody: 0 },
    { ...open, require: 'identity', maxBody: 1 },
    { ...open, body: 'unseen', case: 'kept', endings: 'kept' },
    { ...open, mayShadow: true, mayNameMethod: true, fallback: true, pathParameters: true },
    { ...open, encoded: ['%2F', '%23', '%25'] },
  ])('accepts %j', (route) => {
    expect(routeProblems(route)).toEqual([])
  })

  it.each<[keyof Route, object]>([
    ['method', { ...open, method: 'get' }],
    ['path', { ...open, path: 'files' }],
    ['require', { ...open, require: undefined }],
    ['require', { ...open, require: 'all' }],
    ['scope', { ...closed, scope: undefined }],
    ['scope', { ...closed, scope: '' }],
    ['scope', { ...closed, scope: ' files.read' }],
    ['scope', { ...closed, scope: 'files.read ' }],
    ['scope', { ...closed, scope: 'files.read  files.write' }],
    ['scope', { ...open, scope: 'files.read' }],
    ['body', { ...open, body: 'seen' }],
    ['body', { ...open, method: '*', body: 'unseen' }],
    ['body', { ...open, method: 'DELETE', body: 'unseen' }],
    ['body', { ...open, method: 'POST', require: 'authorization', scope: 'notes.read wallet.send', body: 'unseen' }],
    ['body', { ...open, method: 'POST', require: 'authorization', scope: 'files.trash', body: 'unseen' }],
    ['body', { ...open, path: '/Payments', body: 'unseen' }],
    ['body', { ...closed, scope: 'files.delete', body: 'unseen' }],
    ['maxBody', { ...open, maxBody: -1 }],
    ['maxBody', { ...open, maxBody: 1.5 }],
    ['case', { ...open, case: true }],
    ['endings', { ...open, endings: true }],
    ['mayShadow', { ...open, mayShadow: false }],
    ['mayNameMethod', { ...open, mayNameMethod: false }],
    ['fallback', { ...open, fallback: false }],
    ['pathParameters', { ...open, pathParameters: false }],
    ['encoded', { ...open, encoded: [] }],
    ['encoded', { ...open, encoded: '%2F' }],
    ['encoded', { ...open, encoded: ['%2F', '%3B'] }],
    ['encoded', { ...open, path: '/files', encoded: ['%2F'] }],
  ])('names %s as the problem of %j', (member, route) => {
    expect(routeProblems(route as Partial<Route>).map((problem) => problem.member)).toEqual([member])
  })
})

it('encoded delimiters require that the API matches encoded paths', () => {
  const routes: [number, Partial<Route>][] = [
    [2, { path: '/a' }],
    [5, { path: '/{id}', encoded: ['%2F'] }],
  ]
  expect(encodedWithoutRaw(routes, {}).map(({ setting }) => setting)).toEqual(['routes[5].encoded'])
  expect(encodedWithoutRaw(routes, { matches: 'raw' })).toEqual([])
})

describe('requirements', () => {
  const route = (require: Route['require'], more: Partial<Route> = {}): Route => ({
    method: '*',
    path: '/a',
    require,
    ...more,
  })

  it('the levels increase from none to authorization', () => {
    const levels = ['none', 'signature', 'identity', 'user', 'authorization'] as const
    expect(levels.map(strengthOf)).toEqual([0, 1, 2, 3, 4])
  })

  it('of several routes are the strongest level, all scopes, the smallest body, and one that is seen', () => {
    const one = route('authorization', { scope: 'ab cd', maxBody: 9, body: 'unseen' })
    const other = route('authorization', { scope: 'cd ef', maxBody: 7 })
    expect(needOf([route('identity', { body: 'unseen' }), one])).toMatchObject({
      level: 'authorization',
      scope: 'ab cd',
      maxBody: 9,
      isBodyUnseen: true,
    })
    expect(needOf([one, other])).toMatchObject({ scope: 'ab cd ef', maxBody: 7, isBodyUnseen: false })
    expect(needOf([route('signature'), route('none')])).toMatchObject({
      level: 'signature',
      scope: undefined,
      maxBody: undefined,
    })
  })

  it.each<[string, Route, Route, string, boolean]>([
    ['the same level', route('identity'), route('identity'), 'POST', false],
    ['a stronger level', route('identity'), route('authorization', { scope: 'ab' }), 'POST', true],
    ['a weaker level', route('identity'), route('signature'), 'POST', false],
    ['another scope', route('authorization', { scope: 'ab' }), route('authorization', { scope: 'cd' }), 'POST', true],
    [
      'a further scope',
      route('authorization', { scope: 'ab' }),
      route('authorization', { scope: 'ab cd' }),
      'GET',
      true,
    ],
    ['fewer scopes', route('authorization', { scope: 'ab cd' }), route('authorization', { scope: 'cd' }), 'GET', false],
    ['a body that is seen', route('none', { body: 'unseen' }), route('none'), 'POST', true],
    ['a body that is seen, for GET', route('none', { body: 'unseen' }), route('none'), 'GET', false],
    ['a body that is seen, for HEAD', route('none', { body: 'unseen' }), route('none'), 'HEAD', false],
    [
      'a body that is unseen as well',
      route('none', { body: 'unseen' }),
      route('none', { body: 'unseen' }),
      'PUT',
      false,
    ],
  ])('%s is stricter or not', (_what, own, other, method, expected) => {
    expect(isProofStricter(other, needOf([own]), method)).toBe(expected)
    expect(covers(needOf([own]), other, method)).toBe(!expected)
  })

  it.each<[number | undefined, number | undefined, boolean]>([
    [undefined, undefined, true],
    [7, 7, true],
    [6, 7, true],
    [8, 7, false],
    [undefined, 7, false],
    [7, undefined, false],
  ])('a limit of %s for the body covers one of %s: %s', (own, other, expected) => {
    const need = needOf([route('none', { maxBody: own })])
    expect(covers(need, route('none', { maxBody: other }), 'POST')).toBe(expected)
    expect(covers(need, route('none', { maxBody: other }), 'GET')).toBe(true)
  })

  it('of a GET are compared with those of several routes, whatever the size of a body', () => {
    const [small, large] = [route('identity', { maxBody: 1 }), route('identity', { maxBody: 9, body: 'unseen' })]
    expect(coversNeed(needOf([large]), needOf([small, large]))).toBe(true)
    expect(coversNeed(needOf([large]), needOf([route('authorization', { scope: 'ab' }), large]))).toBe(false)
  })

  it('are those that the resource verifies', () => {
    expect(requirementOf(needOf([route('signature')]))).toEqual({ require: 'signature', accept: ['aauth'] })
    expect(requirementOf(needOf([route('authorization', { scope: 'ab' })]))).toEqual({
      require: 'authorization',
      scope: 'ab',
      accept: ['aauth'],
    })
    expect(() => requirementOf(needOf([route('none')]))).toThrow(TypeError)
  })
})

const onlyOAuth = 'must be ["aauth"], or ["aauth", "oauth"] for OAuth clients'
it.each<[unknown, string | undefined]>([
  [['aauth'], undefined],
  [['aauth', 'oauth'], undefined],
  [['oauth', 'aauth'], undefined],
  [['oauth'], onlyOAuth],
  [[], onlyOAuth],
  [['aauth', 'basic'], onlyOAuth],
  ['aauth', onlyOAuth],
  [undefined, onlyOAuth],
])('accept: %j: %s', (accept, problem) => {
  expect(acceptProblem(accept)).toBe(problem)
})

describe('OAuth', () => {
  const both = ['aauth', 'oauth'] as const
  const route = (require: Route['require'], more: Partial<Route> = {}): Route => ({
    method: 'GET',
    path: '/a',
    require,
    ...(require === 'authorization' && { scope: 'a' }),
    ...more,
  })

  it('is accepted by default for routes with scopes, if the gateway accepts it', () => {
    const levels = ['none', 'signature', 'identity', 'authorization'] as const
    const acceptIn = (accept: Route['accept']) => levels.map((level) => withAccept(route(level), accept).accept)
    expect(acceptIn(both)).toEqual([['aauth'], ['aauth'], ['aauth'], both])
    for (const accept of [['aauth'] as const, undefined]) expect(acceptIn(accept)).toEqual(levels.map(() => undefined))
    expect(withAccept(route('authorization', { accept: ['aauth'] }), both).accept).toEqual(['aauth'])
    expect(withAccept(route('signature', { accept: both }), both).accept).toEqual(both)
  })

  it('proves a request if all of its routes accept it', () => {
    const [open, closed, either] = [route('none'), route('identity'), route('identity', { accept: both })]
    const isEnough = (...routes: [Route, ...Route[]]) => needOf(routes).acceptsOAuth
    expect([
      isEnough(open),
      isEnough(closed),
      isEnough(either),
      isEnough(open, either),
      isEnough(either, closed),
    ]).toEqual([false, false, true, true, false])
    const need = needOf([either])
    expect([open, closed, either].map((other) => isProofStricter(other, need, 'GET'))).toEqual([false, true, false])
    expect(requirementOf(need)).toEqual({ require: 'identity', accept: both })
    expect(requirementOf(needOf([closed]))).toEqual({ require: 'identity', accept: ['aauth'] })
    expect(requirementOf(needOf([route('authorization')]))).toEqual({
      require: 'authorization',
      scope: 'a',
      accept: ['aauth'],
    })
  })

  it('has no effect on a route that requires nothing', () => {
    const problemsOf = (given: Partial<Route>) =>
      routeProblems(given).map(({ member, problem }) => `${member} ${problem}`)
    expect(problemsOf(route('none', { accept: both }))).toEqual(['accept has no effect with require: "none"'])
    expect(problemsOf(route('none', { accept: ['oauth'] }))).toEqual([`accept ${onlyOAuth}`])
    expect(problemsOf(route('signature', { accept: both }))).toEqual([])
    expect(problemsOf({ encoded: ['%2F'] })).toEqual([
      'method must be a method in upper case, or *',
      'path must be a path that starts with /',
      'require must be one of none, signature, identity, user, authorization',
    ])
  })
})
