import { AAuthError, type AAuthErrorOptions, type ErrorCode, errorCases } from 'countersign'
import {
  isSignatureErrorName,
  parseRequirement,
  parseSignatureError,
  type Requirement,
  serializeRequirement,
  writeRefusal,
} from 'countersign/editions/draft-11'
import { describe, expect, it } from 'vitest'

const codes = Object.keys(errorCases) as ErrorCode[]

describe('writeRefusal', () => {
  it.each(codes)('%s: problem details', (code) => {
    const { status, headers, body } = writeRefusal(new AAuthError(code, 'Why.', { cause: new Error('inner') }))
    expect(headers).toMatchObject({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' })
    const details = JSON.parse(body) as Record<string, unknown>
    expect(details).toMatchObject({
      status,
      error: expect.stringMatching(/^[a-z_]+$/) as unknown,
      detail: expect.any(String) as unknown,
    })
    expect(body).not.toContain('inner')
    const problem = parseSignatureError(headers['signature-error'] ?? '')?.error
    expect(problem !== undefined, 'only a 401 is about the signature').toBe(isSignatureErrorName(details.error))
    if (problem === undefined) return
    expect([status, problem, details.type]).toEqual([401, details.error, `urn:ietf:params:sig-error:${problem}`])
  })

  const rows: [string, ErrorCode, AAuthErrorOptions, object][] = [
    [
      'missing components',
      'component_missing',
      { requiredInput: ['@method', '@query'] },
      { 'signature-error': 'error=invalid_input, required_input=("@method" "@query")' },
    ],
    [
      'another scheme',
      'signature_key_scheme_refused',
      {},
      { 'signature-error': 'error=unsupported_scheme', 'accept-signature-scheme': 'jwt' },
    ],
    [
      'another algorithm',
      'algorithm_unsupported',
      {},
      { 'signature-error': 'error=unsupported_algorithm', 'accept-signature-alg': 'Ed25519, ES256' },
    ],
    [
      'another algorithm than the configured one',
      'algorithm_unsupported',
      { algorithms: ['ecdsa-p256-sha256'] },
      { 'accept-signature-alg': 'ES256' },
    ],
    [
      'a clock that is ahead',
      'signature_created_outside_window',
      { error: 'clock_skew' },
      { 'signature-error': 'error=clock_skew' },
    ],
    [
      'a signature that is too old',
      'signature_created_outside_window',
      {},
      { 'signature-error': 'error=invalid_signature' },
    ],
    ['an expired token', 'auth_token_expired', {}, { 'signature-error': 'error=expired_jwt' }],
    ['a revoked token', 'auth_token_invalid', { error: 'revoked_jwt' }, { 'signature-error': 'error=revoked_jwt' }],
    ['too many requests', 'too_many_requests', { retryAfter: 1.2 }, { 'retry-after': '2' }],
  ]
  it.each(rows)('reports %s', (_what, code, options, headers) => {
    expect(writeRefusal(new AAuthError(code, 'Why.', options)).headers).toMatchObject(headers)
  })

  it('names the scheme that servers must use at their endpoints', () => {
    const { headers } = writeRefusal(new AAuthError('signature_key_scheme_refused', 'Why.'), undefined, ['jwks_uri'])
    expect(headers['accept-signature-scheme']).toBe('jwks_uri')
  })

  it('sends the required token with 401', () => {
    const missing = new AAuthError('identity_required', 'Why.')
    const { headers, body } = writeRefusal(missing, { level: 'person-token' })
    expect(headers['aauth-requirement']).toBe('requirement=person-token')
    expect(headers['signature-error']).toBeUndefined()
    expect(JSON.parse(body)).toMatchObject({ error: 'person_token_required' })
    const more = writeRefusal(new AAuthError('scope_insufficient', 'Why.'), {
      level: 'auth-token',
      resourceToken: 'a.b.c',
    })
    expect([more.status, more.headers['aauth-requirement']]).toEqual([
      401,
      'requirement=auth-token;resource-token="a.b.c"',
    ])
  })

  it('sends nothing about signatures with 403', () => {
    const refused = writeRefusal(new AAuthError('policy_denied', 'Why.', { error: 'revoked_jwt' }), {
      level: 'person-token',
    })
    expect(Object.keys(refused.headers)).toEqual(['content-type', 'cache-control'])
  })
})

describe('AAuth-Requirement', () => {
  it.each<[string, Exclude<Requirement, { requirement: 'unknown' }>]>([
    ['requirement=agent-token', { requirement: 'agent-token' }],
    ['requirement=person-token', { requirement: 'person-token' }],
    ['requirement=approval', { requirement: 'approval' }],
    ['requirement=auth-token;resource-token="a.b.c"', { requirement: 'auth-token', resourceToken: 'a.b.c' }],
    [
      'requirement=interaction;url="https://ps.example/i";code="7KQ2"',
      { requirement: 'interaction', url: 'https://ps.example/i', code: '7KQ2' },
    ],
  ])('%s', (text, required) => {
    expect(parseRequirement(text)).toEqual(required)
    expect(serializeRequirement(required)).toBe(text)
  })

  it.each<[string, Requirement | undefined]>([
    ['requirement=agent-token;new=1, more=2', { requirement: 'agent-token' }],
    [
      'requirement=interaction; url="https://ps.example/i"; code="7KQ2"',
      { requirement: 'interaction', url: 'https://ps.example/i', code: '7KQ2' },
    ],
    ['requirement=payment', { requirement: 'unknown', name: 'payment' }],
    ['requirement="agent-token"', undefined],
    ['requirement=(agent-token)', undefined],
    ['requirement=auth-token', undefined],
    ['requirement=auth-token;resource-token=abc', undefined],
    ['requirement=interaction;url="https://ps.example/i"', undefined],
    ['httpsig; auth-token; resource_token="a"', undefined],
    ['', undefined],
    [`requirement=approval;a="${'a'.repeat(16_359)}"`, { requirement: 'approval' }],
    [`requirement=approval;a="${'a'.repeat(16_360)}"`, undefined],
    ['requirement=interaction;url="";code="7KQ2"', undefined],
    ['other=approval', undefined],
  ])('reads %s', (text, required) => {
    expect(parseRequirement(text)).toEqual(required)
  })

  it('cannot carry a line feed', () => {
    expect(() => serializeRequirement({ requirement: 'interaction', url: 'https://ps.example/\n', code: 'A' })).toThrow(
      TypeError,
    )
  })
})

describe('Signature-Error', () => {
  it.each<[string, object | undefined]>([
    ['error=invalid_signature', { error: 'invalid_signature' }],
    [
      'error=invalid_input, required_input=("@method" "@path")',
      { error: 'invalid_input', requiredInput: ['@method', '@path'] },
    ],
    ['error=invalid_input, required_input=(1 2)', { error: 'invalid_input' }],
    ['error=something_new;a=1', { error: 'something_new' }],
    ['error="invalid_signature"', undefined],
    ['required_input=("@method")', undefined],
    ['(', undefined],
    ['error=invalid_input, required_input=("@method" 2)', { error: 'invalid_input' }],
    ['error=invalid_input, required_input="@method"', { error: 'invalid_input' }],
    [`error=${'a'.repeat(4090)}`, { error: 'a'.repeat(4090) }],
    [`error=${'a'.repeat(4091)}`, undefined],
  ])('reads %s', (text, read) => {
    expect(parseSignatureError(text)).toEqual(read)
  })

  it('may be absent', () => {
    expect([parseSignatureError(null), parseRequirement(null)]).toEqual([undefined, undefined])
  })
})
