import { setTimeout as wait } from 'node:timers/promises'
import type { ClientBase } from 'pg'
import { StorageError } from '../api/storage-error.js'
import { schemaIn } from '../sql/schema.js'
import { auditLog } from './audit-log.js'
import { stateOf } from './database-failure.js'

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
  if (!rows[0]?.ours) {
    if (Number(rows[0]?.tables) === 0) return 0
    const what =
      'The database contains another program’s tables: use a different database, or a different schema (?options=-csearch_path%3Dname).'
    throw new StorageError('not_ours', what)
  }
  const found = await client.query<{ version: number }>('select version from schema_version')
  const version = found.rows[0]?.version ?? 0
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

const schema = `
  create table schema_version (
    id smallint primary key check (id = 1),
    version integer not null
  );
  insert into schema_version values (1, 12);
  ${schemaIn('postgres')}
  ${auditLog}`

/**
 * Adds credential revisions, the age of passwords, an index of the accounts that each browser has signed in to, and the request for which a
 * sign-in was made.
 */
const version2 = `
  alter table app_user add column credential_revision bigint not null default 0;
  alter table credential add column added_at bigint not null default 0;
  alter table session add column proved_for bytea check (length(proved_for) = 32);
  create index known_device_browser on known_device (browser_hash, user_id);

  update schema_version set version = 2;
`

/** Adds the edition of requests and grants. A remembered grant allows only requests of the same edition. */
const version3 = `
  alter table auth_request add column edition text collate "C" not null default 'january';
  alter table consent_grant add column edition text collate "C" not null default 'january';
  drop index consent_grant_remembered;
  create unique index consent_grant_remembered
    on consent_grant (user_id, agent_id, resource_id, coalesce(delegate, ''), edition)
    where remembered = 1 and revoked_at is null;

  update schema_version set version = 3;
`

/** Adds families of refresh tokens. */
const version4 = `
  alter table refresh_token add column family bytea check (length(family) = 16);
  alter table refresh_token add column generation bigint not null default 0;
  alter table refresh_token add column previous_hash bytea check (length(previous_hash) = 32);
  alter table refresh_token add column rotated_at bigint;
  create unique index refresh_token_family on refresh_token (family) where family is not null;

  update schema_version set version = 4;
`

/** Adds the edition of keys. A server of an older schema uses every key for January: it must be upgraded before others exist. */
const version5 = `
  alter table signing_key add column edition text collate "C" not null default 'january';

  update schema_version set version = 5;
`

/** Adds OAuth clients that register themselves. */
const version6 = `
  create table registered_client (
    client_id text collate "C" not null,
    metadata text collate "C" not null,
    created_at bigint not null,
    expires_at bigint not null,
    primary key (client_id)
  );
  create index registered_client_expiry on registered_client (expires_at);

  update schema_version set version = 6;
`

/** Adds the network that registered an OAuth client. */
const version7 = `
  alter table registered_client add column network text collate "C" not null default '';

  update schema_version set version = 7;
`

/**
 * Adds what editions keep with their requests, the second identifier of requests whose agents poll, the user who must decide, and the count
 * of wrong links.
 */
const version8 = `
  alter table auth_request add column details text collate "C";
  alter table auth_request add column poll_hash bytea check (length(poll_hash) = 32);
  alter table auth_request add column answered_at bigint;
  alter table auth_request add column required_user_id bigint references app_user;
  alter table auth_request add column link_handle text collate "C";
  alter table auth_request add column wrong_links bigint not null default 0;
  create unique index auth_request_poll on auth_request (poll_hash) where poll_hash is not null;
  create unique index auth_request_link on auth_request (link_handle) where status = 'open' and link_handle is not null;

  update schema_version set version = 8;
`

/** Adds which user each agent acts for, in editions in which it acts for one only. */
const version9 = `
  alter table auth_request add column binds_agent bigint not null default 0;
  create table agent_binding (
    edition text collate "C" not null,
    agent_id bigint not null references agent,
    delegate text collate "C" not null,
    user_id bigint not null references app_user,
    bound_at bigint not null,
    primary key (edition, agent_id, delegate)
  );
  create index agent_binding_user on agent_binding (user_id);
  create index agent_binding_agent on agent_binding (agent_id);

  update schema_version set version = 9;
`

/**
 * Adds the subjects by which resources and agents know users. Those that know a user already, according to a grant, continue with the same
 * subject.
 */
const version10 = `
  create table resource_subject (
    user_id bigint not null references app_user,
    resource_id bigint not null references resource,
    sub bytea check (length(sub) = 16) unique,
    primary key (user_id, resource_id)
  );
  create index resource_subject_resource on resource_subject (resource_id);
  create table agent_subject (
    user_id bigint not null references app_user,
    agent_id bigint not null references agent,
    sub bytea check (length(sub) = 16) unique,
    primary key (user_id, agent_id)
  );
  create index agent_subject_agent on agent_subject (agent_id);
  insert into resource_subject (user_id, resource_id) select distinct user_id, resource_id from consent_grant;
  insert into agent_subject (user_id, agent_id) select distinct user_id, agent_id from consent_grant;

  update schema_version set version = 10;
`

/** Adds revocations of single tokens: those of which resources are notified, and those that other issuers report. */
const version11 = `
  alter table token_issue add column tracked bigint not null default 0;
  alter table token_issue add column revoked_at bigint;
  create index token_issue_tracked on token_issue (jti_end) where tracked = 1;
  create table revocation_delivery (
    id bigint generated by default as identity primary key,
    issue_id bigint not null references token_issue on delete cascade unique,
    due_at bigint,
    attempts bigint not null default 0,
    outcome text collate "C" check (outcome in ('delivered', 'unsupported', 'failed', 'expired')),
    settled_at bigint,
    check ((due_at is null) = (outcome is not null)),
    check ((outcome is null) = (settled_at is null))
  );
  create index revocation_delivery_due on revocation_delivery (due_at) where due_at is not null;
  create table received_revocation (
    issuer text collate "C" not null,
    jti text collate "C" not null,
    expires_at bigint not null,
    primary key (issuer, jti)
  );
  create index received_revocation_expiry on received_revocation (expires_at);

  update schema_version set version = 11;
`

/**
 * Lets the resources of an origin share a subject: the one by which the origin knows the user, otherwise the one that is known longest. All
 * resources that know a user already continue with the same subject.
 */
const version12 = `
  alter table resource_subject drop constraint resource_subject_sub_key;
  create index resource_subject_sub on resource_subject (sub);
  insert into resource (identifier)
    select distinct lower(substr(s.identifier, 1, 7 + strpos(substr(s.identifier, 9) || '/', '/'))) from resource_subject as b join resource as s on s.id = b.resource_id where true
    on conflict (identifier) do nothing;
  insert into resource_subject (user_id, resource_id, sub)
    select user_id, origin_id, sub from (
      select b.user_id, o.id as origin_id, b.sub, row_number() over (
        partition by b.user_id, o.id
        order by (select min(g.created_at) from consent_grant as g
          where g.user_id = b.user_id and g.resource_id = b.resource_id) nulls first, b.resource_id) as place
      from resource_subject as b join resource as s on s.id = b.resource_id
        join resource as o on o.identifier = lower(substr(s.identifier, 1, 7 + strpos(substr(s.identifier, 9) || '/', '/')))) as ranked
    where place = 1
    on conflict (user_id, resource_id) do nothing;

  update schema_version set version = 12;
`

/**
 * The first entry creates the newest schema in an empty database. Each later entry migrates a schema to the next version. An entry sets
 * `schema_version`, is never changed after its release, and leaves a schema that the previous version can still use.
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
]
