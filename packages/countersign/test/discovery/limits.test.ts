import { january } from 'countersign/editions'
import { describe, expect, it } from 'vitest'
import { discoveryAmong, hosts, signer } from './parties.js'

const agent = 'https://agent.example'

/** JSON of exactly this many characters. */
function padded(document: object, length: number): string {
  const text = JSON.stringify({ ...document, pad: '' })
  return JSON.stringify({ ...document, pad: 'a'.repeat(length - text.length) })
}

const answer = (text: string) => Promise.resolve(new Response(text))
const metadataOf = (url: string, length: number) => {
  const { origin } = new URL(url)
  return padded({ agent: origin, jwks_uri: `${origin}/jwks.json` }, length)
}

describe('K13, K16: size limits, at both edges', () => {
  it.each([
    [16_384, 'found'],
    [16_385, 'refused'],
  ])('metadata of %i bytes is %s', async (length, came) => {
    const { otherwise, find } = discoveryAmong()
    otherwise.set(`${agent}/.well-known/`, (url) => answer(metadataOf(url, length)))
    expect(await find(agent)).toBe(came)
  })

  it.each([
    [65_536, 'found'],
    [65_537, 'refused'],
  ])('keys of %i bytes are %s', async (length, came) => {
    const { otherwise, find } = discoveryAmong()
    otherwise.set(`${agent}/jwks.json`, () => answer(padded({ keys: [signer.jwk] }, length)))
    expect(await find(agent)).toBe(came)
  })

  it.each([
    [100, 'found'],
    [101, 'refused'],
  ])('%i keys are %s', async (count, came) => {
    const others = Array.from({ length: count - 1 }, (_, at) => ({ kty: 'new', kid: `other-${at}` }))
    const { otherwise, find } = discoveryAmong()
    otherwise.set(`${agent}/jwks.json`, () => answer(JSON.stringify({ keys: [...others, signer.jwk] })))
    expect(await find(agent)).toBe(came)
  })
})

describe('the cache is bounded', () => {
  /** Fetches the documents of this many agents, and returns whether the first one had to be fetched again. */
  async function isFirstForgotten(count: number, length: number): Promise<boolean> {
    const { asked, otherwise, discovery } = discoveryAmong({ fetchesPerMinute: 1_000_000 })
    otherwise.set('https://agent-', (url) => answer(metadataOf(url, length)))
    const agents = hosts('agent', count)
    for (const id of agents) await discovery.findMetadata(january.documents.agent, id)
    expect(asked).toHaveLength(count)
    await discovery.findMetadata(january.documents.agent, agents[0] ?? '')
    return asked.length > count
  }

  it.each([
    [500, 4097, false],
    [501, 4097, true],
    [501, 4096, false],
    [10_000, 200, false],
    [10_001, 200, true],
  ])('%i documents of %i characters: the first is evicted: %s', async (count, length, forgotten) => {
    expect(await isFirstForgotten(count, length)).toBe(forgotten)
  })
})
