import { expect, it } from 'vitest'
import { createPermissionReader, dangersOf, isLoopback, permissionsOf, policyOfRules } from '../../src/lib/policy.js'

it('identity scopes have the lowest risk unless the operator sets another one, and ignore the resource’s descriptions', () => {
  const named = permissionsOf(
    ['openid', 'profile', 'email'],
    { scopeDescriptions: { openid: 'Everything' } },
    createPermissionReader([]),
  )
  expect(named).toEqual(['openid', 'profile', 'email'].map((name) => ({ name, identity: name, risk: 'read' })))
  expect(permissionsOf(['email'], {}, createPermissionReader([['email', 'spend']]))).toMatchObject([{ risk: 'spend' }])
})

it('other scopes use the resource’s descriptions, if there are any', () => {
  expect(
    permissionsOf(
      ['data.read', 'toString'],
      { scopeDescriptions: { 'data.read': 'See your data' } },
      createPermissionReader([]),
    ),
  ).toMatchObject([
    { name: 'data.read', description: 'See your data', risk: 'read' },
    { name: 'toString', description: undefined },
  ])
})

it.each(['delete', 'spend', 'control'] as const)('lists %s among the risks', (danger) => {
  expect(dangersOf(['calendar.read', 'calendar.write'], createPermissionReader([]))).toEqual([])
  expect(dangersOf(['calendar.read', 'x'], createPermissionReader([['x', danger]]))).toEqual([danger])
})

it('lists each risk once, the worst first', () => {
  expect(dangersOf(['data.delete', 'data.remove', 'data.read', 'pay', 'admin'], createPermissionReader([]))).toEqual([
    'control',
    'spend',
    'delete',
  ])
})

it.each([
  ['a client at a path of a denied host', 'https://client.example', 'https://client.example/oauth/client.json?2', true],
  ['a client at a path of a denied domain', 'https://*.example', 'https://client.example/client.json', true],
  ['a client at another host', 'https://client.example', 'https://client.example.org/client.json', false],
  ['another client at a denied path', 'https://client.example/a.json', 'https://client.example/b.json', false],
])('a rule that denies applies to %s as expected', (_, pattern, agent, isDenied) => {
  const request = { agent, delegate: null, resource: 'https://api.example', scope: ['data.read'] }
  expect(policyOfRules([{ agent: pattern, decision: 'deny' }])(request)).toEqual(
    isDenied ? { deny: 'policies[0]' } : 'ask',
  )
  expect(policyOfRules([{ name: 'all', agent: pattern, decision: 'grant' }])(request)).toBe('ask')
})

it.each([
  'HTTPS://notes.example/mcp',
  'https://Notes.example/mcp',
  'https://notes.example:443/mcp',
  'https://notes.example/mcp/',
])('a rule for a resource applies to its spelling %s, and other policies see one spelling', (resource) => {
  const request = { agent: 'https://agent.example', delegate: null, resource, scope: ['notes.read'] }
  for (const pattern of ['https://notes.example/mcp', 'https://NOTES.example/mcp/'])
    expect(policyOfRules([{ agent: '*', resource: pattern, decision: 'deny' }])(request)).toEqual({
      deny: 'policies[0]',
    })
  expect(policyOfRules([], ({ resource: seen }) => ({ deny: seen }))(request)).toEqual({
    deny: 'https://notes.example/mcp',
  })
})

it('a rule that denies an origin applies to resources that differ only in their query', () => {
  const resource = 'https://notes.example/?tenant=1'
  const request = { agent: 'https://agent.example', delegate: null, resource, scope: ['notes.read'] }
  const rules = [{ agent: '*', resource: 'https://notes.example', decision: 'deny' } as const]
  expect(policyOfRules(rules)(request)).toEqual({ deny: 'policies[0]' })
})

it.each([
  ['team:deploy', 'aauth:team:deploy@jobs.example', true],
  ['deploy@team', 'aauth:deploy@team@jobs.example', true],
  ['deploy', 'aauth:team:deploy@jobs.example', false],
  ['deploy', 'aauth:deploy@team@jobs.example', false],
])('a rule that denies the delegate %s applies to %s: %s', (delegate, named, isDenied) => {
  const request = { agent: 'https://jobs.example', delegate: named, resource: 'https://api.example', scope: ['a'] }
  const decision = policyOfRules([{ agent: '*', delegate, decision: 'deny' }])(request)
  expect(decision).toEqual(isDenied ? { deny: 'policies[0]' } : 'ask')
})

it.each([
  ['http://127.0.0.1:4321/callback', true],
  ['http://localhost/callback', true],
  ['https://localhost:8443/callback', true],
  ['https://agent.localhost/callback', true],
  ['https://127.1.2.3/callback', true],
  ['https://[::1]/callback', true],
  ['https://localhost.example/callback', false],
  ['https://notlocalhost/callback', false],
  ['app://localhost/callback', false],
])('%s leads to a program on the user’s device: %s', (redirectUri, expected) => {
  expect(isLoopback(redirectUri)).toBe(expected)
})

it('cuts the name and the description of a permission to 200 characters', () => {
  const long = 'x'.repeat(201)
  const scopeDescriptions = { [long]: long, short: 'y'.repeat(200) }
  const cut = `${'x'.repeat(199)}…`
  expect(permissionsOf([long, 'short', 'other'], { scopeDescriptions }, createPermissionReader([]))).toMatchObject([
    { name: cut, description: cut },
    { name: 'short', description: 'y'.repeat(200) },
    { name: 'other', description: undefined },
  ])
  expect(permissionsOf(['openid'], { actsAs: true }, createPermissionReader([]))).toEqual([
    { name: 'openid', identity: 'openid', actsAs: true, risk: 'change' },
  ])
})

it('reads up to 500 names only once, of at most 128 characters', () => {
  const read = createPermissionReader([])
  const longest = 'x.'.padEnd(128, 'y')
  const first = read(longest)
  for (let number = 1; number < 500; number++) read(`scope.${number}`)
  expect(read(longest)).toBe(first)
  read('scope.500')
  expect(read(longest)).not.toBe(first)
})
