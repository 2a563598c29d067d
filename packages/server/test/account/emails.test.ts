import { expect, it } from 'vitest'
import { startEmails } from '../../src/account/emails.js'

type Context = Parameters<typeof startEmails>[0]

const issuer = 'https://auth.example'
const email = {
  id: 'e1',
  attempt: 2,
  kind: 'password_changed',
  address: 'alice@home.example',
  language: 'en',
  user: { id: 'alice-id', username: 'alice' },
}

interface Scene {
  /** The emails that are due, at each look. */
  due?: readonly (readonly object[])[]
  sent?: object
  /** Whether attempts never end. */
  isSlow?: boolean
  isEnding?: boolean
  sendsNone?: boolean
  /** How often there are more blocks to tell of. */
  blocks?: number
  link?: object
}

/** Lets the server look for emails once for each list of due ones, and twice for blocks. */
async function run({ due = [[]], blocks = 0, ...scene }: Scene) {
  const did: Record<'claimed' | 'sent' | 'settled' | 'failed' | 'notified' | 'linked' | 'repeated', unknown[]> = {
    claimed: [],
    sent: [],
    settled: [],
    failed: [],
    notified: [],
    linked: [],
    repeated: [],
  }
  const waiting = [...due]
  const running: Promise<unknown>[] = []
  const repeated: (() => Promise<void>)[] = []
  let left = blocks
  const context = {
    issuer,
    name: 'Home',
    now: () => 1_800_000_000,
    secrets: { seal: (purpose: string, text: string) => `${purpose} ${text}` },
    background: {
      ending: scene.isEnding === true,
      signal: new AbortController().signal,
      repeat: (seconds: number, work: () => Promise<void>) => {
        did.repeated.push(seconds)
        repeated.push(work)
      },
      run: (work: () => Promise<unknown>) => running.push(work()),
    },
    storage: {
      async claimEmails(claim: unknown) {
        did.claimed.push(claim)
        return waiting.shift() ?? []
      },
      settleEmail: async (settled: unknown) => did.settled.push(settled),
      async notifyOfBlocks(notification: unknown) {
        did.notified.push(notification)
        return left-- > 0
      },
      async createLink(link: unknown) {
        did.linked.push(link)
        return scene.link ?? 'created'
      },
    },
    sendEmail: scene.sendsNone
      ? undefined
      : async (message: unknown) => {
          did.sent.push(message)
          return scene.isSlow ? new Promise(() => undefined) : (scene.sent ?? { outcome: 'sent' })
        },
    onError: (error: Error, id: string) => did.failed.push(`${id} ${error.message}`),
  }
  startEmails(context as unknown as Context)
  const [notify, look] = repeated
  await notify?.()
  for (let looks = 0; looks < due.length; looks++) {
    await look?.()
    if (!scene.isSlow) await Promise.all(running)
  }
  return did
}

const many = (count: number, kind: string) =>
  Array.from({ length: count }, (_, at) => ({ ...email, id: `${kind}${at}`, kind }))

it('looks every two seconds for what is due, and settles each attempt with its outcome', async () => {
  const sent = { outcome: 'retry', reason: 'ECONNREFUSED' }
  const did = await run({ due: [[email]], sent })
  expect(did.repeated).toEqual([2, 2])
  expect(did.claimed).toEqual([{ limit: 10, agentLimit: 5, lease: 120, perAddress: 5 }])
  expect(did.sent).toMatchObject([{ id: 'e1', fromName: 'Home', to: 'alice@home.example' }])
  expect(did.settled).toEqual([{ id: 'e1', attempt: 2, ...sent }])
  expect(did.failed).toEqual(['- an email (password_changed, attempt 2) was not sent: retry, ECONNREFUSED'])
  expect(await run({ due: [[email]] })).toMatchObject({ settled: [{ outcome: 'sent' }], failed: [] })
})

it('sends ten at once, of which five are about agents', async () => {
  const agents = many(2, 'agent_allowed')
  const slow = await run({ due: [agents, many(8, 'password_changed'), []], isSlow: true })
  expect(slow.claimed).toMatchObject([
    { limit: 10, agentLimit: 5 },
    { limit: 8, agentLimit: 3 },
  ])
  const done = await run({ due: [agents, []] })
  expect(done.claimed).toMatchObject([{ limit: 10 }, { limit: 10 }])
})

it('ends what it claimed if the server is closing', async () => {
  expect(await run({ due: [[email]], isEnding: true, blocks: 9 })).toMatchObject({
    settled: [{ outcome: 'sent' }],
    notified: [],
  })
})

it('tells of blocks on up to ten pages, and sends nothing if it cannot', async () => {
  expect((await run({ blocks: 2 })).notified).toEqual(Array(3).fill({ most: 50, emails: true }))
  expect((await run({ blocks: 99 })).notified).toHaveLength(10)
  const none = await run({ due: [[email]], sendsNone: true })
  expect(none).toMatchObject({ notified: [{ emails: false }], claimed: [], repeated: [2] })
})

it.each<[string, object, string | undefined]>([
  [
    'agent_allowed',
    { about: { agent: 'https://agent.example', resource: 'https://api.example' } },
    `${issuer}/account`,
  ],
  ['device_connected', {}, `${issuer}/account`],
  ['password_changed', {}, `${issuer}/account/security`],
  ['confirm', {}, `${issuer}/account/email?token=confirm-email `],
  ['reset', {}, `${issuer}/account/link?token=aalk_`],
])('an email of the kind %s leads to the right page', async (kind, more, href) => {
  const { sent, linked } = await run({ due: [[{ ...email, kind, ...more }]] })
  expect((sent[0] as { text: string }).text).toContain(href)
  expect(linked).toHaveLength(kind === 'reset' ? 1 : 0)
})

it('sends no link to a user who changed how they sign in', async () => {
  const link = 'has_factor' as unknown as object
  const did = await run({ due: [[{ ...email, kind: 'reset' }]], link })
  expect(did).toMatchObject({ sent: [], settled: [{ outcome: 'refused', reason: 'user_changed' }] })
  expect(did.linked).toMatchObject([{ userId: 'alice-id', purpose: 'reset', sentTo: 'alice@home.example' }])
})
