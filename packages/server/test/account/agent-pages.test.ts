import { createHash } from 'node:crypto'
import { readPermission } from 'countersign/editions'
import { languages } from 'countersign-server/pages'
import { expect, it } from 'vitest'
import { agentsPage, removeAllPage } from '../../src/account/agent-pages.js'
import { frameContext } from '../http/frame-context.js'

type Context = Parameters<typeof agentsPage>[0]
type Visit = Parameters<typeof agentsPage>[1]

const now = 1_800_000_000

const hashOf = (text: string) => createHash('sha256').update(text).digest('base64url').slice(0, 22)
const viewer = `${hashOf('page of alice')}~${hashOf('page in s')}`

/** A grant, by default to another agent for each index. */
const grantOf = (index: number, agent = `https://agent-${index}.example`) => ({
  id: `${index}`,
  edition: 'january',
  agent,
  delegate: null,
  resource: 'https://api.example',
  account: null,
  call: null,
  scope: 'read',
  permissions: [],
  display: { agent: {}, resource: {} },
  createdAt: now,
  lastUsedAt: null,
  expiresAt: null,
})
const agents = (count: number) => Array.from({ length: count }, (_, index) => grantOf(index))
const ofOne = (count: number) => Array.from({ length: count }, (_, index) => grantOf(index, 'https://agent.example'))

interface Scene {
  grants?: readonly object[]
  query?: string
  ended?: readonly object[]
  deliveries?: readonly object[]
  notice?: { what: string; at: number }
}

function open({ grants = [], query = '', ...scene }: Scene) {
  const searches: unknown[] = []
  const context = {
    ...frameContext,
    now: () => now,
    readRisk: (name: string) => readPermission(name, []),
    longestToken: () => 600,
    secrets: {
      csrfFor: () => 'csrf',
      readNotice: () => scene.notice && `${scene.notice.what}~${scene.notice.at}~${viewer}`,
    },
    storage: {
      async listGrants(filter: { live: boolean }) {
        searches.push(filter)
        return filter.live ? grants : (scene.ended ?? [])
      },
      listAgents: async () => [],
      listDeliveries: async () => scene.deliveries ?? [],
      listBindings: async () => [],
      findLongestTokenLifetime: async () => 0,
    },
  } as unknown as Context
  const visit = {
    url: new URL(`https://auth.example/account${query}`),
    path: '/account',
    browser: 'b',
    newCookies: [],
    messages: languages.en,
    session: { id: 's', user: { id: 'alice', username: 'alice' } },
  } as unknown as Visit
  return { context, visit, searches }
}

async function list(scene: Scene) {
  const { context, visit, searches } = open(scene)
  const html = await (await agentsPage(context, visit)).text()
  const field = /id="filter"[^>]*? value(?:="([^"]*)")?[ />]/.exec(html) ?? undefined
  const pages = /<nav aria-label="[^"]*"><ul class="ends">[\s\S]*?<\/nav>/.exec(html)?.[0] ?? ''
  return {
    entries: html.match(/class="entry"/g)?.length ?? 0,
    others: [...pages.matchAll(/href="([^"]*)"/g)].map(([, href = '']) => href.replaceAll('&amp;', '&')),
    filter: field && (field[1] ?? ''),
    searches,
    html,
  }
}

