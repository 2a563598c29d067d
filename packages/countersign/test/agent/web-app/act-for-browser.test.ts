import { type AgentActions, AgentError } from 'countersign/agent'
import { expect, it } from 'vitest'
import { browserActions } from '../../../src/agent/web-app/act-for-browser.js'

const consent = { url: 'https://auth.example/consent' }
const details = { consent } as unknown as ConstructorParameters<typeof AgentError>[2]

/** Actions that reject with an error, for a browser. */
function open(error: unknown) {
  const asked: string[] = []
  let found = 0
  const reject = () => Promise.reject(error)
  const browser = browserActions(
    async () => {
      found++
      return { fetch: reject, signedHeaders: reject, signIn: reject, tokens: reject } as unknown as AgentActions
    },
    (url) => void asked.push(url),
  )
  return { browser, asked, found: () => found }
}

it.each<[string, Error, boolean, number | undefined]>([
  ['a consent that is required', new AgentError('consent_required', '', details), true, undefined],
  ['a consent without a page', new AgentError('consent_required', ''), false, undefined],
  ['another error with a page', new AgentError('access_denied', '', details), false, undefined],
  [
    'an error of the app',
    Object.assign(new Error(), { code: 'consent_required', consent, retryAfter: 5 }),
    false,
    undefined,
  ],
  ['an overload', new AgentError('token_request_failed', '', { retryAfter: 5 }), false, 5],
  ['an outage', new AgentError('auth_server_unreachable', ''), false, 60],
])('%s is recognized once it was thrown', async (_what, error, needsConsent, retryAfter) => {
  const { browser, asked, found } = open(error)
  expect([browser.needsConsent(error), browser.retryAfter(error)], 'not thrown yet').toEqual([false, undefined])
  const { actions } = browser
  const calls = [
    () => actions.fetch('https://api.example'),
    () => actions.signedHeaders('https://api.example'),
    () => actions.signIn('https://auth.example' as never),
    () => actions.tokens(),
  ]
  for (const call of calls) await expect(call()).rejects.toBe(error)
  expect([browser.needsConsent(error), browser.retryAfter(error)]).toEqual([needsConsent, retryAfter])
  expect(asked, 'once per error').toEqual(needsConsent ? [consent.url] : [])
  expect(found()).toBe(1)
})
