import { readPermission } from 'countersign/editions'
import { expect, it } from 'vitest'
import { extensionsOf } from '../../src/account/extensions.js'

type Context = Parameters<typeof extensionsOf>[0]
type Grant = Parameters<typeof extensionsOf>[1][number]
type States = Parameters<typeof extensionsOf>[2]

const now = 1_800_000_000
const [hour, day] = [3600, 86_400]
const issuer = 'https://auth.example'
const durations = [hour, day, 'until-removed'] as const
const device = '01a22d9e-4ce5-7000-9ee3-6657c37e9900'

const ends = (permissions: Record<string, number | null>) =>
  Object.entries(permissions).map(([name, expiresAt]) => ({ name, expiresAt }))
const grant = {
  id: 'g',
  userId: 'alice',
  edition: 'january',
  agent: 'https://agent.example',
  delegate: null,
  resource: 'https://api.example',
  display: { agent: {}, resource: {} },
  permissions: ends({ 'data.read': now + 60 }),
}

interface Scene {
  grants?: readonly object[]
  /** The permissions that the storage can extend. @default all that expire */
  extendable?: Record<string, readonly string[]>
  context?: object
  states?: States
  device?: object | undefined
}

async function extensions({ grants = [{}], ...scene }: Scene) {
  const all = grants.map((changes) => ({ ...grant, ...changes })) as unknown as Grant[]
  const searches: unknown[] = []
  const context = {
    issuer,
    durations,
    now: () => now,
    transports: { offers: () => true },
    policy: () => 'ask',
    readRisk: (name: string) => readPermission(name, []),
    personalAgents: { isUsable: ({ isLive }: { isLive: boolean }) => isLive },
    storage: {
      findDevice: async () => scene.device,
      async listExtendable(search: { grantIds: readonly string[] }) {
        searches.push(search)
        return all.flatMap(({ id: grantId, permissions }) =>
          permissions
            .filter(
              ({ name, expiresAt }) => expiresAt !== null && (scene.extendable?.[grantId]?.includes(name) ?? true),
            )
            .map((permission) => ({ grantId, ...permission })),
        )
      },
    },
    ...scene.context,
  } as unknown as Context
  const found = await extensionsOf(context, all, scene.states ?? new Map())
  return {
    searches,
    found: Object.fromEntries(
      [...found].map(([name, extension]) => [
        name,
        {
          grant: extension.grant.id,
          with: extension.permissions.map((each) => each.name),
          durations: extension.durations,
        },
      ]),
    ),
  }
}

const all = { grant: 'g', with: ['data.read'], durations: [...durations] }
const states = (fingerprint: string): States => new Map([[grant.agent, { blocked: undefined, fingerprint }]])
const at = (expiresAt: number | null) => [{ permissions: ends({ 'data.read': expiresAt }) }]
const identity = (permissions: Record<string, number | null>, more: object = {}) => [
  { permissions: ends(permissions), ...more },
]
const ofDevice = { agent: issuer, delegate: device }

it.each<[string, Scene, object]>([
  ['what ends soon', {}, { 'data.read': all }],
  ['what ends in almost an hour', { grants: at(now + hour - 60) }, { 'data.read': all }],
  [
    'not by less than a minute',
    { grants: at(now + hour - 59) },
    { 'data.read': { ...all, durations: [day, 'until-removed'] } },
  ],
  ['not what never ends', { grants: at(null) }, {}],
  ['nothing of no grant', { grants: [] }, {}],
  ['nothing that the storage cannot extend', { extendable: { g: [] } }, {}],
  ['nothing of an edition that is gone', { context: { transports: { offers: () => false } } }, {}],
  ['nothing that a rule denies', { context: { policy: () => ({ deny: 'r' }) } }, {}],
  ['nothing dangerous', { grants: identity({ 'data.delete': now + 60 }) }, {}],
  ['nothing of a client that changed', { states: states('new') }, {}],
  [
    'what a client had that did not change',
    { states: states('old'), grants: [{ display: { agent: { fingerprint: 'old' }, resource: {} } }] },
    { 'data.read': all },
  ],
  [
    'it in the grant in which it ends last',
    { grants: [{}, { id: 'later', permissions: ends({ 'data.read': now + 99 }) }, { id: 'x' }] },
    { 'data.read': { ...all, grant: 'later' } },
  ],
  [
    'nothing that never ends in another grant',
    { grants: [{}, { id: 'other', permissions: ends({ 'data.read': null }) }] },
    {},
  ],
  [
    'nothing that never ends, even in an older grant',
    { grants: [{ id: 'other', permissions: ends({ 'data.read': null }) }, {}] },
    {},
  ],
  [
    'a name with what it needs',
    { grants: identity({ openid: now + 60, profile: now + 60, 'data.read': now + 60 }) },
    {
      openid: { ...all, with: ['openid'] },
      profile: { ...all, with: ['profile', 'openid'] },
      'data.read': all,
    },
  ],
  [
    'a name alone, if what it needs never ends',
    { grants: identity({ openid: null, profile: now + 60 }) },
    { profile: { ...all, with: ['profile'] } },
  ],
  [
    'no name whose need cannot be extended',
    { grants: identity({ openid: now + 60, profile: now + 60 }), extendable: { g: ['profile'] } },
    {},
  ],
  [
    'everything with what it needs, where the agent acts as the user',
    {
      grants: identity(
        { openid: now + 60, 'data.read': now + 60 },
        { display: { agent: {}, resource: { actsAs: true } } },
      ),
    },
    { openid: { ...all, with: ['openid'] }, 'data.read': { ...all, with: ['data.read', 'openid'] } },
  ],
  ['what a device has', { grants: [ofDevice], device: { isLive: true, expiresAt: null } }, { 'data.read': all }],
  [
    'it until the device ends',
    { grants: [ofDevice], device: { isLive: true, expiresAt: now + day } },
    { 'data.read': { ...all, durations: [hour, day] } },
  ],
  [
    'it not beyond the end of the device',
    { grants: [ofDevice], device: { isLive: true, expiresAt: now + day - 1 } },
    { 'data.read': { ...all, durations: [hour] } },
  ],
  ['nothing of a device that ended', { grants: [ofDevice], device: { isLive: false, expiresAt: null } }, {}],
  ['nothing of an unknown device', { grants: [ofDevice] }, {}],
  [
    'nothing of a device if none may act',
    { grants: [ofDevice], device: { isLive: true, expiresAt: null }, context: { personalAgents: undefined } },
    {},
  ],
])('the user can extend %s', async (_what, scene, expected) => {
  expect((await extensions(scene)).found).toEqual(expected)
})

it('reads only the grants that matter, of their user', async () => {
  const grants = [{}, { id: 'later', permissions: ends({ 'data.read': now + 99, 'data.list': now + 60 }) }]
  expect((await extensions({ grants })).searches).toEqual([{ userId: 'alice', grantIds: ['later'] }])
})
