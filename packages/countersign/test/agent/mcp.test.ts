import { expect, it } from 'vitest'
import { mcpTimeouts } from '../../src/agent/mcp.js'

it('converts a patience in seconds to milliseconds', () => {
  expect(mcpTimeouts()).toEqual({ timeout: 1_800_000, resetTimeoutOnProgress: true })
  expect(mcpTimeouts({ patience: 0.5 })).toEqual({ timeout: 500, resetTimeoutOnProgress: true })
})

it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 3_000_000])('rejects a patience of %s', (patience) => {
  expect(() => mcpTimeouts({ patience })).toThrow(TypeError)
})
