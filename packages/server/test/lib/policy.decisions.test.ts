import { describe, expect, it } from 'vitest'
import {
  agentBlocked,
  callMissing,
  createPermissionReader,
  denialOf,
  grantable,
  hostOf,
  isLoopback,
  isOnceOnly,
  originOf,
  type PolicyRule,
  permissionsOf,
  policyOfRules,
  removedWith,
} from '../../src/lib/policy.js'

const agent = 'https://agent.example'
const resource = 'https://calendar.example'
const asked = { agent, delegate: null, resource, scope: ['cal.read', 'cal.write'] }
const readRisk = createPermissionReader([
  ['cal.read', 'read'],
  ['cal.wipe', 'delete'],
  ['cal.own', 'control'],
])

it('only a denial is refused, with the name of its rule', () => {
  expect([denialOf('ask'), denialOf('ask-once'), denialOf({ grant: 'bots' })]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
  expect(denialOf({ deny: 'strangers' })).toMatchObject({
    code: 'policy_denied',
    message: expect.stringContaining('strangers'),
  })
  expect(callMissing()).toMatchObject({ code: 'policy_denied' })
  expect(agentBlocked('cause')).toMatchObject({ code: 'agent_blocked', cause: 'cause' })
})

it.each([
  ['ask-once', ['cal.read', 'cal.wipe'], true],
  ['ask-once', ['cal.own', 'cal.wipe'], true],
  ['ask-once', ['cal.own'], false],
  ['ask-once', ['cal.read'], false],
  ['ask', ['cal.wipe'], false],
] as const)('the decision %s about %j allows only a call: %s', (decision, scope, isOnly) => {
  expect(isOnceOnly(decision, scope, readRisk)).toBe(isOnly)
})

describe('of rules, the first that matches decides', () => {
  const decide = (rules: PolicyRule[], changes: Partial<typeof asked> = {}) =>
    policyOfRules(rules, () => ({ deny: 'no rule' }))({ ...asked, ...changes })
  const none = { deny: 'no rule' }

  it.each<[string, PolicyRule[], unknown]>([
    ['none', [], none],
    ['ask', [{ agent, decision: 'ask' }], 'ask'],
    ['ask-once', [{ agent, decision: 'ask-once' }], 'ask-once'],
    ['a grant', [{ agent, decision: 'grant', name: 'bots' }], { grant: 'bots' }],
    ['a grant without a name', [{ agent, decision: 'grant' }], { deny: 'policies[0]' }],
    ['a denial', [{ agent, decision: 'deny', name: 'bots' }], { deny: 'bots' }],
    [
      'a denial without a name',
      [
        { agent: 'https://x.example', decision: 'ask' },
        { agent: '*', decision: 'deny' },
      ],
      { deny: 'policies[1]' },
    ],
    ['its resource', [{ agent, resource, decision: 'ask' }], 'ask'],
    ['another resource', [{ agent, resource: 'https://x.example', decision: 'ask' }], none],
    ['any host', [{ agent: 'https://*.example', resource: '*', decision: 'ask' }], 'ask'],
    ['any host below', [{ agent: 'https://*.agent.example', decision: 'ask' }], none],
    ['all that is asked for', [{ agent, scopes: ['cal.*'], decision: 'ask' }], 'ask'],
    ['a part of what is asked for', [{ agent, scopes: ['cal.read'], decision: 'ask' }], none],
    ['a part, granted', [{ agent, scopes: ['cal.read'], decision: 'grant', name: 'bots' }], none],
    ['a part, denied', [{ agent, scopes: ['x', 'cal.read'], decision: 'deny', name: 'd' }], { deny: 'd' }],
    ['a part, for one call', [{ agent, scopes: ['cal.read'], decision: 'ask-once' }], 'ask-once'],
    ['its delegate only, without one', [{ agent, delegate: 'bot', decision: 'deny' }], none],
    ['nothing that is asked for, denied', [{ agent, scopes: ['mail'], decision: 'deny' }], none],
  ])('with %s', (_what, rules, decision) => {
    expect(decide(rules)).toEqual(decision)
  })

  it.each<[string, PolicyRule['decision'], boolean]>([
    ['workload.deploy', 'deny', true],
    ['workload.deploy', 'grant', true],
    ['aauth:workload.deploy@agent.example', 'deny', true],
    ['aauth:workload.deploy@agent.example', 'ask-once', true],
    ['aauth:workload.deploy@agent.example', 'grant', false],
    ['aauth:workload.deploy2@agent.example', 'deny', false],
    ['workload.deploy2', 'deny', false],
  ])('a delegate that is named %s: a rule for workload.deploy with %s matches: %s', (delegate, decision, matches) => {
    const rules: PolicyRule[] = [{ agent, delegate: 'workload.deploy', decision, name: 'jobs' }]
    const decided = policyOfRules(rules, () => ({ deny: 'no rule' }))({ ...asked, delegate })
    expect(decided).toEqual(matches ? (decision === 'ask-once' ? decision : { [decision]: 'jobs' }) : none)
  })

  it.each<[PolicyRule['decision'], boolean]>([
    ['deny', true],
    ['ask-once', true],
    ['ask', false],
    ['grant', false],
  ])('a rule with %s about a host is also about paths there: %s', (decision, isAlso) => {
    const name = 'bots'
    const paths = [{ agent: `${agent}/bot` }, { resource: `${resource}/team?x=1` }]
    for (const changes of paths)
      expect(JSON.stringify(decide([{ agent, resource, decision, name }], changes)) !== JSON.stringify(none)).toBe(
        isAlso,
      )
  })

  it.each(['https://evil.example/x.example', 'https://a:1.example', 'https://a@b.example'])(
    'no wildcard matches %s',
    (other) => {
      expect(decide([{ agent: 'https://*.example', decision: 'ask' }], { agent: other })).toEqual(none)
    },
  )
})

it.each([
  ['https://a.example:8443/x', 'a.example:8443', 'https://a.example:8443'],
  ['https://a.example?x/y', 'a.example', 'https://a.example'],
  ['client-1', undefined, 'client-1'],
  ['x/https://a.example/', undefined, 'x/https://a.example/'],
])('%s has the host %s and the origin %s', (identifier, host, origin) => {
  expect([hostOf(identifier), originOf(identifier)]).toEqual([host, origin])
})

it.each([
  ['http://127.0.0.1:5/x', true],
  ['https://127.0.0.1/', true],
  ['https://localhost/', true],
  ['https://a.localhost/', true],
  ['https://localhost./', true],
  ['https://[::1]/', true],
  ['https://a.example/', false],
  ['https://localhost.example/', false],
  ['https://xlocalhost/', false],
  ['https://x127.0.0.1.example/', false],
  ['cursor://callback', false],
])('%s leads to a program on the device: %s', (uri, isLocal) => {
  expect(isLoopback(uri)).toBe(isLocal)
})

describe('permissions that reveal who the user is', () => {
  it('are granted only with openid, and are removed with it', () => {
    expect(grantable(['cal.read', 'email', 'profile'])).toEqual(['cal.read'])
    expect(grantable(['email', 'openid', 'cal.read'])).toEqual(['email', 'openid', 'cal.read'])
    expect(removedWith('openid')).toEqual(['openid', 'profile', 'email'])
    expect(removedWith('email')).toEqual(['email'])
  })

  it('let an agent act as the user only if the resource says so, and only openid does', () => {
    const names = ['openid', 'profile']
    const [openid, profile] = permissionsOf(names, { actsAs: true }, readRisk)
    expect(openid).toEqual({ name: 'openid', identity: 'openid', actsAs: true, risk: 'change' })
    expect(profile).toEqual({ name: 'profile', identity: 'profile', risk: 'read' })
    expect(permissionsOf(names, {}, readRisk)[0]).toEqual({ name: 'openid', identity: 'openid', risk: 'read' })
  })
})
