import { describe, expect, it } from 'vitest'
import { createBoundedRecorder } from '../../src/admission/bounded-audit-recorder.js'

type Recorder = ReturnType<typeof createBoundedRecorder>
type OwnEvent = Parameters<Recorder['recordEvent']>[0]
type Refusal = Parameters<Recorder['recordRefusal']>[0]

/** A recorder with a storage that counts attempts per key. */
function open() {
  /** The storage's clock, and by how much the machine's is behind it. */
  const clock = { now: 1_800_000_000, behind: 0 }
  const windows = new Map<string, { count: number; resetAt: number }>()
  const rows: Partial<OwnEvent>[] = []
  let counted = 0
  const storage = {
    async countAttempt({ key, window }: { key: string; window: number }) {
      counted++
      const known = windows.get(key)
      const current = known && known.resetAt > clock.now ? known : { count: 0, resetAt: clock.now + window }
      current.count++
      windows.set(key, current)
      return { ...current }
    },
    recordEvent: async (event: OwnEvent) => void rows.push(event),
  }
  const recorder = createBoundedRecorder({ storage: storage as never, now: () => clock.now - clock.behind })
  const event = (more: Partial<OwnEvent> = {}) =>
    recorder.recordEvent({ event: 'signin.failed', username: 'alice', ip: '192.0.2.1', ...more } as OwnEvent)
  const refusal = (more: Partial<Refusal> = {}, ip: string | undefined = '192.0.2.1') =>
    recorder.recordRefusal({ status: 403, code: 'policy_denied', agent: 'https://a.example', ...more } as Refusal, ip)
  return { clock, rows, event, refusal, counted: () => counted }
}

/** Records events one after the other, and returns the number of rows. */
async function rowsOf(count: number, record: (at: number, stage: ReturnType<typeof open>) => Promise<unknown>) {
  const stage = open()
  for (let at = 0; at < count; at++) await record(at, stage)
  return stage.rows.length
}

const subscribers = (at: number) => `192.0.2.${at % 256}`
const sites = (at: number) => `198.51.${at % 256}.1`
const providers = (at: number) => `${1 + (at % 200)}.${Math.floor(at / 200)}.0.1`

describe('events of one kind about one user, in 15 minutes', () => {
  it.each<[string, (at: number) => string | undefined, number]>([
    ['one address', () => '192.0.2.1', 20],
    ['unknown addresses', () => undefined, 20],
    ['one /24', subscribers, 40],
    ['one /16', sites, 125],
    ['everywhere', providers, 500],
  ])('from %s: at most %s', async (_from, ipOf, most) => {
    expect(await rowsOf(most + 50, (at, { event }) => event({ ip: ipOf(at) }))).toBe(most)
  })

  it('are counted apart from those of other kinds and users', async () => {
    const { event, rows } = open()
    for (let at = 0; at < 25; at++) await event()
    expect(rows).toHaveLength(20)
    expect(await event()).toBe(false)
    expect(await event({ username: 'ALICE' })).toBe(false)
    expect(await event({ username: 'bob' })).toBe(true)
    expect(await event({ username: undefined, userId: '7' } as Partial<OwnEvent>)).toBe(true)
    expect(await event({ event: 'session.created' })).toBe(true)
  })

  it('cost no write beyond that, and are recorded again in the next window', async () => {
    const { event, counted, clock, rows } = open()
    for (let at = 0; at < 21; at++) await event()
    const before = counted()
    expect(await event()).toBe(false)
    expect(counted()).toBe(before)
    clock.now += 899
    expect(await event()).toBe(false)
    clock.now += 1
    expect(await event()).toBe(true)
    expect(rows).toHaveLength(21)
  })

  it('are recorded after their window even if the machine’s clock was set back', async () => {
    const { clock, event, counted } = open()
    for (let at = 0; at < 20; at++) await event()
    clock.behind = 86_400
    expect(await event()).toBe(false)
    clock.now += 900
    expect(await event()).toBe(true)
    clock.behind = 0
    for (let at = 1; at < 20; at++) await event()
    const before = counted()
    expect(await event()).toBe(false)
    expect(counted()).toBe(before)
  })
})

describe('refusals of one kind, in 15 minutes', () => {
  const agents = (at: number) => ({ agent: `https://agent-${at}.example` })

  it.each<[string, (at: number) => Partial<Refusal>, (at: number) => string | undefined, number]>([
    ['of one agent', () => ({}), providers, 20],
    ['from one address', agents, () => '192.0.2.1', 40],
    ['from one /24', agents, subscribers, 60],
    ['from one /16', agents, sites, 125],
    ['from everywhere', agents, providers, 500],
  ])('%s: at most %s', async (_what, ofAgent, ipOf, most) => {
    expect(await rowsOf(most + 50, (at, { refusal }) => refusal(ofAgent(at), ipOf(at)))).toBe(most)
  })

  it.each<[Partial<Refusal>, boolean]>([
    [{ code: 'policy_denied' }, true],
    [{ code: 'agent_blocked' }, true],
    [{ code: 'policy_forbids' }, true],
    [{ code: 'key_unknown', lookup: true }, true],
    [{ code: 'key_unknown' }, false],
    [{ code: 'signature_mismatch' }, false],
  ])('%j is recorded: %s', async (more, expected) => {
    const { refusal, rows } = open()
    await refusal(more)
    expect(rows).toHaveLength(expected ? 1 : 0)
    if (expected) expect(rows).toMatchObject([{ event: 'agent.refused', agent: 'https://a.example', ip: '192.0.2.1' }])
  })

  it('are counted apart by kind, and by whether the agent is only claimed', async () => {
    const { refusal, rows } = open()
    for (let at = 0; at < 25; at++) await refusal()
    for (const more of [{ code: 'agent_blocked' }, { claimed: true }] as Partial<Refusal>[]) await refusal(more)
    expect(rows).toHaveLength(22)
  })

  it('are recorded with their details', async () => {
    const { refusal, rows } = open()
    await refusal({ delegate: 'd', rule: 'r', reason: 'because' } as Partial<Refusal>)
    expect(rows[0]?.data).toEqual({
      status: 403,
      code: 'policy_denied',
      claimed: undefined,
      delegate: 'd',
      rule: 'r',
      reason: 'because',
    })
  })
})

it('a row that cannot be written is reported to the caller', async () => {
  const storage = {
    countAttempt: async () => ({ count: 1, resetAt: 0 }),
    recordEvent: () => Promise.reject(new Error('no row')),
  }
  const recorder = createBoundedRecorder({ storage: storage as never, now: () => 0 })
  await expect(recorder.recordEvent({ event: 'form.forged' } as OwnEvent)).rejects.toThrow('no row')
})
