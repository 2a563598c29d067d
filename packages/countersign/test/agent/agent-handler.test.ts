import { describe, expect, it } from 'vitest'
import { handleCallback } from '../../src/agent/agent-handler.js'

type Tools = Parameters<typeof handleCallback>[1]
type Match = Awaited<ReturnType<Tools['complete']>>
type Ended = Extract<Match, { matched: true }>

const ended = (decision: Ended['decision'], end: Awaited<Ended['finished']>): Ended => ({
  matched: true,
  decision,
  finished: Promise.resolve(end),
})

/** What the page shows for a callback with this result. */
async function shownFor(match: Match, headers: Record<string, string> = {}) {
  const request = new Request('https://agent.example/callback?state=a&code=b', { headers })
  const shown: string[] = []
  const owners: unknown[] = []
  const response = await handleCallback(request, {
    id: 'https://agent.example',
    about: {},
    complete: async (parameters, owner) => {
      owners.push([parameters.get('code'), owner])
      return match
    },
    ownerOf: () => 'alice',
    page: (outcome, detail) => {
      shown.push(detail === undefined ? outcome : `${outcome}: ${detail}`)
      return new Response()
    },
  })
  return { shown, owners, status: response.status }
}

describe('handleCallback', () => {
  it.each<[string, Match, RegExp]>([
    ['an allowed consent', ended('allowed', 'done'), /^allowed$/],
    ['a code that gave no token', ended('allowed', 'failed'), /^failed$/],
    ['a denied consent', ended('denied', 'failed'), /^denied$/],
    ['an error from the auth server', ended('failed', 'failed'), /^failed$/],
    ['a token of another user', ended('allowed', 'other_user'), /^refused: .*your approval was not stored/],
    ['a callback that no consent waits for', { matched: false, problem: 'unknown' }, /^refused: No request is waiting/],
  ])('shows %s', async (_case, match, expected) => {
    const { shown, owners } = await shownFor(match)
    expect(shown).toEqual([expect.stringMatching(expected)])
    expect(owners).toEqual([['b', 'alice']])
  })

  it.each([
    ['sec-purpose', 'prefetch;prerender'],
    ['purpose', 'Prefetch'],
    ['x-moz', 'prefetch'],
    ['x-purpose', 'preview'],
  ])('completes nothing for a browser that only prefetches the page, with %s: %s', async (name, value) => {
    const { shown, owners, status } = await shownFor(ended('allowed', 'done'), { [name]: value })
    expect([shown, owners, status]).toEqual([[], [], 503])
  })

  it.each([
    ['sec-purpose', 'prefetched'],
    ['purpose', 'overview'],
    ['x-other', 'prefetch'],
  ])('takes %s: %s for a navigation', async (name, value) => {
    expect(await shownFor(ended('allowed', 'done'), { [name]: value })).toMatchObject({ shown: ['allowed'] })
  })
})
