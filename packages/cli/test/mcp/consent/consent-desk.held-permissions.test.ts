import { expect, it } from 'vitest'
import { heldPermissions } from '../../../src/mcp/consent/consent-desk.js'

const token = (scope: string[], expiresAt: number) => ({
  resource: 'https://api.example',
  authServer: 'https://auth.example',
  scope,
  expiresAt,
  isRenewable: true,
})

it('are the same when a token is renewed, and others when a person has allowed more', () => {
  const before = heldPermissions([token(['read', 'write'], 600)])
  expect(heldPermissions([token(['write', 'read'], 1200)])).toEqual(before)
  expect(heldPermissions([token(['read', 'write', 'erase'], 1200)])).not.toEqual(before)
})
