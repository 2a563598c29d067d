import { expect, it } from 'vitest'
import { jsonResponse } from '../../src/lib/encodings.js'

it('jsonResponse sets the media type, and accepts headers', async () => {
  const response = jsonResponse(418, { a: 1 }, { 'x-a': 'b' })
  expect([response.status, response.headers.get('content-type'), response.headers.get('x-a')]).toEqual([
    418,
    'application/json',
    'b',
  ])
  expect(await response.json()).toEqual({ a: 1 })
})
