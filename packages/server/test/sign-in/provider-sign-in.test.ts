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
