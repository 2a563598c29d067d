import type { Storage } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { sqlStorage } from '../../src/storage/sql-storage.js'

type Engine = Parameters<typeof sqlStorage>[0]

function notCalled(): never {
  throw new TypeError('no single-statement verb is called')
}

/** An engine whose transactions fail this many times before they succeed, as after conflicts with others. */
function failing(times: number, isRetryable: boolean) {
  let runs = 0
  const engine: Engine = {
    reading: notCalled,
    statement: notCalled,
    transaction: async () => {
      runs += 1
      if (runs <= times) throw new Error('could not serialize access')
      return Promise.reject(new RangeError('it worked'))
    },
    ifNotRunningElsewhere: (_name, work) => work(),
    maintainAuditLog: async () => ({ events: 0, agentIds: [], resourceIds: [] }),
    resetIdSequences: async () => undefined,
    isRetryable: () => isRetryable && runs <= times,
    isUnavailable: () => false,
    close: async () => undefined,
  }
  return { storage: sqlStorage(engine, { sweepInterval: 0 }), runs: () => runs }
}

describe('a transaction that failed because of a conflict', () => {
  it.each([0, 1, 4])('is retried, here after %i failures', async (failures) => {
    const { storage, runs } = failing(failures, true)
    await expect(storage.endSession('id')).rejects.toThrow('it worked')
    expect(runs()).toBe(failures + 1)
  })

  it('is tried at most five times, and is then unavailable', async () => {
    const { storage, runs } = failing(9, true)
    await expect(storage.endSession('id')).rejects.toMatchObject({
      code: 'unavailable',
      cause: { message: 'could not serialize access' },
    })
    expect(runs()).toBe(5)
  })

  it('is not retried if it failed on its own', async () => {
    const nonce = { key: 'key', source: { agent: undefined, thumbprint: 'key', network: '192.0.2' }, lifetime: 130 }
    const verbs = [(storage: Storage) => storage.endSession('id'), (storage: Storage) => storage.claimNonce(nonce)]
    for (const verb of verbs) {
      const { storage, runs } = failing(1, false)
      await expect(verb(storage)).rejects.toThrow('could not serialize access')
      expect(runs()).toBe(1)
    }
  })
})
