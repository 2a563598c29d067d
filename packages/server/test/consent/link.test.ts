import { describe, expect, it } from 'vitest'
import {
  claimedAsker,
  emitDecision,
  linkDestination,
  newHandle,
  requireLink,
  requireStored,
  respondUnlessOpen,
  tokenHashIn,
} from '../../src/consent/link.js'
import { frameContext } from '../http/frame-context.js'

type Context = Parameters<typeof respondUnlessOpen>[0]
type Visit = Parameters<typeof respondUnlessOpen>[1]
type Request = Parameters<typeof respondUnlessOpen>[2]
type Link = Parameters<typeof linkDestination>[0]

const stored = {
  id: 'r',
  edition: 'january',
  agent: 'https://agent.example',
  delegate: 'd',
  resource: 'https://api.example',
  scope: 'a b',
  redirectUri: 'https://agent.example/callback',
  browserHash: 'own',
  userId: 'alice',
} as unknown as Request

interface Scene {
  request?: object
  transport?: object
  browserHash?: string
  user?: string | undefined
  grants?: readonly object[]
  policy?: unknown
}

/** Where a request that may have been decided leads, and what the storage and the transport were asked. */
async function outcomeOf({ request, transport, user = 'alice', ...scene }: Scene) {
  const asked: unknown[] = []
  const context = {
    ...frameContext,
    policy: () => scene.policy ?? 'ask',
    transports: {
      of: () => ({
        isAlive: () => true,
        addressOf: (_request: unknown, decision: unknown) => {
          asked.push(decision)
          return 'https://agent.example/callback?done'
        },
        ...transport,
      }),
    },
    storage: {
      async listGrants(filter: unknown) {
        asked.push(filter)
        return scene.grants ?? []
      },
    },
  } as unknown as Context
  const session = user === 'signed out' ? undefined : { user: { id: user } }
  const visit = { browserHash: scene.browserHash ?? 'own', session } as unknown as Visit
  const outcome = await respondUnlessOpen(context, visit, { ...stored, ...request } as Request).then(
    async (response) => {
      if (!response) return 'open'
      const location = response.headers.get('location')
      return (
        location ??
        `${response.status} ${/<p class="lead">(.*?)<\/p>/.exec(await response.text())?.[1]?.replace(/<[^>]*>/g, '')}`
      )
    },
    ({ code, shown }: { code: string; shown: object }) => ({ code, ...shown }),
  )
  return { outcome, asked }
}

const away = { browserHash: 'other' }
const agentHost = 'agent.example'
const ended = { endedAddressOf: () => 'https://agent.example/ended' }
const done = 'https://agent.example/callback?done'

it.each<[string, Scene, unknown]>([
  ['open', { request: { status: 'open' } }, 'open'],
  ['open to any browser', { request: { status: 'open', browserHash: null }, ...away }, 'open'],
  ['open in another browser', { request: { status: 'open' }, ...away }, { code: 'request_other_session' }],
  ['expired', { request: { status: 'expired' } }, { code: 'request_expired', agentHost }],
  ['expired in another browser', { request: { status: 'expired' }, ...away }, { code: 'request_expired' }],
  [
    'expired, which its agent learns',
    { request: { status: 'expired' }, transport: ended },
    'https://agent.example/ended',
  ],
  [
    'revoked, which its agent learns',
    { request: { status: 'revoked' }, transport: ended },
    'https://agent.example/ended',
  ],
  [
    'expired before anyone opened it',
    { request: { status: 'expired', browserHash: null }, transport: ended },
    { code: 'request_expired', agentHost },
  ],
  [
    'expired in another browser, which its agent does not learn',
    { request: { status: 'expired' }, transport: ended, ...away },
    { code: 'request_expired' },
  ],
  ['allowed, whatever its agent learns of ended ones', { request: { status: 'allowed' }, transport: ended }, done],
  ['revoked', { request: { status: 'revoked' } }, { code: 'request_used' }],
  [
    'denied for an agent of another user',
    { request: { status: 'denied', browserHash: null } },
    { code: 'request_agent_bound' },
  ],
  ['allowed without a browser', { request: { status: 'allowed', browserHash: null } }, { code: 'request_used' }],
  ['allowed in another browser', { request: { status: 'allowed' }, ...away }, { code: 'request_used' }],
  ['allowed', { request: { status: 'allowed' } }, done],
  ['denied', { request: { status: 'denied' } }, done],
  ['allowed by another user of the browser', { request: { status: 'allowed' }, user: 'bob' }, { code: 'request_used' }],
  [
    'allowed by a user who signed out',
    { request: { status: 'allowed' }, user: 'signed out' },
    { code: 'request_used' },
  ],
  ['denied by another user of the browser', { request: { status: 'denied' }, user: 'bob' }, done],
  [
    'allowed, for an agent that polls',
    { request: { status: 'allowed' }, transport: { addressOf: () => undefined } },
    '200 The request from agent.example was allowed.',
  ],
  [
    'denied, for an agent with its own scheme',
    { request: { status: 'denied' }, transport: { addressOf: () => 'app:/done' } },
    '200 The request from agent.example was not allowed.',
  ],
])('a request that is %s leads to the right place', async (_what, scene, outcome) => {
  expect((await outcomeOf(scene)).outcome).toEqual(outcome)
})

