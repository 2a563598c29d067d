import { expect, it } from 'vitest'
import { inSession, localPath, viewerOf } from '../../src/http/visit.js'

it.each([
  ['/account', '/account'],
  ['/agent/auth?request_token=a~b', '/agent/auth?request_token=a~b'],
  ['/', '/'],
  [undefined, '/account'],
  ['', '/account'],
  ['account/yours', '/account'],
  ['//evil.example', '/account'],
  ['/\\evil.example', '/account'],
  ['/a\\b', '/account'],
  ['/a b', '/account'],
  ['/a\n', '/account'],
  ['/é', '/account'],
  ['https://evil.example/', '/account'],
  [' /yours', '/account'],
])('a return to %j leads to %s', (path, expected) => {
  expect(localPath(path)).toBe(expected)
})

type Session = NonNullable<Parameters<typeof viewerOf>[0]>
const session = (id: string, userId: string) => ({ id, user: { id: userId, credentialRevision: 4 } }) as Session

it('tells the viewers of a page apart by user and session, without naming them', () => {
  expect(viewerOf(undefined)).toBe('anonymous')
  const [one, other] = [viewerOf(session('s', 'alice')), viewerOf(session('t', 'alice'))]
  expect(one).toMatch(/^[\w-]{22}~[\w-]{22}$/)
  expect(other.split('~')[0]).toBe(one.split('~')[0])
  expect(other).not.toBe(one)
  expect(viewerOf(session('s', 'bob')).split('~')[0]).not.toBe(one.split('~')[0])
  expect(viewerOf(session('s', 'bob')).split('~')[1]).toBe(one.split('~')[1])
})

it('acts for the user and browser as read', () => {
  const visit = { browserHash: 'b', session: session('s', 'alice') } as Parameters<typeof inSession>[0]
  expect(inSession(visit)).toEqual({ browserHash: 'b', userId: 'alice', credentialRevision: 4 })
})
