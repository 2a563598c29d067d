import { AgentError } from 'countersign/agent'
import type { ConsentStore, KeptConsent } from 'countersign/editions'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createPendingConsents, type PendingConsents } from '../../../src/editions/january/pending-consents.js'
import { ids } from '../../agent/stage.js'

type PendingConsent = Parameters<PendingConsents['begin']>[0]

const token = {
  jwt: 'a token',
  resource: ids.api,
  scope: [],
  expiresAt: 600,
  refreshAt: 480,
  authServer: ids.authServer,
  refreshToken: undefined,
}

/** Held in this process. */
function openConsents(isShared = false, now = () => 0): ConsentStore {
  const leases = new Map<string, { holder: string; until: number }>()
  const owners = new Map<string, Map<string, KeptConsent>>()
  const keptFor = (owner: string) => {
    const kept = owners.get(owner) ?? new Map<string, KeptConsent>()
    owners.set(owner, kept)
    return kept
  }
  return {
    isShared,
    list: async (owner) => [...keptFor(owner).values()],
    put: async (owner, consent) => void keptFor(owner).set(consent.id, consent),
    async add(owner, consent) {
      const there = keptFor(owner).get(consent.id) ?? consent
      keptFor(owner).set(consent.id, there)
      return there
    },
    async remove(owner, id) {
      // Longer than the other steps, so that a caller that does not wait is noticed.
      for (let turn = 0; turn < 50; turn++) await Promise.resolve()
      return keptFor(owner).delete(id)
    },
    async lease(_owner, state, until, overdue) {
      const there = leases.get(state)
      if (there && there.until > now() && there.holder !== overdue) return { holder: there.holder }
      const lease = { holder: crypto.randomUUID(), until }
      leases.set(state, lease)
      return { until, release: async () => void (leases.get(state) === lease && leases.delete(state)) }
    },
  }
}

type Options = Parameters<typeof createPendingConsents>[0]

function openPending(options: Partial<Options> = {}): PendingConsents {
  return createPendingConsents({
    consents: openConsents(),
    now: () => 0,
    storedSince: async () => undefined,
    discard: async () => undefined,
    exchangeCode: async () => token,
    ...options,
  })
}

function consentOf(state: string): PendingConsent {
  return {
    id: state,
    need: { resource: ids.api, authServer: ids.authServer, scope: state },
    requestToken: 'a request token',
    state,
    redirectUri: `${ids.agent}/callback`,
    url: `${ids.authServer}/agent/auth`,
    code: 'CODE',
    createdAt: 0,
    promptExpiresAt: 600,
    until: 600,
    issRequired: false,
    stateOptional: false,
  }
}

/** A delivery channel that needs no cleanup. */
const way = { redirectUri: 'https://agent.example/callback', ask: () => undefined, close: () => undefined }

async function begin(pending: PendingConsents, state: string, { owner = 's1', closed = [] as string[] } = {}) {
  const consent = consentOf(state)
  await pending.begin(consent, owner)
  pending.keepOpen(consent, owner, { ...way, close: () => void closed.push(state) })
  return consent
}

const limit = { signal: new AbortController().signal, until: 600, patience: 600 }

/** Delivers a code, and reports the outcome of its exchange. */
async function complete(pending: PendingConsents, state: string, owner = 's1') {
  const match = await pending.complete(new URLSearchParams({ state, code: 'a' }), owner)
  return match.matched ? match.finished : match.problem
}

it('a consent that was aborted before it is awaited can still be decided', async () => {
  const pending = openPending()
  const consent = await begin(pending, 'early')
  const signal = AbortSignal.abort(new Error('given up'))
  await expect(pending.wait(consent, 's1', { ...limit, signal })).rejects.toThrow('given up')
  expect(await complete(pending, 'early')).toBe('done')
  expect(await complete(pending, 'early'), 'once').toBe('unknown')
})

