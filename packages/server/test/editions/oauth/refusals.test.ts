import { AAuthError, type ErrorCode } from 'countersign'
import { describe, expect, it } from 'vitest'
import { asciiOf, BasicRefusal, oauthError, writeOAuthRefusal } from '../../../src/editions/oauth/refusals.js'

const shown = (error: AAuthError) => {
  const { status, headers, body } = writeOAuthRefusal(error)
  const { error: name } = JSON.parse(body ?? '') as { error: string }
  return [status, name, headers['retry-after']]
}

describe('a refusal', () => {
  it.each<[ErrorCode, number, string, string | undefined]>([
    ['code_unknown', 400, 'invalid_grant', undefined],
    ['code_expired', 400, 'invalid_grant', undefined],
    ['code_used', 400, 'invalid_grant', undefined],
    ['code_foreign', 400, 'invalid_grant', undefined],
    ['code_injected', 400, 'invalid_grant', undefined],
    ['refresh_token_refused', 400, 'invalid_grant', undefined],
    ['grant_ended', 400, 'invalid_grant', undefined],
    ['agent_blocked', 400, 'invalid_grant', undefined],
    ['policy_denied', 400, 'access_denied', undefined],
    ['too_many_requests', 429, 'temporarily_unavailable', undefined],
    ['unavailable', 503, 'temporarily_unavailable', '5'],
    ['signer_refused', 503, 'temporarily_unavailable', '5'],
    ['bug', 503, 'temporarily_unavailable', '5'],
    ['upstream_failed', 503, 'temporarily_unavailable', '5'],
    ['body_read_before', 503, 'temporarily_unavailable', '5'],
    ['body_too_large', 413, 'invalid_request', undefined],
  ])('for %s has status %i, %s', (code, status, name, retryAfter) => {
    expect(shown(new AAuthError(code, 'why'))).toEqual([status, name, retryAfter])
  })

  it('keeps its own error and the time after which to try again', () => {
    expect(shown(oauthError('invalid_scope', 'why'))).toEqual([400, 'invalid_scope', undefined])
    expect(shown(oauthError('invalid_client', 'why'))).toEqual([401, 'invalid_client', undefined])
    expect(shown(new AAuthError('unavailable', 'why', { retryAfter: 9 }))[2]).toBe('9')
  })

  it('is JSON that no cache keeps, and mentions Basic only where it was used', () => {
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
    const refusal = writeOAuthRefusal(oauthError('invalid_client', 'the client’s “id”'))
    expect(refusal.headers).toEqual(headers)
    expect(JSON.parse(refusal.body ?? '')).toEqual({ error: 'invalid_client', error_description: "the client's ?id?" })
    expect(writeOAuthRefusal(new BasicRefusal('why')).headers).toEqual({ ...headers, 'www-authenticate': 'Basic' })
  })
})

it.each([
  ['a ~!#[]', 'a ~!#[]'],
  ['a"b\\c', 'a?b?c'],
  ['’\n\u007fé', "'???"],
])('%j is described as %j', (text, ascii) => {
  expect(asciiOf(text)).toBe(ascii)
})
