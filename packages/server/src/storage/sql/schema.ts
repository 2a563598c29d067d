import { type Columns, type DatabaseSystem, definitionsOf, keyOf } from './columns.js'
import { tables } from './tables.js'

/** Returns the statements that create the tables and their indexes, except for the audit log, which each engine protects in its own way. */
export function schemaIn(system: DatabaseSystem): string {
  const { audit_event: _, ...created } = tables
  return [...Object.entries(created).map(([name, columns]) => creationOf(name, columns, system)), indexes].join('\n')
}

function creationOf(name: string, columns: Columns, system: DatabaseSystem): string {
  const constraints = (checks[name] ?? []).map((check) => `,\n  check (${check})`).join('')
  // SQLite uses an integer primary key as the row id.
  const [key = '', ...more] = keyOf(columns)
  const isNumbered = more.length === 0 && columns[key]?.isInteger
  const sqliteOptions = isNumbered ? ' strict' : ' strict, without rowid'
  return `create table ${name} (
  ${definitionsOf(columns, system)}${constraints}
)${system === 'sqlite' ? sqliteOptions : ''};`
}

/** The conditions that every row of a table must satisfy. */
const checks: Readonly<Partial<Record<string, readonly string[]>>> = {
  app_user: ['closed_at is null or disabled_at is not null'],
  agent: ['(first_seen_at is null) = (last_seen_at is null)', 'blocked_at is null or first_seen_at is not null'],
  email: ['(due_at is null) = (outcome is not null)', '(outcome is null) = (settled_at is null)'],
  revocation_delivery: ['(due_at is null) = (outcome is not null)', '(outcome is null) = (settled_at is null)'],
  token_issue: [
    '(grant_id is null) <> (policy is null)',
    '(policy is null) = (agent_id is null) and (policy is null) = (resource_id is null)',
  ],
}

/**
 * The unique index of usernames is declared as a partial index, so that PostgreSQL does not treat it as a key: changing a username then
 * does not wait for rows that reference the user.
 */
const indexes = `
create unique index app_user_username_key on app_user (username_key) where username_key is not null;
create index app_user_disabled on app_user (disabled_at) where disabled_at is not null;
create index username_skeleton_user on username_skeleton (user_id);
create index federated_identity_user on federated_identity (user_id);
create index passkey_user on passkey (user_id);
create index known_device_seen on known_device (last_seen_at);
create index known_device_browser on known_device (browser_hash, user_id);
create index session_of_user on session (user_id);
create index session_expiry on session (idle_expires_at);
create index device_user on device (user_id);
create unique index device_key on device (device_jkt) where connected_at is not null;
create index device_code_expiry on device (code_expires_at) where connected_at is null;
create index device_expiry on device (expires_at) where expires_at is not null;
create index device_disconnected on device (disconnected_at) where disconnected_at is not null;
create index one_time_link_user on one_time_link (user_id);
create index one_time_link_expiry on one_time_link (expires_at);
create index email_due on email (due_at) where due_at is not null;
create index email_settled on email (settled_at) where settled_at is not null;
create index agent_blocked on agent (blocked_at) where blocked_at is not null;
create index agent_notified on agent (notified_up_to) where notified_up_to is not null;
create index agent_seen on agent (last_seen_at) where last_seen_at is not null;
create unique index agent_logo_name on agent_logo (name) where name is not null;
create index agent_binding_user on agent_binding (user_id);
create index agent_binding_agent on agent_binding (agent_id);
create index resource_subject_resource on resource_subject (resource_id);
create index resource_subject_sub on resource_subject (sub);
create index agent_subject_agent on agent_subject (agent_id);
create index agent_logo_claimed on agent_logo (claimed_at);
create index registered_client_expiry on registered_client (expires_at);
create index auth_request_agent on auth_request (agent_id);
create index auth_request_open on auth_request (agent_id, resource_id, expires_at) where status = 'open';
create index auth_request_resource on auth_request (resource_id);
create index auth_request_display on auth_request (display_id);
create index auth_request_expiry on auth_request (expires_at);
create index auth_request_user on auth_request (user_id) where status = 'open' and user_id is not null;
create unique index auth_request_poll on auth_request (poll_hash) where poll_hash is not null;
create unique index auth_request_link on auth_request (link_handle) where status = 'open' and link_handle is not null;
create unique index consent_grant_remembered
  on consent_grant (user_id, agent_id, resource_id, coalesce(delegate, ''), edition)
  where remembered = 1 and revoked_at is null;
create unique index consent_grant_account
  on consent_grant (user_id, agent_id, resource_id, coalesce(delegate, ''), edition, account)
  where account_remembered = 1 and revoked_at is null;
create index consent_grant_user on consent_grant (user_id, agent_id);
create index consent_grant_agent on consent_grant (agent_id);
create index consent_grant_resource on consent_grant (resource_id);
create index consent_grant_display on consent_grant (display_id);
create index consent_grant_ended on consent_grant (user_id, revoked_at) where revoked_at is not null;
create index consent_grant_revoked on consent_grant (revoked_at) where revoked_at is not null;
create index consent_grant_expiry on consent_grant (expires_at) where expires_at is not null;
create index grant_usage_day_day on grant_usage_day (day_at);
create index code_grant on code (grant_id);
create index code_expiry on code (expires_at);
create index refresh_token_grant on refresh_token (grant_id);
create unique index refresh_token_family on refresh_token (family) where family is not null;
create index refresh_token_idle on refresh_token (idle_expires_at);
create index refresh_token_revoked on refresh_token (revoked_at) where revoked_at is not null;
create index token_issue_grant on token_issue (grant_id) where grant_id is not null;
create index token_issue_agent on token_issue (agent_id) where agent_id is not null;
create index token_issue_resource on token_issue (resource_id) where resource_id is not null;
create index token_issue_tracked on token_issue (jti_end) where tracked = 1;
create index revocation_delivery_due on revocation_delivery (due_at) where due_at is not null;
create index received_revocation_expiry on received_revocation (expires_at);
create index agent_token_expiry on agent_token (expires_at);
create index request_token_request on request_token (request_id);
create index token_issue_expiry on token_issue (expires_at);
create index nonce_expiry on nonce (expires_at);
create index nonce_count_agents on nonce_count (held) where kind = 'agents';
create index nonce_count_agents_wider on nonce_count (held) where kind = 'agents-wider';
create index nonce_count_agents_part on nonce_count (held) where kind = 'agents-part';
create index nonce_count_keys on nonce_count (held) where kind = 'keys';
create index nonce_count_keys_wider on nonce_count (held) where kind = 'keys-wider';
create index nonce_count_keys_part on nonce_count (held) where kind = 'keys-part';
create index attempt_reset on attempt (reset_at);
`

/** The indexes of the audit log. */
export const auditIndexes = `
create index audit_event_time on audit_event (at);
create index audit_event_name on audit_event (event);
create index audit_event_user on audit_event (user_id) where user_id is not null;
create index audit_event_agent on audit_event (agent_id) where agent_id is not null;
create index audit_event_resource on audit_event (resource_id) where resource_id is not null;
create index audit_event_denied on audit_event (user_id, agent_id, at) where event = 'request.denied';
`