it('waits for at most 10,000 consents; the next wait is refused, and the others continue', async () => {
  const pending = openPending()
  const aborts = new Map<string, AbortController>()
  const wait = async (state: string) => {
    const abort = new AbortController()
    aborts.set(state, abort)
    const consent = await begin(pending, state, { owner: state })
    return pending.wait(consent, state, { ...limit, signal: abort.signal }).then(
      (held) => held?.jwt,
      (error: AgentError) => error.message,
    )
  }
  const waits = Array.from({ length: 10_000 }, (_, state) => wait(String(state)))
  await new Promise(setImmediate)
  expect(await wait('late')).toBe('Too many consents are pending.')
  aborts.get('7')?.abort(new Error('given up'))
  expect(await waits[7]).toBe('given up')
  const late = wait('in time')
  await new Promise(setImmediate)
  expect(await complete(pending, 'in time', 'in time')).toBe('done')
  expect(await complete(pending, '0', '0')).toBe('done')
  expect([await late, await waits[0]]).toEqual(['a token', 'a token'])
  for (const abort of aborts.values()) abort.abort(new Error('given up'))
  expect(new Set(await Promise.all(waits))).toEqual(new Set(['a token', 'given up']))
})

it('closes the channel of a consent only after 10,000 newer ones have started', async () => {
  const pending = openPending()
  const closed: string[] = []
  for (let index = 0; index < 10_000; index++) await begin(pending, String(index), { owner: String(index), closed })
  expect(closed).toEqual([])
  await begin(pending, 'one more', { closed })
  expect(closed).toEqual(['0'])
})

it('closes the channel of a consent once, when it has ended', async () => {
  const closed: string[] = []
  const pending = openPending()
  const consent = await begin(pending, 'once', { closed })
  const wait = pending.wait(consent, 's1', limit)
  expect(pending.channelFor(consent)).toBeDefined()
  expect(await complete(pending, 'once')).toBe('done')
  expect(await wait).toMatchObject({ jwt: token.jwt })
  expect([closed, pending.channelFor(consent)]).toEqual([['once'], undefined])
})

it('resolves every wait for one consent in this process', async () => {
  const pending = openPending()
  const consent = await begin(pending, 'shared')
  const waits = [pending.wait(consent, 's1', limit), pending.wait(consent, 's1', limit)]
  expect(await complete(pending, 'shared')).toBe('done')
  expect(await Promise.all(waits)).toMatchObject([{ jwt: 'a token' }, { jwt: 'a token' }])
})

it.each([
  ['in this process', false],
  ['in a store that is polled', true],
])('rejects with the error of the exchange, its cause included: %s', async (_where, isShared) => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const cause = new Error('connection reset')
  const exchangeCode = () => Promise.reject(new AgentError('token_request_failed', 'No response.', { cause }))
  const pending = openPending({ consents: openConsents(isShared), exchangeCode })
  const consent = await begin(pending, 'failed')
  const wait = pending.wait(consent, 's1', limit)
  const failed = expect(wait).rejects.toMatchObject({ code: 'token_request_failed', cause })
  await vi.advanceTimersByTimeAsync(1200)
  expect(await complete(pending, 'failed')).toBe('failed')
  await vi.advanceTimersByTimeAsync(1000)
  await failed
})

it.each([
  ['in this process', false],
  ['in a store that is polled', true],
])('waits for a decision until the limit, and no longer: %s', async (_where, isShared) => {
  vi.useFakeTimers({ now: 0 })
  onTestFinished(() => void vi.useRealTimers())
  const now = () => Date.now() / 1000
  const pending = openPending({ consents: openConsents(isShared, now), now })
  const consent = { ...consentOf('slow'), until: 900 }
  await pending.begin(consent, 's1')
  const ended = vi.fn()
  void pending.wait(consent, 's1', limit).catch(ended)
  await vi.advanceTimersByTimeAsync(599_999)
  expect(ended).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(ended).toHaveBeenCalledWith(
    expect.objectContaining({ code: 'consent_expired', message: 'No decision within 600 s.' }),
  )
})

