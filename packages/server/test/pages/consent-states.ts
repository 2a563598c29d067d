import { type Messages, renderConsent, renderPolicyForbids, renderReturnToApp } from 'countersign-server/pages'
import { consentModel, equipped, longHost, policyForbidsModel, redirectModel, returnToAppModel } from './models.js'

const {
  agentName: _name,
  delegate: _delegate,
  homepage: _home,
  policyUri: _policy,
  tosUri: _terms,
  ...silentAgent
} = consentModel()

/** Everything a server can offer on the page, for an agent that was allowed before. */
export const fullConsent = consentModel({
  ...equipped,
  firstTime: false,
  allowedBefore: Date.UTC(2025, 4, 3, 9) / 1000,
  able: [
    { name: 'calendar.read', description: 'See your events', risk: 'read' },
    { name: 'calendar.write', description: 'Create and change events', risk: 'change', isNew: true },
  ],
  durations: { choices: [3600, 86400, 2592000, 'until-removed'], preset: 3600 },
  extend: { secondsLeft: 540 },
})

const onlyCall = {
  text: `DELETE https://cal.example/files/${'annual-report-'.repeat(10)}…`,
  full: `DELETE https://cal.example/files/${'annual-report-'.repeat(20)}2026.pdf?versions=all`,
  hasBody: false,
  lifetime: 600,
}

/** The request of a client that signs nothing. */
export const bearerConsent = consentModel({
  bearer: true,
  agent: 'https://calendar-helper.example/client.json',
  delegate: undefined,
  agentJkt: undefined,
  code: undefined,
  resource: 'https://cal.example/mcp',
  resourceHost: 'cal.example/mcp',
  resourceName: 'Team calendar',
  durations: { choices: [3600, 86400, 2592000, 'until-removed'], preset: 86400 },
})

/** The request of an agent that others vouch for, with every part that an edition may fill. */
export const blocksConsent = consentModel({
  delegate: undefined,
  agentId: 'aauth:planner@calendar-helper.example',
  enrols: true,
  largeCode: '7KQ2-M4XD-91TB',
  code: undefined,
  redirect: undefined,
  able: [{ name: 'openid', identity: 'openid', actsAs: true, risk: 'change' }],
  notRequested: [],
  resourceSays: { description: 'Calendars for teams.\nWith reminders.', needs: 'identity', account: 'work' },
  agentSays: { reason: 'I plan your week.\nI need to see it.', platform: 'desktop', device: 'Alice’s laptop' },
})

/** The request of the user's own device. */
const ownDeviceConsent = consentModel({
  agent: 'https://auth.example',
  agentHost: 'auth.example',
  agentName: 'ada-laptop',
  delegate: 'c8b7a3de-1f0e-4f3a-9f4e-2b8f5f1f0a11',
  ownDevice: { name: 'ada-laptop', ip: '203.0.113.7' },
  dangers: ['delete'],
  able: [{ name: 'calendar.delete', description: 'Delete events', risk: 'delete' }],
  redirect: redirectModel({ loopback: true, elsewhere: true, display: '127.0.0.1:49152/callback' }),
})

