import { expect, it } from 'vitest'
import { divergesTo, hasUnusualParameter, isParent, takesRest } from '../../src/routes/router-behavior.js'

const names = (path: string) => path.slice(1).split('/')

/** A pattern, whose names are the same in folded form. */
function parse(path: string) {
  const parts = names(path)
  const open = parts.at(-1) === '*'
  const segments = (open ? parts.slice(0, -1) : parts).map((part) => {
    const [before, after] = part.split(/\{\w+\}/) as [string, string?]
    return { before, after: after ?? '', free: after !== undefined }
  })
  return { open, segments, base: undefined }
}

it.each([
  ['/{id}', `/${'a'.repeat(100)}`, false],
  ['/{id}', `/${'a'.repeat(101)}`, true],
  ['/of-{id}.pdf', `/of-${'a'.repeat(100)}.pdf`, false],
  ['/of-{id}.pdf', `/of-${'a'.repeat(101)}.pdf`, true],
  ['/x/{id}', `/${'a'.repeat(101)}/b`, false],
  ['/{id}', '/a.b', false],
  ['/{id}', '/a.b.c', true],
  ['/{id}', '/.a', true],
  ['/{id}', '/a.', true],
  ['/a.b.c', '/a.b.c', false],
  ['/a.b-{id}', '/a.b-7', false],
  ['/{id}/raw', '/a/raw', false],
  ['/{id}/raw', '/a.b/raw', true],
  ['/{id}/*', '/a.b/c', true],
  ['/{id}/*', '/a/b.c.d', false],
  ['/{id}.jpg', '/a.jpg', false],
  ['/{id}.jpg', '/a.b.jpg', true],
  ['/{id}-x', '/a-x', false],
  ['/{id}-x', '/a-b-x', true],
  ['/{id}-x', '/a.b-x', true],
  ['/{id}', '/@me', false],
  ['/{id}', '/a@example.org', false],
  ['/{id}', '/a%20b_c~d-e=f+g', false],
  ['/{id}', '/caf%C3%A9.%E6%96%87', false],
  ['/{id}', '/a%2Fb', false],
  ['/{id}', '/%23a.b', false],
  ['/{id}', '/a%2Fb.c.d', true],
  ['/{id}', '/a%252Fb', false],
  ...`!"$&'()*,:;<>[]^{|}\\\``.split('').flatMap((character): [string, string, boolean][] => [
    ['/{id}', `/a${character}b`, true],
    ['/{id}', `/a${encodeURIComponent(character)}b`, true],
  ]),
  ['/{id}', '/a%00', true],
  ['/{id}', '/a%E2%80%8Bb', true],
])('a router may not match the parameter of %s in %s: %s', (pattern, path, expected) => {
  expect(hasUnusualParameter(parse(pattern), names(path))).toBe(expected)
})

it.each([
  ['/{tenant}/users', '/admin/{x}', '/admin/users', true],
  ['/{tenant}/users', '/admin/{x}', '/acme/users', false],
  ['/{tenant}/users', '/admin/other', '/admin/users', true],
  ['/{tenant}/users', '/{x}/users', '/admin/users', false],
  ['/admin/users', '/admin/{x}', '/admin/users', false],
  ['/{a}/{b}', '/x/y', '/z/y', false],
])('a path of %s follows %s: %s: %s', (pattern, other, path, expected) => {
  expect(divergesTo(parse(pattern), parse(other), names(path))).toBe(expected)
})

it.each([
  ['/admin', '/admin/x', ['/*'], true],
  ['/admin', '/admin', ['/*'], false],
  ['/admin/*', '/admin/x', ['/*'], false],
  ['/{id}', '/admin/x', ['/*'], false],
  ['/admin', '/admin/x', ['/{a}/{b}'], false],
])('%s is a parent of %s, which %j selected: %s', (pattern, path, selected, expected) => {
  const own = selected.map((each) => ({ pattern: parse(each) }))
  expect(isParent(parse(pattern), names(path), own)).toBe(expected)
})

it.each([
  ['/users/{id}', '/users/7/x', ['/{a}/{b}/{c}'], true],
  ['/users/{id}', '/users/7/x', ['/*'], true],
  ['/u-{id}', '/u-7/x', ['/{a}/{b}'], true],
  ['/users/{id}', '/users/7', ['/{a}/{b}'], false],
  ['/users/{id}', '/others/7/x', ['/{a}/{b}/{c}'], false],
  ['/users/{id}', '/users/7/x', ['/users/{user}/x'], false],
  ['/users/{id}', '/users/me/x', ['/users/me/*'], false],
  ['/users/{id}/*', '/users/7/x', ['/{a}/{b}/{c}'], false],
  ['/users/all', '/users/all/x', ['/{a}/{b}/{c}'], false],
  ['/users/{id}-x', '/users/7-x/y', ['/{a}/{b}/{c}'], false],
  ['/{id}', '/7/x', ['/*'], false],
])('the parameter of %s takes the rest of %s, which %j selected: %s', (pattern, path, selected, expected) => {
  expect(takesRest(parse(pattern), names(path), selected.map(parse))).toBe(expected)
})
