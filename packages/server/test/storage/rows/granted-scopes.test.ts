import { expect, it } from 'vitest'
import {
  commonScope,
  firstEnd,
  grantEnded,
  grantedScopesOf,
  isCurrent,
  isWithinScope,
  lastEndOf,
  livePermissions,
  requireCurrent,
  requireSubjects,
  scopeToGrant,
  toPermissions,
  unitePermissions,
} from '../../../src/storage/rows/granted-scopes.js'

it.each([
  ['', 'a', true],
  ['a', 'a b', true],
  ['b  a', 'a b', true],
  ['a c', 'a b', false],
  ['A', 'a', false],
])('"%s" is within "%s": %s', (part, whole, isWithin) => {
  expect(isWithinScope(part, whole)).toBe(isWithin)
})

it.each([
  ['a b', undefined, 'a b'],
  ['a b', 'a b', 'a b'],
  ['a b', 'b', 'b'],
  ['a b c', 'c a a', 'a c'],
  ['a b', '', undefined],
  ['a b', 'b c', undefined],
])('of "%s", a user grants "%s": "%s"', (asked, granted, scope) => {
  expect(scopeToGrant(asked, granted)).toBe(scope)
})

it('returns common scopes in the order of the first list', () => {
  expect(commonScope('c b a', 'a b d')).toBe('b a')
  expect(commonScope('a', 'b')).toBe('')
})

it('parses stored permissions, of which some never expire', () => {
  expect(toPermissions('a 100 b ')).toEqual([
    { name: 'a', expiresAt: 100 },
    { name: 'b', expiresAt: null },
  ])
  expect(toPermissions('a  b 0')).toEqual([
    { name: 'a', expiresAt: null },
    { name: 'b', expiresAt: 0 },
  ])
  expect(toPermissions(null)).toEqual([])
})

const permissions = [...grantedScopesOf('a', 100), ...grantedScopesOf('b', 200), ...grantedScopesOf('c', null)]

it('expires permissions and grants on the second', () => {
  const namesAt = (now: number) => livePermissions(permissions, now).map(({ name }) => name)
  expect([99, 100, 200].map(namesAt)).toEqual([['a', 'b', 'c'], ['b', 'c'], ['c']])
  const ended = (revokedAt: number | null, expiresAt: number | null) => grantEnded({ revokedAt, expiresAt }, 100)
  expect([ended(null, null), ended(null, 101), ended(null, 100), ended(200, null)]).toEqual([false, false, true, true])
})

it.each([
  ['a', 100, 100],
  ['a b', 100, 200],
  ['b c', 200, null],
  ['c', null, null],
  ['d', null, 0],
])('of "%s", the first expiry is %s, and the last is %s', (scope, first, last) => {
  expect([firstEnd(permissions, scope), lastEndOf(permissions, scope)]).toEqual([first, last])
})

it('keeps the later expiry of two decisions, and the order of the first', () => {
  const later = [...grantedScopesOf('d a', 150), ...grantedScopesOf('b', 150), ...grantedScopesOf('c', 150)]
  expect(unitePermissions(permissions, later)).toEqual([
    { name: 'a', expiresAt: 150 },
    { name: 'b', expiresAt: 200 },
    { name: 'c', expiresAt: null },
    { name: 'd', expiresAt: 150 },
  ])
  expect(unitePermissions(grantedScopesOf('a', 100), grantedScopesOf('a', null))).toEqual(grantedScopesOf('a', null))
})

const parties = { edition: 'january', userId: 'user', agent: 'agent', delegate: null, resource: 'r', account: null }
const grant = { ...parties, id: 'grant', scope: 'a b c', permissions, revokedAt: null, expiresAt: null }
const prepared = { jti: 'grant.random', scope: 'a', issuedAt: 0, expiresAt: 100 }

it.each([
  [{}, true],
  [{ expiresAt: 101 }, false],
  [{ scope: 'b' }, false],
  [{ jti: 'other.random' }, false],
  [{ jti: 'grant2.random' }, false],
  [{ jti: 'grant.family.random' }, true],
  [{ jti: 'random' }, true],
])('a prepared token with %o is still allowed: %s', (changes, isAllowed) => {
  const issue = { ...prepared, ...changes }
  expect(isCurrent(issue, grant, 'a')).toBe(isAllowed)
  const require = () => requireCurrent(issue, grant, 'a')
  if (isAllowed) expect(require).not.toThrow()
  else expect(require).toThrow(expect.objectContaining({ code: 'unavailable' }))
})

it('a prepared token for a permission without an expiry may expire at any time', () => {
  expect(isCurrent({ ...prepared, scope: 'c', expiresAt: 1e9 }, grant, 'c')).toBe(true)
})

it('requires both subjects of a prepared token to be those that are stored', () => {
  const stored = { sub: 'one', agentSub: 'two' }
  expect(() => requireSubjects(stored, stored)).not.toThrow()
  for (const changes of [{ sub: 'other' }, { agentSub: 'other' }])
    expect(() => requireSubjects({ ...stored, ...changes }, stored)).toThrow(
      expect.objectContaining({ code: 'unavailable' }),
    )
})
