import { describe, expect, it } from 'vitest'
import { deviceKeysOf, isDeviceName, personalAgentsOf } from '../../src/config/personal-agents.js'

const settings = (personalAgents: object) => personalAgentsOf({ personalAgents } as never)
const user = (username: string) => ({ username }) as never
const device = (changes: object = {}) => ({ isLive: true, isRemote: false, user: user('alice'), ...changes }) as never

it('devices without a browser are refused by default, and a user can have 20', () => {
  expect(personalAgentsOf({} as never)).toBeUndefined()
  expect(settings({})).toMatchObject({ remote: false, most: 20 })
  expect(settings({ remote: true, devices: 3 })).toMatchObject({ remote: true, most: 3 })
})

it.each([
  [undefined, 'anyone', true],
  [['Álice', 'bob'], 'BOB', true],
  [['alice'], 'bob', false],
  [[], 'alice', false],
])('if the users %j may connect devices, %s may: %s', (users, username, expected) => {
  expect(settings({ users })?.allows(user(username))).toBe(expected)
})

it.each([
  [{}, {}, true],
  [{}, { isLive: false }, false],
  [{}, { isRemote: true }, false],
  [{ remote: true }, { isRemote: true }, true],
  [{ remote: true }, { isLive: false, isRemote: true }, false],
  [{ users: ['bob'] }, {}, false],
])('with the settings %j, a device %j can be used: %s', (given, changes, expected) => {
  expect(settings(given)?.isUsable(device(changes))).toBe(expected)
})

describe('the name of a device', () => {
  it.each([
    ['Laptop', true],
    ['x'.repeat(64), true],
    ['x'.repeat(65), false],
    ['', false],
    ['a\nb', false],
    ['a\u2028b', false],
    ['a\u2029b', false],
    ['a\u200bb', false],
    ['“”', false],
  ])('%j is one line that can be shown: %s', (name, expected) => {
    expect(isDeviceName(name)).toBe(expected)
  })

  it('names its keys after the edition', () => {
    expect(deviceKeysOf('january')).toBe('january-devices')
  })
})
