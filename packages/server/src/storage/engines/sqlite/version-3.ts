import type Database from 'better-sqlite3'
import { writeStatistics } from './write-statistics.js'

/** Marks that tell every instance to fetch anew what it knows of an identifier. */
export function migrateToVersion3(database: Database.Database): void {
  database.exec(`
    create table refresh_mark (
      tenant_id integer not null default 1,
      identifier text not null,
      id text not null,
      requested_at integer not null,
      primary key (tenant_id, identifier)
    ) strict, without rowid;
    create index refresh_mark_time on refresh_mark (tenant_id, requested_at, id);
  `)
  writeStatistics(database)
  database.pragma('user_version = 3')
}
