import { type PolicyRule, policyOfRules } from 'countersign-server'
import { describe, expect, it } from 'vitest'

const rules: readonly PolicyRule[] = [
  { agent: 'https://bad.example', resource: '*', decision: 'deny' },
  { agent: '*', resource: 'https://bank.example', scopes: ['pay*'], decision: 'deny' },
  {
    name: 'nightly',
    agent: 'https://jobs.example',
    resource: 'https://api.example',
    scopes: ['report.*'],
    decision: 'grant',
  },
  { agent: 'https://*.agents.example', resource: '*', decision: 'ask' },
  { agent: 'https://inside.example', resource: '*', decision: 'ask' },
  { name: 'inside', agent: '*', resource: 'https://inside.example', decision: 'deny' },
]
const policy = policyOfRules(rules)
const decide = (agent: string, resource: string, ...scope: string[]) =>
  policy({ agent, delegate: null, resource, scope })

describe('policyOfRules', () => {
  it.each<[string, string[], unknown]>([
    ['prompts the user if no rule matches', ['https://a.example', 'https://api.example', 'x'], 'ask'],
    ['denies an agent', ['https://bad.example', 'https://api.example', 'x'], { deny: 'policies[0]' }],
    [
      'denies if one permission is forbidden',
      ['https://a.example', 'https://bank.example', 'read', 'pay.all'],
      { deny: 'policies[1]' },
    ],
    ['prompts if none is', ['https://a.example', 'https://bank.example', 'read'], 'ask'],
    ['grants under a name', ['https://jobs.example', 'https://api.example', 'report.read'], { grant: 'nightly' }],
    ['grants no more than the rule lists', ['https://jobs.example', 'https://api.example', 'report.read', 'x'], 'ask'],
    ['does not grant at another resource', ['https://jobs.example', 'https://other.example', 'report.read'], 'ask'],
    [
      'does not grant to an agent that only shares a prefix',
      ['https://jobs.example.evil', 'https://api.example', 'report.read'],
      'ask',
    ],
    ['applies the first rule that matches', ['https://a.agents.example', 'https://inside.example', 'x'], 'ask'],
    [
      'does not let * match across a slash',
      ['https://evil.example/.agents.example', 'https://inside.example', 'x'],
      { deny: 'inside' },
    ],
    ['matches a dot literally', ['https://aXagents.example', 'https://inside.example', 'x'], { deny: 'inside' }],
  ])('%s', (_claim, [agent = '', resource = '', ...scope], expected) => {
    expect(decide(agent, resource, ...scope)).toEqual(expected)
  })

  it('grants to one delegate of an agent, and neither to others nor to the agent itself (T39)', () => {
    const [agent, resource, scopes] = ['https://ci.example', 'https://api.example', ['report.read']]
    const ofDelegate = policyOfRules([{ name: 'ci', agent, delegate: 'workload.deploy', scopes, decision: 'grant' }])
    const outcome = (delegate: string | null, id = agent) =>
      ofDelegate({ agent: id, delegate, resource, scope: scopes })
    expect(outcome('workload.deploy')).toEqual({ grant: 'ci' })
    for (const other of [null, 'workload.deploy2', 'WORKLOAD.deploy']) expect(outcome(other)).toBe('ask')
    expect(outcome('workload.deploy', 'https://other.example')).toBe('ask')
  })

  it('never grants without a name', () => {
    const [nameless] = [{ agent: 'https://a.example', resource: '*', decision: 'grant' as const }]
    expect(policyOfRules([nameless])({ agent: 'https://a.example', delegate: null, resource: 'r', scope: [] })).toEqual(
      {
        deny: 'policies[0]',
      },
    )
  })

  it.each([
    ['consults no other policy if a rule matches', { decision: 'ask' as const }, 'ask'],
    [
      'consults the next policy if no rule matches',
      { resource: 'https://b.example', decision: 'ask' as const },
      { deny: 'all' },
    ],
  ])('%s', (_claim, rule, expected) => {
    const policy = policyOfRules([{ agent: 'https://a.example', ...rule }], () => ({ deny: 'all' }))
    const asked = { agent: 'https://a.example', delegate: null, resource: 'https://c.example', scope: [] }
    expect(policy(asked)).toEqual(expected)
  })
})
