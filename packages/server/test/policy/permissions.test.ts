import { expect, it } from 'vitest'
import { permissionsOf } from '../../src/policy/permissions.js'

it('identity scopes are of the lowest risk unless the operator names another one, and have no words of the resource', () => {
  const named = permissionsOf(['openid', 'profile', 'email'], { openid: 'Everything' }, [])
  expect(named).toEqual(['openid', 'profile', 'email'].map((name) => ({ name, identity: name, risk: 'read' })))
  expect(permissionsOf(['email'], {}, [['email', 'spend']])).toMatchObject([{ risk: 'spend' }])
})

it('other scopes have the words of the resource, if there are any', () => {
  expect(permissionsOf(['data.read', 'toString'], { 'data.read': 'See your data' }, [])).toMatchObject([
    { name: 'data.read', description: 'See your data', risk: 'read' },
    { name: 'toString', description: undefined },
  ])
})
