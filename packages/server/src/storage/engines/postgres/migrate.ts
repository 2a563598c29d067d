import type { ClientBase } from 'pg'
import { StorageError } from '../../storage-error.js'
import { migrations } from './migrations.js'

/**
 * Brings the schema up to date, one program at a time. A database of another program, or of a newer one, is left as it is.
 *
 * @throws {StorageError} `not_ours`, `schema_newer`, or `not_writable` for a role that may not change it
 */
export async function migrate(client: ClientBase, steps: readonly string[] = migrations): Promise<void> {
  if ((await versionOf(client, steps)) === steps.length) return
  await client.query('begin; set local statement_timeout = 0; set local lock_timeout = 0')
  try {
    await client.query("select pg_advisory_xact_lock(hashtext('countersign migrations'))")
    for (const step of steps.slice(await versionOf(client, steps))) await client.query(step)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw isForbidden(error) ? notMigrated(error) : error
  }
}

/** The version of the schema, 0 where there is none. @throws {StorageError} `not_ours`, `schema_newer` */
export async function versionOf(client: ClientBase, steps: readonly string[] = migrations): Promise<number> {
  const { rows } = await client.query<{ ours: boolean; tables: number }>(
    `select to_regclass('schema_version') is not null as ours,
      (select count(*) from pg_class where relkind in ('r', 'p') and relnamespace = current_schema()::regnamespace) as tables`,
  )
  if (!rows[0]?.ours) {
    if (Number(rows[0]?.tables) === 0) return 0
    const what =
      'The database holds the tables of another program: name another database, or another schema (?options=-csearch_path%3Dname).'
    throw new StorageError('not_ours', what)
  }
  const found = await client.query<{ version: number }>('select version from schema_version')
  const version = found.rows[0]?.version ?? 0
  if (version <= steps.length) return version
  throw new StorageError(
    'schema_newer',
    `The database was written by a newer version of this program (schema ${version}, this one knows ${steps.length}): install that version again, or restore a backup from before it.`,
  )
}

function isForbidden(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '42501'
}

function notMigrated(cause: unknown): StorageError {
  return new StorageError(
    'not_writable',
    'The role of this connection may not change the schema of the database: run “countersign db migrate” with the role that owns it.',
    { cause },
  )
}
