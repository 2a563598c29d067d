import { expect, it } from 'vitest'
import { endOf } from '../../src/account/agent-entries.js'

type Ended = Parameters<typeof endOf>[0]

const now = 1_800_000_000
const live = { userId: 'alice', revokedAt: null, revokedBy: null, expiresAt: null } as Ended

it.each<[string, Partial<Ended>, ReturnType<typeof endOf>]>([
  ['does not expire', {}, undefined],
  ['is active until it expires', { expiresAt: now + 1 }, undefined],
  ['expired', { expiresAt: now }, { at: now, by: 'time' }],
  ['was revoked by the user', { revokedAt: now - 9, revokedBy: 'alice' }, { at: now - 9, by: 'person' }],
  ['was revoked by an operator', { revokedAt: now - 9, revokedBy: 'operator' }, { at: now - 9, by: 'server' }],
  [
    'was revoked before it expired',
    { revokedAt: now - 9, revokedBy: 'alice', expiresAt: now - 5 },
    { at: now - 9, by: 'person' },
  ],
])('a permission that %s', (_what, changes, end) => {
  expect(endOf({ ...live, ...changes }, now)).toEqual(end)
})
