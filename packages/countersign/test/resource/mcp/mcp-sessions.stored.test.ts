import { createMcpSessions } from 'countersign/resource/mcp'
import { describe, expect, it } from 'vitest'
import { oauthCaller, sessionName } from '../../../src/resource/mcp/mcp-sessions.js'

type Sessions = ReturnType<typeof createMcpSessions>
type Caller = Parameters<Sessions['open']>[1]

const agent = 'https://agent.example'
const endpoint = 'https://api.example/mcp'
const client = (name: string, at = endpoint) => oauthCaller(at, `https://${name}.example`)

function openSessions() {
  const clock = { now: 1_000_000 }
  return { clock, sessions: createMcpSessions(() => clock.now) }
}

describe('the caller of a session', () => {
  it.each<[string, Partial<Caller>, Partial<Caller>, boolean]>([
    ['the agent', {}, {}, true],
    ['another agent', {}, { agent: 'https://other.example' }, false],
    ['the agent, now for a user', {}, { person: 'alice' }, true],
    ['the agent, for its user', { person: 'alice' }, { person: 'alice' }, true],
    ['the agent, without its user', { person: 'alice' }, {}, true],
    ['the agent, for another user', { person: 'alice' }, { person: 'bob' }, false],
    ['the delegate', { delegate: 'd1' }, { delegate: 'd1' }, true],
    ['another delegate', { delegate: 'd1' }, { delegate: 'd2' }, false],
    ['another delegate, for a user', { delegate: 'd1' }, { delegate: 'd2', person: 'bob' }, false],
    ['the agent of a delegate', { delegate: 'd1' }, {}, true],
    ['a delegate of the agent', {}, { delegate: 'd1' }, true],
    [
      'another delegate for the same user',
      { delegate: 'd1', person: 'alice' },
      { delegate: 'd2', person: 'alice' },
      true,
    ],
  ])('can be %s: %j, then %j', async (_what, first, second, isAllowed) => {
    const { sessions } = openSessions()
    expect(await sessions.open('s', { agent, ...first })).toBe(true)
    const used = await sessions.use('s', { agent, ...second })
    expect(used !== undefined).toBe(isAllowed)
    if (used) expect(used).toMatchObject({ agent, ...first, ...second, secret: expect.any(String) })
  })

  it.each<[string, Partial<Caller>, Partial<Caller>, boolean]>([
    ['its own', {}, {}, true],
    ['that of another OAuth client', { agent: client('a') }, { agent: client('b') }, false],
    ['that of another agent', {}, { agent: 'https://other.example' }, false],
    ['that of the agent for another user', { person: 'alice' }, { person: 'bob' }, false],
    ['its own, before it had a user', {}, { person: 'alice' }, false],
    ['that of another delegate', { delegate: 'd1' }, { delegate: 'd2' }, false],
  ])('opens a session again only if it is %s', async (_what, first, second, isAllowed) => {
    const { sessions } = openSessions()
    await sessions.open('s', { agent, ...first })
    const recorded = await sessions.use('s', { agent, ...first })
    expect(await sessions.open('s', { agent, ...second })).toBe(isAllowed)
    expect(await sessions.use('s', { agent, ...first })).toEqual(recorded)
  })
})

it('keeps what is known of a session, and its secret', async () => {
  const { sessions } = openSessions()
  const ending = (exp: number) => ({ claims: { iss: 'https://auth.example', exp }, scope: [], expired: false })
  await sessions.open('s', { agent, person: 'alice', scope: 'read', authorization: ending(200) })
  const first = await sessions.use('s', { agent })
  expect(first).toMatchObject({ person: 'alice', scope: 'read', authorization: ending(200) })
  const later = await sessions.use('s', { agent, scope: 'write', authorization: ending(300) })
  expect(later).toMatchObject({ scope: 'write', authorization: ending(300), secret: first?.secret })
  const earlier = await sessions.use('s', { agent, authorization: ending(250) })
  expect(earlier).toMatchObject({ scope: 'write', authorization: ending(300) })
})

it('ends a session a day after it was last used, or when it is closed', async () => {
  const { clock, sessions } = openSessions()
  const caller = { agent }
  for (const id of ['s', 'closed']) await sessions.open(id, caller)
  clock.now += 86_399
  expect(await sessions.use('s', caller)).toBeDefined()
  await sessions.close('closed')
  await sessions.close('unknown')
  expect(await sessions.use('closed', caller)).toBeUndefined()
  clock.now += 86_399
  expect(await sessions.use('s', caller)).toBeDefined()
  clock.now += 86_400
  expect(await sessions.use('s', caller)).toBeUndefined()
  expect(await sessions.open('s', { agent: 'https://other.example' }), 'anyone may open it').toBe(true)
})

describe('the limit of 100 sessions', () => {
  const openMany = async (sessions: Sessions, count: number, caller: Partial<Caller>, prefix = 's') => {
    for (let index = 0; index < count; index++) await sessions.open(`${prefix}-${index}`, { agent, ...caller })
  }
  const has = async (sessions: Sessions, id: string, caller: Partial<Caller> = {}) =>
    (await sessions.use(id, { agent, ...caller })) !== undefined

  it('evicts the session that its owner has not used for the longest time', async () => {
    const { sessions } = openSessions()
    await openMany(sessions, 100, {})
    expect(await has(sessions, 's-0')).toBe(true)
    await openMany(sessions, 1, {}, 'more')
    expect([await has(sessions, 's-0'), await has(sessions, 's-1'), await has(sessions, 's-2')]).toEqual([
      true,
      false,
      true,
    ])
  })

  it('applies to each agent and user', async () => {
    const { sessions } = openSessions()
    await openMany(sessions, 100, { person: 'alice' })
    await openMany(sessions, 100, { person: 'bob' }, 'b')
    await openMany(sessions, 100, {}, 'n')
    expect(await has(sessions, 's-0', { person: 'alice' })).toBe(true)
    expect(await has(sessions, 'b-0', { person: 'bob' })).toBe(true)
    expect(await has(sessions, 'n-0')).toBe(true)
  })

  it('counts a session with the user for whom it is used', async () => {
    const { sessions } = openSessions()
    await openMany(sessions, 100, { person: 'alice' })
    await openMany(sessions, 1, {}, 'n')
    expect(await has(sessions, 'n-0', { person: 'alice' })).toBe(true)
    expect(await has(sessions, 's-0', { person: 'alice' })).toBe(false)
    expect(await has(sessions, 's-1', { person: 'alice' })).toBe(true)
  })

  it('is shared by a user’s OAuth clients at all endpoints: the one with the most loses its oldest', async () => {
    const { sessions } = openSessions()
    const person = 'alice'
    await openMany(sessions, 1, { person, agent: client('small') }, 'small')
    await openMany(sessions, 60, { person, agent: client('large') }, 'large')
    await openMany(sessions, 30, { person, agent: client('large', 'https://other.example/mcp') }, 'large-elsewhere')
    await openMany(sessions, 10, { person, agent: client('late') }, 'late')
    expect(await has(sessions, 'small-0', { person, agent: client('small') })).toBe(true)
    expect(await has(sessions, 'large-0', { person, agent: client('large') })).toBe(false)
    expect(await has(sessions, 'large-1', { person, agent: client('large') })).toBe(true)
    expect(await has(sessions, 'late-0', { person, agent: client('late') })).toBe(true)
  })
})

it('names sessions and OAuth clients by endpoint', () => {
  expect(sessionName(endpoint, 's')).toBe(`${endpoint} s`)
  expect(client('a')).toBe(`oauth ${endpoint} https://a.example`)
})
