import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { inStorage } from '../../src/operate/operation.js'

/** A path in a folder that has one file. */
function pathOf(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'database-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'file'), '')
  return join(folder, name)
}

const operate = (db: string) => inStorage({ db }, { env: {} } as never, async () => 'done')

it.each(['none.db', 'none/auth.db', 'file/auth.db'])(
  'a missing database is created by the server: %s',
  async (name) => {
    await expect(operate(pathOf(name))).rejects.toThrow('does not exist: countersign server start creates it')
  },
)

// Like any system error but a missing file, such as EACCES for a folder of another user.
it('a database that may exist is not reported as missing', async () => {
  await expect(operate(pathOf('x'.repeat(256)))).rejects.toThrow(/cannot be opened: .*ENAMETOOLONG/)
})
