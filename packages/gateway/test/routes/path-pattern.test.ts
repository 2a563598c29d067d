import { describe, expect, it } from 'vitest'
import {
  foldedFits,
  foldPattern,
  hasPlainEnd,
  isFoldedWithin,
  isNarrower,
  isOverlapping,
  isWithin,
  parsePathPattern,
  pathPatternProblem,
  patternFits,
  shapeOf,
  sharesPrefix,
} from '../../src/routes/path-pattern.js'

const parse = parsePathPattern
const names = (path: string) => path.slice(1).split('/')
const loose = { case: false, endings: false }

it.each([
  '/',
  '/files',
  '/files/',
  '/files/*',
  '/*',
  '/users/{id}',
  '/users/{id}/',
  '/r/of-{id}.pdf',
  '/{a}/{b}',
  "/a-._~!$&'()+,=:@b",
  '/%C3%A9',
])('the pattern %s is valid', (path) => {
  expect(pathPatternProblem(path)).toBeFalsy()
})

it.each<[unknown, string]>([
  [undefined, 'must be a path that starts with /'],
  [7, 'must be a path that starts with /'],
  ['files', 'must be a path that starts with /'],
  ['', 'must be a path that starts with /'],
  ['/a//b', 'has an empty segment, but requests with // are refused'],
  ['//', 'has an empty segment, but requests with // are refused'],
  ['/a/*/b', 'can only have * as its last segment: /files/*'],
  ['/a*', 'can only have * as its last segment: /files/*'],
  ['/a/[b]', 'has [, ] or |: paths are not regular expressions, and a parameter must be written as {id}'],
  ['/a/]', 'has [, ] or |: paths are not regular expressions, and a parameter must be written as {id}'],
  ['/a|b', 'has [, ] or |: paths are not regular expressions, and a parameter must be written as {id}'],
  ['/a/:id', 'has :id: a parameter must be written as {id}'],
  ['/a/{b}-{c}', 'has two parameters in one segment'],
  ['/a b', 'has an invalid segment: a b'],
  ['/a;b', 'has an invalid segment: a;b'],
  ['/{a', 'has an invalid segment: {a'],
  ['/é', 'has an invalid segment: é'],
  ['/a/../b', 'has a dot segment, or a segment of spaces, but requests with such a path are refused'],
  ['/%61', 'has %61, an unnecessary escape, but requests with such a path are refused'],
  [
    '/a%',
    'has a character that must be encoded, or a % without two hex digits, but requests with such a path are refused',
  ],
  ['/a%2Fb', 'has an encoded delimiter: only a parameter can match one'],
])('the pattern %s %s', (path, problem) => {
  expect(pathPatternProblem(path)).toBe(problem)
})

it.each([
  ['/users/{id}', '/users/{name}', true],
  ['/r/a{id}b', '/r/a{x}b', true],
  ['/r/a{id}b', '/r/a{x}c', false],
  ['/r/a{id}b', '/r/b{x}b', false],
  ['/users', '/users/', false],
  ['/users/*', '/users/{id}', false],
  ['/users/*', '/users', false],
])('%s and %s have the same shape: %s', (one, other, expected) => {
  expect(shapeOf(parse(one)) === shapeOf(parse(other))).toBe(expected)
})

it.each([
  ['/users/{id}', '/users/1', true],
  ['/users/{id}', '/users/', false],
  ['/users/{id}', '/users/1/2', false],
  ['/users/{id}', '/users', false],
  ['/r/of-{id}.pdf', '/r/of-1.pdf', true],
  ['/r/of-{id}.pdf', '/r/of-.pdf', false],
  ['/r/of-{id}.pdf', '/r/of-1.png', false],
  ['/r/of-{id}.pdf', '/r/xof-1.pdf', false],
  ['/r/aa{id}aa', '/r/aaa', false],
  ['/files/*', '/files/', true],
  ['/files/*', '/files/a/b', true],
  ['/files/*', '/files', false],
  ['/files/*', '/other/a', false],
  ['/*', '/', true],
  ['/Files', '/files', false],
])('the pattern %s matches %s: %s', (pattern, path, expected) => {
  expect(patternFits(parse(pattern), names(path))).toBe(expected)
})

describe('all paths of a pattern are within another', () => {
  it.each([
    ['/users/me', '/users/{id}', true],
    ['/users/{id}', '/users/me', false],
    ['/users/{id}', '/users/{x}', true],
    ['/r/of-{id}.pdf', '/r/{id}', true],
    ['/r/of-{id}.pdf', '/r/of{id}pdf', true],
    ['/r/of-{id}.pdf', '/r/off{id}', false],
    ['/r/of-{id}.pdf', '/r/{id}.png', false],
    ['/files/a', '/files/*', true],
    ['/files', '/files/*', true],
    ['/files/*', '/files/*', true],
    ['/files/*', '/files/{id}', false],
    ['/files/a/*', '/files/*', true],
    ['/files/*', '/files/a/*', false],
    ['/files/*', '/files', false],
    ['/a/b', '/a/c', false],
    ['/a', '/a/b', false],
  ])('%s, %s: %s', (one, other, expected) => {
    expect(isWithin(parse(one), parse(other))).toBe(expected)
  })

  it.each([
    ['/users/me', '/users/{id}', true],
    ['/users/{id}', '/users/{x}', false],
    ['/users/{id}', '/users/me', false],
  ])('and not the other way round: %s, %s: %s', (one, other, expected) => {
    expect(isNarrower(parse(one), parse(other))).toBe(expected)
  })
})

