import { schemaIn } from '../sql/schema.js'
import { auditLog } from './audit-log.js'
import { migrationsFrom14 } from './migrations-from-14.js'

const schema = `
  create table schema_version (
    id smallint primary key check (id = 1),
    version integer not null
  );
  insert into schema_version values (1, 24);
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

/** Adds the tokens of other issuers that agents used and that requests depend on. */
const version13 = `
  create table agent_token (
    issuer text collate "C" not null,
    jti text collate "C" not null,
    delegate text collate "C",
    expires_at bigint not null,
    primary key (issuer, jti)
  );
  create index agent_token_expiry on agent_token (expires_at);
  create table request_token (
    issuer text collate "C" not null,
    jti text collate "C" not null,
    request_id bigint not null references auth_request on delete cascade,
    primary key (issuer, jti, request_id)
  );
  create index request_token_request on request_token (request_id);

  update schema_version set version = 13;
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
  version13,
  ...migrationsFrom14,
]