it.each(['state', 'iss', 'code', 'error'])('refuses a response with %s twice', async (name) => {
  const pending = openPending()
  await begin(pending, 'twice')
  const given = { state: 'twice', iss: ids.authServer, ...(name === 'error' ? { error: 'a' } : { code: 'a' }) }
  const parameters = new URLSearchParams(given)
  parameters.append(name, parameters.get(name) ?? '')
  expect(await pending.complete(parameters, 's1')).toEqual({ matched: false, problem: 'malformed' })
})

it('drops a consent only while it is undecided', async () => {
  const pending = openPending({ exchangeCode: () => new Promise(() => undefined) })
  const undecided = await begin(pending, 'undecided')
  expect(await pending.drop(undecided, 's1')).toBe(true)
  expect(await complete(pending, 'undecided')).toBe('unknown')
  const decided = await begin(pending, 'decided')
  await pending.complete(new URLSearchParams({ state: 'decided', code: 'a' }), 's1')
  await new Promise(setImmediate)
  expect(await pending.drop(decided, 's1')).toBe(false)
})

it('stores the result of a consent for 60 seconds, without the refresh token', async () => {
  const consents = openConsents(true)
  const pending = openPending({
    consents,
    now: () => 100,
    exchangeCode: async () => ({ ...token, refreshToken: 'secret' }),
  })
  await begin(pending, 'allowed')
  expect(await complete(pending, 'allowed')).toBe('done')
  const [stored] = await consents.list('s1')
  expect(stored).toMatchObject({ until: 160, ended: { token: { jwt: 'a token' } } })
  expect(JSON.stringify(stored)).not.toContain('secret')
})

it('stores that the user denied for other processes, and starts the next consent as its successor', async () => {
  const consents = openConsents(true)
  const exchangeCode = () => Promise.reject(new AgentError('access_denied', 'Denied.'))
  const pending = openPending({ consents, now: () => 100, exchangeCode })
  const denied = await begin(pending, 'denied')
  expect(await complete(pending, 'denied')).toBe('failed')
  expect(await consents.list('s1')).toMatchObject([{ until: 160, ended: { failure: { code: 'access_denied' } } }])
  await expect(openPending({ consents, now: () => 100 }).wait(denied, 's1', limit)).rejects.toThrow('Denied.')
  expect(await pending.find(denied.need, 's1')).toBeUndefined()
  const next = { ...consentOf('next'), need: denied.need, createdAt: 1 }
  expect(await pending.begin(next, 's1')).toBe(true)
  expect(await pending.find(denied.need, 's1')).toMatchObject({ state: 'next' })
})

it('starts one consent of several that succeed the same one', async () => {
  const consents = openConsents(true)
  const pending = openPending({ consents, now: () => 100 })
  const states = ['a', 'b', 'c']
  // All of them have read the store before the first one writes.
  const before = await consents.list('s1')
  const same = states.map((state) => ({ ...consentOf(state), need: consentOf('x').need }))
  const stale = openPending({ consents: { ...consents, list: async () => before }, now: () => 100 })
  expect(await Promise.all(same.map((consent) => stale.begin(consent, 's1')))).toEqual([true, false, false])
  expect(await pending.find(same[2]?.need ?? expect.fail(), 's1')).toMatchObject({ state: 'a' })
})

it('starts no consent while another one for the need is open or being exchanged', async () => {
  const consents = openConsents(true)
  const [first, second] = [1, 2].map(() =>
    openPending({ consents, now: () => 100, exchangeCode: () => new Promise(() => undefined) }),
  )
  const { need } = consentOf('x')
  expect(await second?.find(need, 's1')).toBeUndefined()
  expect(await first?.begin({ ...consentOf('first'), need }, 's1')).toBe(true)
  expect(await second?.begin({ ...consentOf('second'), need, createdAt: 5 }, 's1'), 'open').toBe(false)
  await first?.complete(new URLSearchParams({ state: 'first', code: 'a' }), 's1')
  await expect.poll(() => consents.list('s1')).toMatchObject([{ receivedCode: 'a' }])
  const late = openPending({ consents, now: () => 599 })
  expect(await late.begin({ ...consentOf('third'), need, until: 1200 }, 's1'), 'being exchanged').toBe(false)
  expect(await consents.list('s1')).toHaveLength(1)
})

