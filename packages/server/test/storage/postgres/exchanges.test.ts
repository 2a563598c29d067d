import { Socket } from 'node:net'
import { postgresStorage } from 'countersign-server/postgres'
import { expect, it, onTestFinished, vi } from 'vitest'
import { agent, nonceClaim, refreshable } from '../fixtures.js'
import { emptyDatabase } from './in-postgres.js'
import { patient } from './template.js'

it('refreshes a token in two writes to the database: all that is asked, and the commit', async () => {
  const { url } = await emptyDatabase()
  const storage = await postgresStorage(url, { sweepInterval: 0, usageDelay: 3600, connections: 1, ...patient })
  onTestFinished(() => storage.close())
  const { refresh } = await refreshable(storage)
  const again = () => storage.refreshGrant({ ...refresh, nonce: nonceClaim({ agent }) })
  // The first time the use is written, and the statements are prepared.
  for (let times = 0; times < 2; times++) expect(await again()).toMatchObject({ outcome: 'refreshed' })
  const writes = [
    vi.spyOn(Socket.prototype as unknown as Writing, '_write'),
    vi.spyOn(Socket.prototype as unknown as Writing, '_writev'),
  ]
  onTestFinished(() => void vi.restoreAllMocks())
  expect(await again()).toMatchObject({ outcome: 'refreshed' })
  expect(writes.flatMap(({ mock }) => mock.calls)).toHaveLength(2)
})

/** What a stream calls once for each write to the system. */
interface Writing {
  _write(...values: unknown[]): void
  _writev(...values: unknown[]): void
}
