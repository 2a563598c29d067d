import { auditLog } from './version-1-audit.js'

/** The tables of {@link Tables}. */
export const version1 = `
  create table app_user (
    id integer primary key,
    public_id blob not null unique check (length(public_id) = 16),
    sub blob not null unique check (length(sub) = 16),
    username text not null,
    username_key text not null unique,
    email text,
    display_name text,
    created_at integer not null,
    disabled_at integer,
    closed_at integer,
    check (closed_at is null or disabled_at is not null)
  ) strict;
  create index app_user_disabled on app_user (disabled_at) where disabled_at is not null;

  create table username_skeleton (
    skeleton text primary key,
    user_id integer not null references app_user
  ) strict, without rowid;
  create index username_skeleton_user on username_skeleton (user_id);

  create table credential (
    user_id integer primary key references app_user,
    password_hash text not null
  ) strict;

  create table federated_identity (
    issuer text not null,
    subject text not null,
    user_id integer not null references app_user,
    created_at integer not null,
    primary key (issuer, subject)
  ) strict, without rowid;
  create index federated_identity_user on federated_identity (user_id);

  create table passkey (
    credential_id text primary key,
    user_id integer not null references app_user,
    public_key blob not null,
    counter integer not null,
    transports text not null,
    name text,
    created_at integer not null,
    last_used_at integer
  ) strict, without rowid;
  create index passkey_user on passkey (user_id);

  create table known_device (
    user_id integer not null references app_user,
    browser_hash blob not null check (length(browser_hash) = 32),
    last_seen_at integer not null,
    primary key (user_id, browser_hash)
  ) strict, without rowid;
  create index known_device_seen on known_device (last_seen_at);

  create table session (
    id integer primary key,
    public_id blob not null check (length(public_id) = 16),
    id_hash blob not null unique check (length(id_hash) = 32),
    user_id integer not null references app_user,
    created_at integer not null,
    amr text,
    authenticated_at integer not null,
    last_seen_at integer not null,
    idle_seconds integer not null,
    idle_expires_at integer not null,
    expires_at integer not null,
    ip text,
    user_agent text
  ) strict;
  create index session_of_user on session (user_id);
  create index session_expiry on session (idle_expires_at);

  create table agent (
    id integer primary key,
    identifier text not null unique,
    first_seen_at integer,
    last_seen_at integer,
    name text,
    redirect_hosts text,
    key_thumbprints text,
    blocked_at integer,
    blocked_by text,
    check ((first_seen_at is null) = (last_seen_at is null)),
    check (blocked_at is null or first_seen_at is not null)
  ) strict;
  create index agent_blocked on agent (blocked_at) where blocked_at is not null;
  create index agent_seen on agent (last_seen_at) where last_seen_at is not null;

  create table agent_logo (
    agent_id integer primary key references agent on delete cascade,
    uri text not null,
    claimed_at integer not null,
    name text,
    image blob
  ) strict;
  create unique index agent_logo_name on agent_logo (name) where name is not null;
  create index agent_logo_claimed on agent_logo (claimed_at);

  create table resource (
    id integer primary key,
    identifier text not null unique
  ) strict;

  create table display (
    id integer primary key,
    content_hash blob not null unique check (length(content_hash) = 32),
    display text not null
  ) strict;

  create table auth_request (
    id integer primary key autoincrement,
    public_id blob not null check (length(public_id) = 16),
    token_hash blob not null unique check (length(token_hash) = 32),
    agent_id integer not null references agent,
    delegate text,
    agent_jkt blob not null check (length(agent_jkt) = 32),
    resource_id integer not null references resource,
    scope text not null,
    redirect_uri text,
    state text,
    display_id integer not null references display,
    status text not null check (status in ('open', 'allowed', 'denied', 'abandoned', 'revoked')),
    revision integer not null,
    browser_hash blob check (length(browser_hash) = 32),
    user_id integer references app_user,
    prompt text,
    extensions integer not null,
    created_at integer not null,
    expires_at integer not null,
    decided_at integer
  ) strict;
  create index auth_request_agent on auth_request (agent_id, resource_id, expires_at);
  create index auth_request_resource on auth_request (resource_id);
  create index auth_request_display on auth_request (display_id);
  create index auth_request_expiry on auth_request (expires_at);
  create index auth_request_user on auth_request (user_id) where status = 'open' and user_id is not null;

  create table consent_grant (
    id integer primary key,
    public_id blob not null unique check (length(public_id) = 16),
    user_id integer not null references app_user,
    agent_id integer not null references agent,
    delegate text,
    resource_id integer not null references resource,
    remembered integer not null check (remembered in (0, 1)),
    display_id integer not null references display,
    created_at integer not null,
    expires_at integer,
    last_used_at integer,
    revoked_at integer,
    revoked_by text
  ) strict;
  create unique index consent_grant_remembered
    on consent_grant (user_id, agent_id, resource_id, coalesce(delegate, ''))
    where remembered = 1 and revoked_at is null;
  create index consent_grant_user on consent_grant (user_id, agent_id);
  create index consent_grant_agent on consent_grant (agent_id);
  create index consent_grant_resource on consent_grant (resource_id);
  create index consent_grant_display on consent_grant (display_id);
  create index consent_grant_ended on consent_grant (user_id, revoked_at) where revoked_at is not null;
  create index consent_grant_revoked on consent_grant (revoked_at) where revoked_at is not null;
  create index consent_grant_expiry on consent_grant (expires_at) where expires_at is not null;

  create table grant_scope (
    grant_id integer not null references consent_grant on delete cascade,
    position integer not null,
    name text not null,
    expires_at integer,
    primary key (grant_id, position)
  ) strict, without rowid;

  create table grant_usage_day (
    grant_id integer not null references consent_grant on delete cascade,
    day_at integer not null,
    refreshes integer not null,
    primary key (grant_id, day_at)
  ) strict, without rowid;
  create index grant_usage_day_day on grant_usage_day (day_at);

  create table code (
    request_id integer primary key references auth_request,
    code_hash blob not null unique check (length(code_hash) = 32),
    grant_id integer not null references consent_grant,
    scope text not null,
    expires_at integer not null,
    consumed_at integer
  ) strict;
  create index code_grant on code (grant_id);
  create index code_expiry on code (expires_at);

  create table refresh_token (
    id integer primary key,
    token_hash blob not null unique check (length(token_hash) = 32),
    grant_id integer not null references consent_grant on delete cascade,
    request_id integer not null unique,
    scope text not null,
    expires_at integer not null,
    idle_seconds integer not null,
    idle_expires_at integer not null,
    last_used_at integer,
    revoked_at integer
  ) strict;
  create index refresh_token_grant on refresh_token (grant_id);
  create index refresh_token_idle on refresh_token (idle_expires_at);
  create index refresh_token_revoked on refresh_token (revoked_at) where revoked_at is not null;

  create table token_issue (
    id integer primary key,
    jti_end blob not null check (length(jti_end) = 16),
    issued_at integer not null,
    expires_at integer not null,
    scope text not null,
    grant_id integer references consent_grant,
    request_id integer unique,
    policy text,
    agent_id integer references agent,
    delegate text,
    resource_id integer references resource,
    check ((grant_id is null) <> (policy is null)),
    check ((policy is null) = (agent_id is null) and (policy is null) = (resource_id is null))
  ) strict;
  create index token_issue_grant on token_issue (grant_id) where grant_id is not null;
  create index token_issue_agent on token_issue (agent_id) where agent_id is not null;
  create index token_issue_resource on token_issue (resource_id) where resource_id is not null;
  create index token_issue_expiry on token_issue (expires_at);

  create table signing_key (
    kid text primary key,
    purpose text not null check (purpose in ('sign', 'secret')),
    alg text not null,
    private_sealed text,
    public_jwk text,
    state text not null check (state in ('next', 'active', 'retiring', 'gone')),
    not_before_at integer,
    retire_at integer,
    created_at integer not null
  ) strict, without rowid;

  create table nonce (
    id integer primary key,
    key_hash blob not null unique check (length(key_hash) = 32),
    expires_at integer not null,
    kind text not null check (kind in ('agent', 'key')),
    holder text not null,
    network text not null
  ) strict;
  create index nonce_expiry on nonce (expires_at);

  create table nonce_count (
    kind text not null check (
      kind in ('agent', 'agents', 'agents-wider', 'agents-part', 'key', 'keys', 'keys-wider', 'keys-part')
    ),
    source text not null,
    held integer not null,
    primary key (source, kind)
  ) strict, without rowid;
  create index nonce_count_agents on nonce_count (held) where kind = 'agents';
  create index nonce_count_agents_wider on nonce_count (held) where kind = 'agents-wider';
  create index nonce_count_agents_part on nonce_count (held) where kind = 'agents-part';
  create index nonce_count_keys on nonce_count (held) where kind = 'keys';
  create index nonce_count_keys_wider on nonce_count (held) where kind = 'keys-wider';
  create index nonce_count_keys_part on nonce_count (held) where kind = 'keys-part';

  create table attempt (
    key_hash blob primary key check (length(key_hash) = 32),
    count integer not null,
    reset_at integer not null
  ) strict, without rowid;
  create index attempt_reset on attempt (reset_at);

  create table deployment (
    id integer primary key check (id = 1),
    issuer text not null,
    written_at integer not null,
    token_seconds integer,
    token_seconds_until_at integer
  ) strict;

${auditLog}`