it.each([
  ['/users/{id}', '/{a}/me', true],
  ['/users/{id}', '/users/me', true],
  ['/users/me', '/users/you', false],
  ['/users/{id}', '/users/{id}/x', false],
  ['/users/*', '/users/{id}/x', true],
  ['/users/{id}/x', '/users/*', true],
  ['/users/*', '/users', true],
  ['/a/*', '/b/*', false],
  ['/r/a{id}', '/r/b{id}', false],
  ['/r/a{id}', '/r/ab{id}', true],
  ['/r/ab{id}', '/r/a{id}', true],
  ['/r/{id}.pdf', '/r/{id}.png', false],
  ['/r/{id}.pdf', '/r/{id}pdf', true],
  ['/r/{id}f', '/r/{id}.pdf', true],
])('%s and %s share a path: %s', (one, other, expected) => {
  expect(isOverlapping(parse(one), parse(other))).toBe(expected)
  expect(isOverlapping(parse(other), parse(one))).toBe(expected)
})

it.each([
  ['/{page}', '/admin/*', true],
  ['/a{page}', '/admin/*', true],
  ['/admins{page}', '/admin/*', true],
  ['/b{page}', '/admin/*', false],
  ['/{page}', '/admin', false],
  ['/page', '/admin/*', false],
  ['/{page}', '/{x}/*', false],
  ['/v1/{page}', '/v1/admin/*', true],
  ['/v2/{page}', '/v1/admin/*', false],
  ['/{v}/{page}', '/v1/admin/*', true],
  ['/{page}', '/*', false],
])('a parameter of %s can start like %s: %s', (one, other, expected) => {
  expect(sharesPrefix(parse(one), parse(other))).toBe(expected)
})

it.each([
  ['/files', true],
  ['/files/', false],
  ['/index', false],
  ['/Index.html', false],
  ['/default', false],
  ['/default.aspx', false],
  ['/indexes', true],
  ['/{id}', true],
  ['/index/*', true],
  ['/*', true],
])('folding drops nothing from the end of %s: %s', (path, expected) => {
  expect(hasPlainEnd(parse(path))).toBe(expected)
})

describe('in folded form', () => {
  const fold = (path: string, kept = loose) => foldPattern(parse(path), kept)

  it.each([
    ['/Files/A', '/files/a', true],
    ['/files/a', '/files/a', true],
    ['/files/a.txt', '/files/a', true],
    ['/users/{id}', '/users/1', true],
    ['/users/{id}', '/users', false],
    ['/r/of-{id}.pdf', '/r/of-1', true],
    ['/r/of-{id}.pdf', '/r/in-1', false],
    ['/files/*', '/files', true],
    ['/files/*', '/files/a', true],
    ['/files/*', '/files.x/a', true],
    ['/files/*', '/filesx/a', false],
    ['/r/a{id}', '/r/a', true],
    ['/r/a{id}b/c', '/r/a/c', true],
    ['/r/a{id}b/c', '/r/ab/c', true],
    ['/r/a{id}b/c', '/r/b/c', false],
    ['/r/a{id}b/*', '/r/axb.json/c', true],
    ['/r/a{id}b/*', '/r/axc.json/c', false],
    ['/r/a{id}b/*', '/r/axb/c', true],
    ['/a-b', '/a_b', false],
    ['/a', '/b', false],
  ])('%s matches %s: %s', (pattern, path, expected) => {
    expect(foldedFits(fold(pattern), names(path))).toBe(expected)
  })

  it('keeps case and endings if the row does', () => {
    expect(foldedFits(fold('/Files', { case: true, endings: false }), ['files'])).toBe(false)
    expect(foldedFits(fold('/Files', { case: true, endings: false }), ['Files'])).toBe(true)
    expect(foldedFits(fold('/a.txt', { case: false, endings: true }), ['a'])).toBe(false)
    expect(foldedFits(fold('/a.txt', { case: false, endings: true }), ['a.txt'])).toBe(true)
    expect(foldedFits(fold('/files/*', { case: false, endings: true }), ['files.x', 'a'])).toBe(false)
  })

  it.each([
    ['/users-x', 'users_x', true],
    ['/users-x', 'users.x', true],
    ['/users-x', 'usersyx', false],
    ['/users-x', 'users--x', false],
    ['/users-x', 'users', false],
    ['/users-x', 'users-', false],
    ['/{id}', 'a_b', true],
  ])('%s matches %s in a path that was read: %s', (pattern, last, expected) => {
    expect(foldedFits(fold(pattern), [last], { own: [], last })).toBe(expected)
  })

  it('does not take a name that all own patterns have for another spelling', () => {
    const read = { own: [parse('/users_x')], last: 'users_x' }
    expect(foldedFits(fold('/users-x'), ['users_x'], read)).toBe(false)
    for (const other of ['/{id}', '/users.x', '/users_x{id}', '/'])
      expect(foldedFits(fold('/users-x'), ['users_x'], { ...read, own: [parse('/users_x'), parse(other)] })).toBe(true)
  })

  it.each([
    ['/files', '/files/*', true],
    ['/files/a', '/files/*', true],
    ['/other', '/files/*', false],
    ['/{id}.x/a', '/{id}/*', true],
    ['/files.{id}/a', '/files/*', true],
    ['/files{id}/a', '/files/*', false],
    ['/abc{id}/z', '/a{x}c/*', false],
    ['/abc.{id}/z', '/a{x}c/*', true],
    ['/abd.{id}/z', '/a{x}c/*', false],
    ['/Users', '/users', true],
  ])('%s is within %s: %s', (one, other, expected) => {
    expect(isFoldedWithin(fold(one), fold(other))).toBe(expected)
  })
})
