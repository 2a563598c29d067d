import { setTimeout as wait } from 'node:timers/promises'
import type { ClientBase } from 'pg'
import { StorageError } from '../api/storage-error.js'
import { onlyOf } from '../sql/kept-query.js'
import { stateOf } from './database-failure.js'
import { migrations } from './migrations.js'

/**
 * Brings the schema up to date, one process at a time. A database that belongs to another program, or was written by a newer version, is
 * left unchanged.
 *
 * @throws {StorageError} `not_ours`, `schema_newer`, or `not_writable` if the role is not allowed to change it
 */
export async function migrate(client: ClientBase, steps: readonly string[] = migrations): Promise<void> {
  for (let left = tries - 1; (await versionOf(client, steps)) < steps.length; left -= 1) {
    try {
      return await applyMissing(client, steps)
    } catch (error) {
      if (isForbidden(error)) throw notMigrated(error)
      if (!isInTheWay(error) || left === 0) throw error
      await wait(100 + Math.random() * 400)
    }
  }
}

/** Maximum number of attempts, which take about half a minute in total. */
const tries = 60

async function applyMissing(client: ClientBase, steps: readonly string[]): Promise<void> {
  await client.query('begin; set local statement_timeout = 0; set local lock_timeout = 0')
  try {
    await client.query("select pg_advisory_xact_lock(hashtext('countersign migrations'))")
    // Requests from the previous version queue behind a schema change that is waiting for a lock, so the change times out and is retried.
    // The timeout applies to each table separately, and the total must be shorter than the timeout of requests.
    await client.query("set local lock_timeout = '100ms'")
    for (let step = await nextStep(client, steps); step !== undefined; step = await nextStep(client, steps))
      await client.query(step)
    await client.query('commit')
  } catch (error) {
    // If the connection is lost, the database rolls back on its own.
    await client.query('rollback').catch(() => undefined)
    throw error
  }
}

async function nextStep(client: ClientBase, steps: readonly string[]): Promise<string | undefined> {
  return steps[await versionOf(client, steps)]
}

/** Returns the schema version; 0 if there is no schema yet. @throws {StorageError} `not_ours`, `schema_newer` */
export async function versionOf(client: ClientBase, steps: readonly string[] = migrations): Promise<number> {
  const { rows } = await client.query<{ ours: boolean; tables: number }>(
    `select to_regclass('schema_version') is not null as ours,
      (select count(*) from pg_class where relkind in ('r', 'p') and relnamespace = current_schema()::regnamespace) as tables`,
  )
  const { ours, tables } = onlyOf(rows)
  if (!ours) {
    if (Number(tables) === 0) return 0
    const what =
      'The database contains another program’s tables: use a different database, or a different schema (?options=-csearch_path%3Dname).'
    throw new StorageError('not_ours', what)
  }
  const found = await client.query<{ version: number }>('select version from schema_version')
  const { version } = onlyOf(found.rows)
  if (version <= steps.length) return version
  throw new StorageError(
    'schema_newer',
    `The database was written by a newer version of this program (schema ${version}; this version supports up to ${steps.length}): install the newer version again, or restore a backup from before the upgrade.`,
  )
}

function isForbidden(error: unknown): boolean {
  return stateOf(error) === '42501'
}

/** Whether concurrent requests blocked the migration: a deadlock, or a lock timeout. */
function isInTheWay(error: unknown): boolean {
  return ['40P01', '40001', '55P03'].includes(stateOf(error) ?? '')
}

function notMigrated(cause: unknown): StorageError {
  return new StorageError(
    'not_writable',
    'This connection’s role is not allowed to change the database schema: run “countersign server db migrate” with the role that owns it.',
    { cause },
  )
}
