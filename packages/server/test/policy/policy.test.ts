import { expect, it } from 'vitest'
import { createPermissionReader, dangersOf, permissionsOf } from '../../src/policy/policy.js'

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