it('removes a consent one minute after it has expired, before the next one starts', async () => {
  const consents = openConsents(true)
  const clock = { now: 100 }
  const pending = openPending({ consents, now: () => clock.now })
  expect(await pending.begin({ ...consentOf('old'), until: 200 }, 's1')).toBe(true)
  clock.now = 259
  expect(await pending.begin(consentOf('next'), 's1')).toBe(true)
  expect(await consents.list('s1')).toMatchObject([{ state: 'old' }, { state: 'next' }])
  clock.now = 260
  expect(await pending.begin(consentOf('last'), 's1')).toBe(true)
  expect(await consents.list('s1')).toMatchObject([{ state: 'next' }, { state: 'last' }])
})

it('starts the next consent after the clock was set back', async () => {
  const consents = openConsents(true)
  const clock = { now: 100 }
  const exchangeCode = () => Promise.reject(new AgentError('access_denied', 'Denied.'))
  const pending = openPending({ consents, now: () => clock.now, exchangeCode })
  const { need } = consentOf('x')
  for (const [index, state] of ['a', 'b', 'c', 'd'].entries()) {
    expect(await pending.begin({ ...consentOf(state), need, createdAt: clock.now }, 's1'), state).toBe(true)
    expect(await complete(pending, state)).toBe('failed')
    clock.now -= index === 1 ? 0 : 30
  }
})

it('withdraws a consent that was numbered by records that no longer exist', async () => {
  const consents = openConsents(true)
  const { need } = consentOf('x')
  const gone = { ...consentOf('gone'), need, id: `${need.authServer} ${need.resource} x 5`, until: 10 }
  const add = async (owner: string, consent: KeptConsent) => {
    if (consent.id.endsWith(' 6')) await openPending({ consents }).begin({ ...consentOf('first'), need }, 's1')
    return consents.add(owner, consent)
  }
  let reads = 0
  const list = async () => (reads++ < 1 ? [gone] : consents.list('s1'))
  const late = openPending({ consents: { ...consents, add, list }, now: () => 100 })
  expect(await late.begin({ ...consentOf('late'), need }, 's1')).toBe(false)
  expect(await consents.list('s1')).toMatchObject([{ state: 'first' }])
})

it.each<[string, object]>([
  ['nothing', {}],
  ['no need', { ...consentOf('x'), need: undefined }],
  ['a null need', { ...consentOf('x'), need: null }],
  ['no time', { ...consentOf('x'), createdAt: undefined }],
  ['a time that is a string', { ...consentOf('x'), until: '9e12' }],
  ['a result that is a string', { ...consentOf('x'), ended: 'x' }],
  ['no generation', consentOf('x')],
])('ignores a record with %s, and removes it when a consent starts', async (_what, record) => {
  const consents = openConsents(true)
  const { need } = consentOf('x')
  const first = `${need.authServer} ${need.resource} x 1`
  await consents.put('s1', { ...(record as KeptConsent), id: 'damaged' })
  await consents.put('s1', { id: first, until: 600 })
  const pending = openPending({ consents })
  expect(await pending.find(need, 's1')).toBeUndefined()
  expect(await pending.begin({ ...consentOf('next'), need }, 's1')).toBe(true)
  expect(await consents.list('s1')).toMatchObject([{ state: 'next' }])
  expect(await complete(pending, 'next')).toBe('done')
})

it('stores nothing after the session was forgotten', async () => {
  const consents = openConsents(true)
  const exchangeCode = async () => {
    for (const { id } of await consents.list('s1')) await consents.remove('s1', id)
    throw new AgentError('session_forgotten', 'The session has ended.')
  }
  const pending = openPending({ consents, exchangeCode })
  await begin(pending, 'forgotten')
  expect(await complete(pending, 'forgotten')).toBe('failed')
  expect(await consents.list('s1')).toEqual([])
})

