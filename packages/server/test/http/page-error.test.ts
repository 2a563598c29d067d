import { expect, it } from 'vitest'
import { PageError, problemStatus } from '../../src/http/page-error.js'

it.each<[keyof typeof problemStatus, number]>([
  ['request_unknown', 400],
  ['client_unknown', 400],
  ['redirect_mismatch', 400],
  ['bad_form', 400],
  ['request_other_session', 403],
  ['request_other_user', 403],
  ['request_agent_bound', 410],
  ['csrf', 403],
  ['policy_forbids', 403],
  ['not_found', 404],
  ['method_not_allowed', 405],
  ['account_changed', 409],
  ['sign_in_changed', 409],
  ['request_expired', 410],
  ['request_used', 410],
  ['request_allowed', 410],
  ['request_denied', 410],
  ['request_too_soon', 429],
  ['too_many_requests', 429],
  ['server_error', 500],
  ['temporarily_unavailable', 503],
])('the page for %s has the status %i, unless another one is given', (code, status) => {
  expect(new PageError(code).status).toBe(status)
  expect(problemStatus[code]).toBe(status)
  expect(new PageError(code, { status: 418 }).status).toBe(418)
})

it('keeps what the page shows apart from what only operators see', () => {
  const cause = new Error('inner')
  const response = new Response()
  const shown = { agentHost: 'agent.example', retry: '/account' }
  const error = new PageError('bad_form', { ...shown, agent: 'https://agent.example', retryAfter: 3, response, cause })
  expect(error).toMatchObject({
    name: 'PageError',
    message: 'bad_form',
    code: 'bad_form',
    retryAfter: 3,
    response,
    cause,
  })
  expect(error.agent).toBe('https://agent.example')
  expect(error.shown).toEqual(shown)
  expect('cause' in new PageError('bad_form')).toBe(false)
})
