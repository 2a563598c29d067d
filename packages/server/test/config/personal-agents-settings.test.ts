import { expect, it } from 'vitest'
import { personalAgentsOption } from '../../src/config/personal-agents-settings.js'

const keys = { publicKeys: async () => [] }

it.each([
  [{}, true],
  [{ devices: 1 }, true],
  [{ devices: 1000 }, true],
  [{ devices: 0 }, false],
  [{ devices: 1001 }, false],
  [{ users: [] }, false],
  [{ users: ['x'.repeat(128)] }, true],
  [{ users: ['x'.repeat(129)] }, false],
  [{ users: Array(10_000).fill('x') }, true],
  [{ users: Array(10_001).fill('x') }, false],
  [{ keys: 'x' }, false],
])('the setting %j is accepted: %s', (given, expected) => {
  expect(personalAgentsOption.safeParse({ keys, ...given }).success).toBe(expected)
})
