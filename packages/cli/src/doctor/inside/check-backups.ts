import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { errorReason } from '../../command/error-reason.js'
import { checking, type Finding } from '../finding.js'

const hour = 3_600_000

/** What a copy of a database begins with: SQLite's own, and the custom format of pg_dump. */
const beginnings = ['SQLite format 3\0', 'PGDMP']

interface Copy {
  path: string
  age: number
  bytes: number
  isPrivate: boolean
}

/**
 * How old the newest copy in a folder is, and who can read it.
 *
 * @param isFile whether the database is a file, whose copies the server's own timer makes
 */
export function checkBackups(folder: string | undefined, isFile: boolean): Finding[] {
  const report = checking('backups')
  if (folder === undefined)
    return [report.unknown('No folder was named.', 'Name the one that backups are in: --backups <folder>.')]
  let copies: Copy[]
  try {
    copies = readdirSync(folder).flatMap((name) => copyAt(join(folder, name)))
  } catch (error) {
    return [
      report.problem(
        `${folder} cannot be read: ${errorReason(error)}.`,
        'Run this as the user that makes them, or make the folder.',
      ),
    ]
  }
  const [newest] = copies.toSorted((one, other) => one.age - other.age)
  const timer = isFile
    ? 'See why the backup did not run: systemctl status countersign-backup.timer countersign-backup.service'
    : 'See why the backup of PostgreSQL did not run, or is not whole: pg_dump --format=custom, as the role that owns the tables.'
  if (!newest) return [report.problem(`There is no copy of a database in ${folder}.`, timer)]
  const hours = Math.floor(newest.age / hour)
  const found = `The newest is ${newest.path}, ${hours} h old, of ${megabytes(newest.bytes)} MB.`
  const age =
    hours < 26 ? report.ok(found) : hours < 24 * 7 ? report.warning(found, timer) : report.problem(found, timer)
  if (newest.isPrivate) return [age]
  const open = `${newest.path} can be read by others than its owner, and holds hashes of passwords.`
  return [age, report.problem(open, `chmod 600 ${newest.path}`)]
}

function copyAt(path: string): Copy[] {
  const stats = statSync(path)
  if (!stats.isFile() || !isCopy(path)) return []
  const isPrivate = process.platform === 'win32' || (stats.mode & 0o077) === 0
  return [{ path, age: Date.now() - stats.mtimeMs, bytes: stats.size, isPrivate }]
}

function isCopy(path: string): boolean {
  const beginning = Buffer.alloc(16)
  const file = openSync(path, 'r')
  try {
    readSync(file, beginning)
  } finally {
    closeSync(file)
  }
  return beginnings.some((text) => beginning.toString('latin1').startsWith(text))
}

export function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1_000_000)
}
