import { january } from 'countersign/wire'
import { expect, it } from 'vitest'
import { createKnownCallers } from '../../src/load/known-callers.js'

const of = (browser: string) => ` of ${browser}`

/** Seals as the server's secrets do; what they refuse is theirs to show. */
const secrets = {
  sealKnown: (browser: string, text: string) => text + of(browser),
  openKnown: (value: string, browser: string) =>
    value.endsWith(of(browser)) ? value.slice(0, -of(browser).length) : undefined,
}

function openCallers() {
  const clock = { now: 1_800_000_000 }
  const callers = createKnownCallers({ secrets, signing: january.signing, now: () => clock.now })
  const shareOf = (remoteAddress: string, { known, browser }: { known?: string; browser?: string } = {}) =>
    callers.shareOf({ remoteAddress, signatureKey: null, cookies: () => ({ known, browser }) })
  const shareOfAgent = (remoteAddress: string, id: string) =>
    callers.shareOf({
      remoteAddress,
      signatureKey: `sig1=(scheme=jwks id="${id}" kid="k" well-known="aauth-agent")`,
      cookies: () => ({ known: undefined, browser: undefined }),
    })
  return { clock, callers, shareOf, shareOfAgent }
}

const stranger = ['other', '203.0', '203.0.113', '203.0.113.9']

it('counts a known browser against its user and the network of the sign-in, wherever its cookie is sent from', () => {
  const { callers, shareOf } = openCallers()
  const known = callers.sealFor({ browser: 'b', userId: 'alice', ip: '192.0.2.1' })
  const share = shareOf('203.0.113.9', { known, browser: 'b' })
  expect(share).toEqual(['known', '192.0', '192.0.2', '192.0.2.1', 'alice'])
  expect(shareOf('2001:db8::1', { known, browser: 'b' })).toEqual(share)
  const other = callers.sealFor({ browser: 'b', userId: 'bob', ip: '192.0.2.1' })
  expect(shareOf('203.0.113.9', { known: other, browser: 'b' }).at(-1)).not.toBe(share.at(-1))
})

it('counts a browser that signed in over IPv6, or from an unknown address, in the same way', () => {
  const { callers, shareOf } = openCallers()
  const shareFor = (ip: string | undefined) =>
    shareOf('203.0.113.9', { known: callers.sealFor({ browser: 'b', userId: 'alice', ip }), browser: 'b' }).slice(0, -1)
  expect(shareFor('2001:db8:1:2::3')).toEqual(['known', '2001:db8', '2001:db8:1', '2001:db8:1:2'])
  expect(shareFor(undefined)).toEqual(['known', 'unknown'])
})

it('treats a browser as a stranger without its cookie, with one of another browser, and an old one', () => {
  const { clock, callers, shareOf } = openCallers()
  const known = callers.sealFor({ browser: 'b', userId: 'alice', ip: '192.0.2.1' })
  expect(shareOf('203.0.113.9')).toEqual(stranger)
  expect(shareOf('203.0.113.9', { browser: 'b' })).toEqual(stranger)
  expect(shareOf('203.0.113.9', { known })).toEqual(stranger)
  expect(shareOf('203.0.113.9', { known, browser: 'c' })).toEqual(stranger)
  clock.now += 30 * 86_400
  expect(shareOf('203.0.113.9', { known, browser: 'b' })).toEqual(stranger)
})

it('knows an agent that holds a grant in the networks that it called from, for a day', () => {
  const { clock, callers, shareOfAgent } = openCallers()
  const agent = 'https://agent.example'
  expect(shareOfAgent('203.0.113.9', agent)).toEqual(stranger)
  callers.noteAgent({ agent, remoteAddress: '203.0.113.9' })
  expect(shareOfAgent('203.0.113.9', agent)).toEqual(['known', ...stranger.slice(1), agent])
  expect(shareOfAgent('203.0.113.8', agent)[0]).toBe('other')
  expect(shareOfAgent('203.0.113.9', 'https://other.example')).toEqual(stranger)
  clock.now += 86_400
  expect(shareOfAgent('203.0.113.9', agent)).toEqual(stranger)
})

it('remembers a bounded number of networks of one agent', () => {
  const { callers, shareOfAgent } = openCallers()
  const agent = 'https://agent.example'
  for (let index = 0; index < 40; index++) callers.noteAgent({ agent, remoteAddress: `203.0.113.${index}` })
  const known = Array.from({ length: 40 }, (_, index) => shareOfAgent(`203.0.113.${index}`, agent)[0])
  expect(known.filter((kind) => kind === 'known')).toHaveLength(16)
  expect(known.at(-1)).toBe('known')
})

it('takes a malformed signature key for a stranger', () => {
  const { callers } = openCallers()
  const cookies = () => ({ known: undefined, browser: undefined })
  for (const signatureKey of ['', '(((', 'sig1=(scheme=jwt jwt="a.b.c")', `sig1=${'('.repeat(9000)}`])
    expect(callers.shareOf({ remoteAddress: '203.0.113.9', signatureKey, cookies }), signatureKey).toEqual(stranger)
})
