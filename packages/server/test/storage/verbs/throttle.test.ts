import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import { expect, it } from 'vitest'
import { forgiveAttempts } from '../../../src/storage/verbs/throttle.js'

type Unit = Parameters<typeof forgiveAttempts>[0]

/** The queries by which rows are locked. */
async function locksOf(keys: readonly string[]): Promise<string[]> {
  const locks: string[] = []
  const db = new Kysely<never>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (given) => new SqliteIntrospector(given),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
  const lockRows = async (_strength: string, rows: { compile(): { sql: string } }) =>
    void locks.push(rows.compile().sql)
  await forgiveAttempts({ db, now: 0, lockRows } as unknown as Unit, keys)
  return locks
}

it('locks several counters in the order of their keys, so that no two transactions wait for each other', async () => {
  expect(await locksOf(['a', 'b'])).toEqual([expect.stringMatching(/ order by "key_hash"$/)])
})

it('locks no counter that is alone, because one statement changes it', async () => {
  expect(await locksOf(['a'])).toEqual([])
})
