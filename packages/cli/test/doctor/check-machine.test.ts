import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { checkSpace, writtenFolders } from '../../src/doctor/check-machine.js'

// Like any system error but a missing file, such as EACCES for a folder of another user.
it('an inaccessible folder of backups does not prevent the check of the other disk', () => {
  const config = { settings: { database: join(tmpdir(), 'auth.db') } }
  expect(checkSpace(writtenFolders(config as never, join(tmpdir(), 'x'.repeat(256))))).toHaveLength(1)
})
