import { postgresStorage } from 'countersign-server/postgres'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { rotating, times } from '../storage/fixtures.js'
import { openPostgres, type PostgresServer } from '../storage/postgres/postgres-server.js'
import { patient } from '../storage/postgres/template.js'
import { proxyTo } from './proxy.js'

let server: PostgresServer

beforeAll(async () => {
  server = await openPostgres()
})
afterAll(() => server?.close())

async function open(url: string) {
  const storage = await postgresStorage(url, { sweepInterval: 0, ...patient })
  onTestFinished(() => storage.close())
  return storage
}

it.each([
  ['before-commit', 'rotated'],
  ['after-commit', 'repeated'],
] as const)(
  'rotations whose connection is lost %s are repeated at another instance, which returns the same successors: %s',
  async (line, outcome) => {
    const { url } = await server.createDatabase()
    const proxy = await proxyTo(url)
    const [one, other] = [await open(proxy.url), await open(url)]
    const families = await Promise.all(times(3, () => rotating(one)))
    proxy.line = line
    const lost = await Promise.allSettled(families.map(({ present }) => one.rotateRefresh(present(0))))
    expect(lost).toMatchObject(times(3, () => ({ status: 'rejected', reason: { code: 'unavailable' } })))
    proxy.line = 'whole'
    for (const storage of [other, one])
      expect(await Promise.all(families.map(({ present }) => storage.rotateRefresh(present(0))))).toMatchObject(
        times(3, () => ({ outcome: storage === other ? outcome : 'repeated', generation: 1 })),
      )
    expect(await Promise.all(families.map(({ present }) => one.rotateRefresh(present(1))))).toMatchObject(
      times(3, () => ({ outcome: 'rotated', generation: 2 })),
    )
    expect(await other.findViolations()).toEqual([])
  },
)
