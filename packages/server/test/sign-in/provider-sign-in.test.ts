import { expect, it } from 'vitest'
import { keepProviderState } from '../../src/sign-in/provider-sign-in.js'

type Context = Parameters<typeof keepProviderState>[0]
type Visit = Parameters<typeof keepProviderState>[1]
type State = Parameters<typeof keepProviderState>[2]

const now = 1_800_000_000
const secrets: Pick<Context['secrets'], 'csrfFor' | 'readCsrf'> = {
  csrfFor: (_browser, page) => `${page}.tag`,
  readCsrf: (value) => /^(.*)\.tag$/.exec(value)?.[1],
}
const context = { issuer: 'https://auth.example', secrets, now: () => now } as Context
const browser = 'aabr_x'

const stateAt = (startedAt: number): State => ({
  provider: 'google',
  state: `state-${startedAt}`,
  nonce: 'n',
  verifier: 'v',
  returnTo: '/account',
  startedAt,
  again: false,
})

const visitWith = (providerStates: [string, string][]) =>
  ({ browser, providerStates: new Map(providerStates) }) as Partial<Visit> as Visit

/** The cookie value of a sign-in that was started in this browser. */
function cookieFor(state: State): string {
  const [cookie = ''] = keepProviderState(context, visitWith([]), state)
  return decodeURIComponent(/=([^;]*)/.exec(cookie)?.[1] ?? '')
}

const three = [0, 1, 2] as const
const kept = three.map((index): [string, string] => [`kept-${index}`, cookieFor(stateAt(now - 10 + index))])
const unreadable = three.map((index): [string, string] => [`unreadable-${index}`, 'x'.repeat(100)])

it.each([
  ['first', [...unreadable, ...kept]],
  ['last', [...kept, ...unreadable]],
])('drops cookies that it cannot open, but no pending sign-in: those %s', (_order, cookies) => {
  const set = keepProviderState(context, visitWith(cookies), stateAt(now))
  const dropped = set.filter((cookie) => cookie.includes('Max-Age=0'))
  expect(dropped.map((cookie) => /provider-([^=]*)/.exec(cookie)?.[1])).toEqual(unreadable.map(([id]) => id))
})

/** Which of the pending sign-ins a new one evicts. */
const evicted = (cookies: [string, string][], state = stateAt(now)) =>
  keepProviderState(context, visitWith(cookies), state)
    .filter((cookie) => cookie.includes('Max-Age=0'))
    .map((cookie) => /provider-([^=]*)/.exec(cookie)?.[1])
const pending = (id: string, startedAt: number, more: Partial<State> = {}): [string, string] => [
  id,
  cookieFor({ ...stateAt(startedAt), ...more }),
]

it.each<[string, [string, string][], string[]]>([
  ['none', [], []],
  ['three', [pending('a', now - 3), pending('b', now - 2), pending('c', now - 1)], []],
  ['four', [pending('b', now - 2), pending('d', now - 4), pending('a', now - 1), pending('c', now - 3)], ['d']],
  ['one of ten minutes', [pending('a', now - 600)], []],
  ['one that has expired', [pending('a', now - 601)], ['a']],
  ['one whose time is missing', [pending('a', undefined as unknown as number)], ['a']],
  ['a long one', [pending('a', now, { returnTo: `/${'x'.repeat(5000)}` })], []],
  ['one that is too long', [pending('a', now, { returnTo: `/${'x'.repeat(6200)}` })], ['a']],
])('of %s pending sign-ins in a browser, a new one evicts as many as needed', (_what, cookies, ids) => {
  expect(evicted(cookies)).toEqual(ids)
})

it('stores a pending sign-in for ten minutes, under an id of its state', () => {
  const [cookie] = keepProviderState(context, visitWith([]), { ...stateAt(now), state: 'a.b/0123456789-_abcdefgh' })
  expect(cookie).toMatch(/^__Host-countersign-provider-ab0123456789-_ab=.*Max-Age=600;/)
})
