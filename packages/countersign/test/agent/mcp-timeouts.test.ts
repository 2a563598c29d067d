import { expect, it } from 'vitest'
import { mcpTimeouts } from '../../src/agent/mcp-timeouts.js'

it('converts a patience in seconds to milliseconds', () => {
  expect(mcpTimeouts()).toEqual({ timeout: 1_800_000, resetTimeoutOnProgress: true })
  expect(mcpTimeouts({ patience: 2_147_483 }).timeout).toBe(2_147_483_000)
  expect(mcpTimeouts({ patience: 0.5 })).toEqual({ timeout: 500, resetTimeoutOnProgress: true })
})

it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2_147_484])('rejects a patience of %s', (patience) => {
  expect(() => mcpTimeouts({ patience })).toThrow(
    new TypeError('patience must be a number of seconds, more than 0 and at most 2147483'),
  )
})
