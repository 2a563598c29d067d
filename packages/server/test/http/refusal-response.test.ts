import { AAuthError, type ErrorCode } from 'countersign'
import { StorageError } from 'countersign-server'
import { expect, it } from 'vitest'
import { asRefusal, isFailure } from '../../src/http/refusal-response.js'

it.each<[StorageError['code'], ErrorCode, number | undefined]>([
  ['too_many_requests', 'too_many_requests', 60],
  ['too_many_nonces', 'too_many_requests', 60],
  ['nonce_used', 'nonce_replayed', undefined],
  ['agent_blocked', 'agent_blocked', undefined],
  ['unavailable', 'unavailable', 2],
  ['not_ours', 'bug', undefined],
])('the storage error %s becomes %s, with Retry-After %s', (code, refusal, retryAfter) => {
  const error = new StorageError(code, 'inner')
  expect(asRefusal(error)).toMatchObject({ code: refusal, retryAfter, cause: error })
})

it('keeps a refusal, and takes anything else for a bug', () => {
  const refusal = new AAuthError('not_found', 'a')
  expect(asRefusal(refusal)).toBe(refusal)
  const error = new TypeError('a mistake')
  expect(asRefusal(error)).toMatchObject({ code: 'bug', status: 500, cause: error })
})

it.each<[unknown, number, boolean]>([
  [new AAuthError('unavailable', 'overloaded'), 503, false],
  [new AAuthError('unavailable', 'the database', { cause: new Error('down') }), 503, true],
  [new AAuthError('upstream_failed', 'a'), 502, true],
  [new AAuthError('bug', 'a'), 500, true],
  [new Error('a'), 500, true],
  [new Error('a'), 499, false],
  [new AAuthError('not_found', 'a'), 404, false],
])('%s with the status %i is reported: %s', (error, status, expected) => {
  expect(isFailure(error, status)).toBe(expected)
})