it('keeps the channel of a consent open after a code that the auth server failed to exchange', async () => {
  const closed: string[] = []
  let failures = 1
  const exchangeCode: Options['exchangeCode'] = async (_consent, _answer, _owner, proceed) => {
    await proceed()
    if (failures-- > 0) throw new AgentError('token_request_failed', 'The auth server returned 500.')
    return token
  }
  const pending = openPending({ exchangeCode })
  const consent = await begin(pending, 'again', { closed })
  const failed = expect(pending.wait(consent, 's1', limit)).rejects.toThrow('500')
  expect(await complete(pending, 'again')).toBe('failed')
  await failed
  expect(closed).toEqual([])
  expect(await complete(pending, 'again')).toBe('done')
  expect(closed).toEqual(['again'])
})

/** Processes that share a store, with the codes that they sent and the tokens that they hold. */
function openProcesses(exchanged: () => Promise<unknown> = async () => undefined) {
  const world = { now: 100, sent: [] as string[], held: undefined as typeof token | undefined, discarded: 0 }
  const kept = openConsents(true, () => world.now)
  const open = (
    change: (consents: ConsentStore) => Partial<ConsentStore> = () => ({}),
    options: Partial<Options> = {},
  ) => {
    return createPendingConsents({
      consents: { ...kept, ...change(kept) },
      now: () => world.now,
      storedSince: async () => world.held,
      discard: async () => void world.discarded++,
      async exchangeCode(_consent, answer, _owner, proceed) {
        await proceed()
        world.sent.push('code' in answer ? answer.code : answer.error)
        await exchanged()
        await proceed()
        world.held = token
        return token
      },
      ...options,
    })
  }
  return { world, open, kept }
}

const failing = async () => Promise.reject(new Error('EIO'))

it('reports success, and sends the code once, if the result cannot be stored after the token', async () => {
  const { world, open } = openProcesses()
  const first = open((consents) => ({
    put: (owner, consent) => ('ended' in consent && consent.ended ? failing() : consents.put(owner, consent)),
  }))
  const second = open()
  const consent = await begin(first, 'kept')
  const wait = second.wait(consent, 's1', limit)
  expect(await complete(first, 'kept')).toBe('done')
  expect(await wait).toEqual(token)
  await expect.poll(() => second.find(consent.need, 's1')).toBeUndefined()
  expect(world.sent).toEqual(['a'])
})

it('sends no code whose token another process stored before it was killed', async () => {
  const { world, open } = openProcesses()
  const killed = open(undefined, {
    async exchangeCode(_consent, _answer, _owner, proceed) {
      await proceed()
      world.held = token
      return new Promise<never>(() => undefined)
    },
  })
  const consent = await begin(killed, 'kept')
  await killed.complete(new URLSearchParams({ state: 'kept', code: 'a' }), 's1')
  await expect.poll(() => world.held).toBeDefined()
  world.now += 21
  const next = open()
  expect(await next.wait(consent, 's1', limit)).toEqual(token)
  expect(await complete(next, 'kept')).toBe('done')
  expect(world.sent).toEqual([])
})

it('does not repeat the failed exchange of another process', async () => {
  let fail: (reason: Error) => void = () => undefined
  const { world, open } = openProcesses(() => new Promise((_resolve, reject) => (fail = reject)))
  const first = open()
  const consent = await begin(first, 'once')
  const match = await first.complete(new URLSearchParams({ state: 'once', code: 'a' }), 's1')
  await expect.poll(() => world.sent).toEqual(['a'])
  // They see the code, and wait for the lease.
  const waits = [open(), open()].map((each) => each.wait(consent, 's1', limit).catch(({ message }: Error) => message))
  await new Promise((soon) => setTimeout(soon, 50))
  fail(new AgentError('token_request_failed', 'The auth server returned 500.'))
  expect(match.matched && (await match.finished)).toBe('failed')
  expect(new Set(await Promise.all(waits))).toEqual(new Set(['The auth server returned 500.']))
  await new Promise((soon) => setTimeout(soon, 700))
  expect(world.sent).toEqual(['a'])
})

