import type { Storage } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { agentEntry, endOf, statesOf } from '../../src/account/agent-entries.js'
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
