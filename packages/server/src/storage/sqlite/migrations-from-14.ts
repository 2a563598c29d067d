/** Adds the account at the resource for which a grant is remembered. */
const version14 = `
  alter table consent_grant add column account text;
  alter table consent_grant add column account_remembered integer not null default 0;
  create unique index consent_grant_account
    on consent_grant (user_id, agent_id, resource_id, coalesce(delegate, ''), edition, account)
    where account_remembered = 1 and revoked_at is null;

  pragma user_version = 14;
`

/** Adds the devices that act for their owners, and an index of denials, which is read for every consent page. */
const version15 = `
  create table device (
    id integer primary key,
    public_id blob not null check (length(public_id) = 16) unique,
    user_id integer not null references app_user,
    name text,
    device_jkt blob check (length(device_jkt) = 32),
    code_hash blob not null check (length(code_hash) = 32) unique,
    code_expires_at integer not null,
    number text,
    confirmed_at integer,
    connected_at integer,
    expires_at integer,
    last_used_at integer,
    ip text,
    disconnected_at integer
  ) strict;
  create index device_user on device (user_id);
  create unique index device_key on device (device_jkt) where connected_at is not null;
  create index device_code_expiry on device (code_expires_at) where connected_at is null;
  create index device_expiry on device (expires_at) where expires_at is not null;
  create index device_disconnected on device (disconnected_at) where disconnected_at is not null;
  create index audit_event_denied on audit_event (user_id, agent_id, at) where event = 'request.denied';

  pragma user_version = 15;
`

/** Adds one-time links. */
const version16 = `
  create table one_time_link (
    id integer primary key,
    public_id blob not null check (length(public_id) = 16),
    token_hash blob not null check (length(token_hash) = 32) unique,
    user_id integer not null references app_user,
    purpose text not null check (purpose in ('invite', 'reset')),
    expires_at integer not null
  ) strict;
  create index one_time_link_user on one_time_link (user_id);
  create index one_time_link_expiry on one_time_link (expires_at);

  pragma user_version = 16;
`

/** Adds the only call that a grant allows. */
const version17 = `
  alter table consent_grant add column call text;

  pragma user_version = 17;
`

/** Adds emails to users, and when their addresses were confirmed. */
const version18 = `
  alter table app_user add column email_confirmed_at integer;
  create table email (
    id integer primary key,
    public_id blob not null check (length(public_id) = 16) unique,
    kind text not null,
    username_key text not null,
    language text not null,
    created_at integer not null,
    due_at integer,
    claimed_at integer,
    attempts integer not null,
    outcome text check (outcome in ('sent', 'failed', 'refused', 'unknown')),
    settled_at integer,
    check ((due_at is null) = (outcome is not null)),
    check ((outcome is null) = (settled_at is null))
  ) strict;
  create index email_due on email (due_at) where due_at is not null;
  create index email_settled on email (settled_at) where settled_at is not null;

  pragma user_version = 18;
`

/** Adds the language of emails that no request from the user's browser causes. */
const version19 = `
  alter table app_user add column email_language text;

  pragma user_version = 19;
`

/** Adds second factors and their recovery codes. */
const version20 = `
  create table second_factor (
    user_id integer not null references app_user,
    secret text not null,
    added_at integer not null,
    used_step integer not null,
    primary key (user_id)
  ) strict;
  create table recovery_code (
    user_id integer not null references app_user,
    code_hash blob not null check (length(code_hash) = 32),
    primary key (user_id, code_hash)
  ) strict, without rowid;

  pragma user_version = 20;
`

/** Adds the recipients of emails to other addresses than the user's. */
const version21 = `
  alter table email add column address text;

  pragma user_version = 21;
`

/** Adds what an email names, and who turned off emails about agents. */
const version22 = `
  alter table app_user add column agent_emails_off integer not null default 0;
  alter table email add column about text;

  pragma user_version = 22;
`

/** Adds which users have been notified that an agent was blocked. */
const version23 = `
  alter table agent add column notified_up_to integer;
  create index agent_notified on agent (notified_up_to) where notified_up_to is not null;

  pragma user_version = 23;
`

/** Adds an index of the open requests, which are counted for each new one. */
const version24 = `
  drop index auth_request_agent;
  create index auth_request_agent on auth_request (agent_id);
  create index auth_request_open on auth_request (agent_id, resource_id, expires_at) where status = 'open';

  pragma user_version = 24;
`

/** The migrations to schema version 14 and the later ones, in order. */
export const migrationsFrom14: readonly string[] = [
  version14,
  version15,
  version16,
  version17,
  version18,
  version19,
  version20,
  version21,
  version22,
  version23,
  version24,
]
