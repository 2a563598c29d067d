import { Socket } from 'node:net'
import { postgresStorage } from 'countersign-server/postgres'
import pg from 'pg'
import { expect, it, onTestFinished, vi } from 'vitest'
import { agent, nonceClaim, outcomeOf, type RefreshableGrant, refreshable } from '../fixtures.js'
import { emptyDatabase } from './in-postgres.js'
import { patient } from './template.js'

it('refreshes many tokens in three writes to the database: the requests, the nonce counts, and the commit', async () => {
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
  // The first time, the grants are locked, and the uses written.
  expect(counts).toEqual([5, 3, 3])
})

it('blocks on a locked grant only those who refresh under it', async () => {
  const { url } = await emptyDatabase()
  const storage = await postgresStorage(url, {
    sweepInterval: 0,
    usageDelay: 3600,
    timeouts: { lock: 30, statement: 30 },
  })
  onTestFinished(() => storage.close())
  const grants: RefreshableGrant[] = []
  for (let made = 0; made < 12; made += 1) grants.push(await refreshable(storage))
  const holder = new pg.Client(url)
  await holder.connect()
  onTestFinished(() => holder.end())
  const [held, ...others] = grants
  const refreshOf = ({ refresh }: RefreshableGrant) =>
    storage.refreshGrant({ ...refresh, nonce: nonceClaim({ agent }) })
  if (!held) throw new TypeError('expected twelve grants')
  await holder.query('begin')
  await holder.query('select id from consent_grant order by id limit 1 for update')
  let isBlocked = true
  const waiting = refreshOf(held).finally(() => {
    isBlocked = false
  })
  expect((await Promise.all(others.map(refreshOf))).map(outcomeOf)).toEqual(others.map(() => 'refreshed'))
  expect(isBlocked).toBe(true)
  await holder.query('rollback')
  expect(outcomeOf(await waiting)).toBe('refreshed')
})

/** The methods of a stream that are called once per system write. */
interface Writing {
  _write(...values: unknown[]): void
  _writev(...values: unknown[]): void
}
