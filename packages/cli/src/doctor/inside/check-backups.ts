import { readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { errorReason } from '../../command/error-reason.js'
import { kindOfFile } from '../../database/kind-of-file.js'
import { type CheckReport, checking, type Finding } from '../finding.js'
import { type Judged, judgeDump, judgeSqliteCopy } from './judge-copy.js'

const hour = 3_600_000

/** Milliseconds that all dumps together may be read for. */
const longest = 60_000

interface Candidate {
  path: string
  age: number
  bytes: number
  isPrivate: boolean
}

export interface BackupOptions {
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
