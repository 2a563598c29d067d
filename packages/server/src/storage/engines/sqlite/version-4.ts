import type Database from 'better-sqlite3'
import { usernameSkeletons } from '../../accounts/username-skeletons.js'
import { writeStatistics } from './write-statistics.js'

/** Logos of agents, counts of nonces, what people took back, what names look like, and whose database this is. */
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

    alter table nonce add column kind text not null default 'key' check (kind in ('agent', 'key'));
    alter table nonce add column holder text not null default '';
    alter table nonce add column network text not null default '';
    create table nonce_count (
      tenant_id integer not null default 1,
      kind text not null check (kind in ('agent', 'key', 'strangers', 'network', 'part')),
      source text not null,
      held integer not null,
      primary key (tenant_id, kind, source)
    ) strict, without rowid;
    create index consent_grant_ended on consent_grant (tenant_id, user_id, revoked_at) where revoked_at is not null;
    create index nonce_count_network on nonce_count (tenant_id, held) where kind = 'network';

    create table deployment (
      tenant_id integer not null default 1,
      issuer text not null,
      written_at integer not null,
      primary key (tenant_id)
    ) strict;

    create table username_skeleton (
      tenant_id integer not null default 1,
      skeleton text not null,
      user_id text not null,
      primary key (tenant_id, skeleton),
      foreign key (tenant_id, user_id) references app_user (tenant_id, id)
    ) strict, without rowid;
    create index username_skeleton_user on username_skeleton (tenant_id, user_id);
  `)
  keepSkeletons(database)
  writeStatistics(database)
  database.pragma('user_version = 4')
}

/** Of names that look alike, the first keeps what it looks like. */
function keepSkeletons(database: Database.Database): void {
  const people = database.prepare<[], { tenant: number; id: string; username: string }>(
    'select tenant_id as tenant, id, username from app_user where closed_at is null order by created_at, id',
  )
  const keep = database.prepare(
    'insert or ignore into username_skeleton (tenant_id, skeleton, user_id) values (?, ?, ?)',
  )
  for (const { tenant, id, username } of people.all()) {
    for (const skeleton of usernameSkeletons(username)) keep.run(tenant, skeleton, id)
  }
}
