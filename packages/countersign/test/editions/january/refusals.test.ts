import { AAuthError, type ErrorCode, errorCases } from 'countersign'
import { january, wireErrorOf } from 'countersign/editions'
import { describe, expect, it } from 'vitest'

const codes = Object.keys(errorCases) as ErrorCode[]

describe('january.writeRefusal', () => {
  it.each(codes.filter((code) => code !== 'authorization_required'))(
    '%s: status, error and a description in ASCII',
    (code) => {
      const error = new AAuthError(code, 'The “reason” – \\ é \u0000 is ’here’.', { cause: new Error('inner') })
      const { status, headers, body } = january.writeRefusal(error)
      expect(status).toBe(errorCases[code].status)
      expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' })
      const parsed = JSON.parse(body) as Record<string, string>
      expect(Object.keys(parsed)).toEqual(['error', 'error_description'])
      expect(parsed.error).toBe(wireErrorOf(code).error)
      expect(parsed.error_description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
      expect(body).not.toContain('inner')
    },
  )

  it('authorization_required: the text of the capture', () => {
    const { status, headers, body } = january.writeRefusal(
      new AAuthError('authorization_required', 'Consent is needed.'),
    )
    expect({ status, body }).toEqual({ status: 401, body: 'Authorization required' })
    expect(headers).toMatchObject({ 'content-type': 'text/plain', 'cache-control': 'no-store' })
  })

  it.each<[number, ErrorCode]>([
    [408, 'consent_expired'],
    [410, 'consent_ended'],
    [429, 'too_many_requests'],
    [502, 'upstream_failed'],
    [503, 'unavailable'],
    [504, 'upstream_late'],
  ])('status %i for %s', (status, code) => {
    expect(january.writeRefusal(new AAuthError(code, 'a')).status).toBe(status)
  })

  const statuses: Record<number, ErrorCode[]> = {
    400: ['target_ambiguous', 'header_duplicate', 'host_malformed', 'request_malformed', 'resource_token_invalid'],
    401: ['signature_missing', 'key_unknown', 'auth_token_invalid', 'identity_required'],
    403: ['scope_insufficient', 'consent_denied', 'consent_required', 'policy_denied', 'agent_blocked'],
    404: ['not_found'],
    405: ['method_not_allowed'],
    408: ['body_late', 'consent_expired'],
    413: ['body_too_large'],
    415: ['media_type_unsupported'],
    431: ['headers_too_large'],
    500: ['body_read_before', 'request_changed', 'signer_refused', 'bug'],
  }
  it.each(
    Object.entries(statuses).flatMap(([status, listed]) => listed.map((code) => [Number(status), code] as const)),
  )('the status is %i for %s', (status, code) => {
    expect(january.writeRefusal(new AAuthError(code, 'a')).status).toBe(status)
  })

  const words: Record<string, ErrorCode[]> = {
    invalid_signature: [
      'signature_missing',
      'component_missing',
      'algorithm_unsupported',
      'key_invalid',
      'key_unknown',
    ],
    invalid_request: [
      'request_malformed',
      'identity_required',
      'not_found',
      'body_late',
      'signature_key_scheme_refused',
    ],
    invalid_grant: ['code_unknown', 'refresh_token_refused', 'grant_ended', 'consent_expired', 'consent_ended'],
    temporarily_unavailable: ['unavailable', 'upstream_failed', 'upstream_late', 'revocation_list_refused'],
    server_error: ['body_read_before', 'request_changed', 'signer_refused', 'bug'],
    unsupported_request_type: ['request_type_unsupported'],
    invalid_agent_token: ['agent_token_invalid'],
    expired_agent_token: ['agent_token_expired'],
    invalid_resource_token: ['resource_token_invalid'],
    expired_resource_token: ['resource_token_expired'],
    invalid_auth_token: ['auth_token_invalid'],
    expired_auth_token: ['auth_token_expired'],
    insufficient_scope: ['scope_insufficient'],
    invalid_scope: ['scope_invalid'],
    access_denied: ['consent_denied', 'consent_required', 'policy_denied', 'agent_blocked'],
    too_many_requests: ['too_many_requests'],
  }
  it.each(Object.entries(words).flatMap(([error, listed]) => listed.map((code) => [error, code] as const)))(
    'the error is %s for %s',
    (error, code) => {
      expect(wireErrorOf(code).error).toBe(error)
    },
  )

  it.each<[string, ErrorCode]>([
    ['invalid_signature', 'signature_missing'],
    ['invalid_input', 'component_missing'],
    ['invalid_input', 'nonce_missing'],
    ['unsupported_algorithm', 'algorithm_unsupported'],
    ['invalid_key', 'key_invalid'],
    ['unknown_key', 'key_unknown'],
  ])('Signature-Error is %s for %s', (error, code) => {
    expect(january.writeRefusal(new AAuthError(code, 'a')).headers['Signature-Error']).toBe(`error=${error}`)
  })

  it.each(codes.filter((code) => 'description' in errorCases[code]))(
    '%s: the message is for the operator only',
    (code) => {
      expect(january.writeRefusal(new AAuthError(code, 'secret reason')).body).not.toContain('secret')
    },
  )

  it('Signature-Error names the components that must be covered', () => {
    const error = new AAuthError('component_missing', 'a', { requiredInput: ['@query', 'nonce'] })
    expect(january.writeRefusal(error).headers['Signature-Error']).toBe(
      'error=invalid_input, required_input=("@query" "nonce")',
    )
    expect(january.writeRefusal(new AAuthError('key_unknown', 'a')).headers['Signature-Error']).toBe(
      'error=unknown_key',
    )
    expect(january.writeRefusal(new AAuthError('scope_insufficient', 'a')).headers).not.toHaveProperty(
      'Signature-Error',
    )
  })

  it.each([
    ['the key’s', "the key's"],
    ['‘a’ “b” „c” «d» "e"', "'a' 'b' 'c' 'd' 'e'"],
    ['1–2 — 3‑4 −5', '1-2 - 3-4 -5'],
    ['label=(…)', 'label=(...)'],
    ['AAuth §10, a → b, ≤ 2, ≥ 3, 4 × 5', 'AAuth section 10, a -> b, <= 2, >= 3, 4 x 5'],
    ['a\u00a0b\u202fc\td\ne\rf', 'a b c d e f'],
    ['https://\u0430gent.example', 'https://u{430}gent.example'],
    ['https://b\u00fccher.example', 'https://bu{fc}cher.example'],
    ['\u201a\u201e\u2011\u2012\u2013', "''---"],
    ['u\u0308', 'uu{308}'],
    ['\u{1f916} \ud800', 'u{1f916} u{d800}'],
    ['a\\b\u0000\u007f\u202e', 'au{5c}bu{0}u{7f}u{202e}'],
    [" !#'()[]~z", " !#'()[]~z"],
  ])('error_description of %j is %j', (message, description) => {
    const { body } = january.writeRefusal(new AAuthError('request_malformed', message))
    expect((JSON.parse(body) as Record<string, string>).error_description).toBe(description)
  })

  it('Retry-After is in whole seconds, rounded up', () => {
    expect(january.writeRefusal(new AAuthError('unavailable', 'a', { retryAfter: 4.2 })).headers['retry-after']).toBe(
      '5',
    )
  })

  it('Retry-After is sent if waiting helps', () => {
    expect(january.writeRefusal(new AAuthError('unavailable', 'a', { retryAfter: 5 })).headers['retry-after']).toBe('5')
    expect(january.writeRefusal(new AAuthError('unavailable', 'a')).headers).not.toHaveProperty('retry-after')
  })
})

describe('AAuthError', () => {
  it('keeps everything else when a challenge is added', () => {
    const cause = new Error('inner')
    const options = { cause, requiredInput: ['nonce'], algorithms: ['ed25519'], retryAfter: 5 }
    const error = new AAuthError('nonce_missing', 'a', options)
    const challenged = error.withChallenge({ level: 'identity' })
    expect(challenged).toMatchObject({
      ...options,
      code: 'nonce_missing',
      status: 401,
      message: 'a',
      challenge: { level: 'identity' },
    })
    expect(error.challenge).toBeUndefined()
  })

  it('has no cause if none was given', () => {
    expect('cause' in new AAuthError('bug', 'a')).toBe(false)
  })
})
