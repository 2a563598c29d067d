import type Database from 'better-sqlite3'
import { foldUsername } from '../../accounts/fold-username.js'
import { usernameCandidates } from '../../accounts/username-candidates.js'
import { generateId } from '../generate-id.js'
import { systemClock } from '../system-clock.js'
import { writeStatistics } from './write-statistics.js'

const tables = `
  alter table app_user add column username_key text;
  alter table app_user add column closed_at integer;

  create table federated_identity (
    tenant_id integer not null default 1,
    issuer text not null,
    subject text not null,
    user_id text not null,
    created_at integer not null,
    primary key (tenant_id, issuer, subject),
    foreign key (tenant_id, user_id) references app_user (tenant_id, id) on delete cascade
  ) strict, without rowid;
  create index federated_identity_user on federated_identity (tenant_id, user_id);

  create table passkey (
    tenant_id integer not null default 1,
    credential_id text not null,
    user_id text not null,
    public_key blob not null,
    counter integer not null,
    transports text not null,
    name text,
    created_at integer not null,
    last_used_at integer,
    primary key (tenant_id, credential_id),
    foreign key (tenant_id, user_id) references app_user (tenant_id, id) on delete cascade
  ) strict, without rowid;
  create index passkey_user on passkey (tenant_id, user_id);

  create table known_device (
    tenant_id integer not null default 1,
    user_id text not null,
    browser_hash text not null,
    last_seen_at integer not null,
    primary key (tenant_id, user_id, browser_hash),
    foreign key (tenant_id, user_id) references app_user (tenant_id, id) on delete cascade
  ) strict, without rowid;
  create index known_device_seen on known_device (tenant_id, last_seen_at);

  create table attempt (
    tenant_id integer not null default 1,
    key text not null,
    count integer not null,
    reset_at integer not null,
    primary key (tenant_id, key)
  ) strict, without rowid;
  create index attempt_reset on attempt (tenant_id, reset_at);

  alter table session add column id text;
  alter table session add column created_at integer;
  alter table session add column amr text;
  update session set id = lower(hex(randomblob(16))), created_at = auth_time;
  create unique index session_id on session (tenant_id, id);
  create trigger session_of_version_1 after insert on session when new.id is null begin
    update session set id = lower(hex(randomblob(16))), created_at = new.auth_time
    where tenant_id = new.tenant_id and id_hash = new.id_hash;
  end;

  alter table agent add column name text;
  alter table agent add column redirect_hosts text;
  alter table agent add column key_thumbprints text;
  alter table agent add column blocked_at integer;
  alter table agent add column blocked_by text;
  create index agent_seen on agent (tenant_id, last_seen_at);

  alter table auth_request add column prompt text;
  alter table auth_request add column extensions integer not null default 0;
  alter table code add column scope text;

  alter table consent_grant add column display text;
  create index consent_grant_history on consent_grant (tenant_id, agent, id);
  create index consent_grant_revoked on consent_grant (tenant_id, revoked_at) where revoked_at is not null;
  create index consent_grant_expiry on consent_grant (tenant_id, expires_at) where expires_at is not null;

  create table refresh_token (
    tenant_id integer not null default 1,
    token_hash text not null,
    grant_id text not null,
    code_hash text not null,
    scope text not null,
    agent text not null,
    delegate text,
    created_at integer not null,
    expires_at integer not null,
    idle_seconds integer not null,
    idle_expires_at integer not null,
    last_used_at integer,
    last_used_jkt text,
    revoked_at integer,
    primary key (tenant_id, token_hash),
    foreign key (tenant_id, grant_id) references consent_grant (tenant_id, id) on delete cascade
  ) strict, without rowid;
  create unique index refresh_token_code on refresh_token (tenant_id, code_hash);
  create index refresh_token_grant on refresh_token (tenant_id, grant_id);
  create index refresh_token_idle on refresh_token (tenant_id, idle_expires_at);
  create index refresh_token_revoked on refresh_token (tenant_id, revoked_at) where revoked_at is not null;

  create table grant_usage_day (
    tenant_id integer not null default 1,
    grant_id text not null,
    day integer not null,
    refreshes integer not null,
    primary key (tenant_id, grant_id, day),
    foreign key (tenant_id, grant_id) references consent_grant (tenant_id, id) on delete cascade
  ) strict, without rowid;
  create index grant_usage_day_day on grant_usage_day (tenant_id, day);

  create table token_issue_2 (
    tenant_id integer not null default 1,
    jti text not null,
    issued_at integer not null,
    expires_at integer not null,
    grant_id text,
    policy text,
    agent text not null,
    delegate text,
    resource text not null,
    scope text not null,
    code_hash text,
    primary key (tenant_id, jti),
    foreign key (tenant_id, grant_id) references consent_grant (tenant_id, id),
    check ((grant_id is null) <> (policy is null))
  ) strict, without rowid;
  insert into token_issue_2 (tenant_id, jti, issued_at, expires_at, grant_id, agent, resource, scope, code_hash)
    select tenant_id, jti, issued_at, expires_at, grant_id, agent, resource, scope, code_hash from token_issue;
  drop table token_issue;
  alter table token_issue_2 rename to token_issue;
  create unique index token_issue_code on token_issue (tenant_id, code_hash) where code_hash is not null;
  create index token_issue_grant on token_issue (tenant_id, grant_id) where grant_id is not null;
  create index token_issue_expiry on token_issue (tenant_id, expires_at);

  create table signing_key (
    tenant_id integer not null default 1,
    kid text not null,
    purpose text not null check (purpose in ('sign', 'secret')),
    alg text not null,
    private text,
    public_jwk text,
    state text not null check (state in ('next', 'active', 'retiring', 'gone')),
    not_before integer,
    retire_at integer,
    created_at integer not null,
    primary key (tenant_id, kid)
  ) strict, without rowid;
`

