import { expect, it } from 'vitest'
import { januaryServer } from '../../../src/editions/january/january.js'

it.each([
  ['/agent/token', 'resource_token=a&request_type=auth', true],
  ['/agent/token', 'request_type=code&code=a', false],
  ['/agent/token', 'type=auth', false],
  ['/agent/token', '', false],
  ['/agent/revoke', 'request_type=auth', false],
])('a POST of %s with %s starts a new consent: %s', (path, body, expected) => {
  expect(januaryServer.startsNew?.(path, body)).toBe(expected)
})
