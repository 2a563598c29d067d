import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { checkDatabase } from '../../src/doctor/check-database.js'

/** A path in a folder that has one file. */
function pathOf(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'database-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'file'), '')
  return join(folder, name)
}

const examine = (database: string) => checkDatabase({ settings: { database } } as never, undefined)

it.each(['none.db', 'none/auth.db', 'file/auth.db'])(
  'a missing database is created by the server: %s',
  async (name) => {
    const path = pathOf(name)
    expect(await examine(path)).toMatchObject([{ outcome: 'warning', found: `There is no database at ${path} yet.` }])
  },
)

// Like any system error but a missing file, such as EACCES for a folder of another user.
it('a database that may exist is not reported as missing', async () => {
  const found = await examine(pathOf('x'.repeat(256)))
  expect(found).toMatchObject([{ outcome: 'problem', fix: expect.stringContaining('the right permissions') as string }])
})