const names = `
  create unique index app_user_key on app_user (tenant_id, username_key);
  create trigger app_user_of_version_1 after insert on app_user when new.username_key is null begin
    update app_user set username_key = lower(new.username) where tenant_id = new.tenant_id and id = new.id;
  end;
`

/**
 * Events are only ever added. Those older than 400 days before the newest event may go: the sweep that deletes them
 * records itself first.
 */
const appendOnly = `
  create trigger audit_event_not_replaced before insert on audit_event
  when exists (select 1 from audit_event where tenant_id = new.tenant_id and at = new.at and id = new.id) begin
    select raise(abort, 'an audit event is never replaced');
  end;
  create trigger audit_event_not_changed before update on audit_event begin
    select raise(abort, 'an audit event is never changed');
  end;
  create trigger audit_event_kept before delete on audit_event
  when old.at > (select max(at) from audit_event where tenant_id = old.tenant_id) - 34560000 begin
    select raise(abort, 'an audit event is kept for 400 days');
  end;
`

/** What the server needs as a product: accounts in full, refresh tokens, agents, keys. */
export function migrateToVersion2(database: Database.Database): void {
  database.exec(tables)
  foldNames(database)
  database.exec(names)
  database.exec(appendOnly)
  writeStatistics(database)
  database.pragma('user_version = 2')
}

interface Name {
  tenant_id: number
  id: string
  username: string
}

/** Of several names that are one name from now on, the first added keeps it; the others get a number. */
function foldNames(database: Database.Database): void {
  const users = database.prepare<[], Name>('select tenant_id, id, username from app_user order by created_at, id').all()
  const keyOf = (tenant: number, username: string) => `${tenant} ${foldUsername(username)}`
  const taken = new Set(users.map((user) => keyOf(user.tenant_id, user.username)))
  const kept = new Set<string>()
  const rename = database.prepare('update app_user set username = ?, username_key = ? where tenant_id = ? and id = ?')
  const record = database.prepare(
    'insert into audit_event (tenant_id, at, id, event, user_id, data) values (?, ?, ?, ?, ?, ?)',
  )
  for (const { tenant_id: tenant, id, username } of users) {
    const key = keyOf(tenant, username)
    const name = kept.has(key) ? freeName(username, (wished) => taken.has(keyOf(tenant, wished))) : username
    kept.add(key)
    taken.add(keyOf(tenant, name))
    rename.run(name, foldUsername(name), tenant, id)
    if (name !== username) {
      record.run(tenant, systemClock(), generateId(), 'user.renamed', id, JSON.stringify({ from: username, to: name }))
    }
  }
}

function freeName(wished: string, isTaken: (name: string) => boolean): string {
  for (const name of usernameCandidates(wished)) if (!isTaken(name)) return name
  throw new TypeError('no user name was left')
}
