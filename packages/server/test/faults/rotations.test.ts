import { postgresStorage } from 'countersign-server/postgres'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { rotating } from '../storage/fixtures.js'
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
  'a rotation whose connection is lost %s is repeated at another instance, which returns the same successor: %s',
  async (line, outcome) => {
    const { url } = await server.createDatabase()
    const proxy = await proxyTo(url)
    const [one, other] = [await open(proxy.url), await open(url)]
    const { present } = await rotating(one)
    proxy.line = line
    await expect(one.rotateRefresh(present(0))).rejects.toMatchObject({ code: 'unavailable' })
    proxy.line = 'whole'
    for (const storage of [other, one])
      expect(await storage.rotateRefresh(present(0))).toMatchObject({
        outcome: storage === other ? outcome : 'repeated',
        generation: 1,
      })
    expect(await one.rotateRefresh(present(1))).toMatchObject({ outcome: 'rotated', generation: 2 })
    expect(await other.findViolations()).toEqual([])
  },
)
