import { expect } from 'vitest'
import { createScriptedUser, type ScriptedUser, signInToAccount } from '../scripted-user.js'
import { scopes } from '../world.js'
import type { Attack, Outcome } from './attack.js'
import { type Allowed, type Asked, allow, openRequest, ownRequest, redeem, type TokenRequest } from './flow.js'
import { delegateOf, type Identity } from './party.js'
import { people, type Stage } from './stage.js'

/** The request that follows after Alice allowed something until she removes it. */
interface Next {
  by?: Identity
  asked?: Asked | TokenRequest
  user?: ScriptedUser
  /** The headers that tell which page led the browser here. @default those of a page of the agent */
  headers?: Record<string, string>
}

/** The headers that a browser sends when a page of the agent led it to the server. */
function ledBy(agent: string): Record<string, string> {
  return {
    referer: `${agent}/`,
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  }
}

/** A request that follows a remembered grant, with one change. */
function next(
  id: string,
  claim: string,
  change: (stage: Stage, first: Allowed) => Promise<Next> | Next,
  expected: Outcome,
  first: { by?: (stage: Stage) => Promise<Identity>; asked?: (stage: Stage) => Asked; duration?: string } = {},
): Attack {
  return {
    id,
    claim,
    https: true,
    when: async (stage) => {
      const allowed = await allow(
        stage,
        await first.by?.(stage),
        { duration: first.duration ?? 'until-removed' },
        { asked: first.asked?.(stage) ?? {} },
      )
      await redeem(stage, allowed)
      const { by = allowed.by, asked = first.asked?.(stage) ?? {}, ...then } = await change(stage, allowed)
      const opened = await openRequest(stage, by, asked)
      const { user = allowed.user, headers = ledBy(by.agent) } = then
      return () => user.open(opened.url, headers)
    },
    expected,
  }
}

/** No page is shown: the browser is redirected straight back to the agent. */
const answered: Outcome = {
  status: 303,
  headers: { location: /\/callback\?code=aacd_[\w-]{43}&state=state-0123456789&iss=https/ },
  audit: ['request.bound', 'request.remembered'],
}

const pageAgain = (state: 'consent-known' | 'consent-first-time', also?: Outcome['also']): Outcome => ({
  status: 200,
  page: state,
  audit: ['request.bound'],
  ...(also ? { also } : {}),
})

/** Moves to a time at which documents are fetched again, and signs the user in again. */
async function dayAfter(stage: Stage, { user }: Allowed): Promise<Next> {
  stage.clock.now += 90_000
  await signInToAccount(user, stage.authServer, people.alice)
  return {}
}

/** Asserts which permissions the page marks as new. */
function expectNew(...names: (keyof typeof scopes)[]): Outcome['also'] {
  return (_stage, body) => {
    const items = [...body.matchAll(/<li data-risk[^>]*>([\s\S]*?)<\/li>/g)].map(([, item = '']) => item)
    const marked = items.filter((item) => item.includes('class="new"'))
    const wordsOf = (item: string) => /<bdi class="words" dir="auto">([^<]*)/.exec(item)?.[1]
    expect(marked.map(wordsOf)).toEqual(names.map((name) => scopes[name]))
    expect(items.slice(0, names.length)).toEqual(marked)
    expect(body).toContain('You allowed this')
  }
}

/** Headers that a browser sends when a page of the agent led it here. */
const led: readonly [claim: string, headers: (agent: string) => Record<string, string>][] = [
  ['a Referer with the full URL of the page', (agent) => ({ referer: `${agent}/calendar?week=7` })],
  ['only a Referer, as sent by older browsers', (agent) => ({ referer: `${agent}/` })],
  ['a Referer from the same site', (agent) => ({ ...ledBy(agent), 'sec-fetch-site': 'same-site' })],
  ['a Referer with the default port of its scheme', () => ({ referer: 'https://agent.example:443/' })],
]

