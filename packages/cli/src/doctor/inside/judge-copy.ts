import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { errorCode } from '../../command/error-code.js'
import { errorReason } from '../../command/error-reason.js'
import { beginningOf, headerLength } from '../../database/kind-of-file.js'

/** What a look at a copy of a database says of it. */
export interface Judged {
  /** What is wrong with it, as the rest of a sentence about it; undefined: nothing that was seen. */
  flaw?: string
  /** How it was looked at, as sentences; or why it could not be. */
  looked: string
  /** Whether all of it was looked at, as far as a copy can be without a database. */
  isTried: boolean
}

/** Whether a copy of a SQLite file is as long as its header says. */
export function judgeSqliteCopy(path: string): Judged {
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
export function judgeDump(path: string, env: NodeJS.ProcessEnv, timeout: number): Judged {
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
