import { readPermission } from 'countersign/editions'
import { expect, it } from 'vitest'
import { canExtend, decisionFacts, policyDenial } from '../../src/consent/facts.js'

type Context = Parameters<typeof decisionFacts>[0]
type Visit = Parameters<typeof decisionFacts>[1]
type Request = Parameters<typeof decisionFacts>[2]
type Facts = Awaited<ReturnType<typeof decisionFacts>>
type Grant = NonNullable<Facts['withoutPage']>

const now = 1_800_000_000
const [hour, day] = [3600, 86_400]
const issuer = 'https://auth.example'
const device = '01a22d9e-4ce5-7000-9ee3-6657c37e9900'
const traits = { name: 'Planner', jkt: 'k', redirectHost: 'agent.example', fingerprint: 'f' }

const request = {
  id: 'request',
  edition: 'january',
  agent: 'https://agent.example',
  agentBlocked: false,
  delegate: null,
  resource: 'https://api.example/a',
  scope: 'data.read',
  display: { agent: traits, resource: {} },
  prompt: null,
  extensions: 0,
  createdAt: now - 10,
  expiresAt: now + 590,
} as unknown as Request

const held = {
  id: 'grant',
  userId: 'alice',
  agent: request.agent,
  delegate: null,
  resource: request.resource,
  account: null,
  call: null,
  scope: 'data.read data.write',
  remembered: true,
  createdAt: now - 100,
  expiresAt: null,
  revokedAt: null,
  revokedBy: null,
  display: { agent: traits, resource: {} },
} as unknown as Grant

interface Scene {
  request?: object
  /** The user's grants to the agent. @default one that allows the request */
  grants?: readonly object[]
  /** Other users' grants to the agent. */
  others?: readonly object[]
  transport?: object
  session?: object
  about?: object
  factors?: readonly string[]
  code?: boolean
  context?: object
  policy?: unknown
  remoteDevice?: boolean
  hostBlocked?: boolean
  step?: 'decision'
}

const withTraits = (changes: object) => ({ display: { agent: { ...traits, ...changes }, resource: {} } })

function setUp(scene: Scene) {
  const grants = (list: readonly object[]) => list.map((changes) => ({ ...held, ...changes }))
  const searched: unknown[] = []
  const storage = {
    async listGrants(filter: { userId?: string }) {
      searched.push(filter)
      return grants(filter.userId === undefined ? (scene.others ?? []) : (scene.grants ?? [{}]))
    },
    listFactors: async () =>
      (scene.factors ?? ['password']).map((kind) => ({ kind, id: kind, addedAt: now - 9 * day })),
    findSecondFactor: async () => (scene.code ? {} : undefined),
    findStanding: async () => ({ isHostBlocked: scene.hostBlocked === true }),
    findDevice: async () => ({ isRemote: scene.remoteDevice === true }),
    findLongestTokenLifetime: async () => 0,
  }
  const transport = { reachesOnlyAgent: () => true, ...scene.transport }
  const context = {
    issuer,
    storage,
    now: () => now,
    transports: {
      of: () => transport,
      accountOf: () => null,
      callOf: () => (transport as { call?: object }).call,
    },
    policy: () => scene.policy ?? 'ask',
    readRisk: (name: string) => readPermission(name, []),
    durations: [hour, day, 30 * day, 'until-removed'],
    longestToken: () => hour,
    passkeys: {},
    providers: new Map([['p', {}]]),
    secondFactor: 'optional',
    ...scene.context,
  } as unknown as Context
  const session = { user: { id: 'alice' }, authTime: now, amr: ['pwd'], provedFor: null, ...scene.session }
  const visit = { session, about: scene.about } as unknown as Visit
  return { context, visit, stored: { ...request, ...scene.request } as Request, searched }
}

async function factsOf(scene: Scene): Promise<Facts> {
  const { context, visit, stored } = setUp(scene)
  return decisionFacts(context, visit, stored, scene.step)
}

const dangerous = { scope: 'data.delete' }

