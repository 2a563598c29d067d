import { AgentError } from 'countersign/agent'
import type { KeptConsent, KeptConsents } from 'countersign/editions'
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

/** Kept in this process. */
function openConsents(isShared = false): KeptConsents {
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
    remove: async (owner, id) => keptFor(owner).delete(id),
    heartbeat: async () => undefined,
    stopHeartbeat: async () => undefined,
    lastHeartbeat: async () => undefined,
    claim: async (_owner, _taken, state) => state,
  }
}

function openPending(): PendingConsents {
  return createPendingConsents({
    consents: openConsents(),
    now: () => 0,
    canAsk: true,
    heldSince: async () => undefined,
    redeem: async () => token,
  })
}

function consentOf(state: string): PendingConsent {
  return {
    id: state,
    need: { resource: ids.api, authServer: ids.authServer, scope: undefined },
    requestToken: 'a request token',
    state,
    redirectUri: `${ids.agent}/callback`,
    url: `${ids.authServer}/agent/auth`,
    code: 'CODE',
    begunAt: 0,
    askedUntil: 600,
    until: 600,
    patience: 600,
    issRequired: false,
    stateOptional: false,
  }
}

/** A way that nothing has to be closed for. */
const way = { redirectUri: 'https://agent.example/callback', ask: () => undefined, close: () => undefined }

const completes = async (pending: PendingConsents, state: string, owner = 's1') =>
  (await pending.complete(new URLSearchParams({ state, code: 'a' }), owner)).matched

it('a consent that was given up before it is waited for is not waited for, and may still be decided', async () => {
  const pending = openPending()
  const consent = consentOf('early')
  await pending.begin(consent, 's1', way)
  await expect(pending.wait(consent, 's1', AbortSignal.abort(new Error('given up')))).rejects.toThrow('given up')
  expect(await completes(pending, 'early')).toBe(true)
  expect(await completes(pending, 'early'), 'once').toBe(false)
})

it('at most 10,000 consents wait; the next is refused, and the others go on', async () => {
  const pending = openPending()
  const aborts = new Map<string, AbortController>()
  const wait = async (state: string) => {
    const abort = new AbortController()
    aborts.set(state, abort)
    await pending.begin(consentOf(state), state, way)
    return pending.wait(consentOf(state), state, abort.signal).then(
      (held) => held?.jwt,
      (error: AgentError) => error.message,
    )
  }
  const waits = Array.from({ length: 10_000 }, (_, state) => wait(String(state)))
  expect(await wait('late')).toBe('Too many consents are pending.')
  aborts.get('7')?.abort(new Error('given up'))
  expect(await waits[7]).toBe('given up')
  const late = wait('in time')
  await new Promise(setImmediate)
  expect(await completes(pending, 'in time', 'in time')).toBe(true)
  expect(await completes(pending, '0', '0')).toBe(true)
  expect([await late, await waits[0]]).toEqual(['a token', 'a token'])
  for (const abort of aborts.values()) abort.abort(new Error('given up'))
  expect(new Set(await Promise.all(waits))).toEqual(new Set(['a token', 'given up']))
})

it('closes the way of a consent only when 10,000 newer ones have begun', async () => {
  const pending = openPending()
  const closed: string[] = []
  const begin = (state: string) =>
    pending.begin(consentOf(state), state, { ...way, close: () => void closed.push(state) })
  for (let index = 0; index < 10_000; index++) await begin(String(index))
  expect(closed).toEqual([])
  await begin('one more')
  expect(closed).toEqual(['0'])
})

it('resolves every wait for one consent in this process', async () => {
  const pending = openPending()
  const consent = consentOf('shared')
  await pending.begin(consent, 's1', way)
  const signal = AbortSignal.timeout(2000)
  const waits = [pending.wait(consent, 's1', signal), pending.wait(consent, 's1', signal)]
  expect(await completes(pending, 'shared')).toBe(true)
  expect(await Promise.all(waits)).toEqual([token, token])
})

