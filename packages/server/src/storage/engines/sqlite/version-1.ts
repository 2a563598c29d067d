/** Accounts, sessions, requests, codes, grants, nonces, audit. */
export const version1 = `
  create table app_user (
    tenant_id integer not null default 1,
    id text not null,
    username text not null,
    email text,
    display_name text,
    status text not null check (status in ('active', 'disabled')),
    created_at integer not null,
    primary key (tenant_id, id),
    unique (tenant_id, username)
  ) strict;

  create table subject (
    tenant_id integer not null default 1,
    user_id text not null,
    sector text not null,
    sub text not null,
    primary key (tenant_id, user_id, sector),
    unique (tenant_id, sub),
    foreign key (tenant_id, user_id) references app_user (tenant_id, id) on delete cascade
  ) strict, without rowid;

  create table credential (
    tenant_id integer not null default 1,
    user_id text not null,
    kind text not null,
    secret text not null,
    updated_at integer not null,
    primary key (tenant_id, user_id, kind),
    foreign key (tenant_id, user_id) references app_user (tenant_id, id) on delete cascade
  ) strict, without rowid;

  create table session (
    tenant_id integer not null default 1,
    id_hash text not null,
    user_id text not null,
    auth_time integer not null,
    last_seen_at integer not null,
    idle_seconds integer not null,
    idle_expires_at integer not null,
    expires_at integer not null,
    ip text,
    user_agent text,
    primary key (tenant_id, id_hash),
    foreign key (tenant_id, user_id) references app_user (tenant_id, id) on delete cascade
  ) strict, without rowid;
  create index session_user on session (tenant_id, user_id);
  create index session_expiry on session (tenant_id, idle_expires_at);

  create table agent (
    tenant_id integer not null default 1,
    identifier text not null,
    first_seen_at integer not null,
    last_seen_at integer not null,
    primary key (tenant_id, identifier)
  ) strict, without rowid;

  create table auth_request (
    tenant_id integer not null default 1,
    id text not null,
    token_hash text not null,
    agent text not null,
    delegate text,
    agent_jkt text not null,
    resource text not null,
    scope text not null,
    redirect_uri text,
    state text,
    display text not null,
    status text not null check (status in ('open', 'allowed', 'denied', 'abandoned', 'revoked')),
    revision integer not null,
    browser_hash text,
    user_id text,
    created_at integer not null,
    expires_at integer not null,
    decided_at integer,
    primary key (tenant_id, id),
    unique (tenant_id, token_hash),
    foreign key (tenant_id, user_id) references app_user (tenant_id, id)
  ) strict;
  create index auth_request_open on auth_request (tenant_id, agent, resource, expires_at) where status = 'open';
  create index auth_request_expiry on auth_request (tenant_id, expires_at);
  create index auth_request_user on auth_request (tenant_id, user_id) where user_id is not null;

  create table consent_grant (
    tenant_id integer not null default 1,
    id text not null,
    user_id text not null,
    agent text not null,
    delegate text,
    resource text not null,
    scope text not null,
    remembered integer not null check (remembered in (0, 1)),
    created_at integer not null,
    expires_at integer,
    last_used_at integer,
    revoked_at integer,
    revoked_by text,
    primary key (tenant_id, id),
    foreign key (tenant_id, user_id) references app_user (tenant_id, id)
  ) strict;
  create unique index consent_grant_remembered
    on consent_grant (tenant_id, user_id, agent, resource, coalesce(delegate, ''))
    where remembered = 1 and revoked_at is null;
  create index consent_grant_user on consent_grant (tenant_id, user_id, agent);
  create index consent_grant_agent on consent_grant (tenant_id, agent) where revoked_at is null;
  create index consent_grant_resource on consent_grant (tenant_id, resource) where revoked_at is null;

  create table code (
    tenant_id integer not null default 1,
    code_hash text not null,
    request_id text not null,
    grant_id text not null,
    expires_at integer not null,
    consumed_at integer,
    consumed_by_jkt text,
    burned_for text,
    primary key (tenant_id, code_hash),
    unique (tenant_id, request_id),
    foreign key (tenant_id, request_id) references auth_request (tenant_id, id),
    foreign key (tenant_id, grant_id) references consent_grant (tenant_id, id)
  ) strict, without rowid;
  create index code_expiry on code (tenant_id, expires_at);
  create index code_grant on code (tenant_id, grant_id);

  create table nonce (
    tenant_id integer not null default 1,
    key text not null,
    expires_at integer not null,
    primary key (tenant_id, key)
  ) strict, without rowid;
  create index nonce_expiry on nonce (tenant_id, expires_at);

  create table token_issue (
    tenant_id integer not null default 1,
    jti text not null,
    issued_at integer not null,
    expires_at integer not null,
    grant_id text not null,
    agent text not null,
    resource text not null,
    scope text not null,
    code_hash text,
    primary key (tenant_id, jti),
    foreign key (tenant_id, grant_id) references consent_grant (tenant_id, id)
  ) strict, without rowid;
  create unique index token_issue_code on token_issue (tenant_id, code_hash) where code_hash is not null;
  create index token_issue_grant on token_issue (tenant_id, grant_id);
  create index token_issue_expiry on token_issue (tenant_id, expires_at);

  create table audit_event (
    tenant_id integer not null default 1,
    at integer not null,
    id text not null,
    event text not null,
    user_id text,
    agent text,
    resource text,
    grant_id text,
    request_id text,
    ip text,
    data text,
    primary key (tenant_id, at, id)
  ) strict, without rowid;
  create index audit_event_name on audit_event (tenant_id, event, at, id);
  create index audit_event_user on audit_event (tenant_id, user_id, at) where user_id is not null;
  create index audit_event_agent on audit_event (tenant_id, agent, at) where agent is not null;

  pragma user_version = 1;
`