it.each<[string, Scene, boolean]>([
  ['a remembered grant', {}, true],
  ['one for more', { request: { scope: 'data.write data.read' } }, true],
  ['one of the second factor’s age', { grants: [{ createdAt: now - 400 * day }] }, true],
  ['one from which only the key differs', { request: withTraits({ jkt: 'other' }) }, true],
  ['one that another grant precedes', { grants: [{ remembered: false, createdAt: now }, {}] }, true],
  ['a grant that was not remembered', { grants: [{ remembered: false }] }, false],
  ['one of another delegate', { grants: [{ delegate: 'laptop' }] }, false],
  ['one for another resource', { grants: [{ resource: 'https://api.example/b' }] }, false],
  ['one for another account', { grants: [{ account: 'work' }] }, false],
  ['one for less', { request: { scope: 'data.read data.list' } }, false],
  ['one that has expired', { grants: [{ expiresAt: now }] }, false],
  ['one that expires', { grants: [{ expiresAt: now + 1 }] }, true],
  ['one that was revoked', { grants: [{ revokedAt: now, revokedBy: 'alice' }] }, false],
  ['one under another name', { request: withTraits({ name: 'Other' }) }, false],
  ['one for another document', { request: withTraits({ fingerprint: 'other' }) }, false],
  ['one for another host', { request: withTraits({ redirectHost: 'other.example' }) }, false],
  ['nothing', { grants: [] }, false],
  ['a remembered grant that the edition does not accept', { transport: { acceptsGrant: () => false } }, false],
  ['one that it accepts', { transport: { acceptsGrant: () => true } }, true],
  ['one, but others learn the decision', { transport: { reachesOnlyAgent: () => false } }, false],
  ['one, but the agent demands a page', { request: { prompt: 'login consent' } }, false],
  ['one, and the agent demands a sign-in', { request: { prompt: 'login' } }, true],
  ['one, but a rule denies the request', { policy: { deny: 'rule' } }, false],
  ['one, but the agent is blocked', { request: { agentBlocked: true } }, false],
  ['one for what is dangerous', { grants: [dangerous], request: dangerous }, false],
])('a request is allowed without a page by %s', async (_by, scene, isAllowed) => {
  const { withoutPage } = await factsOf(scene)
  expect(withoutPage?.id).toBe(isAllowed ? 'grant' : undefined)
})

it.each<[string, Scene, Facts['proof']]>([
  ['nothing dangerous', {}, undefined],
  ['what is dangerous, with a password', { request: dangerous }, 'password'],
  ['it with a passkey', { request: dangerous, factors: ['password', 'passkey'] }, 'passkey'],
  ['it with a second factor', { request: dangerous, code: true }, 'code'],
  ['it with a provider', { request: dangerous, factors: ['identity'] }, 'sign-in'],
  [
    'it with only a password, if a second factor is needed',
    { request: dangerous, context: { secondFactor: 'required' } },
    'set-up',
  ],
  [
    'it with a provider, if a second factor is needed',
    { request: dangerous, context: { secondFactor: 'required' }, factors: ['identity'] },
    'sign-in',
  ],
])('a user proves who they are for %s', async (_what, scene, proof) => {
  expect((await factsOf(scene)).proof).toBe(proof)
})

const proved = { about: { tokenHash: 'h' }, request: dangerous }

it.each<[string, Scene, Facts['proof']]>([
  ['this request', { session: { provedFor: 'h' } }, undefined],
  ['another', { session: { provedFor: 'other' } }, 'password'],
  ['none', { session: { provedFor: null } }, 'password'],
  ['this one when it was made', { session: { provedFor: 'h', authTime: now - 10 } }, undefined],
  ['this one before it was made', { session: { provedFor: 'h', authTime: now - 11 } }, 'password'],
  ['this one, by a password', { session: { provedFor: 'h' }, factors: ['password', 'passkey'] }, 'passkey'],
  [
    'this one, by a passkey',
    { session: { provedFor: 'h', amr: ['webauthn'] }, factors: ['password', 'passkey'] },
    undefined,
  ],
  [
    'another one, by a passkey',
    { session: { provedFor: 'x', amr: ['webauthn'] }, factors: ['password', 'passkey'] },
    'passkey',
  ],
  ['this one, without the code', { session: { provedFor: 'h' }, code: true }, 'code'],
  ['this one, by a code', { session: { provedFor: 'h', amr: ['pwd', 'otp'] }, code: true }, undefined],
  ['another one, by a code', { session: { provedFor: 'x', amr: ['pwd', 'otp'] }, code: true }, 'code'],
])(
  'of a user who proved who they are for %s, a dangerous request still needs this proof',
  async (_for, scene, proof) => {
    expect((await factsOf({ ...proved, ...scene })).proof).toBe(proof)
  },
)

