import { en, type Messages, type ProblemPage, renderProblem } from 'countersign-server/pages'
import { accountStates } from './account-states.js'
import { consentStates } from './consent-states.js'
import { deviceStates } from './device-states.js'
import { outsideForm, problemModel } from './models.js'
import { signInStates } from './sign-in-states.js'

/** Every code of a problem page. */
export const problemCodes = Object.keys(en.problems) as ProblemPage['code'][]

const retried = new Set<ProblemPage['code']>([
  'csrf',
  'bad_form',
  'not_found',
  'request_allowed',
  'account_changed',
  'sign_in_changed',
  'temporarily_unavailable',
  'server_error',
])

function problemStates(messages: Messages): [string, string][] {
  const retry = '/agent/auth?request_token=request-token-1'
  return problemCodes.map((code) => [
    `problem-${code}`,
    renderProblem(
      problemModel(code, {
        ...(retried.has(code) ? { retry } : {}),
        ...(code === 'account_changed' ? { user: 'bob@home.example', switchAccount: outsideForm } : {}),
        ...(code === 'request_other_user' ? { switchAccount: outsideForm } : {}),
        ...(code === 'request_too_soon'
          ? { back: 'https://calendar-helper.example/callback', until: 1_770_000_000 }
          : {}),
        ...(code === 'request_allowed' ? { remove: '/account/agents/g1/remove' } : {}),
      }),
      messages,
    ),
  ])
}

/** Every state that a page can be in, as a map from name to document. */
export function statesIn(messages: Messages): ReadonlyMap<string, string> {
  return new Map([
    ...signInStates(messages),
    ...consentStates(messages),
    ...accountStates(messages),
    ...deviceStates(messages),
    ...problemStates(messages),
    [
      'problem-of-many-requests',
      renderProblem(problemModel('temporarily_unavailable', { requestId: undefined, agentHost: undefined }), messages),
    ],
  ])
}

/** The states in English. */
export const states = statesIn(en)