/** Headers that a browser sends when something else led it here. */
const notLed: readonly [claim: string, headers: (agent: string, stage: Stage) => Record<string, string>][] = [
  ['no Referer: a link in a message', () => ({})],
  ['an empty Referer, from another site', (agent) => ({ ...ledBy(agent), referer: '' })],
  ['a Referer from another site', (agent) => ({ ...ledBy(agent), referer: 'https://evil.example/' })],
  ['a Referer whose host starts with the agent’s host', () => ({ referer: 'https://agent.example.evil/' })],
  ['a Referer whose host ends with the agent’s host', () => ({ referer: 'https://evil-agent.example/' })],
  ['a Referer from a subdomain of the agent’s host', () => ({ referer: 'https://blog.agent.example/' })],
  ['a Referer with the agent’s host as its user-info', () => ({ referer: 'https://agent.example@evil.example/' })],
  ['a Referer with the agent’s URL in its path', () => ({ referer: 'https://evil.example/https://agent.example/' })],
  ['a Referer with another port', () => ({ referer: 'https://agent.example:8443/' })],
  ['a Referer over http', () => ({ referer: 'http://agent.example/' })],
  ['a Referer that is only a host', () => ({ referer: 'agent.example' })],
  ['two Referers', (agent) => ({ referer: `${agent}/, https://evil.example/` })],
  ['a Referer from this server’s sign-in page', (_, { authServer }) => ({ referer: `${authServer}/agent/auth` })],
  ['a Referer from the resource', (_, { resource }) => ({ referer: `${resource.id}/` })],
  ['a URL that the user entered', (agent) => ({ ...ledBy(agent), 'sec-fetch-site': 'none' })],
  ['a page of this server', (agent) => ({ ...ledBy(agent), 'sec-fetch-site': 'same-origin' })],
  ['a frame', (agent) => ({ ...ledBy(agent), 'sec-fetch-dest': 'iframe' })],
  ['a script', (agent) => ({ ...ledBy(agent), 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' })],
  ['an image', (agent) => ({ ...ledBy(agent), 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' })],
  ['a page that the browser prefetches', (agent) => ({ ...ledBy(agent), 'sec-purpose': 'prefetch' })],
]

const delegate = (sub: string) => (stage: Stage) => delegateOf(stage.agent, sub, stage.clock.now)

/** When the page is skipped, and when it is shown: rows C32–C34 and C38, W22. */
export const rememberedAttacks: readonly Attack[] = [
  next('C', 'the base case of a remembered grant: nothing new, no page', () => ({}), answered),
  next('C32', 'less than is remembered: no page', () => ({ asked: { scope: 'data.read' } }), answered, {
    asked: () => ({ scope: 'data.read data.write' }),
  }),
  next(
    'C32',
    'more than is remembered: only the new permission is marked, and it comes first',
    () => ({ asked: { scope: 'data.read data.write' } }),
    pageAgain('consent-known', expectNew('data.write')),
  ),
  {
    id: 'C32',
    claim: 'a permission added on the page is remembered with the others',
    https: true,
    when: async (stage) => {
      const choices = { duration: 'until-removed' }
      const first = await allow(stage, undefined, choices)
      await allow(stage, undefined, choices, { user: first.user, asked: { scope: 'data.write' } })
      const opened = await openRequest(stage, undefined, { scope: 'data.read data.write' })
      return () => first.user.open(opened.url, ledBy(opened.by.agent))
    },
    expected: answered,
  },
  next(
    'C33',
    'the same agent with another resource: itself',
    (stage) => ({ asked: ownRequest(stage, 'data.read') }),
    pageAgain('consent-known'),
  ),
  next(
    'C33',
    'another user',
    async (stage) => {
      const user = createScriptedUser(stage.fetch)
      await signInToAccount(user, stage.authServer, people.bob)
      return { user }
    },
    pageAgain('consent-first-time'),
  ),
  next(
    'C33',
    'another delegate',
    async (stage) => ({ by: await delegate('delegate-2')(stage) }),
    pageAgain('consent-first-time'),
    {
      by: delegate('delegate-1'),
    },
  ),
  next(
    'C33',
    'a delegate of the agent',
    async (stage) => ({ by: await delegate('delegate-1')(stage) }),
    pageAgain('consent-first-time'),
  ),
  next(
    'C33',
    'the same delegate with another key: no page',
    async (stage) => ({ by: await delegate('delegate-1')(stage) }),
    answered,
    {
      by: delegate('delegate-1'),
    },
  ),
  next(
    'C33',
    'another redirect host',
    async (stage, first) => {
      stage.agent.document.redirect_uris = ['https://elsewhere.example/callback']
      return { ...(await dayAfter(stage, first)), asked: { redirectUri: 'https://elsewhere.example/callback' } }
    },
    pageAgain('consent-known', (_stage, body) => expect(body).toContain('elsewhere.example')),
  ),
  next(
    'C33',
    'a changed name of the agent',
    (stage, first) => {
      stage.agent.document.name = 'Another Name'
      return dayAfter(stage, first)
    },
    pageAgain('consent-known', (_stage, body) => expect(body).toContain('Another Name')),
  ),
  next(
    'C33',
    'a changed logo of the agent, which no one has reviewed: no page',
    (stage, first) => {
      stage.agent.document.logo_uri = 'https://cdn.example/logo.png'
      return dayAfter(stage, first)
    },
    answered,
  ),
  {
    id: 'C33',
    claim: 'a changed name of the agent, the second time it is seen',
    https: true,
    when: async (stage) => {
      const first = await allow(stage, undefined, { duration: 'until-removed' })
      stage.agent.document.name = 'Another Name'
      await dayAfter(stage, first)
      await openRequest(stage)
      const opened = await openRequest(stage)
      return () => first.user.open(opened.url, ledBy(opened.by.agent))
    },
    expected: pageAgain('consent-known'),
  },
  next(
    'C33',
    'after the grant was revoked',
    async ({ storage }) => {
      const [grant] = await storage.listGrants({ live: true })
      await storage.revokeGrant({ grantId: grant?.id ?? '', by: 'test' })
      return {}
    },
    pageAgain('consent-known'),
  ),
  next(
    'C33',
    'after the grant expired',
    async (stage, first) => {
      stage.clock.now += 29 * 86_400
      return dayAfter(stage, first)
    },
    pageAgain('consent-known'),
    { duration: String(30 * 86_400) },
  ),
  next('C33', 'a grant for one task only', () => ({}), pageAgain('consent-known'), { duration: '3600' }),
  ...led.map(([claim, headers]) =>
    next('C34', `${claim}: no page`, ({ agent }) => ({ headers: headers(agent.id) }), answered),
  ),
  ...notLed.map(([claim, headers]) =>
    next('C34', claim, (stage) => ({ headers: headers(stage.agent.id, stage) }), pageAgain('consent-known')),
  ),
  {
    id: 'C34',
    claim: 'nothing new, but the user had to sign in first: from then on, the Referer is this server’s',
    https: true,
    when: async (stage) => {
      await allow(stage, undefined, { duration: 'until-removed' })
      const user = createScriptedUser(stage.fetch)
      const opened = await openRequest(stage)
      const signIn = await (await user.open(opened.url, ledBy(opened.by.agent))).text()
      const signedIn = await user.submit(signIn, opened.url, { ...people.alice, action: 'login' })
      const back = new URL(signedIn.headers.get('location') ?? '', opened.url).href
      return () => user.open(back, { referer: opened.url, 'sec-fetch-site': 'same-origin' })
    },
    expected: pageAgain('consent-known'),
  },
  next('C34', 'prompt=consent', () => ({ asked: { form: { prompt: 'consent' } } }), pageAgain('consent-known')),
  next(
    'C34',
    'prompt=consent among other values',
    () => ({ asked: { form: { prompt: 'login consent' } } }),
    pageAgain('consent-known'),
  ),
  next('C34', 'a delete permission that was allowed before', () => ({}), pageAgain('consent-known'), {
    asked: () => ({ scope: 'data.delete' }),
    duration: '3600',
  }),
  next(
    'C34',
    'a delete permission in addition to those remembered',
    () => ({ asked: { scope: 'data.read data.delete' } }),
    pageAgain('consent-known', expectNew('data.delete')),
  ),
  next('C38', 'a redirect to loopback', () => ({}), pageAgain('consent-known'), {
    asked: ({ agent }) => {
      agent.document.redirect_uris = ['http://127.0.0.1:4321/callback']
      return { redirectUri: 'http://127.0.0.1:4321/callback' }
    },
  }),
  next(
    'C38',
    'a redirect to loopback, after one to the agent’s own host was remembered',
    async (stage, first) => {
      stage.agent.document.redirect_uris = ['http://127.0.0.1/callback']
      return { ...(await dayAfter(stage, first)), asked: { redirectUri: 'http://127.0.0.1:4321/callback' } }
    },
    pageAgain('consent-known'),
  ),
  ...['http://127.0.0.1:4321/callback', 'https://elsewhere.example/callback'].map(
    (redirectUri): Attack => ({
      id: 'C38',
      claim: `a redirect to ${redirectUri}, the second time it is seen after one to the agent’s own host was remembered`,
      https: true,
      when: async (stage) => {
        const first = await allow(stage, undefined, { duration: 'until-removed' })
        stage.agent.document.redirect_uris = [redirectUri]
        await dayAfter(stage, first)
        await openRequest(stage, undefined, { redirectUri })
        const opened = await openRequest(stage, undefined, { redirectUri })
        return () => first.user.open(opened.url, ledBy(opened.by.agent))
      },
      expected: pageAgain('consent-known'),
    }),
  ),
]
