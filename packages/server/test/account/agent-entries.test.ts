import { readPermission } from 'countersign/editions'
import type { Storage } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import {
  agentEntry,
  byParties,
  delegatesOf,
  endedGrants,
  endOf,
  eventsOf,
  isFound,
  liveGrants,
  shownGrants,
  shownParties,
  statesOf,
} from '../../src/account/agent-entries.js'
import { allowedRequest, newUser, times } from '../storage/fixtures.js'

type Ended = Parameters<typeof endOf>[0]

const now = 1_800_000_000
const live = { userId: 'alice', revokedAt: null, revokedBy: null, expiresAt: null } as Ended

it.each<[string, Partial<Ended>, ReturnType<typeof endOf>]>([
  ['does not expire', {}, undefined],
  ['is active until it expires', { expiresAt: now + 1 }, undefined],
  ['expired', { expiresAt: now }, { at: now, by: 'time' }],
  ['was revoked by the user', { revokedAt: now - 9, revokedBy: 'alice' }, { at: now - 9, by: 'person' }],
  ['was revoked by an operator', { revokedAt: now - 9, revokedBy: 'operator' }, { at: now - 9, by: 'server' }],
  [
    'was revoked before it expired',
    { revokedAt: now - 9, revokedBy: 'alice', expiresAt: now - 5 },
    { at: now - 9, by: 'person' },
  ],
])('a permission that %s', (_what, changes, end) => {
  expect(endOf({ ...live, ...changes }, now)).toEqual(end)
})

it('the states of many agents are read with one call', async () => {
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  onTestFinished(() => storage.close())
  const user = await newUser(storage)
  const hosts = times(20, (index) => `https://client-${index}.example`)
  for (const host of hosts) {
    const agent = `${host}/client.json`
    const bearer = host !== hosts[3]
    const display = { agent: { bearer }, resource: {} }
    await allowedRequest(storage, { agent, display }, {}, user)
    await storage.recordAgent({ agent, redirectHosts: [], keyThumbprints: [`document of ${host}`] })
  }
  await storage.setAgentBlocked({ agent: `${hosts[1]}/client.json`, blocked: true, by: 'operator' })
  await storage.setAgentBlocked({ agent: `${hosts[2]}`, blocked: true, by: 'operator' })
  const grants = await storage.listGrants({ userId: user.id })
  const calls: PropertyKey[] = []
  const counted = new Proxy(storage, {
    get(_, verb) {
      calls.push(verb)
      return Reflect.get(storage, verb) as unknown
    },
  })
  const states = await statesOf({ storage: counted as Storage }, grants)
  expect(calls).toEqual(['listAgents'])
  const blocked = new Map([
    [hosts[1], 'agent'],
    [hosts[2], 'host'],
  ])
  expect(Object.fromEntries(states)).toEqual(
    Object.fromEntries(
      hosts.map((host) => [
        `${host}/client.json`,
        { blocked: blocked.get(host), fingerprint: host === hosts[3] ? undefined : `document of ${host}` },
      ]),
    ),
  )
})

const day = 86_400
type Grant = Parameters<typeof agentEntry>[1][0]

function entryOf(first: Partial<Grant>, ...others: Partial<Grant>[]) {
  const context = { now: () => now, readRisk: () => 'read' } as unknown as Parameters<typeof agentEntry>[0]
  const grant = (changes: Partial<Grant>) => ({ ...granted, ...changes })
  return agentEntry(context, [grant(first), ...others.map(grant)], { logos: new Map(), states: new Map() })
}

const granted = {
  ...live,
  agent: 'https://agent.example',
  resource: 'https://api.example',
  delegate: null,
  account: null,
  display: { agent: {}, resource: {} },
  scope: 'read',
  permissions: [],
  createdAt: now - 90 * day,
  lastUsedAt: null,
} as unknown as Grant

it.each<[string, Parameters<typeof entryOf>, object]>([
  ['never used', [{}], { since: now - 90 * day, lastUsed: undefined, isUnused: true }],
  ['new', [{ createdAt: now - 90 * day + 1 }], { isUnused: false }],
  [
    'last used long ago',
    [
      { createdAt: now - 200 * day, lastUsedAt: now - 91 * day },
      { createdAt: now - 199 * day, lastUsedAt: now - 90 * day },
    ],
    { since: now - 200 * day, lastUsed: now - 90 * day, isUnused: true },
  ],
  ['used recently', [{ createdAt: now - 200 * day, lastUsedAt: now - 89 * day }, {}], { isUnused: false }],
  ['without an end', [{ expiresAt: now + 1 }, {}], { ends: undefined }],
  ['that ends', [{ expiresAt: now + 1 }, { expiresAt: now + 5 }], { ends: now + 5 }],
])('an entry of access %s', (_what, grants, expected) => {
  expect(entryOf(...grants)).toMatchObject(expected)
})

