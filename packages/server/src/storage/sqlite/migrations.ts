import Database from 'better-sqlite3'
import { StorageError } from '../api/storage-error.js'
import { definitionsOf } from '../sql/columns.js'
import { auditIndexes, schemaIn } from '../sql/schema.js'
import { tables } from '../sql/tables.js'
import { migrationsFrom14 } from './migrations-from-14.js'

const schema = `
  ${schemaIn('sqlite')}
  create table audit_event (
    ${definitionsOf(tables.audit_event, 'sqlite')}
  ) strict;
  ${auditIndexes}
  -- Events are only ever added. Those older than 400 days before the newest event may go: the sweep that deletes them
  -- records itself first.
  create trigger audit_event_not_replaced before insert on audit_event
  when exists (select 1 from audit_event where id = new.id) begin
    select raise(abort, 'an audit event is never replaced');
  end;
  create trigger audit_event_not_changed before update on audit_event begin
    select raise(abort, 'an audit event is never changed');
  end;
  create trigger audit_event_kept before delete on audit_event
  when old.at > (select max(at) from audit_event) - 34560000 begin
    select raise(abort, 'an audit event is kept for 400 days');
  end;

  pragma user_version = 24;
`

/**
 * Adds credential revisions, the age of passwords, an index of the accounts that each browser has signed in to, and the request for which a
 * sign-in was made.
 */
const version2 = `
  alter table app_user add column credential_revision integer not null default 0;
  alter table credential add column added_at integer not null default 0;
  alter table session add column proved_for blob check (length(proved_for) = 32);
  create index known_device_browser on known_device (browser_hash, user_id);

  pragma user_version = 2;
`

/** Adds the edition of requests and grants. A remembered grant allows only requests of the same edition. */
const version3 = `
  alter table auth_request add column edition text not null default 'january';
  alter table consent_grant add column edition text not null default 'january';
  drop index consent_grant_remembered;
  create unique index consent_grant_remembered
    on consent_grant (user_id, agent_id, resource_id, coalesce(delegate, ''), edition)
    where remembered = 1 and revoked_at is null;

  pragma user_version = 3;
`

/** Adds families of refresh tokens. */
const version4 = `
  alter table refresh_token add column family blob check (length(family) = 16);
  alter table refresh_token add column generation integer not null default 0;
  alter table refresh_token add column previous_hash blob check (length(previous_hash) = 32);
  alter table refresh_token add column rotated_at integer;
  create unique index refresh_token_family on refresh_token (family) where family is not null;

  pragma user_version = 4;
`

/** Adds the edition of keys. A server of an older schema uses every key for January: it must be upgraded before others exist. */
const version5 = `
  alter table signing_key add column edition text not null default 'january';

  pragma user_version = 5;
`

/** Adds OAuth clients that register themselves. */
const version6 = `
  create table registered_client (
    client_id text not null,
    metadata text not null,
    created_at integer not null,
    expires_at integer not null,
    primary key (client_id)
  ) strict, without rowid;
  create index registered_client_expiry on registered_client (expires_at);

  pragma user_version = 6;
`

/** Adds the network that registered an OAuth client. */
const version7 = `
  alter table registered_client add column network text not null default '';

  pragma user_version = 7;
`

/**
 * Adds what editions keep with their requests, the second identifier of requests whose agents poll, the user who must decide, and the count
 * of wrong links.
 */
const version8 = `
  alter table auth_request add column details text;
  alter table auth_request add column poll_hash blob check (length(poll_hash) = 32);
  alter table auth_request add column answered_at integer;
  alter table auth_request add column required_user_id integer references app_user;
  alter table auth_request add column link_handle text;
  alter table auth_request add column wrong_links integer not null default 0;
  create unique index auth_request_poll on auth_request (poll_hash) where poll_hash is not null;
  create unique index auth_request_link on auth_request (link_handle) where status = 'open' and link_handle is not null;

  pragma user_version = 8;
`

/** Adds which user each agent acts for, in editions in which it acts for one only. */
const version9 = `
  alter table auth_request add column binds_agent integer not null default 0;
  create table agent_binding (
    edition text not null,
    agent_id integer not null references agent,
    delegate text not null,
    user_id integer not null references app_user,
    bound_at integer not null,
    primary key (edition, agent_id, delegate)
  ) strict, without rowid;
  create index agent_binding_user on agent_binding (user_id);
  create index agent_binding_agent on agent_binding (agent_id);

  pragma user_version = 9;
`

/**
 * Adds the subjects by which resources and agents know users. Those that know a user already, according to a grant, continue with the same
 * subject.
 */