it.each<[string, Scene, { entries: number; others: string[]; filter: string | undefined }]>([
  ['five agents', { grants: agents(5) }, { entries: 5, others: [], filter: undefined }],
  ['six agents', { grants: agents(6) }, { entries: 6, others: [], filter: '' }],
  [
    'an agent that is filtered',
    { grants: agents(2), query: '?filter=+AGENT-1+' },
    { entries: 1, others: [], filter: 'AGENT-1' },
  ],
  ['fifty agents', { grants: agents(50) }, { entries: 50, others: [], filter: '' }],
  ['more agents', { grants: agents(51) }, { entries: 50, others: ['/account?page=2'], filter: '' }],
  ['the second page', { grants: agents(51), query: '?page=2' }, { entries: 1, others: ['/account'], filter: '' }],
  [
    'the second page of three',
    { grants: agents(101), query: '?page=2' },
    { entries: 50, others: ['/account', '/account?page=3'], filter: '' },
  ],
  ...['0', '-1', 'x', ''].map((page): [string, Scene, { entries: number; others: string[]; filter: string }] => [
    `the page ${page}`,
    { grants: agents(51), query: `?page=${page}` },
    { entries: 50, others: ['/account?page=2'], filter: '' },
  ]),
  [
    'a fraction of a page',
    { grants: agents(51), query: '?page=2.9' },
    { entries: 1, others: ['/account'], filter: '' },
  ],
  [
    'more agents that are filtered',
    { grants: agents(51), query: '?filter=agent' },
    { entries: 50, others: ['/account?filter=agent&page=2'], filter: 'agent' },
  ],
  [
    'as many grants as are read',
    { grants: ofOne(500) },
    { entries: 1, others: ['/account?after=499'], filter: undefined },
  ],
  ['fewer grants', { grants: ofOne(499) }, { entries: 1, others: [], filter: undefined }],
  ['older grants', { grants: ofOne(3), query: '?after=499' }, { entries: 1, others: ['/account'], filter: '' }],
  [
    'older grants of many agents',
    { grants: agents(51), query: '?after=499' },
    { entries: 50, others: ['/account', '/account?after=499&page=2'], filter: '' },
  ],
])('My agents lists %s', async (_what, scene, expected) => {
  expect(await list(scene)).toMatchObject(expected)
})

it('reads 500 grants, after the last one of the page before', async () => {
  const { searches } = await list({ grants: agents(1), query: '?after=499' })
  expect(searches).toEqual([{ userId: 'alice', live: true, limit: 500, after: '499' }])
})

it('cuts a filter to 200 characters', async () => {
  expect((await list({ query: `?filter=${'x'.repeat(201)}` })).filter).toBe('x'.repeat(200))
})

const told = { ...grantOf(0), revokedAt: now, outcome: 'delivered' }
const isTold = { html: expect.stringContaining('agent-0.example') }

it.each([
  ['the whole list', {}, true],
  ['a page of it', { query: '?page=2' }, false],
  ['a part of it', { query: '?after=9' }, false],
  ['what is filtered', { query: '?filter=x' }, false],
  ['a list that goes on', { grants: ofOne(500) }, false],
])('agents without access are part of %s: %s', async (_what, scene, expected) => {
  const found = await list({ ...scene, deliveries: [told], ended: [grantOf(0)] })
  if (expected) expect(found).toMatchObject(isTold)
  else expect(found).not.toMatchObject(isTold)
})

it('lists who loses access, and whether there are more', async () => {
  for (const [count, hasMore] of [
    [499, false],
    [500, true],
  ] as const) {
    const { context, visit } = open({ grants: ofOne(count) })
    const html = await (await removeAllPage(context, visit)).text()
    expect(html.match(/agent\.example/g)).toHaveLength(1)
    expect(html.includes(String(languages.en?.account.moreRemoved)), String(count)).toBe(hasMore)
  }
})

it.each([
  ['soon after', 60, 'delivered', true],
  ['before', -60, 'delivered', true],
  ['long after', 61, 'delivered', false],
  ['long before', -61, 'delivered', false],
])('says that resources were told if a revocation was sent %s', async (_when, after, outcome, isSaid) => {
  const notice = { what: 'removed', at: now - 100 }
  const delivery = { ...told, revokedAt: now - 100 + after, outcome }
  const { html } = await list({ notice, deliveries: [delivery], ended: [grantOf(0)] })
  expect(html).toContain('data-state="agents-removed"')
  expect(html.includes('telling the services to stop accepting')).toBe(isSaid)
})
