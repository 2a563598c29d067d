import { january } from 'countersign/editions'
import { expect, it } from 'vitest'
import { createKnownCallers } from '../../src/admission/known-callers.js'

const of = (browser: string) => ` of ${browser}`

/** Seals as the server’s secrets do; their own tests cover what they refuse. */
const secrets = {
  sealKnown: (browser: string, text: string) => text + of(browser),
  openKnown: (value: string, browser: string) =>
    value.endsWith(of(browser)) ? value.slice(0, -of(browser).length) : undefined,
}

const { signing } = january

function openCallers() {
  const clock = { now: 1_800_000_000 }
  const callers = createKnownCallers({ secrets, now: () => clock.now })
  const shareOf = (remoteAddress: string, { known, browser }: { known?: string; browser?: string } = {}) =>
    callers.shareOf({ remoteAddress, signatureKey: null, signing, cookies: () => ({ known, browser }) })
  const shareOfAgent = (remoteAddress: string, id: string) =>
    callers.shareOf({
      remoteAddress,
      signatureKey: `sig1=(scheme=jwks id="${id}" kid="k" well-known="aauth-agent")`,
      signing,
      cookies: () => ({ known: undefined, browser: undefined }),
    })
  return { clock, callers, shareOf, shareOfAgent }
}

const stranger = ['other', '203.0', '203.0.113', '203.0.113.9', 'unknown']

it('counts a known browser against the network that presents its cookie', () => {
  const { callers, shareOf } = openCallers()
  const known = callers.sealFor({ browser: 'b', userId: 'alice' })
  expect(shareOf('203.0.113.9', { known, browser: 'b' })).toEqual(['known', ...stranger.slice(1, -1), 'alice'])
  expect(shareOf('2001:db8:1:2::3', { known, browser: 'b' }).slice(1, -1)).toEqual([
    '2001:db8',
    '2001:db8:1',
    '2001:db8:1:2',
  ])
})

it('gives one network one share of the known half, regardless of how many cookies of how many users it holds', () => {
  const { callers, shareOf } = openCallers()
  const networks = Array.from({ length: 330 }, (_, index) => {
    const seal = { browser: `b${index}`, userId: `user${index}` }
    return shareOf('203.0.113.9', { known: callers.sealFor(seal), browser: seal.browser })[1]
  })
  expect(new Set(networks)).toEqual(new Set(['203.0']))
})

it('recognizes any number of cookies of one user in at most 16 networks an hour', () => {
  const { clock, callers, shareOf } = openCallers()
  const halves = () =>
    Array.from({ length: 40 }, (_, index) => {
      const browser = `b${index}`
      return shareOf(`203.${index}.113.9`, { known: callers.sealFor({ browser, userId: 'alice' }), browser })[0]
    })
  const expected = [...Array<string>(16).fill('known'), ...Array<string>(24).fill('other')]
  expect(halves()).toEqual(expected)
  expect(halves()).toEqual(expected)
  const bob = callers.sealFor({ browser: 'b', userId: 'bob' })
  expect(shareOf('203.39.113.9', { known: bob, browser: 'b' })[0]).toBe('known')
  clock.now += 3600
  expect(shareOf('203.39.113.9', { known: callers.sealFor({ browser: 'b', userId: 'alice' }), browser: 'b' })[0]).toBe(
    'known',
  )
})

it('rejects a user’s earlier cookies after they are dropped, even those sealed in the same second', () => {
  const { clock, callers, shareOf } = openCallers()
  const seal = (userId: string) => callers.sealFor({ browser: 'b', userId })
  const halfOf = (known: string) => shareOf('203.0.113.9', { known, browser: 'b' })[0]
  const [earlier, other] = [seal('alice'), seal('bob')]
  callers.dropSealsOf('alice')
  const later = seal('alice')
  expect([earlier, other, later].map(halfOf)).toEqual(['other', 'known', 'known'])
  clock.now += 86_400
  expect([earlier, other, later].map(halfOf)).toEqual(['other', 'known', 'known'])
})

it('treats a browser as unknown without its cookie, with another browser’s cookie, or with an old one', () => {
  const { clock, callers, shareOf } = openCallers()
  const known = callers.sealFor({ browser: 'b', userId: 'alice' })
  expect(shareOf('203.0.113.9')).toEqual(stranger)
  expect(shareOf('203.0.113.9', { browser: 'b' })).toEqual(stranger)
  expect(shareOf('203.0.113.9', { known })).toEqual(stranger)
  expect(shareOf('203.0.113.9', { known, browser: 'c' })).toEqual(stranger)
  clock.now += 30 * 86_400
  expect(shareOf('203.0.113.9', { known, browser: 'b' })).toEqual(stranger)
})

it('recognizes an agent with a grant in the networks it called from, for a day', () => {
  const { clock, callers, shareOfAgent } = openCallers()
  const agent = 'https://agent.example'
  expect(shareOfAgent('203.0.113.9', agent)).toEqual(stranger)
  callers.noteAgent({ agent, remoteAddress: '203.0.113.9' })
  expect(shareOfAgent('203.0.113.9', agent)).toEqual(['known', ...stranger.slice(1, -1), agent])
  expect(shareOfAgent('203.0.113.8', agent)[0]).toBe('other')
  expect(shareOfAgent('203.0.113.9', 'https://other.example')).toEqual(stranger)
  for (const seconds of [30, 40]) {
    clock.now += seconds
    callers.noteAgent({ agent, remoteAddress: '203.0.113.9' })
  }
  clock.now += 86_399
  expect(shareOfAgent('203.0.113.9', agent)[0]).toBe('known')
  clock.now += 1
  expect(shareOfAgent('203.0.113.9', agent)).toEqual(stranger)
})

it('remembers a bounded number of networks per agent', () => {
  const { callers, shareOfAgent } = openCallers()
  const agent = 'https://agent.example'
  for (let index = 0; index < 40; index++) callers.noteAgent({ agent, remoteAddress: `203.0.113.${index}` })
  const known = Array.from({ length: 40 }, (_, index) => shareOfAgent(`203.0.113.${index}`, agent)[0])
  expect(known.filter((kind) => kind === 'known')).toHaveLength(16)
  expect(known.at(-1)).toBe('known')
})

it('treats a malformed signature key as unknown', () => {
  const { callers } = openCallers()
  const cookies = () => ({ known: undefined, browser: undefined })
  for (const signatureKey of ['', '(((', 'sig1=(scheme=jwt jwt="a.b.c")', `sig1=${'('.repeat(9000)}`])
    expect(callers.shareOf({ remoteAddress: '203.0.113.9', signatureKey, signing, cookies }), signatureKey).toEqual(
      stranger,
    )
})