it.each<[string, (world: { now: number }, consents: ConsentStore) => Partial<ConsentStore>]>([
  [
    'the store grants it late',
    (world, consents) => ({
      async lease(...given) {
        const granted = await consents.lease(...given)
        world.now += world.now === 100 ? 10 : 0
        return granted
      },
    }),
  ],
  [
    'the store is slow after that',
    (world, consents) => ({
      async put(...given) {
        await consents.put(...given)
        world.now += world.now === 100 ? 10 : 0
      },
    }),
  ],
])('sends a code only while its lease lasts longer than the exchange: %s', async (_when, change) => {
  const { world, open, kept } = openProcesses()
  const leases: number[] = []
  const pending = open((consents) => {
    const changed = { ...consents, ...change(world, consents) }
    return {
      ...changed,
      lease(...given) {
        leases.push(given[2])
        return changed.lease(...given)
      },
    }
  })
  await begin(pending, 'late')
  expect(await complete(pending, 'late')).toBe('done')
  expect(leases, 'another lease was granted').toEqual([120, 130])
  expect(world.sent).toEqual(['a'])
  expect(await kept.list('s1')).toMatchObject([{ ended: { token: { jwt: 'a token' } } }])
})

it.each(['lease', 'list', 'put'] as const)('loses no decision when the store fails once: %s', async (verb) => {
  const { world, open } = openProcesses()
  let failures = 0
  const pending = open((consents) => ({
    [verb]: (...given: never[]) =>
      failures-- === 1 ? failing() : (consents[verb] as (...given: never[]) => Promise<unknown>)(...given),
  }))
  const consent = await begin(pending, 'decided')
  const match = await pending.complete(new URLSearchParams({ state: 'decided', code: 'a' }), 's1')
  failures = 1
  expect(match.matched && (await match.finished)).toBe('done')
  expect(await pending.wait(consent, 's1', limit)).toEqual({ ...token })
  expect(world.sent).toEqual(['a'])
})

it('writes no result for a process that could not obtain the lease', async () => {
  let end: () => void = () => undefined
  const { world, open, kept } = openProcesses(() => new Promise<void>((resolve) => (end = resolve)))
  const [first, second] = [open(), open(() => ({ lease: failing }))]
  const consent = await begin(first, 'held')
  const wait = second.wait(consent, 's1', limit)
  const page = complete(first, 'held')
  await expect.poll(() => world.sent).toEqual(['a'])
  await new Promise((soon) => setTimeout(soon, 800))
  expect(await kept.list('s1')).toMatchObject([{ receivedCode: 'a', failed: undefined }])
  end()
  expect(await page).toBe('done')
  expect(await wait).toMatchObject({ jwt: 'a token' })
})

it('stores no token for a consent that another process forgot during the exchange', async () => {
  const { world, open, kept } = openProcesses(() => kept.remove('s1', `${ids.authServer} ${ids.api} out 1`))
  const pending = open()
  await begin(pending, 'out')
  expect(await complete(pending, 'out')).toBe('failed')
  expect(world.held).toBeUndefined()
  expect(await kept.list('s1')).toEqual([])
})

it('removes the token of a consent that another process forgot while the token was being stored', async () => {
  const { world, open, kept } = openProcesses()
  const pending = open(undefined, {
    async exchangeCode(_consent, _answer, _owner, proceed) {
      await proceed()
      await proceed()
      await kept.remove('s1', `${ids.authServer} ${ids.api} out 1`)
      return token
    },
  })
  await begin(pending, 'out')
  expect(await complete(pending, 'out')).toBe('failed')
  expect(world.discarded).toBe(1)
})

it('takes over a lease that another process does not release in time, even if the clock was set back', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { world, open, kept } = openProcesses()
  const pending = open()
  await begin(pending, 'back')
  await kept.lease('s1', 'back', 120)
  world.now = -200
  const page = complete(pending, 'back')
  await vi.advanceTimersByTimeAsync(19_000)
  expect(world.sent).toEqual([])
  await vi.advanceTimersByTimeAsync(2000)
  expect(await page).toBe('done')
  expect(world.sent).toEqual(['a'])
})
