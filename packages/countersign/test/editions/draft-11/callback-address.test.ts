import { describe, expect, it } from 'vitest'
import { callbackAddress, failedCallback } from '../../../src/editions/draft-11/callback-address.js'

const callback = 'https://agent.example/callback'
const loopback = 'http://127.0.0.1:4711/callback'

describe('the address to which a link returns', () => {
  it.each<[string | null | undefined, Parameters<typeof callbackAddress>[1], boolean]>([
    [callback, { callback_endpoint: callback }, true],
    [`${callback}?state=a`, { callback_endpoint: callback }, true],
    [callback, { callback_endpoint: `${callback}?app=1` }, true],
    [callback, {}, false],
    [`${callback}/`, { callback_endpoint: callback }, false],
    ['https://evil.example/callback', { callback_endpoint: callback }, false],
    [`${callback}#a`, { callback_endpoint: callback }, false],
    [`${callback}#`, { callback_endpoint: callback }, false],
    ['https://user@agent.example/callback', { callback_endpoint: callback }, false],
    ['https://:word@agent.example/callback', { callback_endpoint: callback }, false],
    ['https://AGENT.example/callback', { callback_endpoint: callback }, false],
    ['callback', { callback_endpoint: callback }, false],
    [null, { callback_endpoint: callback }, false],
    [undefined, { callback_endpoint: callback }, false],
    [loopback, { localhost_callback_allowed: true }, true],
    [loopback, { callback_endpoint: callback, localhost_callback_allowed: true }, true],
    [loopback, { callback_endpoint: callback, localhost_callback_allowed: false }, false],
    [loopback, {}, false],
    ['https://127.0.0.1:4711/callback', { localhost_callback_allowed: true }, false],
    ['http://[::1]:4711/callback', { localhost_callback_allowed: true }, false],
    ['http://192.0.2.1:4711/callback', { localhost_callback_allowed: true }, false],
    ['https://evil.example/callback', { localhost_callback_allowed: true }, false],
  ])('%j, with %j: %s', (given, document, isAllowed) => {
    expect(callbackAddress(given, document)).toBe(isAllowed ? given : undefined)
  })
})

it.each([
  [callback, `${callback}?error=e`],
  [`${callback}?state=a%20b&x`, `${callback}?state=a%20b&x&error=e`],
  [`${callback}?error=old&state=a`, `${callback}?state=a&error=e`],
  [`${callback}?%65rror=old`, `${callback}?error=e`],
  [`${callback}&a?b=1`, `${callback}&a?b=1&error=e`],
])('a failure is reported at %s as %s', (given, shown) => {
  expect(failedCallback(given, 'e')).toBe(shown)
})
