import { languages } from 'countersign-server/pages'
import { expect, it } from 'vitest'
import { accountDownload, accountPages, closePage } from '../../src/account/account-pages.js'
import { frameContext } from '../http/frame-context.js'

type Exported = Parameters<typeof accountDownload>[0]

it('is a JSON file named after the user and the day, which no cache stores', async () => {
  const user = { username: 'Anna K/öster' } as Exported['user']
  const response = accountDownload({ exportedAt: 1_800_000_000, user } as Exported)
  expect(Object.fromEntries(response.headers)).toEqual({
    'content-type': 'application/json',
    'content-disposition': 'attachment; filename="countersign-Anna-K-ster-2027-01-15.json"',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  expect(await response.json()).toMatchObject({ exportedAt: '2027-01-15T08:00:00.000Z' })
})

type Context = Parameters<typeof closePage>[0]
type Visit = Parameters<typeof closePage>[1]

const now = 1_800_000_000
const event = (index: number) => ({ id: `e${index}`, at: now - index, event: 'user.created', userId: 'alice' })

interface Scene {
  events?: number
  user?: object
  sends?: boolean
  hasPassword?: boolean
  grants?: readonly object[]
  /** The limit on downloads that has been reached. */
  reached?: object
}

/** Opens a page of the account. Returns what the user sees, and what was searched for. */
async function page(show: (context: Context, visit: Visit) => Promise<Response>, query = '', scene: Scene = {}) {
  const searches: unknown[] = []
  const context = {
    ...frameContext,
    now: () => now,
    longestToken: () => 600,
    providers: new Map(),
    sendEmail: scene.sends ? async () => ({ outcome: 'sent' }) : undefined,
    secrets: { csrfFor: () => 'csrf', readNotice: () => undefined },
    storage: {
      async listEvents(filter: object) {
        searches.push(filter)
        return Array.from({ length: scene.events ?? 0 }, (_, index) => event(index))
      },
      async listGrants(filter: object) {
        searches.push(filter)
        return scene.grants ?? []
      },
      countWithinLimits: async () => scene.reached,
      listFederated: async () => [],
      findUser: async () => ({
        id: 'alice',
        displayName: null,
        email: null,
        emailConfirmedAt: null,
        createdAt: now,
        ...scene.user,
      }),
      findCredential: async () => (scene.hasPassword === false ? undefined : {}),
      findLongestTokenLifetime: async () => 0,
    },
  } as unknown as Context
  const visit = {
    url: new URL(`https://auth.example/account/activity${query}`),
    path: '/account/activity',
    browser: 'b',
    newCookies: ['new=1'],
    messages: languages.en,
    session: { id: 's', user: { id: 'alice', username: 'alice' } },
  } as unknown as Visit
  const response = await show(context, visit)
  const html = await response.text()
  return { status: response.status, html, searches, cookies: response.headers.getSetCookie() }
}

const shown = (path: string) => accountPages.get(path) ?? closePage
const ends = (html: string) =>
  [...(/<ul class="ends">[\s\S]*?<\/ul>/.exec(html)?.[0] ?? '').matchAll(/href="([^"]*)"/g)].map(([, href]) => href)

it.each<[string, number, object | undefined, string[]]>([
  ['', 0, undefined, []],
  ['', 49, undefined, []],
  ['', 50, undefined, [`/account/activity?before=${now - 49}~e49`]],
  ['?before=17~x', 3, { at: 17, id: 'x' }, ['/account/activity']],
  ['?before=17~x', 50, { at: 17, id: 'x' }, ['/account/activity', `/account/activity?before=${now - 49}~e49`]],
  ['?before=17', 3, undefined, []],
  ['?before=x~y', 3, undefined, []],
  ['?before=1x~y', 3, undefined, []],
  ['?before=x1~y', 3, undefined, []],
  [`?before=${'1'.repeat(12)}~y`, 3, { at: 111_111_111_111, id: 'y' }, ['/account/activity']],
  [`?before=${'1'.repeat(13)}~y`, 3, undefined, []],
])('the activity %s of %i events continues where it ends', async (query, events, after, links) => {
  const { html, searches } = await page(shown('/account/activity'), query, { events })
  expect(searches).toEqual([{ userId: 'alice', newest: true, limit: 50, after }])
  expect(ends(html)).toEqual(links)
})

it.each<[string, Scene, string[], string[]]>([
  [
    'at a server without emails',
    { user: { email: 'a@b.example' } },
    ['a@b.example'],
    ['value="confirm-email"', 'value="agent-emails"'],
  ],
  [
    'that is not confirmed',
    { sends: true, user: { email: 'a@b.example' } },
    ['value="confirm-email"'],
    ['value="agent-emails"'],
  ],
  [
    'that is confirmed',
    { sends: true, user: { email: 'a@b.example', emailConfirmedAt: now, agentEmails: true } },
    ['value="agent-emails"'],
    ['value="confirm-email"'],
  ],
])('the page about the user shows an address %s', async (_how, scene, has, lacks) => {
  const { html } = await page(shown('/account/yours'), '', scene)
  for (const text of has) expect(html).toContain(text)
  for (const text of lacks) expect(html).not.toContain(text)
})

it.each([
  [now + 9, 9],
  // This server's clock may be ahead of the database's.
  [now - 2, 1],
])('a download beyond the limit, which resets at %i, may be repeated after %i s', async (resetAt, retryAfter) => {
  const download = page(shown('/account/download'), '', { reached: { resetAt } })
  await expect(download).rejects.toMatchObject({ code: 'too_many_requests', retryAfter })
})

it.each<[NonNullable<Parameters<typeof closePage>[2]>['problem'], number]>([
  [undefined, 200],
  ['wrong_password', 401],
  ['throttled', 429],
])('the page that closes the account, with the problem %s, has the status %i', async (problem, status) => {
  const grants = ['a', 'a', 'b'].map((agent) => ({ agent }))
  const close = (context: Context, visit: Visit) => closePage(context, visit, { problem })
  const seen = await page(close, '', { grants })
  expect(seen).toMatchObject({ status, cookies: ['new=1'], searches: [{ userId: 'alice', live: true, limit: 500 }] })
  expect(seen.html).toContain('2 agents lose access')
  expect(seen.html).toContain('name="password"')
  expect((await page(close, '', { hasPassword: false })).html).not.toContain('name="password"')
})
