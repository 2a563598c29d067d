import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { errorCode, errorReason } from '../command/errors.js'
import { beginningOf, headerLength, kindOfFile } from '../database/open-storage.js'
import { type CheckReport, checking, type Finding } from './finding.js'

const hour = 3_600_000

/** Milliseconds that all dumps together may be read for. */
const longest = 60_000

interface Candidate {
  path: string
  age: number
  bytes: number
  isPrivate: boolean
}

interface BackupOptions {
  /** Whether the database is a file, whose copies the server's own timer makes. */
  isFile: boolean
  env: NodeJS.ProcessEnv
}

/** How old the newest copy in a folder is that is whole, whether a newer one is not, and who can read it. */
export function checkBackups(folder: string | undefined, { isFile, env }: BackupOptions): Finding[] {
  const report = checking('backups')
  if (folder === undefined)
    return [report.unknown('No folder was named.', 'Name the one that backups are in: --backups <folder>.')]
  try {
    const candidates = readdirSync(folder).flatMap((name) => candidateAt(join(folder, name)))
    const timer = isFile
      ? 'See why the backup did not run: systemctl status countersign-backup.timer countersign-backup.service'
      : 'See why the backup of PostgreSQL did not run, or is not whole: pg_dump --format=custom, as the role that owns the tables.'
    return judgeNewest(candidates, { folder, timer, env, report })
  } catch (error) {
    return [
      report.problem(
        `${folder} cannot be read: ${errorReason(error)}.`,
        'Run this as the user that makes them, or make the folder.',
      ),
    ]
  }
}

interface Given {
  folder: string
  timer: string
  env: NodeJS.ProcessEnv
  report: CheckReport
}

function judgeNewest(candidates: readonly Candidate[], { folder, timer, env, report }: Given): Finding[] {
  const until = Date.now() + longest
  const flawed: Finding[] = []
  for (const candidate of candidates.toSorted((one, other) => one.age - other.age)) {
    const judged = judge(candidate, env, until - Date.now())
    if (judged === undefined) continue
    if (judged.flaw === undefined) return [...flawed, ...judgeCopy(candidate, judged, { timer, report })]
    // One that is not whole says all that there is to say of those before it.
    if (flawed.length === 0) flawed.push(report.problem(`${candidate.path} ${judged.flaw}.`, timer))
  }
  return [...flawed, report.problem(`There is no copy of a database in ${folder} that can be used.`, timer)]
}

function judgeCopy(
  { path, age, bytes, isPrivate }: Candidate,
  { looked, isTried }: Judged,
  { timer, report }: Pick<Given, 'timer' | 'report'>,
): Finding[] {
  const hours = Math.floor(age / hour)
  const found = `The newest is ${path}, ${hours} h old, of ${megabytes(bytes)} MB.`
  const findings: Finding[] = []
  if (hours >= 24 * 7) findings.push(report.problem(found, timer))
  else if (hours >= 26) findings.push(report.warning(found, timer))
  else findings.push(report.ok(isTried ? `${found} ${looked}` : found))
  if (!isTried)
    findings.push(report.unknown(looked, 'Restore it into a database of its own, and run countersign db check there.'))
  if (isPrivate) return findings
  const open = `${path} can be read by others than its owner, and holds hashes of passwords.`
  return [...findings, report.problem(open, `chmod 600 ${path}`)]
}

/** What files that are copies are called, also while they are made. */
const nameOfCopy = /\.(?:db|sqlite3?|dump)(?:\.partial)?$/

/** Undefined for a file that has nothing to do with copies, and for a dump that may still be written. */
function judge({ path, age, bytes }: Candidate, env: NodeJS.ProcessEnv, left: number): Judged | undefined {
  const looked = 'Its beginning was read.'
  if (path.endsWith('.partial')) {
    if (age < hour) return undefined
    return { flaw: 'is a dump that was broken off', looked, isTried: true }
  }
  if (bytes === 0 && !basename(path).startsWith('.')) return { flaw: 'is empty', looked, isTried: true }
  const kind = kindOfFile(path)
  if (kind === 'sqlite') return judgeSqliteCopy(path)
  if (kind === 'dump') return judgeDump(path, env, Math.max(1, left))
  return nameOfCopy.test(path) ? { flaw: 'is no copy of a database', looked, isTried: true } : undefined
}

function candidateAt(path: string): Candidate[] {
  const stats = statSync(path)
  // SQLite keeps these beside a copy that somebody opened.
  if (!stats.isFile() || /-(?:wal|shm|journal)$/.test(path)) return []
  const isPrivate = process.platform === 'win32' || (stats.mode & 0o077) === 0
  return [{ path, age: Date.now() - stats.mtimeMs, bytes: stats.size, isPrivate }]
}

export function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1_000_000)
}

/** What a look at a copy of a database says of it. */
interface Judged {
  /** What is wrong with it, as the rest of a sentence about it; undefined: nothing that was seen. */
  flaw?: string
  /** How it was looked at, as sentences; or why it could not be. */
  looked: string
  /** Whether all of it was looked at, as far as a copy can be without a database. */
  isTried: boolean
}

/** Whether a copy of a SQLite file is as long as its header says. */
function judgeSqliteCopy(path: string): Judged {
  const header = beginningOf(path)
  // 1 is 65,536, which two bytes cannot hold.
  const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16)
  const expected = pageSize * header.readUInt32BE(28)
  const { size } = statSync(path)
  const looked = 'It is as long as its header says.'
  if (size >= Math.max(expected, headerLength)) return { looked, isTried: true }
  return { flaw: `is cut off: it has ${size} bytes of ${expected}`, looked, isTried: true }
}

/**
 * Whether all of a dump can be read: `pg_restore` makes its statements of it, for nobody. Nothing else knows what each version of
 * PostgreSQL writes.
 *
 * @param timeout milliseconds that it may take
 */
function judgeDump(path: string, env: NodeJS.ProcessEnv, timeout: number): Judged {
  const { error, status, stderr } = spawnSync('pg_restore', ['--file=/dev/null', path], {
    encoding: 'utf8',
    env: { ...env, LC_ALL: 'C' },
    timeout,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const unread = (why: string): Judged => ({ looked: `Whether it is whole is not known: ${why}.`, isTried: false })
  if (error) {
    const code = errorCode(error)
    if (code === 'ETIMEDOUT') return unread('pg_restore did not read it in time')
    if (code === 'ENOENT') return unread('pg_restore, which could read it, is not on this machine')
    return unread(`pg_restore does not run: ${errorReason(error)}`)
  }
  const looked = 'pg_restore read all of it.'
  if (status === 0) return { looked, isTried: true }
  const [said = ''] = stderr.replace(/^pg_restore: (?:error: )?/, '').split('\n')
  if (/unsupported version|not supported/.test(said)) return unread(`the pg_restore of this machine says: ${said}`)
  return { flaw: `is not whole: pg_restore says "${said}"`, looked, isTried: true }
}
