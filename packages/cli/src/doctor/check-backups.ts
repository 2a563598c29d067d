import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { errorCode, errorReason } from '../command/errors.js'
import { beginningOf, headerLength, kindOfFile } from '../database/open-storage.js'
import { type CheckReport, checking, type Finding } from './finding.js'

const hour = 3_600_000

/** Time limit for reading all dumps, in milliseconds. */
const longest = 60_000

interface Candidate {
  path: string
  age: number
  bytes: number
  isPrivate: boolean
}

interface BackupOptions {
  /** Whether the database is a SQLite file, which the server's own timer backs up. */
  isFile: boolean
  env: NodeJS.ProcessEnv
}

/** Checks the age of the newest complete backup in a folder, whether a newer backup is incomplete, and who can read the backup. */
export function checkBackups(folder: string | undefined, { isFile, env }: BackupOptions): Finding[] {
  const report = checking('backups')
  if (folder === undefined)
    return [report.unknown('No backup folder was given.', 'Pass the folder with the backups: --backups <folder>.')]
  try {
    const candidates = readdirSync(folder).flatMap((name) => candidateAt(join(folder, name)))
    const timer = isFile
      ? 'Find out why the backup did not run, or is incomplete: systemctl status countersign-backup.timer countersign-backup.service'
      : 'Find out why the PostgreSQL backup did not run, or is incomplete: run pg_dump --format=custom as the role that owns the tables.'
    return judgeNewest(candidates, { folder, timer, env, report })
  } catch (error) {
    return [
      report.problem(
        `${folder} cannot be read: ${errorReason(error)}.`,
        'Run this command as the user that makes the backups, or create the folder.',
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
  // The date of a future backup says nothing about its age, so any other usable one counts as newer.
  const rank = ({ age }: Candidate) => (isFuture(age) ? Number.MAX_VALUE : age)
  for (const candidate of candidates.toSorted((one, other) => rank(one) - rank(other))) {
    const judged = judge(candidate, env, until - Date.now())
    if (judged === undefined) continue
    if (judged.flaw === undefined) return [...flawed, ...judgeCopy(candidate, judged, { timer, report })]
    // One finding about an incomplete backup is enough; older incomplete ones are not reported.
    if (flawed.length === 0) flawed.push(report.problem(`${candidate.path} ${judged.flaw}.`, timer))
  }
  return [...flawed, report.problem(`There is no usable database backup in ${folder}.`, timer)]
}

/** Whether a file is dated later than this machine's and another one's clock can explain. */
function isFuture(age: number): boolean {
  return age < -hour
}

function judgeCopy(
  { path, age, bytes, isPrivate }: Candidate,
  { looked, isVerified }: Judged,
  { timer, report }: Pick<Given, 'timer' | 'report'>,
): Finding[] {
  const hours = Math.floor(Math.max(0, age) / hour)
  const found = `The newest backup is ${path}: ${hours} h old, ${megabytes(bytes)} MB.`
  const findings: Finding[] = []
  if (isFuture(age))
    findings.push(
      report.warning(
        `${path} is the only usable backup, but is dated in the future, so its age is unknown.`,
        'Check the clocks of this machine and of the one that makes the backups, and make a new backup.',
      ),
    )
  else if (hours >= 24 * 7) findings.push(report.problem(found, timer))
  else if (hours >= 26) findings.push(report.warning(found, timer))
  else findings.push(report.ok(isVerified ? `${found} ${looked}` : found))
  if (!isVerified)
    findings.push(
      report.unknown(looked, 'Restore it into a separate database, and run countersign server db check there.'),
    )
  if (isPrivate) return findings
  const open = `${path} contains password hashes, but users other than its owner can read it.`
  return [...findings, report.problem(open, `chmod 600 ${path}`)]
}

/** Names of backup files, including those still being written. */
const nameOfCopy = /\.(?:db|sqlite3?|dump)(?:\.partial)?$/

/** Returns undefined for a file that is not a backup, and for a dump that may still be in progress. */
function judge({ path, age, bytes }: Candidate, env: NodeJS.ProcessEnv, left: number): Judged | undefined {
  const looked = 'Its header was checked.'
  if (path.endsWith('.partial')) {
    if (age < hour) return undefined
    return { flaw: 'is an incomplete backup', looked, isVerified: true }
  }
  if (bytes === 0 && !basename(path).startsWith('.')) return { flaw: 'is empty', looked, isVerified: true }
  const kind = kindOfFile(path)
  if (kind === 'sqlite') return judgeSqliteCopy(path)
  if (kind === 'dump') return judgeDump(path, env, Math.max(1, left))
  return nameOfCopy.test(path) ? { flaw: 'is not a database backup', looked, isVerified: true } : undefined
}

function candidateAt(path: string): Candidate[] {
  // A backup may be renamed or deleted in the meantime, and a link may lead nowhere.
  const stats = statSync(path, { throwIfNoEntry: false })
  // SQLite creates these files next to a backup that has been opened.
  if (!stats?.isFile() || /-(?:wal|shm|journal)$/.test(path)) return []
  const isPrivate = process.platform === 'win32' || (stats.mode & 0o077) === 0
  return [{ path, age: Date.now() - stats.mtimeMs, bytes: stats.size, isPrivate }]
}

export function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1_000_000)
}

/** Result of inspecting a backup. */
interface Judged {
  /** The problem with the backup, as the rest of a sentence; undefined if none was found. */
  flaw?: string
  /** How the backup was inspected, or why it could not be, as sentences. */
  looked: string
  /** Whether the backup was inspected as fully as is possible without a database. */
  isVerified: boolean
}

/** Checks that a SQLite backup has the length stated in its header. */
function judgeSqliteCopy(path: string): Judged {
  const header = beginningOf(path)
  // The value 1 stands for 65,536, which does not fit in two bytes.
  const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16)
  const expected = pageSize * header.readUInt32BE(28)
  const { size } = statSync(path)
  const looked = 'Its length matches its header.'
  if (size >= Math.max(expected, headerLength)) return { looked, isVerified: true }
  return { flaw: `is truncated: it has ${size} of ${expected} bytes`, looked, isVerified: true }
}

/**
 * Checks that a dump can be read completely: `pg_restore` converts it to SQL, which is discarded. No other program knows the dump formats
 * of all PostgreSQL versions.
 *
 * @param timeout time limit in milliseconds
 */
function judgeDump(path: string, env: NodeJS.ProcessEnv, timeout: number): Judged {
  const { error, status, stderr } = spawnSync('pg_restore', ['--file=/dev/null', path], {
    encoding: 'utf8',
    env: { ...env, LC_ALL: 'C' },
    timeout,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const unread = (why: string): Judged => ({ looked: `The backup could not be verified: ${why}.`, isVerified: false })
  if (error) {
    const code = errorCode(error)
    if (code === 'ETIMEDOUT') return unread('pg_restore timed out')
    if (code === 'ENOENT') return unread('pg_restore, which verifies dumps, is not installed on this machine')
    return unread(`pg_restore cannot be run: ${errorReason(error)}`)
  }
  const looked = 'pg_restore read it completely.'
  if (status === 0) return { looked, isVerified: true }
  const [said = ''] = stderr.replace(/^pg_restore: (?:error: )?/, '').split('\n')
  if (/unsupported version|not supported/.test(said)) return unread(`pg_restore failed on this machine: ${said}`)
  return { flaw: `is incomplete or damaged: pg_restore reports "${said}"`, looked, isVerified: true }
}