const login = { prompt: 'consent login', createdAt: now - 700 }
const at = (seconds: number, more: object = {}) => ({ session: { authTime: now - seconds, ...more } })

it.each<[string, Scene, Facts['proof']]>([
  ['a minute before the page', { request: login, ...at(60) }, undefined],
  ['longer before the page', { request: login, ...at(61) }, 'sign-in'],
  ['ten minutes before the decision', { request: login, ...at(600), step: 'decision' }, undefined],
  ['longer before the decision', { request: login, ...at(601), step: 'decision' }, 'sign-in'],
  ['ten minutes ago for the request', { ...proved, request: login, ...at(600, { provedFor: 'h' }) }, undefined],
  ['longer ago for the request', { ...proved, request: login, ...at(601, { provedFor: 'h' }) }, 'sign-in'],
  ['long ago, to select an account', { request: { ...login, prompt: 'select_account' }, ...at(61) }, 'sign-in'],
  ['long ago, which the agent does not mind', { request: { ...login, prompt: 'consent' }, ...at(999) }, undefined],
])('an agent that demands a sign-in gets a new one if the last one was %s', async (_when, scene, proof) => {
  const asked = { ...scene, request: { ...scene.request, scope: 'data.read' } }
  expect((await factsOf(asked)).proof).toBe(proof)
})

const call = { method: 'DELETE', target: '/a', digest: undefined }
const read = (names: string) => ({ request: { scope: names } })

it.each<[string, Scene, Facts['durations'], Facts['preset']]>([
  ['what is modest, first', { grants: [] }, [hour, day, 30 * day, 'until-removed'], day],
  ['what is modest, again', {}, [hour, day, 30 * day, 'until-removed'], 30 * day],
  ['a change', { ...read('calendar.create'), grants: [] }, [hour, day, 30 * day, 'until-removed'], day],
  ['what no word describes', read('data.frobnicate'), [hour, day, 30 * day, 'until-removed'], hour],
  ['what is broad', read('calendar.manage'), [hour, day, 30 * day, 'until-removed'], hour],
  ['what is dangerous', { request: dangerous }, [hour], hour],
  [
    'what is dangerous, if it always lasts',
    { request: dangerous, context: { durations: ['until-removed'] } },
    [hour],
    hour,
  ],
  [
    'what is dangerous, if it lasts long',
    { request: dangerous, context: { durations: [7 * day] } },
    [7 * day],
    7 * day,
  ],
  ['what always lasts', { context: { durations: ['until-removed'] } }, ['until-removed'], 'until-removed'],
  ['what lasts longer than suits', { context: { durations: [60 * day] } }, [60 * day], 60 * day],
  ['a call', { transport: { call } }, ['once', hour, day, 30 * day, 'until-removed'], 'once'],
  ['a dangerous call', { transport: { call }, request: dangerous }, ['once', hour], 'once'],
  [
    'a call that may only be allowed once',
    { transport: { call }, request: dangerous, policy: 'ask-once' },
    ['once'],
    'once',
  ],
  [
    'a harmless call under the same rule',
    { transport: { call }, policy: 'ask-once' },
    ['once', hour, day, 30 * day, 'until-removed'],
    'once',
  ],
])('the user can choose how long to allow %s', async (_what, scene, durations, preset) => {
  expect(await factsOf(scene)).toMatchObject({ durations, preset })
})

const ofDevice = { agent: issuer, delegate: `aauth:${device}@auth.example` }
const deviceGrant = { ...ofDevice, remembered: false }

it.each<[string, Scene, Facts['durations']]>([
  ['a device', { request: ofDevice, grants: [deviceGrant] }, [hour, day, 30 * day, 'until-removed']],
  ['a remote device', { request: ofDevice, grants: [deviceGrant], remoteDevice: true }, [hour, day]],
  [
    'a remote device, if every duration is longer than a day',
    { request: ofDevice, remoteDevice: true, context: { durations: [2 * day, 'until-removed'] } },
    [day],
  ],
])('access of %s ends with it', async (_what, scene, durations) => {
  expect((await factsOf(scene)).durations).toEqual(durations)
})

it('the devices of the server are not compared with those of others, and a device keeps its history', async () => {
  const scene = { request: { ...ofDevice, ...withTraits({ name: 'New' }) }, grants: [deviceGrant], others: [held] }
  expect(await factsOf(scene)).toMatchObject({ changes: [], lastAllowed: now - 100, agentLastAllowed: now - 100 })
})

