import { readPermission } from 'countersign/editions'
import { expect, it } from 'vitest'
import { consentModel } from '../../src/consent/model.js'

type Input = Parameters<typeof consentModel>[0]

const agent = 'https://agent.example'
const request = {
  agent,
  agentJkt: 'jkt',
  delegate: null,
  resource: 'https://api.example/a',
  scope: 'data.read',
  revision: 3,
  createdAt: 100,
  expiresAt: 700,
  display: { agent: { name: 'Planner', bearer: false }, resource: { name: 'Calendar' } },
} as unknown as Input['request']
const nothing = { same: [], here: [], revokedButUsable: [], elsewhere: [], nothingElse: true }
const input = {
  frame: { serverName: 'Home' },
  form: { action: '/agent/auth', csrf: 'c' },
  request,
  user: { username: 'alice', displayName: null, email: null },
  displayCode: 'ABCD',
  firstTime: true,
  requestedBefore: false,
  now: 110,
  readRisk: (name: string) => readPermission(name, []),
  judgeName: () => undefined,
  tokenLifetime: 600,
  logo: '/agents/logos/1',
  holdings: nothing,
  leftOut: [],
  changes: [],
  returnUri: `${agent}/callback`,
  blocks: {},
} as unknown as Input

type Changes = Partial<Omit<Input, 'request'>> & { request?: object; agent?: object; resource?: object }

function modelOf({ request: asked, agent: ofAgent, resource, ...changes }: Changes = {}) {
  const display = {
    agent: { ...request.display.agent, ...ofAgent },
    resource: { ...request.display.resource, ...resource },
  }
  return consentModel({ ...input, ...changes, request: { ...request, display, ...asked } as Input['request'] })
}

it('shows everything that is known about a request', () => {
  expect(modelOf()).toEqual({
    serverName: 'Home',
    form: { action: '/agent/auth', csrf: 'c' },
    revision: 3,
    user: 'alice',
    agent,
    agentHost: 'agent.example',
    agentName: 'Planner',
    agentJkt: 'jkt',
    bearer: false,
    logo: '/agents/logos/1',
    resource: 'https://api.example/a',
    resourceHost: 'api.example/a',
    resourceName: 'Calendar',
    redirect: { uri: `${agent}/callback`, display: 'agent.example/callback', elsewhere: false, loopback: false },
    saysNothing: false,
    firstTime: true,
    requestedBefore: false,
    lookAlike: false,
    able: [{ name: 'data.read', description: undefined, risk: 'read', isNew: false }],
    notRequested: [],
    signsInAlready: false,
    elsewhere: [],
    nothingElse: true,
    tokenLifetime: 600,
    code: 'ABCD',
    requestedAt: 100,
    now: 110,
    expiresAt: 700,
  })
})

const long = 'x'.repeat(201)
const cut = `${'x'.repeat(199)}…`
const imitation = { what: 'imitation' } as const
const brand = { what: 'brand', brand: 'Apple' } as const

it.each<[string, Changes, object]>([
  ['no name', { agent: { name: undefined } }, { agentName: undefined, saysNothing: true }],
  ['no name but a page', { agent: { name: undefined, homepage: `${agent}/about` } }, { saysNothing: false }],
  [
    'its pages',
    { agent: { policyUri: `${agent}/p`, tosUri: `${agent}/t` } },
    { policyUri: `${agent}/p`, tosUri: `${agent}/t` },
  ],
  ['a page over http', { agent: { homepage: 'http://agent.example/' } }, { homepage: undefined }],
  ['a page elsewhere', { agent: { homepage: 'https://other.example/' } }, { homepage: undefined }],
  ['a page that is no URL', { agent: { homepage: 'about' } }, { homepage: undefined }],
  ['a delegate', { request: { delegate: long } }, { delegate: cut, agentId: undefined }],
  ['an id', { request: { delegate: 'aauth:bot@a' }, agent: { id: long } }, { delegate: undefined, agentId: cut }],
  [
    'a client without a signature',
    { request: { agent: `${agent}/client.json` }, agent: { bearer: true } },
    { agentHost: 'agent.example', agentJkt: undefined, bearer: true },
  ],
  ['a registered client', { request: { agent: 'client-1' }, agent: { bearer: true } }, { agentHost: 'client-1' }],
  ['a path', { request: { agent: `${agent}/a` } }, { agentHost: 'agent.example/a' }],
  ['a look-alike host', { request: { agent: 'https://xn--gent-43d.example' } }, { lookAlike: true }],
  ['no return', { returnUri: null }, { redirect: undefined }],
  [
    'a return to the device',
    { returnUri: 'http://127.0.0.1:4321/callback' },
    { redirect: { elsewhere: true, loopback: true } },
  ],
  ['changes', { changes: [{ what: 'keys' }] }, { changes: [{ what: 'keys' }] }],
  ['what is left out', { leftOut: ['data.write'] }, { leftOut: [{ name: 'data.write', risk: 'change' }] }],
  ['nothing left out', {}, { leftOut: undefined, changes: undefined, kept: undefined }],
  [
    'access elsewhere',
    { holdings: { ...nothing, elsewhere: [agent, 'https://mail.example/x'], nothingElse: false } },
    { signsInAlready: true, elsewhere: ['mail.example/x'], nothingElse: false },
  ],
  ['a name that misleads', { judgeName: () => brand }, { nameCaution: brand, resourceName: undefined }],
  [
    'a name that its operator registered',
    { judgeName: () => brand, agent: { registeredBy: 'operator' } },
    { nameCaution: undefined, registeredBy: 'operator' },
  ],
  [
    'a delegate whose name misleads',
    { judgeName: (name) => (name === 'Verified' ? imitation : undefined), request: { delegate: 'Verified' } },
    { nameCaution: imitation },
  ],
  [
    'a delegate with the name of a product',
    { judgeName: (name) => (name === 'Apple' ? brand : undefined), request: { delegate: 'Apple' } },
    { nameCaution: undefined },
  ],
  [
    'a delegate that names its scheme',
    {
      judgeName: (name) => (name === 'Verified@a' ? imitation : undefined),
      request: { delegate: 'aauth:Verified@a' },
      agent: { id: 'aauth:Verified@a' },
    },
    { nameCaution: imitation },
  ],
  [
    'a delegate that looks like one with a scheme',
    {
      judgeName: (name) => (name === 'Verified@a' ? imitation : undefined),
      request: { delegate: 'aauth:Verified@a' },
    },
    { nameCaution: undefined },
  ],
])('of an agent with %s, it shows that', (_what, changes, expected) => {
  expect(modelOf(changes)).toMatchObject(expected)
})

