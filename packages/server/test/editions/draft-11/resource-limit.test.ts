import { expect, it } from 'vitest'
import { requireFewResources } from '../../../src/editions/draft-11/resource-limit.js'

type Given = Parameters<typeof requireFewResources>
type Limit = { key: string; window: number; most: number }

const now = 1_800_000_000
const bot = { agent: 'https://agent.example', delegate: 'bot' }
const resource = 'https://calendar.example'

/** Asks for a resource, with the limit that storage finds reached: of those that are searched, or of those that are counted. */
async function ask(
  found: { searched?: boolean; counted?: 'resource' | 'agent' | undefined; left?: number } = {},
  { agent = bot as Given[1], of = resource } = {},
) {
  const counted: Limit[] = []
  const storage = {
    findReachedLimit: async ([limit]: Limit[]) => (found.searched ? { limit, resetAt: now + 90 } : undefined),
    countWithinLimits: async (limits: Limit[]) => {
      counted.push(...limits)
      const limit = limits[found.counted === 'resource' ? 0 : 1]
      return found.counted && { limit, resetAt: now + (found.left ?? 90) }
    },
  }
  const limits = { resources: 7, openRequests: 1, capabilitiesOptional: false }
  await requireFewResources({ storage, now: () => now } as unknown as Given[0], agent, of, limits)
  return counted
}

it('an agent asks for a limited number of resources a day, each of which counts once', async () => {
  const key = expect.stringMatching(/^[\w-]{43}$/)
  expect(await ask()).toEqual([
    { key, window: 86_400, most: 1 },
    { key, window: 86_400, most: 7 },
  ])
})

it('a resource that was counted today counts no more', async () => {
  expect(await ask({ searched: true })).toEqual([])
  expect(await ask({ counted: 'resource' })).toHaveLength(2)
})

it('an agent that asks for more resources learns when it may', async () => {
  await expect(ask({ counted: 'agent' })).rejects.toMatchObject({ code: 'too_many_requests', retryAfter: 90 })
  await expect(ask({ counted: 'agent', left: 0 })).rejects.toMatchObject({ retryAfter: 1 })
})

it('limits are those of one agent, and of one resource', async () => {
  const keys = async (...changes: Parameters<typeof ask>) => (await ask(...changes)).map(({ key }) => key)
  const [ofResource, ofAgent] = await keys()
  const [other, same] = await keys({}, { of: 'https://other.example' })
  expect(same).toBe(ofAgent)
  const others = [other, ofAgent]
  for (const agent of [
    { ...bot, agent: 'https://other.example' },
    { ...bot, delegate: 'other' },
  ])
    others.push(...(await keys({}, { agent: agent as Given[1] })))
  expect(new Set([ofResource, ...others]).size).toBe(7)
})