const seen = (changes: object, more: object = {}) => ({ ...withTraits(changes), ...more })

it.each<[string, Scene, Facts['changes']]>([
  ['nothing', {}, []],
  ['its key', { request: seen({ jkt: 'new' }) }, [{ what: 'keys' }]],
  ['its key, which was not known before', { grants: [seen({ jkt: undefined })], request: seen({ jkt: 'new' }) }, []],
  ['its key, which it has no more', { request: seen({ jkt: undefined }) }, []],
  [
    'its host',
    { request: seen({ redirectHost: 'new.example' }) },
    [{ what: 'redirect_host', before: 'agent.example' }],
  ],
  ['its host, which was not known before', { grants: [seen({ redirectHost: undefined })] }, []],
  ['its host, which it has no more', { request: seen({ redirectHost: undefined }) }, []],
  ['its name', { grants: [seen({ name: '“Old”' })] }, [{ what: 'name', before: 'Old' }]],
  ['its name, which it did not have', { grants: [seen({ name: undefined })] }, [{ what: 'name', before: undefined }]],
  ['back to an earlier key', { grants: [seen({ jkt: 'new' }, { createdAt: now }), {}] }, []],
  [
    'back to an earlier name',
    { grants: [seen({ name: 'New' }, { createdAt: now }), {}] },
    [{ what: 'name', before: 'New' }],
  ],
  [
    'back to the key of twenty grants ago',
    { grants: [{}, ...Array.from({ length: 19 }, (_, age) => seen({ jkt: 'new' }, { createdAt: now - age }))] },
    [],
  ],
  [
    'back to the key of more grants ago',
    { grants: [{}, ...Array.from({ length: 20 }, (_, age) => seen({ jkt: 'new' }, { createdAt: now - age }))] },
    [{ what: 'keys' }],
  ],
  ['what only others saw', { grants: [], others: [seen({ jkt: 'other' })] }, [{ what: 'keys' }]],
  ['what others saw, but not this user', { others: [seen({ jkt: 'other' })] }, []],
])('an agent has changed %s', async (_what, scene, changes) => {
  expect((await factsOf(scene)).changes).toEqual(changes)
})

it('looks at 20 grants of others', async () => {
  const { context, visit, stored, searched } = setUp({ grants: [] })
  await decisionFacts(context, visit, stored)
  expect(searched).toEqual([
    { userId: 'alice', agent: stored.agent, limit: 500 },
    { agent: stored.agent, limit: 20 },
  ])
})

it('knows when the delegate and when the agent was last allowed', async () => {
  const grants = [{ createdAt: now - 7 }, { createdAt: now - 5, delegate: 'laptop' }, { createdAt: now - 9 }]
  expect(await factsOf({ grants })).toMatchObject({ lastAllowed: now - 7, agentLastAllowed: now - 5 })
  expect(await factsOf({ grants: [] })).toMatchObject({ lastAllowed: undefined, agentLastAllowed: undefined })
})

it.each<[string, Scene, string | undefined]>([
  ['nothing', {}, undefined],
  ['a rule', { policy: { deny: 'no' } }, 'policy_denied'],
  ['a block of the agent', { request: { agentBlocked: true } }, 'agent_blocked'],
  ['a block of its host', { request: { agent: 'https://host.example/a' }, hostBlocked: true }, 'agent_blocked'],
  ['a rule for calls, if there is none', { request: dangerous, policy: 'ask-once' }, 'policy_denied'],
  ['a rule for calls, if there is one', { request: dangerous, policy: 'ask-once', transport: { call } }, undefined],
  ['a rule for calls that does not apply', { policy: 'ask-once' }, undefined],
])('a request is forbidden by %s', async (_by, scene, code) => {
  expect((await factsOf(scene)).forbidden?.code).toBe(code)
})

it('asks the policy about the whole request', () => {
  const asked: unknown[] = []
  const { context, stored } = setUp({})
  const policy: Context['policy'] = (what) => {
    asked.push(what)
    return 'ask'
  }
  policyDenial({ ...context, policy }, { ...stored, scope: 'a b', delegate: 'd' })
  expect(asked).toEqual([{ agent: stored.agent, delegate: 'd', resource: stored.resource, scope: ['a', 'b'] }])
})

const usable = now - hour - 60 + 1
const gone = (changes: object) => ({ revokedAt: usable, revokedBy: 'alice', remembered: false, ...changes })
const more = { request: { scope: 'data.read data.write data.list', createdAt: now } }