it.each([
  ['in a store of this process', false, new AgentError('access_denied', 'Denied.')],
  ['after the session was forgotten', true, new AgentError('session_forgotten', 'The session had ended.')],
])('removes a denied consent %s', async (_where, isShared, error) => {
  const consents = openConsents(isShared)
  const redeem = () => Promise.reject(error)
  const pending = createPendingConsents({
    consents,
    now: () => 0,
    canAsk: true,
    heldSince: async () => undefined,
    redeem,
  })
  await pending.begin(consentOf('denied'), 's1', way)
  const match = await pending.complete(new URLSearchParams({ state: 'denied', error: 'access_denied' }), 's1')
  await (match.matched ? match.finished : undefined)
  expect(await consents.list('s1')).toEqual([])
})

it('drops a consent only while it is waited for and undecided', async () => {
  const pending = openPending()
  const consent = consentOf('dropped')
  await pending.begin(consent, 's1', way)
  expect(await pending.drop(consent, 's1')).toBe(false)
  const { signal } = new AbortController()
  const wait = pending.wait(consent, 's1', signal)
  await new Promise(setImmediate)
  expect(await completes(pending, 'dropped')).toBe(true)
  expect(await pending.drop(consent, 's1')).toBe(false)
  expect(await wait).toEqual(token)
})

it('keeps a denied consent for 60 seconds in a shared store, so that other processes learn the outcome', async () => {
  const consents = openConsents(true)
  const pending = createPendingConsents({
    consents,
    now: () => 100,
    canAsk: true,
    heldSince: async () => undefined,
    redeem: async () => {
      throw new AgentError('access_denied', 'Denied.')
    },
  })
  await pending.begin(consentOf('denied'), 's1', way)
  const match = await pending.complete(new URLSearchParams({ state: 'denied', error: 'access_denied' }), 's1')
  expect(await (match.matched ? match.finished : undefined)).toBe('failed')
  expect(await consents.list('s1')).toMatchObject([{ id: 'denied', until: 160, ended: { code: 'access_denied' } }])
})

it('keeps waiting in a shared store that fails to record a heartbeat', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  let failures = -1
  const heartbeat = async () => {
    if (failures < 0) return
    failures += 1
    throw new Error('store unavailable')
  }
  const consents = { ...openConsents(true), heartbeat }
  const options = { now: () => 0, canAsk: true, heldSince: async () => undefined, redeem: async () => token }
  const pending = createPendingConsents({ consents, ...options })
  const consent = consentOf('waited for')
  await pending.begin(consent, 's1', way)
  failures = 0
  const abort = new AbortController()
  const wait = pending.wait(consent, 's1', abort.signal).catch((error: Error) => error.message)
  await vi.advanceTimersByTimeAsync(7000)
  expect(failures).toBeGreaterThanOrEqual(2)
  abort.abort(new Error('given up'))
  expect(await wait).toBe('given up')
})

it('keeps the way of a consent open after a code that the auth server failed to exchange', async () => {
  const closed: string[] = []
  let failures = 1
  const redeem = async () => {
    if (failures-- > 0) throw new AgentError('token_request_failed', 'The auth server answered 500.')
    return token
  }
  const options = { consents: openConsents(), now: () => 0, canAsk: true, heldSince: async () => undefined, redeem }
  const pending = createPendingConsents(options)
  const consent = consentOf('again')
  await pending.begin(consent, 's1', { ...way, close: () => void closed.push('closed') })
  const wait = pending.wait(consent, 's1', AbortSignal.timeout(2000))
  expect(await completes(pending, 'again')).toBe(true)
  await expect(wait).rejects.toThrow('500')
  expect(closed).toEqual([])
  expect(await completes(pending, 'again')).toBe(true)
  await expect.poll(() => closed).toEqual(['closed'])
})
