import type Database from 'better-sqlite3'
import { writeStatistics } from './write-statistics.js'

/** Logos of agents. */
export function migrateToVersion4(database: Database.Database): void {
  database.exec(`
    create table agent_logo (
      tenant_id integer not null default 1,
      agent text not null,
      uri text not null,
      claimed_at integer not null,
      id text,
      image blob,
      primary key (tenant_id, agent),
      foreign key (tenant_id, agent) references agent (tenant_id, identifier) on delete cascade
    ) strict;
    create unique index agent_logo_id on agent_logo (tenant_id, id) where id is not null;
    create index agent_logo_claimed on agent_logo (tenant_id, claimed_at);
  `)
  writeStatistics(database)
  database.pragma('user_version = 4')
}
