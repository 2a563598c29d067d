import { expect, it } from 'vitest'
import { endedAgents, isAgentOf, toldOf } from '../../src/account/ended-agents.js'

type Delivery = Parameters<typeof toldOf>[0][number]
type Grant = Parameters<typeof toldOf>[1]
type Binding = Parameters<typeof endedAgents>[3]['bindings'][number]

const now = 1_800_000_000
const day = 86_400
const named = { edition: 'draft-11', agent: 'https://agent.example', delegate: null }
const grant = {
  ...named,
  id: 'g',
  resource: 'https://api.example',
  account: null,
  call: null,
  display: { agent: {} },
} as Grant
const delivery = { ...named, resource: grant.resource, account: null, revokedAt: now, outcome: 'delivered' } as Delivery

it.each<[string, Partial<Delivery>[], ReturnType<typeof toldOf>]>([
  ['nothing', [], undefined],
  ['one that waits', [{ outcome: null }], 'pending'],
  ...(['delivered', 'failed', 'unsupported', 'expired'] as const).map(
    (outcome): [string, Partial<Delivery>[], ReturnType<typeof toldOf>] => [
      `one that is ${outcome}`,
      [{ outcome }],
      outcome,
    ],
  ),
  ['one that waits and one that failed', [{ outcome: 'failed' }, { outcome: null }], 'pending'],
  ['one that failed and one not supported', [{ outcome: 'unsupported' }, { outcome: 'failed' }], 'failed'],
  ['one delivered and one not supported', [{}, { outcome: 'unsupported' }], 'unsupported'],
  ['one expired and one delivered', [{ outcome: 'expired' }, {}], 'delivered'],
  ['one that failed before', [{ outcome: 'failed', revokedAt: now - 1 }, {}], 'delivered'],
  ['one to another resource', [{ resource: 'https://b.example' }], undefined],
  ['one of another account', [{ account: 'x' }], undefined],
  ['one of another agent', [{ agent: 'https://b.example' }], undefined],
  ['one of another delegate', [{ delegate: 'd' }], undefined],
  ['one of another edition', [{ edition: 'january' }], undefined],
])('of %s, the user learns the worst outcome', (_what, deliveries, told) => {
  expect(
    toldOf(
      deliveries.map((changes) => ({ ...delivery, ...changes })),
      grant,
    ),
  ).toBe(told)
})

it('an agent is the one that a grant names', () => {
  expect(isAgentOf(named)({ ...named })).toBe(true)
  for (const other of [{ edition: 'x' }, { agent: 'x' }, { delegate: 'x' }])
    expect(isAgentOf(named)({ ...named, ...other })).toBe(false)
})

const binding = { ...named, userId: 'alice' } as unknown as Binding

it.each<
  [string, { deliveries?: Partial<Delivery>[]; bindings?: object[]; live?: object[]; ended?: object[] }, object[]]
>([
  ['nothing happened', { ended: [{}] }, []],
  ['a resource was told', { deliveries: [{}], ended: [{}] }, [{ id: 'g', told: 'delivered', isBound: false }]],
  ['it was told a day ago', { deliveries: [{ revokedAt: now - day }], ended: [{}] }, []],
  [
    'it was told almost a day ago',
    { deliveries: [{ revokedAt: now - day + 1 }], ended: [{}] },
    [{ told: 'delivered' }],
  ],
  ['it still acts for the user', { bindings: [{}], ended: [{}] }, [{ told: undefined, isBound: true }]],
  ['another one does', { bindings: [{ delegate: 'd' }], ended: [{}] }, []],
  ['it has access again', { deliveries: [{}], live: [{ id: 'new' }], ended: [{}] }, []],
  ['it ended twice', { deliveries: [{}], ended: [{}, { id: 'older' }] }, [{ id: 'g' }]],
  [
    'many ended',
    { bindings: [{}], ended: Array.from({ length: 51 }, (_, at) => ({ id: `${at}`, account: `${at}` })) },
    Array.from({ length: 50 }, (_, at) => ({ id: `${at}` })),
  ],
])('My agents shows agents without access if %s', async (_what, scene, shown) => {
  const searched: unknown[] = []
  const storage = {
    async listGrants(filter: unknown) {
      searched.push(filter)
      return (scene.ended ?? []).map((changes) => ({ ...grant, ...changes }))
    },
  }
  const context = { storage, now: () => now } as unknown as Parameters<typeof endedAgents>[0]
  const live = (scene.live ?? []).map((changes) => ({ ...grant, ...changes }))
  const deliveries = (scene.deliveries ?? []).map((changes) => ({ ...delivery, ...changes }))
  const bindings = (scene.bindings ?? []).map((changes) => ({ ...binding, ...changes }))
  expect(await endedAgents(context, 'alice', live, { deliveries, bindings })).toMatchObject(shown)
  for (const filter of searched) expect(filter).toEqual({ userId: 'alice', live: false, limit: 500 })
})
