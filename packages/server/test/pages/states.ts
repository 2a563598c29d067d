import { renderConsent } from '../../dist/pages/consent-page.js'
import { en } from '../../dist/pages/messages/en.js'
import type { ProblemPage } from '../../dist/pages/models.js'
import { renderProblem } from '../../dist/pages/problem-page.js'
import { renderSignIn } from '../../dist/pages/sign-in-page.js'
import { consentModel, problemModel, signInModel } from './models.js'

const longHost = `${'a-very-long-label-that-goes-on-'.repeat(2)}x.${'calendarhelper'.repeat(4)}.departments.example`

const {
  agentName: _name,
  delegate: _delegate,
  homepage: _home,
  policyUri: _policy,
  tosUri: _terms,
  ...silentAgent
} = consentModel()

/** Every code of a problem page. */
export const problemCodes = Object.keys(en.problems) as ProblemPage['code'][]

const retried = new Set<ProblemPage['code']>(['csrf', 'account_changed', 'temporarily_unavailable', 'server_error'])

const problems = problemCodes.map((code): [string, string] => {
  const retry = '/agent/auth?request_token=request-token-1'
  return [`problem-${code}`, renderProblem(problemModel(code, retried.has(code) ? { retry } : {}))]
})

/** Every state a page can be in: its name → the document. */
export const states: ReadonlyMap<string, string> = new Map([
  ['sign-in', renderSignIn(signInModel())],
  ['sign-in-wrong-password', renderSignIn(signInModel({ username: 'alice', problem: 'wrong_password' }))],
  ['sign-in-throttled', renderSignIn(signInModel({ username: 'alice', problem: 'throttled' }))],
  ['sign-in-long-host', renderSignIn(signInModel({ agentHost: longHost, resourceHost: `cal.${longHost}` }))],
  ['consent-first-time', renderConsent(consentModel())],
  [
    'consent-known',
    renderConsent(
      consentModel({
        firstTime: false,
        able: [
          { name: 'calendar.read', description: 'See your events', risk: 'read' },
          { name: 'calendar.write', description: 'Create and change events', risk: 'change' },
          { name: 'calendar.delete', description: 'Delete events and whole calendars', risk: 'delete_or_spend' },
        ],
        notAsked: [],
      }),
    ),
  ],
  [
    'consent-redirect-elsewhere',
    renderConsent(consentModel({ redirectElsewhere: true, redirectDisplay: 'hub.example/cb' })),
  ],
  [
    'consent-loopback',
    renderConsent(
      consentModel({ loopback: true, redirectElsewhere: true, redirectDisplay: '127.0.0.1:49152/callback' }),
    ),
  ],
  ['consent-look-alike', renderConsent(consentModel({ lookAlike: true, agentHost: 'xn--gent-43d.example' }))],
  [
    'consent-nothing-said',
    renderConsent({
      ...silentAgent,
      able: [
        { name: 'calendar.read', risk: 'read' },
        { name: 'urn:cal.example:permissions:calendar.write', risk: 'change' },
      ],
      notAsked: [{ name: 'calendar.delete', risk: 'delete_or_spend' }],
    }),
  ],
  [
    'consent-long',
    renderConsent(
      consentModel({
        user: `${'alice'.repeat(12)}@home.example`,
        agentHost: longHost,
        agentName: 'An Agent Whose Name Is Exactly As Long As Names May Ever Be!',
        agent: `https://${longHost}`,
        delegate: `delegate-${'0123456789abcdef'.repeat(8)}`,
        resourceHost: `cal.${longHost}`,
        redirectDisplay: `${longHost}/callback/${'path'.repeat(20)}`,
        redirectElsewhere: true,
        lookAlike: true,
        firstTime: true,
        able: [
          { name: 'calendar.read', description: 'See your events. '.repeat(12).slice(0, 200), risk: 'read' },
          { name: 'x'.repeat(120), description: 'W'.repeat(200), risk: 'change' },
          { name: `payments.${'y'.repeat(80)}`, risk: 'delete_or_spend' },
        ],
        notAsked: Array.from({ length: 12 }, (_, index) => ({
          name: `calendar.other.${index}`,
          description: `Something else, number ${index + 1}`,
          risk: 'change' as const,
        })),
      }),
    ),
  ],
  ...problems,
])
