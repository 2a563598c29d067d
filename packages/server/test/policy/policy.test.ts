import { expect, it } from 'vitest'
import { createPermissionReader, dangersOf, permissionsOf, policyOfRules } from '../../src/policy/policy.js'

it('identity scopes have the lowest risk unless the operator sets another one, and ignore the resource’s descriptions', () => {
  const named = permissionsOf(['openid', 'profile', 'email'], { openid: 'Everything' }, createPermissionReader([]))
  expect(named).toEqual(['openid', 'profile', 'email'].map((name) => ({ name, identity: name, risk: 'read' })))
  expect(permissionsOf(['email'], {}, createPermissionReader([['email', 'spend']]))).toMatchObject([{ risk: 'spend' }])
})

it('other scopes use the resource’s descriptions, if there are any', () => {
  expect(
    permissionsOf(['data.read', 'toString'], { 'data.read': 'See your data' }, createPermissionReader([])),
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