it('an entry shows all that is known about an agent', () => {
  const call = { method: 'DELETE', target: `/${'x'.repeat(400)}`, digest: undefined }
  const display = {
    agent: { name: '“Planner”', bearer: true, fingerprint: 'old' },
    resource: { scopeDescriptions: { 'a.read': 'See' } },
  }
  const first = {
    id: 'g',
    agent: 'https://agent.example/client.json',
    delegate: 'd'.repeat(201),
    account: 'c'.repeat(201),
    scope: 'a.read b.read',
    call,
    display,
    permissions: [
      { name: 'a.read', expiresAt: now + 9 },
      { name: 'b.read', expiresAt: null },
    ],
  }
  const second = { scope: 'a.read c.read', permissions: [{ name: 'a.read', expiresAt: now + 5 }], expiresAt: now + 5 }
  const context = { now: () => now, readRisk: (name: string) => readPermission(name, []) } as unknown as Parameters<
    typeof agentEntry
  >[0]
  const state = { blocked: 'agent', fingerprint: 'new' } as const
  const given = { logos: new Map([[first.agent, '/logo']]), states: new Map([[first.agent, state]]) }
  const grants = [{ ...granted, ...first } as unknown as Grant, { ...granted, ...second }] as const
  expect(agentEntry(context, grants, given)).toEqual({
    id: 'g',
    agentHost: 'agent.example',
    delegate: `${'d'.repeat(199)}…`,
    resourceHost: 'api.example',
    account: `${'c'.repeat(199)}…`,
    agentName: 'Planner',
    logo: '/logo',
    blocked: 'agent',
    bearer: true,
    hasChanged: true,
    able: [
      { name: 'a.read', description: 'See', risk: 'read', until: now + 9 },
      { name: 'b.read', description: undefined, risk: 'read' },
      { name: 'c.read', description: undefined, risk: 'read' },
    ],
    call: `DELETE /${'x'.repeat(291)}…`,
    more: 0,
    since: now - 90 * day,
    lastUsed: undefined,
    isUnused: true,
    ends: undefined,
  })
})

it('an entry shows 256 permissions, and how many more there are', () => {
  const scope = Array.from({ length: 258 }, (_, at) => `p${at}.read`).join(' ')
  const { able, more, agentName, hasChanged, blocked, call } = entryOf({ scope })
  expect([able.length, more]).toEqual([256, 2])
  expect([agentName, hasChanged, blocked, call]).toEqual([undefined, false, undefined, undefined])
})

it.each<[string, Partial<Grant>, string]>([
  ['an agent', {}, 'agent.example'],
  ['an agent with a path', { agent: 'https://agent.example/a' }, 'agent.example/a'],
  [
    'a client',
    { agent: 'https://agent.example/a', display: { agent: { bearer: true }, resource: {} } },
    'agent.example',
  ],
  ['a registered client', { agent: 'client-1', display: { agent: { bearer: true }, resource: {} } }, 'client-1'],
  [
    'a client of the resource’s host',
    { agent: 'https://api.example/a', display: { agent: { bearer: true }, resource: {} } },
    'api.example/a',
  ],
])('pages name %s by its host', (_what, changes, agentHost) => {
  expect(shownParties({ ...granted, ...changes })).toEqual({
    agentHost,
    delegate: undefined,
    resourceHost: 'api.example',
    account: undefined,
  })
})

const searched = {
  ...granted,
  agent: 'https://agent.example',
  resource: 'https://api.example/mcp',
  delegate: 'laptop',
  account: 'work',
  display: { agent: { name: 'Planner' }, resource: {} },
} as unknown as Grant