/** The states of the consent page and of the pages shown instead of it. */
export function consentStates(messages: Messages): [string, string][] {
  const consent = (name: string, model: Parameters<typeof renderConsent>[0]): [string, string] => [
    `consent-${name}`,
    renderConsent(model, messages),
  ]
  return [
    consent('first-time', consentModel()),
    consent(
      'known',
      consentModel({
        firstTime: false,
        able: [
          { name: 'calendar.read', description: 'See your events', risk: 'read' },
          { name: 'calendar.write', description: 'Create and change events', risk: 'change' },
          { name: 'calendar.delete', description: 'Delete events and whole calendars', risk: 'delete' },
        ],
        notRequested: [],
      }),
    ),
    consent('full', fullConsent),
    consent('usual', { ...fullConsent, firstTime: true, allowedBefore: undefined, able: consentModel().able }),
    consent('other-copy', consentModel({ delegate: 'phone-1', otherDelegateAllowed: 1_735_600_000 })),
    consent('own-device', ownDeviceConsent),
    consent('own-device-elsewhere', { ...ownDeviceConsent, ownDevice: { name: 'W'.repeat(60), isRemote: true } }),
    consent('changed', {
      ...fullConsent,
      logo: '/agents/logo-1.png',
      changes: [
        { what: 'keys' },
        { what: 'redirect_host', before: 'calendar-helper.example' },
        { what: 'name', before: 'Calendar Assistant' },
      ],
    }),
    consent('ends-soon', { ...fullConsent, extend: { secondsLeft: 150 } }),
    consent('sensitive', {
      ...fullConsent,
      able: [...fullConsent.able, { name: 'pay', description: 'Book and pay for rooms', risk: 'spend' }],
      dangers: ['spend'],
      askPassword: true,
    }),
    consent('wrong-password', { ...fullConsent, dangers: ['spend'], askPassword: true, problem: 'wrong_password' }),
    consent('wrong-code', {
      ...fullConsent,
      dangers: ['spend'],
      askPassword: true,
      askCode: true,
      problem: 'wrong_code',
    }),
    consent('set-up-first', { ...fullConsent, dangers: ['spend'], setUpFirst: true }),
    consent('one-duration', { ...fullConsent, durations: { choices: [3600], preset: 3600 } }),
    consent('once', {
      ...fullConsent,
      able: [{ name: 'files.delete', description: 'Delete files', risk: 'delete' }],
      dangers: ['delete'],
      durations: { choices: ['once', 3600], preset: 'once' },
      call: onlyCall,
    }),
    consent('only-once', {
      ...fullConsent,
      able: [{ name: 'files.delete', description: 'Delete files', risk: 'delete' }],
      dangers: ['delete'],
      durations: { choices: ['once'], preset: 'once' },
      call: { ...onlyCall, hasBody: true },
    }),
    consent('sign-in', {
      ...fullConsent,
      resource: 'https://calendar-helper.example',
      resourceHost: 'calendar-helper.example',
      able: [
        { name: 'openid', identity: 'openid', risk: 'read' },
        { name: 'profile', identity: 'profile', risk: 'read', value: 'Alice Moore, alice' },
        { name: 'email', identity: 'email', risk: 'read', value: 'alice@home.example' },
      ],
      notRequested: [],
    }),
    consent('identity-of-little', {
      ...fullConsent,
      able: [
        { name: 'openid', identity: 'openid', risk: 'read' },
        { name: 'email', identity: 'email', risk: 'read', value: null },
        { name: 'profile', identity: 'profile', risk: 'read', withheld: true },
      ],
      notRequested: [],
    }),
    consent('left-out', {
      ...fullConsent,
      able: [{ name: 'calendar.share', description: 'Share your calendar', risk: 'change', isNew: true }],
      leftOut: [{ name: 'calendar.write', description: 'Create and change events', risk: 'change' }],
    }),
    consent('kept', {
      ...fullConsent,
      able: [{ name: 'calendar.write', description: 'Create and change events', risk: 'change', isNew: true }],
      kept: [{ name: 'calendar.read', description: 'See your events', risk: 'read' }],
    }),
    consent('step-up', {
      ...fullConsent,
      able: [
        { name: 'calendar.write', description: 'Create and change events', risk: 'change', isNew: true },
        { name: 'calendar.share', description: 'Share your calendar', risk: 'change', isNew: true },
      ],
      kept: [{ name: 'calendar.read', description: 'See your events', risk: 'read' }],
    }),
    consent('throttled', { ...fullConsent, dangers: ['spend'], askPassword: true, problem: 'throttled' }),
    consent('of-numbers', {
      ...fullConsent,
      agentHost: '127.0.0.1:8001',
      resourceHost: '127.0.0.1:8002',
      redirect: redirectModel({ display: '127.0.0.1:8001/callback', loopback: true }),
    }),
    consent('bearer', bearerConsent),
    consent('registered-by-operator', {
      ...bearerConsent,
      agent: 'editor',
      agentHost: 'editor',
      registeredBy: 'operator',
      redirect: redirectModel({ uri: 'editor://app/callback', display: 'editor://app/callback', elsewhere: true }),
    }),
    consent('registered-by-itself', {
      ...bearerConsent,
      agent: 'app-k3f9x2mq7d4hw5ty',
      agentHost: 'app-k3f9x2mq7d4hw5ty',
      registeredBy: 'itself',
      asksAgain: true,
    }),
    consent('bearer-loopback', {
      ...bearerConsent,
      requestedBefore: true,
      asksAgain: true,
      redirect: redirectModel({
        uri: 'http://127.0.0.1:53123/callback',
        display: '127.0.0.1:53123/callback',
        loopback: true,
        elsewhere: true,
      }),
    }),
    consent('blocks', blocksConsent),
    consent('blocks-of-unreachable', {
      ...blocksConsent,
      enrols: false,
      otherDelegateAllowed: 1_735_600_000,
      resourceSays: { isUnreachable: true },
      agentSays: { platform: 'self-hosted' },
    }),
    consent('blocks-of-strict', { ...blocksConsent, resourceSays: { needs: 'permission' }, agentSays: undefined }),
    consent('asked-before', consentModel({ requestedBefore: true })),
    consent('elsewhere', consentModel({ elsewhere: ['mail.example', 'files.example'], signsInAlready: true })),
    consent('elsewhere-many', consentModel({ elsewhere: [1, 2, 3, 4, 5].map((index) => `s${index}.example`) })),
    consent('elsewhere-unknown', consentModel({ nothingElse: false, notRequested: [] })),
    consent(
      'brand',
      consentModel({ agentName: 'Microsoft Security', nameCaution: { what: 'brand', brand: 'Microsoft' } }),
    ),
    consent(
      'address',
      consentModel({ agentName: 'bank.example', nameCaution: { what: 'address', address: 'bank.example' } }),
    ),
    consent('imitation', consentModel({ agentName: 'Verified Calendar', nameCaution: { what: 'imitation' } })),
    consent('own-service', {
      ...fullConsent,
      resource: 'https://calendar-helper.example',
      resourceHost: 'calendar-helper.example',
    }),
    consent('dangers', {
      ...fullConsent,
      able: [
        { name: 'admin', description: 'Manage everything', risk: 'control' },
        { name: 'events:delete', risk: 'delete' },
      ],
      dangers: ['control', 'delete'],
      notRequested: [],
    }),
    consent('no-metadata', { ...silentAgent, saysNothing: true }),
    consent(
      'redirect-elsewhere',
      consentModel({ redirect: redirectModel({ elsewhere: true, display: 'hub.example/cb' }) }),
    ),
    consent('no-redirect', consentModel({ redirect: undefined })),
    consent(
      'loopback',
      consentModel({
        redirect: redirectModel({ loopback: true, elsewhere: true, display: '127.0.0.1:49152/callback' }),
      }),
    ),
    consent('look-alike', consentModel({ lookAlike: true, agentHost: 'xn--gent-43d.example' })),
    consent('nothing-said', {
      ...silentAgent,
      able: [
        { name: 'calendar.read', risk: 'read' },
        { name: 'urn:cal.example:permissions:calendar.write', risk: 'change' },
      ],
      notRequested: [{ name: 'calendar.delete', risk: 'delete' }],
    }),
    consent('long', {
      ...fullConsent,
      user: `${'alice'.repeat(12)}@home.example`,
      agentHost: longHost,
      agentName: 'An Agent Whose Name Is Exactly As Long As Names May Ever Be!',
      agent: `https://${longHost}`,
      delegate: `delegate-${'0123456789abcdef'.repeat(8)}`,
      resourceHost: `cal.${longHost}`,
      redirect: redirectModel({ display: `${longHost}/callback/${'path'.repeat(20)}`, elsewhere: true }),
      lookAlike: true,
      firstTime: true,
      able: [
        { name: 'calendar.read', description: 'See your events. '.repeat(12).slice(0, 200), risk: 'read' },
        { name: 'x'.repeat(120), description: 'W'.repeat(200), risk: 'change', isNew: true },
        { name: `payments.${'y'.repeat(80)}`, risk: 'spend' },
      ],
      notRequested: Array.from({ length: 12 }, (_, index) => ({
        name: `calendar.other.${index}`,
        description: `Something else, number ${index + 1}`,
        risk: 'change' as const,
      })),
    }),
    ['policy-forbids', renderPolicyForbids(policyForbidsModel(), messages)],
    ['return-to-app-allowed', renderReturnToApp(returnToAppModel(), messages)],
    ['return-to-app-denied', renderReturnToApp(returnToAppModel({ outcome: 'denied' }), messages)],
    ['return-to-app-by-itself', renderReturnToApp(returnToAppModel({ href: undefined }), messages)],
  ]
}
