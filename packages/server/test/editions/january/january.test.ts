import { expect, it } from 'vitest'
import { januaryServer } from '../../../src/editions/january/january.js'

const endpoints = januaryServer.endpoints({} as never)

it.each([
  ['/agent/token', 'resource_token=a&request_type=auth', true],
  ['/agent/token', 'request_type=code&code=a', false],
  ['/agent/token', 'type=auth', false],
  ['/agent/token', '', false],
])('a POST to %s with %s starts a new consent: %s', (path, body, expected) => {
  expect(endpoints.find((endpoint) => endpoint.path === path)?.startsNew?.(body)).toBe(expected)
})

it('starts no new consent at any other endpoint', () => {
  expect(endpoints.filter(({ startsNew }) => startsNew).map(({ path }) => path)).toEqual(['/agent/token'])
})
