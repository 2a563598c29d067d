import { Socket } from 'node:net'
import { postgresStorage } from 'countersign-server/postgres'
import { expect, it, onTestFinished, vi } from 'vitest'
import { agent, nonceClaim, outcomeOf, type RefreshableGrant, refreshable } from '../fixtures.js'
import { emptyDatabase } from './in-postgres.js'
import { patient } from './template.js'

it('refreshes the tokens of many in three writes to the database: what is asked, how many nonces there are, and the commit', async () => {
  const { url } = await emptyDatabase()
  const storage = await postgresStorage(url, { sweepInterval: 0, usageDelay: 3600, connections: 1, ...patient })
  onTestFinished(() => storage.close())
  const grants: RefreshableGrant[] = []
  for (let made = 0; made < 16; made += 1) grants.push(await refreshable(storage))
  const refreshAll = () =>
    Promise.all(grants.map(({ refresh }) => storage.refreshGrant({ ...refresh, nonce: nonceClaim({ agent }) })))
  const writes = [
    vi.spyOn(Socket.prototype as unknown as Writing, '_write'),
    vi.spyOn(Socket.prototype as unknown as Writing, '_writev'),
  ]
  onTestFinished(() => void vi.restoreAllMocks())
  const counts = []
  for (let times = 0; times < 3; times += 1) {
    for (const write of writes) write.mockClear()
    expect((await refreshAll()).map(outcomeOf)).toEqual(grants.map(() => 'refreshed'))
    counts.push(writes.flatMap(({ mock }) => mock.calls).length)
  }
  // The first time the uses are written, too.
  expect(counts).toEqual([4, 3, 3])
})

/** What a stream calls once for each write to the system. */
interface Writing {
  _write(...values: unknown[]): void
  _writev(...values: unknown[]): void
}
