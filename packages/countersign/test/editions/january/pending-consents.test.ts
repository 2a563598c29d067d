import type { AgentError } from 'countersign/agent'
import { expect, it } from 'vitest'
import { createPendingConsents } from '../../../src/editions/january/pending-consents.js'
import { ids } from '../../agent/stage.js'

it('a consent that was given up before it is waited for is not waited for', async () => {
  const pending = createPendingConsents()
  const consent = { authServer: ids.authServer, owner: 's1', issRequired: false, stateOptional: false }
  const signal = AbortSignal.abort(new Error('given up'))
  await expect(pending.wait('early', consent, { expiresIn: 600, signal }, async () => 'done')).rejects.toThrow(
    'given up',
  )
  expect(pending.complete(new URLSearchParams({ state: 'early', code: 'a' }), 's1').matched).toBe(false)
})

it('at most 10,000 consents wait; the next is refused, and the others go on', async () => {
  const pending = createPendingConsents()
  const consent = { authServer: ids.authServer, owner: 's1', issRequired: false, stateOptional: false }
  const aborts = new Map<string, AbortController>()
  const wait = (state: string) => {
    const abort = new AbortController()
    aborts.set(state, abort)
    const waits = pending.wait(state, consent, { expiresIn: 600, signal: abort.signal }, async () => 'done')
    return waits.catch((error: AgentError) => error.message)
  }
  const waits = Array.from({ length: 10_000 }, (_, state) => wait(String(state)))
  expect(await wait('late')).toBe('Too many consents are pending.')
  aborts.get('7')?.abort(new Error('given up'))
  expect(await waits[7]).toBe('given up')
  const late = wait('in time')
  const complete = (state: string) => pending.complete(new URLSearchParams({ state, code: 'a' }), 's1').matched
  expect([complete('in time'), complete('7'), complete('late'), complete('0')]).toEqual([true, false, false, true])
  expect([await late, await waits[0]]).toEqual(['done', 'done'])
  for (const abort of aborts.values()) abort.abort(new Error('given up'))
  expect(new Set(await Promise.all(waits))).toEqual(new Set(['done', 'given up']))
})