const people = {
  full: { username: 'alice', displayName: 'Alice', email: 'alice@home.example' },
  bare: { username: 'alice', displayName: null, email: null },
  long: { username: long, displayName: null, email: null },
}

it.each<[string, string, keyof typeof people, object]>([
  ['an email address', 'openid email', 'full', { value: 'alice@home.example' }],
  ['no email address', 'openid email', 'bare', { value: null }],
  ['a name', 'openid profile', 'full', { value: 'Alice, alice' }],
  ['only a username', 'openid profile', 'bare', { value: 'alice' }],
  ['a long username', 'openid profile', 'long', { value: cut }],
  ['nothing', 'data.read email', 'full', { withheld: true }],
])('an agent learns %s', (_what, scope, user, learnt) => {
  const { able } = modelOf({ request: { scope }, user: people[user] as unknown as Input['user'] })
  expect(able[1]).toMatchObject(learnt)
  expect(able[0]).not.toHaveProperty('value')
})

const offering = (...supportedScopes: string[]) => ({ resource: { supportedScopes } })
const names = ({ notRequested, kept, able }: ReturnType<typeof modelOf>) => ({
  not: notRequested.map(({ name }) => name),
  kept: kept?.map(({ name }) => name),
  isNew: able.map(({ isNew }) => isNew),
})
const wide = Array.from({ length: 40 }, (_, at) => `x${at}`.padEnd(at === 0 ? 94 : 100, 'y'))
const many = (count: number, prefix = 'mail') => Array.from({ length: count }, (_, at) => `${prefix}${at}.read`)

it.each<[string, Changes, Partial<ReturnType<typeof names>>]>([
  ['does not ask for', offering('data.read', 'data.delete', 'openid'), { not: ['data.delete'] }],
  ['may have', { ...offering('data.read', 'mail.read'), request: { scope: 'data mail' } }, { not: [] }],
  [
    'holds',
    { ...offering('a.read', 'b.read'), holdings: { ...nothing, here: ['a.read'] } },
    { not: ['b.read'], kept: ['a.read'] },
  ],
  [
    'held',
    { ...offering('a.read', 'b.read'), holdings: { ...nothing, revokedButUsable: ['a.read'] } },
    { not: ['b.read'] },
  ],
  ['holds already', { holdings: { ...nothing, same: ['x'], here: ['data.read'] } }, { kept: undefined, isNew: [true] }],
  ['holds itself', { holdings: { ...nothing, same: ['data.read'] } }, { isNew: [false] }],
  [
    'can do as the user',
    { resource: { supportedScopes: ['b.read'], actsAs: true }, request: { scope: 'openid' } },
    { not: [] },
  ],
  ['cannot do as the user', { resource: { supportedScopes: ['b.read'], actsAs: true } }, { not: ['b.read'] }],
  ['cannot name', offering('b.read', 'two words', ''), { not: ['b.read'] }],
  ['lacks, up to 50', offering(...many(51)), { not: many(50) }],
  ['lacks, of the first 150', offering(...Array(149).fill('data.read'), 'b.read', 'c.read'), { not: ['b.read'] }],
  ['lacks, of 4,000 characters', offering(...wide, 'b.read', 'c'), { not: [...wide, 'b.read'] }],
])('lists what an agent %s', (_what, changes, expected) => {
  expect(names(modelOf(changes))).toMatchObject(expected)
})

it('makes what others wrote safe to show', () => {
  const blocks = {
    ownDevice: { name: '“Laptop”', isRemote: true },
    agentSays: { reason: ' one\r\n\ntwo\rthree \u200b\n', platform: 'linux', device: `${'d'.repeat(64)}“x` },
    resourceSays: { description: 'y'.repeat(2001) },
  } as unknown as Input['blocks']
  expect(modelOf({ blocks })).toMatchObject({
    ownDevice: { name: 'Laptop', isRemote: true },
    agentSays: { reason: 'one\ntwo\nthree', platform: 'linux', device: `${'d'.repeat(59)}…` },
    resourceSays: { description: 'y'.repeat(2000) },
  })
  const empty = { agentSays: { reason: '\u200b', device: '“”' }, resourceSays: {} } as unknown as Input['blocks']
  expect(modelOf({ blocks: empty })).toMatchObject({
    agentSays: { reason: undefined, device: undefined },
    resourceSays: { description: undefined },
    ownDevice: undefined,
  })
})
