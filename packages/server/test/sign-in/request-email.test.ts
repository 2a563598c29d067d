import { expect, it } from 'vitest'
import { requestEmail } from '../../src/sign-in/request-email.js'

type Given = Parameters<typeof requestEmail>

const now = 1_800_000_000
const email = { kind: 'reset', username: 'alice' } as const

/** Requests an email from an address. Returns what was counted and queued, and how long the visitor must wait. */
async function request(ip: string | undefined, resetAt?: number) {
  const [limits, queued]: unknown[][] = [[], []]
  const storage = {
    countWithinLimits: async (counted: readonly unknown[]) => {
      limits?.push(...counted)
      return resetAt === undefined ? undefined : { limit: counted[0], resetAt }
    },
    queueEmail: async (each: unknown) => void queued?.push(each),
  }
  const visit = { ip, messages: { lang: 'ar' } } as Given[1]
  const wait = await requestEmail({ storage, now: () => now } as unknown as Given[0], visit, email)
  return { limits, queued, wait }
}

it('an email is queued in the language of the page', async () => {
  const { queued, wait } = await request('192.0.2.1')
  expect(queued).toEqual([{ ...email, language: 'ar' }])
  expect(wait).toBeUndefined()
})

it('a network can request 60 an hour', async () => {
  const { limits } = await request('192.0.2.1')
  expect(limits).toEqual([{ key: expect.stringMatching(/^[\w-]{43}$/), window: 3600, most: 60 }])
})

it.each([
  ['192.0.2.200', true],
  ['192.0.3.1', false],
  [undefined, false],
])('192.0.2.1 and %s are one network: %s', async (other, isSame) => {
  const keyOf = async (ip: string | undefined) => JSON.stringify((await request(ip)).limits)
  expect((await keyOf('192.0.2.1')) === (await keyOf(other))).toBe(isSame)
})

it.each([
  [now + 90, 90],
  [now + 1, 1],
  [now, 1],
])('beyond the limit, nothing is queued', async (resetAt, seconds) => {
  const { queued, wait } = await request('192.0.2.1', resetAt)
  expect(queued).toEqual([])
  expect(wait).toBe(seconds)
})