it.each<[string, Scene, string[]]>([
  ['what the user removed', { grants: [{ scope: 'data.read' }, gone({ scope: 'data.write' })] }, ['data.write']],
  ['nothing that an operator removed', { grants: [{ scope: 'data.read' }, gone({ revokedBy: 'carol' })] }, []],
  ['nothing if the agent holds nothing', { grants: [gone({ scope: 'data.write' })] }, []],
  ['nothing that was replaced', { grants: [{}, gone({ revokedBy: 'replaced' })] }, []],
  ['nothing of another delegate', { grants: [{ scope: 'data.read' }, gone({ delegate: 'd' })] }, []],
  ['nothing of another account', { grants: [{ scope: 'data.read' }, gone({ account: 'a' })] }, []],
  ['nothing of a call', { grants: [{ scope: 'data.read' }, gone({ call })] }, []],
  ['nothing that a call allows', { grants: [{ call, scope: 'data.read' }, gone({ scope: 'data.write' })] }, []],
  [
    'what was removed under another spelling',
    { grants: [{ scope: 'data.read' }, gone({ scope: 'data.write', resource: 'HTTPS://api.example/a/' })] },
    ['data.write'],
  ],
  [
    'what was removed in the second in which the oldest token was issued',
    { grants: [{ scope: 'data.read' }, gone({ scope: 'data.write', revokedAt: usable - 1 })] },
    ['data.write'],
  ],
  ['nothing that no token has', { grants: [{ scope: 'data.read' }, gone({ revokedAt: usable - 2 })] }, []],
  [
    'nothing if the agent asks for nothing else',
    { grants: [{ scope: 'data.read data.list' }, gone({ scope: 'data.write' })] },
    [],
  ],
])('of a request for more, the page leaves out %s', async (_what, scene, leftOut) => {
  expect((await factsOf({ ...more, ...scene })).leftOut).toEqual(leftOut)
})

const elsewhere = (changes: object = {}) => ({ resource: 'https://mail.example', scope: 'mail.read', ...changes })
const all = { same: [], here: [], revokedButUsable: [], elsewhere: [], nothingElse: true }

it.each<[string, Scene, Partial<Facts['holdings']>]>([
  ['nothing', { grants: [] }, {}],
  ['access', {}, { same: ['data.read', 'data.write'], here: ['data.read', 'data.write'] }],
  [
    'access twice',
    { grants: [{ scope: 'a b' }, { scope: 'b c', resource: 'https://api.example:443/a' }] },
    { same: ['a', 'b', 'c'], here: ['a', 'b', 'c'] },
  ],
  ['access of another delegate', { grants: [{ delegate: 'd', scope: 'a' }] }, { here: ['a'] }],
  ['access to another account', { grants: [{ account: 'x', scope: 'a' }] }, { here: ['a'] }],
  ['a call', { grants: [{ call }] }, {}],
  ['access elsewhere', { grants: [elsewhere(), elsewhere({ scope: 'b' })] }, { elsewhere: ['https://mail.example'] }],
  ['a call elsewhere', { grants: [elsewhere({ call })] }, {}],
  ['access that ended but may work', { grants: [gone({ scope: 'a' })] }, { revokedButUsable: ['a'] }],
  ['access that ended long ago', { grants: [gone({ scope: 'a', revokedAt: usable - 1 })] }, {}],
  ['access that expired', { grants: [{ expiresAt: now }] }, {}],
  ['access elsewhere that may work', { grants: [gone(elsewhere())] }, { nothingElse: false }],
  ['access elsewhere that ended long ago', { grants: [gone(elsewhere({ revokedAt: usable - 1 }))] }, {}],
])('an agent holds %s', async (_what, scene, holdings) => {
  expect((await factsOf(scene)).holdings).toEqual({ ...all, ...holdings })
})

it.each<[string, Scene, boolean]>([
  ['that was never extended', {}, true],
  ['that was extended eleven times', { request: { extensions: 11 } }, true],
  ['that was extended twelve times', { request: { extensions: 12 } }, false],
  ['whose edition limits it', { transport: { openFor: { seconds: 300, most: 601 } } }, true],
  ['that is open for as long as its edition allows', { transport: { openFor: { seconds: 300, most: 600 } } }, false],
])('a request %s can be extended: %s', (_what, scene, expected) => {
  const { context, stored } = setUp(scene)
  expect(canExtend(context, stored)).toBe(expected)
})