it.each([
  ['allowed', 'ask', { allowed: true }],
  ['denied', 'ask', { allowed: false, why: 'The user denied the request.' }],
  ['denied', { deny: 'r' }, { allowed: false, why: "This server's policy does not allow this." }],
])('the agent of a request that is %s under the policy %j learns this', async (status, policy, decision) => {
  expect((await outcomeOf({ request: { status }, policy })).asked).toEqual([decision])
})

describe('a request that was allowed, and that its agent can no longer redeem', () => {
  const used = { request: { status: 'allowed' }, transport: { isAlive: () => false } }
  const grants = [
    { id: 'other', delegate: null },
    { id: 'g', delegate: 'd' },
  ]

  it('tells the user who allowed it where to revoke the access', async () => {
    const { outcome, asked } = await outcomeOf({ ...used, grants })
    const shown = { code: 'request_allowed', agentHost, retry: '/account', remove: '/account/agents/g/remove' }
    expect(outcome).toEqual(shown)
    const { agent, resource } = stored
    expect(asked).toEqual([{ userId: 'alice', agent, resource, live: true, limit: 500 }])
  })

  it('tells less if nothing is left, or no one is signed in', async () => {
    const told = { code: 'request_allowed', agentHost, retry: '/account', remove: undefined }
    expect((await outcomeOf(used)).outcome).toEqual(told)
    expect(await outcomeOf({ ...used, grants, user: 'signed out' })).toEqual({ outcome: told, asked: [] })
  })

  it('tells another user only that it was decided', async () => {
    expect((await outcomeOf({ ...used, grants, user: 'bob' })).outcome).toEqual({ code: 'request_used' })
  })
})

const link = {
  edition: 'january',
  tokenHash: 'h',
  redirectUri: undefined,
  state: undefined,
  path: '/agent/auth?request_token=t',
  fields: { request_token: 't' },
} as unknown as Link

it.each<[string, object, object | undefined, object | undefined, unknown]>([
  ['as it is stored', {}, undefined, stored, stored],
  ['as it was read', {}, { tokenHash: 'h', request: stored }, undefined, stored],
  ['as it is stored, if another was read', {}, { tokenHash: 'x', request: undefined }, stored, stored],
  ['not if it was not found', {}, { tokenHash: 'h', request: undefined }, stored, 'request_unknown'],
  ['not if there is none', {}, undefined, undefined, 'request_unknown'],
  ['not in another edition', { edition: 'draft-11' }, undefined, stored, 'request_unknown'],
  ['with its own redirect', { redirectUri: stored.redirectUri }, undefined, stored, stored],
  ['not with another redirect', { redirectUri: 'https://b.example' }, undefined, stored, 'redirect_mismatch'],
  ['not with no redirect', { redirectUri: null }, undefined, stored, 'redirect_mismatch'],
])('a link leads to its request %s', async (_how, changes, about, found, expected) => {
  const context = { storage: { findAuthRequest: async () => found } } as unknown as Context
  const visit = { about } as unknown as Visit
  const read = await requireStored(context, { ...link, ...changes }, visit).catch(({ code }: { code: string }) => code)
  expect(read).toEqual(expected)
})

it('a link is needed, and may be malformed', () => {
  expect(requireLink(link)).toBe(link)
  expect(() => requireLink(undefined)).toThrow('request_unknown')
  expect(() => requireLink('bad_form')).toThrow('bad_form')
  expect([tokenHashIn(link), tokenHashIn('bad_form'), tokenHashIn(undefined)]).toEqual(['h', undefined, undefined])
})

it('the forms of a request carry its link, and its state if there is one', () => {
  const { path, tokenHash } = link
  const request = { request_token: 't' }
  expect(linkDestination(link)).toEqual({ path, tokenHash, fields: { request } })
  expect(linkDestination({ ...link, state: '' })).toEqual({ path, tokenHash, fields: { request, state: '' } })
})

it('who asks is named by their hosts, as far as a link says', () => {
  const asker = { agent: 'https://agent.example', resource: undefined }
  expect(claimedAsker(asker)).toEqual({ agentHost, resourceHost: undefined, unverified: true })
})

it.each<[object, object | undefined]>([
  [{ handleHashOf: () => undefined }, undefined],
  [{ handleHashOf: () => 'h' }, { handleHash: 'h', handleLifetime: 60 }],
  [
    { handleHashOf: () => 'h', handleLifetimeOf: () => undefined },
    { handleHash: 'h', handleLifetime: 60 },
  ],
  [
    { handleHashOf: () => 'h', handleLifetimeOf: () => 9 },
    { handleHash: 'h', handleLifetime: 9 },
  ],
])('an Allow issues the handle of its edition', (transport, handle) => {
  const context = { transports: { of: () => transport }, lifetimes: { code: 60 } } as unknown as Context
  expect(newHandle(context, stored)).toEqual(handle)
})

it('operators learn of a decision', () => {
  const told: unknown[] = []
  const context = { tell: (event: unknown) => told.push(event) } as unknown as Context
  emitDecision(context, stored, { by: 'person', outcome: 'denied' })
  emitDecision(context, { ...stored, delegate: null }, { by: 'grant', outcome: 'allowed' })
  const { agent, resource, scope } = stored
  expect(told).toEqual([
    { kind: 'decision', by: 'person', outcome: 'denied', agent, delegate: 'd', resource, scope },
    { kind: 'decision', by: 'grant', outcome: 'allowed', agent, delegate: undefined, resource, scope },
  ])
  expect(() => emitDecision({} as Context, stored, { by: 'person', outcome: 'denied' })).not.toThrow()
})
