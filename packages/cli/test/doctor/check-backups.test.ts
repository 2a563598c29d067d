import { mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { checkBackups } from '../../src/doctor/check-backups.js'

/** A folder for backups, and what is found there. */
function open() {
  const folder = mkdtempSync(join(tmpdir(), 'backups-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return {
    folder,
    judged: () => checkBackups(folder, { isFile: true, env: {} }).map(({ outcome, found }) => ({ outcome, found })),
    /** Writes the header of a database without pages. */
    backUp: (name: string, hoursAgo: number) => {
      const path = join(folder, name)
      writeFileSync(path, Buffer.concat([Buffer.from('SQLite format 3\0')], 100), { mode: 0o600 })
      utimesSync(path, new Date(), new Date(Date.now() - hoursAgo * 3_600_000))
    },
  }
}

it('a backup from before the clock was set back does not hide that no newer one was made', () => {
  const { backUp, judged } = open()
  backUp('future.db', -8760)
  expect(judged()).toEqual([{ outcome: 'warning', found: expect.stringContaining('future.db') as string }])
  backUp('past.db', 200)
  expect(judged()).toEqual([{ outcome: 'problem', found: expect.stringContaining('past.db: 200 h old') as string }])
})

it('another machine’s clock may be slightly ahead', () => {
  const { backUp, judged } = open()
  backUp('copy.db', -0.5)
  expect(judged()).toEqual([{ outcome: 'ok', found: expect.stringContaining('copy.db: 0 h old') as string }])
})

it('a link to a backup that is gone does not prevent the check', () => {
  const { folder, backUp, judged } = open()
  backUp('copy.db', 1.5)
  symlinkSync(join(folder, 'gone.db'), join(folder, 'latest.db'))
  expect(judged()).toEqual([{ outcome: 'ok', found: expect.stringContaining('copy.db: 1 h old') as string }])
})
