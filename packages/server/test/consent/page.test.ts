import { readPermission } from 'countersign/editions'
import { languages } from 'countersign-server/pages'
import { expect, it } from 'vitest'
import { consentPageAt } from '../../src/consent/page.js'
import { frameContext } from '../http/frame-context.js'

type Context = Parameters<typeof consentPageAt>[0]
type Visit = Parameters<typeof consentPageAt>[1]
type Shown = Parameters<typeof consentPageAt>[2]

const now = 1_800_000_000
const link = { path: '/agent/auth?request_token=t', fields: { request_token: 't' }, displayCode: 'ABCD' }
const request = {
  id: 'r',
  edition: 'january',
  agent: 'https://agent.example',
  delegate: null,
  resource: 'https://api.example',
  scope: 'data.read data.write',
  redirectUri: 'https://agent.example/callback',
  display: { agent: { name: 'Planner', bearer: false }, resource: {} },
  revision: 3,
  extensions: 0,
  createdAt: now - 10,
  expiresAt: now + 590,
}
const facts = {
  dangers: [],
  proof: undefined,
  mayRemember: true,
  durations: [3600, 86_400],
  forbidden: undefined,
  leftOut: [],
  changes: [],
  holdings: { same: [], here: [], revokedButUsable: [], elsewhere: [], nothingElse: true },
  withoutPage: undefined,
  lastAllowed: undefined,
  agentLastAllowed: undefined,
  preset: 86_400,
}

interface Scene {
  request?: object
  facts?: object
  transport?: object
  problem?: Shown['problem']
  retryAfter?: number
  /** The requests of the agent that the user saw. */
  seen?: readonly string[]
}

async function show(scene: Scene = {}) {
  const searches: unknown[] = []
  const transport = { path: '/agent/auth', ...scene.transport }
  const context = {
    ...frameContext,
    now: () => now,
    lifetimes: { authToken: 600 },
    longestToken: () => 600,
    readRisk: (name: string) => readPermission(name, []),
    judgeName: () => undefined,
    secrets: { csrfFor: () => 'csrf' },
    transports: { of: () => transport, callOf: () => (transport as { call?: object }).call },
    storage: {
      async listEvents(filter: unknown) {
        searches.push(filter)
        return (scene.seen ?? []).map((requestId) => ({ requestId }))
      },
    },
  } as unknown as Context
  const visit = {
    browser: 'b',
    path: link.path,
    newCookies: ['new=1'],
    messages: languages.en,
    session: { id: 's', user: { id: 'alice', username: 'alice' } },
  } as unknown as Visit
  const shown = {
    link,
    request: { ...request, ...scene.request },
    facts: { ...facts, ...scene.facts },
    problem: scene.problem,
    retryAfter: scene.retryAfter,
  } as unknown as Shown
  const response = await consentPageAt(context, visit, shown)
  const html = await response.text()
  const policy = response.headers.get('content-security-policy') ?? ''
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    cookies: response.headers.getSetCookie(),
    connects: policy.includes('connect-src'),
    redirects: !policy.includes('form-action'),
    isExtendable: html.includes('value="extend"'),
    leftOut: /name="left_out" value="([^"]*)"/.exec(html)?.[1],
    revision: /name="revision" value="([^"]*)"/.exec(html)?.[1],
    asks: ['password', 'code', 'credential'].filter((name) => html.includes(`name="${name}"`)),
    isPasskey: html.includes('data-passkey'),
    state: /data-state="([^"]*)"/.exec(html)?.[1],
    searches,
    html,
  }
}

it('shows a request with what its forms need', async () => {
  expect(await show()).toMatchObject({
    status: 200,
    retryAfter: null,
    cookies: ['new=1'],
    connects: true,
    redirects: true,
    isExtendable: true,
    leftOut: undefined,
    revision: '3',
    asks: [],
    isPasskey: false,
    state: 'consent-first-time',
    searches: [{ userId: 'alice', agent: request.agent, event: 'request.bound', limit: 20 }],
  })
})

const limited = { openFor: { seconds: 300, most: 600 } }

it.each<[string, Scene, object]>([
  [
    'a wrong password',
    { problem: 'wrong_password', facts: { proof: 'password' } },
    { status: 401, asks: ['password'] },
  ],
  ['too many', { problem: 'throttled', retryAfter: 9, facts: { proof: 'password' } }, { status: 429, retryAfter: '9' }],
  ['a code', { facts: { proof: 'code' } }, { status: 200, asks: ['password', 'code'] }],
  ['a passkey', { facts: { proof: 'passkey' } }, { isPasskey: true, connects: true }],
  ['no more time', { transport: limited }, { isExtendable: false, connects: false }],
  [
    'no more time, and a passkey',
    { transport: limited, facts: { proof: 'passkey' } },
    { isExtendable: false, connects: true },
  ],
  ['what is left out', { facts: { leftOut: ['data.write', 'data.list'] } }, { leftOut: 'data.write data.list' }],
  [
    'an agent that was allowed',
    { facts: { lastAllowed: 1, agentLastAllowed: 1 } },
    { searches: [], state: 'consent-known' },
  ],
])('shows a request with %s', async (_what, scene, expected) => {
  expect(await show(scene)).toMatchObject(expected)
})

it.each([
  ['no request', [], false],
  ['this request', ['r', 'r'], false],
  ['another request', ['r', 'other'], true],
])('says that the agent asked before if the user saw %s', async (_what, seen, isSaid) => {
  const { html } = await show({ seen })
  expect(html.includes(String(languages.en?.requestedBefore))).toBe(isSaid)
})

it('shows the call, cut to a line, and in full', async () => {
  const target = `/${'x'.repeat(3000)}`
  const { html } = await show({
    transport: { call: { method: 'DELETE', target, digest: undefined } },
    facts: { durations: ['once'], preset: 'once' },
  })
  const lengths = [...html.matchAll(/DELETE \/(x+)…/g)].map(([, cut = '']) => cut.length)
  expect(new Set(lengths)).toEqual(new Set([191, 2091]))
})

it('shows why a request is forbidden, with the redirect of the agent or without', async () => {
  const forbidden = { code: 'policy_denied' }
  const refusalOf = async (scene: Scene) => {
    const error = (await show({ ...scene, facts: { forbidden } }).catch((thrown: unknown) => thrown)) as {
      code: string
      agent: string
      cause: unknown
      response: Response
    }
    expect(error).toMatchObject({ code: 'policy_forbids', agent: request.agent, cause: forbidden })
    expect(error.response.status).toBe(403)
    return error.response.text()
  }
  expect(await refusalOf({})).toContain('agent.example/callback')
  expect(await refusalOf({ transport: { returnUriOf: () => null } })).not.toContain('agent.example/callback')
})
