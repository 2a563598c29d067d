import { AgentError } from 'countersign/agent'
import { expect, it } from 'vitest'
import { describeFailure } from '../../src/sidecar/refusals.js'

it.each<[string, Error, object]>([
  [
    'a user must decide',
    new AgentError('consent_required', 'Ask.', { consent: { url: 'https://auth.example/a' } }),
    { status: 401, body: { error: 'consent_required', consent_url: 'https://auth.example/a' } },
  ],
  [
    'the auth server is overloaded',
    new AgentError('token_request_failed', 'Too many.', { retryAfter: 60 }),
    { status: 503, retryAfter: 60, body: { error: 'token_request_failed' } },
  ],
  ['the auth server refuses', new AgentError('token_request_failed', 'No.'), { status: 502, retryAfter: undefined }],
  [
    'the sidecar failed, and not the host',
    new Error('Cannot write to the store.', { cause: new Error('ENOSPC') }),
    { status: 502, body: { error: 'sidecar_failed', error_description: 'Cannot write to the store.' } },
  ],
  ['there is no response', new TypeError('fetch failed'), { status: 502, body: { error: 'not_answered' } }],
])('a program receives the error that %s', (_why, error, told) => {
  expect(describeFailure(error)).toMatchObject(told)
})