const version10 = `
  create table resource_subject (
    user_id integer not null references app_user,
    resource_id integer not null references resource,
    sub blob check (length(sub) = 16) unique,
    primary key (user_id, resource_id)
  ) strict, without rowid;
  create index resource_subject_resource on resource_subject (resource_id);
  create table agent_subject (
    user_id integer not null references app_user,
    agent_id integer not null references agent,
    sub blob check (length(sub) = 16) unique,
    primary key (user_id, agent_id)
  ) strict, without rowid;
  create index agent_subject_agent on agent_subject (agent_id);
  insert into resource_subject (user_id, resource_id) select distinct user_id, resource_id from consent_grant;
  insert into agent_subject (user_id, agent_id) select distinct user_id, agent_id from consent_grant;

  pragma user_version = 10;
`

/** Adds revocations of single tokens: those of which resources are notified, and those that other issuers report. */
const version11 = `
  alter table token_issue add column tracked integer not null default 0;
  alter table token_issue add column revoked_at integer;
  create index token_issue_tracked on token_issue (jti_end) where tracked = 1;
  create table revocation_delivery (
    id integer primary key,
    issue_id integer not null references token_issue on delete cascade unique,
    due_at integer,
    attempts integer not null default 0,
    outcome text check (outcome in ('delivered', 'unsupported', 'failed', 'expired')),
    settled_at integer,
    check ((due_at is null) = (outcome is not null)),
    check ((outcome is null) = (settled_at is null))
  ) strict;
  create index revocation_delivery_due on revocation_delivery (due_at) where due_at is not null;
  create table received_revocation (
    issuer text not null,
    jti text not null,
    expires_at integer not null,
    primary key (issuer, jti)
  ) strict, without rowid;
  create index received_revocation_expiry on received_revocation (expires_at);

  pragma user_version = 11;
`

/**
 * Lets the resources of an origin share a subject: the one by which the origin knows the user, otherwise the one that is known longest. All
 * resources that know a user already continue with the same subject.
 */
const version12 = `
  create table resource_subject_new (
    user_id integer not null references app_user,
    resource_id integer not null references resource,
    sub blob check (length(sub) = 16),
    primary key (user_id, resource_id)
  ) strict, without rowid;
  insert into resource_subject_new select user_id, resource_id, sub from resource_subject;
  drop table resource_subject;
  alter table resource_subject_new rename to resource_subject;
  create index resource_subject_resource on resource_subject (resource_id);
  create index resource_subject_sub on resource_subject (sub);
  insert into resource (identifier)
    select distinct lower(substr(s.identifier, 1, 7 + instr(substr(s.identifier, 9) || '/', '/'))) from resource_subject as b join resource as s on s.id = b.resource_id where true
    on conflict (identifier) do nothing;
  insert into resource_subject (user_id, resource_id, sub)
    select user_id, origin_id, sub from (
      select b.user_id, o.id as origin_id, b.sub, row_number() over (
        partition by b.user_id, o.id
        order by (select min(g.created_at) from consent_grant as g
          where g.user_id = b.user_id and g.resource_id = b.resource_id) nulls first, b.resource_id) as place
      from resource_subject as b join resource as s on s.id = b.resource_id
        join resource as o on o.identifier = lower(substr(s.identifier, 1, 7 + instr(substr(s.identifier, 9) || '/', '/')))) as ranked
    where place = 1
    on conflict (user_id, resource_id) do nothing;

  pragma user_version = 12;
`

/** Adds the tokens of other issuers that agents used and that requests depend on. */
const version13 = `
  create table agent_token (
    issuer text not null,
    jti text not null,
    delegate text,
    expires_at integer not null,
    primary key (issuer, jti)
  ) strict, without rowid;
  create index agent_token_expiry on agent_token (expires_at);
  create table request_token (
    issuer text not null,
    jti text not null,
    request_id integer not null references auth_request on delete cascade,
    primary key (issuer, jti, request_id)
  ) strict, without rowid;
  create index request_token_request on request_token (request_id);

  pragma user_version = 13;
`

/**
 * The first entry creates the newest schema in an empty file. Each later entry migrates a schema to the next version. An entry sets
 * `user_version`, is never changed after its release, and leaves a schema that the previous version can still use.
 */
export const migrations: readonly string[] = [
  schema,
  version2,
  version3,
  version4,
  version5,
  version6,
  version7,
  version8,
  version9,
  version10,
  version11,
  version12,
  version13,
  ...migrationsFrom14,
]

/** A database file's schema version. */
export interface SchemaVersion {
  found: number
  /** The version to which this program migrates the file when it opens it. */
  newest: number
}

/**
 * Reads a SQLite file's schema version without changing it, whereas opening the file would bring the schema up to date.
 *
 * @throws {StorageError} `unavailable` if the file cannot be read, or is not a SQLite file
 */
export function readSchemaVersion(path: string): SchemaVersion {
  try {
    const database = new Database(path, { readonly: true, fileMustExist: true })
    try {
      return { found: Number(database.pragma('user_version', { simple: true })), newest: migrations.length }
    } finally {
      database.close()
    }
  } catch (cause) {
    throw new StorageError('unavailable', 'the database could not be read', { cause })
  }
}