it.each([
  ['', true],
  ['AGENT.example', true],
  ['api.example/mcp', true],
  ['HTTPS://API.example:443/mcp/', true],
  ['Laptop', true],
  ['Work', true],
  ['planNER', true],
  ['other', false],
])('the filter %j finds a grant: %s', (text, expected) => {
  expect(isFound(searched, text)).toBe(expected)
  if (text !== '') expect(isFound({ ...granted, agent: 'x', resource: 'y' }, text)).toBe(false)
})

it('groups grants by all their parties, in the order of the newest', () => {
  const grants = [{}, { delegate: 'd' }, { account: 'x' }, { agent: 'https://b.example' }, { call: { method: 'GET' } }]
  const listed = [...grants, ...grants].map((changes) => ({ ...granted, call: null, ...changes }) as unknown as Grant)
  const groups = byParties(listed)
  expect(groups.map((group) => group.length)).toEqual([2, 2, 2, 2, 2])
  expect(groups.map(([first]) => first)).toEqual(listed.slice(0, 5))
  const spelled = { ...granted, call: null, resource: 'HTTPS://api.example/' } as unknown as Grant
  expect(byParties([listed[0] as Grant, spelled])).toHaveLength(1)
})

/** A storage with this many grants of the same agent, of which every other one is of another delegate. */
function storageWith(count: number) {
  const all = times(count, (index) => ({ ...granted, id: `${index}`, delegate: index % 2 === 0 ? null : 'other' }))
  const searches: { after?: string; limit: number }[] = []
  const listGrants = async (filter: { after?: string; limit: number }) => {
    searches.push(filter)
    const from = filter.after === undefined ? 0 : Number(filter.after) + 1
    return all.slice(from, from + filter.limit)
  }
  return { searches, context: { storage: { listGrants } } as unknown as Parameters<typeof liveGrants>[0] }
}

it('reads all live grants with the same parties to end them, and 2,000 to show them', async () => {
  const whole = storageWith(2600)
  expect(await liveGrants(whole.context, granted)).toHaveLength(1300)
  expect(whole.searches).toMatchObject(
    [undefined, '499', '999', '1499', '1999', '2499'].map((after) => ({ after, live: true, limit: 500 })),
  )
  const shown = storageWith(2600)
  expect(await shownGrants(shown.context, granted)).toHaveLength(1000)
  expect(shown.searches).toHaveLength(4)
  const few = storageWith(499)
  expect(await liveGrants(few.context, granted)).toHaveLength(250)
  expect(few.searches).toHaveLength(1)
  const ended = storageWith(3)
  expect((await endedGrants(ended.context, granted)).map(({ id }) => id)).toEqual(['0', '2', granted.id])
  expect(ended.searches).toMatchObject([{ live: false }])
  expect(await endedGrants(storageWith(0).context, granted)).toEqual([granted, granted])
})

it('lists the newest events at a resource, in ten of its spellings', async () => {
  const letters = Array.from('api.example')
  const spellings = letters.map((letter) => granted.resource.replace(letter, letter.toUpperCase()))
  const asked: object[] = []
  const storage = {
    async listGrants() {
      const other = { ...granted, delegate: 'other', resource: 'https://b.example' }
      return [other, ...[':443', '/', ':443/'].map((end) => granted.resource + end), ...spellings].map((resource) =>
        typeof resource === 'string' ? { ...granted, resource } : resource,
      )
    },
    async listEvents(filter: object) {
      asked.push(filter)
      return [1, 3].map((at) => ({ at: at + asked.length * 10 }))
    },
  }
  const context = { storage } as unknown as Parameters<typeof eventsOf>[0]
  const events = await eventsOf(context, granted, 3)
  expect(asked).toHaveLength(10)
  expect(asked).not.toContainEqual(expect.objectContaining({ resource: 'https://b.example' }))
  expect(asked[0]).toMatchObject({ agent: granted.agent, newest: true, limit: 3, resource: granted.resource })
  expect(events.map(({ at }) => at)).toEqual([103, 101, 93])
})

it('reads the delegates of events only if there are grants', async () => {
  const listGrants = async () => [{ id: 'g', delegate: 'd' }]
  const context = { storage: { listGrants } } as unknown as Parameters<typeof delegatesOf>[0]
  const event = (grantId?: string) => ({ grantId }) as unknown as Parameters<typeof delegatesOf>[2][number]
  expect(await delegatesOf(context, 'alice', [event(), event('g')])).toEqual(new Map([['g', 'd']]))
  expect(await delegatesOf(context, 'alice', [event()])).toEqual(new Map())
})
