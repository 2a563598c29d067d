import { expect } from 'vitest'
import { createScriptedUser, type ScriptedUser, signInToAccount } from '../scripted-user.js'
import type { Attack, Outcome } from './attack.js'
import { type Allowed, type Asked, allow, openRequest, ownRequest, redeem, type TokenRequest } from './flow.js'
import { delegateOf, type Identity } from './party.js'
import { people, type Stage } from './stage.js'

/** What comes after Alice allowed something until she removes it. */
interface Next {
  by?: Identity
  asked?: Asked | TokenRequest
  user?: ScriptedUser
  /** What the browser says of where it comes from. @default a page of the agent */
  headers?: Record<string, string>
}

/** What a browser sends that a page of an agent led to the server. */
function ledBy(agent: string): Record<string, string> {
  return {
    referer: `${agent}/`,
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  }
}

/** A request after one that is remembered, with one change. */
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

/** No page: straight back to the agent. */
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

/** When documents are fetched again, and the person signs in again. */
async function dayAfter(stage: Stage, { user }: Allowed): Promise<Next> {
  stage.clock.now += 90_000
  await signInToAccount(user, stage.authServer, people.alice)
  return {}
}

/** What the page marks as new, by its name on the wire. */
function expectNew(...names: string[]): Outcome['also'] {
  return (_stage, body) => {
    const items = [...body.matchAll(/<li data-risk[^>]*>([\s\S]*?)<\/li>/g)].map(([, item = '']) => item)
    const marked = items.filter((item) => item.includes('class="new"'))
    const nameOf = (item: string) => /<code class="name"><bdi>([^<]*)/.exec(item)?.[1]
    expect(marked.map(nameOf)).toEqual(names)
    expect(items.slice(0, names.length)).toEqual(marked)
    expect(body).toContain('You allowed this')
  }
}

/** What a browser says of where it comes from, when a page of the agent led it here. */
const led: readonly [claim: string, headers: (agent: string) => Record<string, string>][] = [
  ['a Referer that is the whole address of the page', (agent) => ({ referer: `${agent}/calendar?week=7` })],
  ['a Referer and nothing else, as of an older browser', (agent) => ({ referer: `${agent}/` })],
  ['a Referer of the same site', (agent) => ({ ...ledBy(agent), 'sec-fetch-site': 'same-site' })],
  ['a Referer with the port that the scheme has anyway', () => ({ referer: 'https://agent.example:443/' })],
]

/** What it says when something else did. */
const notLed: readonly [claim: string, headers: (agent: string, stage: Stage) => Record<string, string>][] = [
  ['no Referer: a link in a message', () => ({})],
  ['an empty Referer, from another site', (agent) => ({ ...ledBy(agent), referer: '' })],
  ['a Referer of another site', (agent) => ({ ...ledBy(agent), referer: 'https://evil.example/' })],
  ['a Referer whose host begins with the agent’s', () => ({ referer: 'https://agent.example.evil/' })],
  ['a Referer whose host ends with the agent’s', () => ({ referer: 'https://evil-agent.example/' })],
  ['a Referer of a host below the agent’s', () => ({ referer: 'https://blog.agent.example/' })],
  ['a Referer with the agent as its user', () => ({ referer: 'https://agent.example@evil.example/' })],
  ['a Referer with the agent in its path', () => ({ referer: 'https://evil.example/https://agent.example/' })],
  ['a Referer of another port', () => ({ referer: 'https://agent.example:8443/' })],
  ['a Referer over http', () => ({ referer: 'http://agent.example/' })],
  ['a Referer that is only the host', () => ({ referer: 'agent.example' })],
  ['two Referers', (agent) => ({ referer: `${agent}/, https://evil.example/` })],
  ['a Referer of the sign-in page of this server', (_, { authServer }) => ({ referer: `${authServer}/agent/auth` })],
  ['a Referer of the resource', (_, { resource }) => ({ referer: `${resource.id}/` })],
  ['a browser that was told the address', (agent) => ({ ...ledBy(agent), 'sec-fetch-site': 'none' })],
  ['a page of this server', (agent) => ({ ...ledBy(agent), 'sec-fetch-site': 'same-origin' })],
  ['a frame', (agent) => ({ ...ledBy(agent), 'sec-fetch-dest': 'iframe' })],
  ['a script', (agent) => ({ ...ledBy(agent), 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' })],
  ['a picture', (agent) => ({ ...ledBy(agent), 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' })],
  ['a page that is fetched before it is asked for', (agent) => ({ ...ledBy(agent), 'sec-purpose': 'prefetch' })],
]

const delegate = (sub: string) => (stage: Stage) => delegateOf(stage.agent, sub, stage.clock.now)

/** When the page is left out, and when it is not: rows C32–C34 and C38, W22. */
export const rememberedAttacks: readonly Attack[] = [
  next('C', 'the base case of remembering: nothing new, no page', () => ({}), answered),
  next('C32', 'less than what is remembered: no page', () => ({ asked: { scope: 'data.read' } }), answered, {
    asked: () => ({ scope: 'data.read data.write' }),
  }),
  next(
    'C32',
    'more than what is remembered: only the new is marked, and first',
    () => ({ asked: { scope: 'data.read data.write' } }),
    pageAgain('consent-known', expectNew('data.write')),
  ),
  {
    id: 'C32',
    claim: 'what was added on the page is remembered with the rest',
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
    'the same agent at another resource: itself',
    (stage) => ({ asked: ownRequest(stage, 'data.read') }),
    pageAgain('consent-known'),
  ),
  next(
    'C33',
    'another person',
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
    'another name of the agent',
    (stage, first) => {
      stage.agent.document.name = 'Another Name'
      return dayAfter(stage, first)
    },
    pageAgain('consent-known', (_stage, body) => expect(body).toContain('Another Name')),
  ),
  next(
    'C33',
    'another logo of the agent, which nobody checked: no page',
    (stage, first) => {
      stage.agent.document.logo_uri = 'https://cdn.example/logo.png'
      return dayAfter(stage, first)
    },
    answered,
  ),
  {
    id: 'C33',
    claim: 'another name of the agent, the second time it is seen',
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
    'after it was removed',
    async ({ storage }) => {
      const [grant] = await storage.listGrants({ live: true })
      await storage.revokeGrant({ grantId: grant?.id ?? '', by: 'test' })
      return {}
    },
    pageAgain('consent-known'),
  ),
  next(
    'C33',
    'after it ran out',
    async (stage, first) => {
      stage.clock.now += 29 * 86_400
      return dayAfter(stage, first)
    },
    pageAgain('consent-known'),
    { duration: String(30 * 86_400) },
  ),
  next('C33', 'what was allowed for one task only', () => ({}), pageAgain('consent-known'), { duration: '3600' }),
  ...led.map(([claim, headers]) =>
    next('C34', `${claim}: no page`, ({ agent }) => ({ headers: headers(agent.id) }), answered),
  ),
  ...notLed.map(([claim, headers]) =>
    next('C34', claim, (stage) => ({ headers: headers(stage.agent.id, stage) }), pageAgain('consent-known')),
  ),
  {
    id: 'C34',
    claim: 'nothing new, but the person had to sign in first: the Referer is this server’s from then on',
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
    'prompt=consent among others',
    () => ({ asked: { form: { prompt: 'login consent' } } }),
    pageAgain('consent-known'),
  ),
  next('C34', 'something that deletes, allowed before', () => ({}), pageAgain('consent-known'), {
    asked: () => ({ scope: 'data.delete' }),
    duration: '3600',
  }),
  next(
    'C34',
    'something that deletes besides what is remembered',
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
