import type { Selectable } from 'kysely'
import {
  bytes,
  bytes16,
  bytes32,
  type Column,
  fromZero,
  id,
  idOf,
  integer,
  oneOf,
  partOf,
  small,
  text,
  uniqueId,
} from './columns.js'

/**
 * The tables as every engine has them, each after those that it names; rows, insertions and the schemas of the databases
 * follow from them. `…_at` are Unix seconds, `…_seconds` durations, `…_hash` and `…_jkt` SHA-256 (32 bytes), `public_id`
 * names a row outside of the database (16 bytes), `…_id` is the `id` of another table; `display`, `public_jwk`,
 * `redirect_hosts`, `key_thumbprints`, `transports` and `data` are JSON, `amr` and `scope` lists separated by spaces.
 */
export const tables = {
  app_user: {
    id,
    public_id: bytes16.unique,
    /** The 16 bytes of the subject in tokens. */
    sub: bytes16.unique,
    username: text,
    /** Folded: what names are compared by. */
    username_key: text,
    email: text.orNull,
    display_name: text.orNull,
    created_at: integer,
    disabled_at: integer.orNull,
    /** Set for good; such a user is disabled too. */
    closed_at: integer.orNull,
    /** Raised by whatever changes how the user signs in, and by every sign-out. */
    credential_revision: fromZero,
  },

  username_skeleton: {
    /** What the name looks like; a name may have several, and no other user's name has one of them. */
    skeleton: text.key,
    user_id: idOf('app_user'),
  },

  credential: {
    user_id: idOf('app_user').key,
    /** As the password hashing encodes it. */
    password_hash: text,
    /** When a first password was set, or an operator set one; the user's own changes keep it. 0: before this was recorded. */
    added_at: fromZero,
  },

  federated_identity: { issuer: text.key, subject: text.key, user_id: idOf('app_user'), created_at: integer },

  passkey: {
    /** base64url */
    credential_id: text.key,
    user_id: idOf('app_user'),
    public_key: bytes,
    counter: integer,
    transports: text,
    name: text.orNull,
    created_at: integer,
    last_used_at: integer.orNull,
  },

  known_device: { user_id: idOf('app_user').key, browser_hash: bytes32.key, last_seen_at: integer },

  session: {
    id,
    public_id: bytes16,
    id_hash: bytes32.unique,
    user_id: idOf('app_user'),
    created_at: integer,
    amr: text.orNull,
    authenticated_at: integer,
    proved_for: bytes32.orNull,
    last_seen_at: integer,
    idle_seconds: integer,
    /** Never later than `expires_at`, so it alone decides. */
    idle_expires_at: integer,
    expires_at: integer,
    ip: text.orNull,
    user_agent: text.orNull,
  },

  agent: {
    id,
    identifier: text.unique,
    /** Null: other rows name it, and nothing is known of it, or not any more. */
    first_seen_at: integer.orNull,
    last_seen_at: integer.orNull,
    name: text.orNull,
    /** Null until the agent's traits were recorded. */
    redirect_hosts: text.orNull,
    key_thumbprints: text.orNull,
    blocked_at: integer.orNull,
    blocked_by: text.orNull,
  },

  agent_logo: {
    agent_id: partOf('agent').key,
    uri: text,
    claimed_at: integer,
    /** The name that it is served by. Both null: there is nothing to show. */
    name: text.orNull,
    image: bytes.orNull,
  },

  resource: { id, identifier: text.unique },

  /** What pages show of an agent and a resource: one row for all requests and grants that show the same. */
  display: { id, content_hash: bytes32.unique, display: text },

  auth_request: {
    id: uniqueId,
    public_id: bytes16,
    token_hash: bytes32.unique,
    agent_id: idOf('agent'),
    delegate: text.orNull,
    agent_jkt: bytes32,
    resource_id: idOf('resource'),
    scope: text,
    redirect_uri: text.orNull,
    state: text.orNull,
    display_id: idOf('display'),
    status: oneOf('open', 'allowed', 'denied', 'abandoned', 'revoked'),
    revision: small,
    browser_hash: bytes32.orNull,
    user_id: idOf('app_user').orNull,
    prompt: text.orNull,
    extensions: small,
    created_at: integer,
    expires_at: integer,
    decided_at: integer.orNull,
  },

  consent_grant: {
    id,
    public_id: bytes16.unique,
    user_id: idOf('app_user'),
    agent_id: idOf('agent'),
    delegate: text.orNull,
    resource_id: idOf('resource'),
    remembered: small.with('check (? in (0, 1))'),
    display_id: idOf('display'),
    created_at: integer,
    /** The last end of its permissions; null: one of them has none. */
    expires_at: integer.orNull,
    last_used_at: integer.orNull,
    revoked_at: integer.orNull,
    revoked_by: text.orNull,
  },

  /** The permissions of grants. */
  grant_scope: {
    grant_id: partOf('consent_grant').key,
    /** From 0, in the order they were requested. */
    position: small.key,
    name: text,
    expires_at: integer.orNull,
  },

  grant_usage_day: {
    grant_id: partOf('consent_grant').key,
    /** When the UTC day began. */
    day_at: integer.key,
    refreshes: integer,
  },

  /** The responses to allowed requests that go through a browser. */
  code: {
    request_id: idOf('auth_request').key,
    code_hash: bytes32.unique,
    grant_id: idOf('consent_grant'),
    scope: text,
    expires_at: integer,
    consumed_at: integer.orNull,
  },

  refresh_token: {
    id,
    token_hash: bytes32.unique,
    grant_id: partOf('consent_grant'),
    /** The request whose code gave it. */
    request_id: integer.unique,
    scope: text,
    expires_at: integer,
    idle_seconds: integer,
    /** Never later than `expires_at`. */
    idle_expires_at: integer,
    last_used_at: integer.orNull,
    revoked_at: integer.orNull,
  },

  /** Tokens under a grant, or under a policy: then the row names agent and resource itself. */
  token_issue: {
    id,
    /** The random bytes at the end of the `jti`, after the id of the grant or the name of the policy. */
    jti_end: bytes16,
    issued_at: integer,
    expires_at: integer,
    scope: text,
    grant_id: idOf('consent_grant').orNull,
    /** The request whose code gave it: each gives one. */
    request_id: integer.unique.orNull,
    policy: text.orNull,
    agent_id: idOf('agent').orNull,
    delegate: text.orNull,
    resource_id: idOf('resource').orNull,
  },

  signing_key: {
    kid: text.key,
    purpose: oneOf('sign', 'secret'),
    alg: text,
    /** Encrypted by the caller. */
    private_sealed: text.orNull,
    public_jwk: text.orNull,
    /** Keys move forward through these states; steps may be left out. */
    state: oneOf('next', 'active', 'retiring', 'gone'),
    not_before_at: integer.orNull,
    retire_at: integer.orNull,
    created_at: integer,
  },

  nonce: {
    id,
    key_hash: bytes32.unique,
    expires_at: integer,
    kind: oneOf('agent', 'key'),
    /** The agent's identifier, or the thumbprint of a key that proves no agent. */
    holder: text,
    network: text,
  },

  nonce_count: {
    source: text.key,
    /**
     * What is counted: the nonces of an agent or of a key. By network, by wider network, and of all those whose keys
     * begin alike: `agents`, `agents-wider`, `agents-part`, and of keys that prove no agent `keys`, `keys-wider`, `keys-part`.
     */
    kind: oneOf('agent', 'agents', 'agents-wider', 'agents-part', 'key', 'keys', 'keys-wider', 'keys-part').key,
    /** Those that have expired too, until they are forgotten. */
    held: integer,
  },

  attempt: { key_hash: bytes32.key, count: integer, reset_at: integer },

  /** One row. */
  deployment: {
    id: small.with('check (? = 1)').key,
    issuer: text,
    /** When the database was last found to take writes. */
    written_at: integer,
    /** The longest lifetime of the auth tokens that servers issue; null: none has said so. */
    token_seconds: integer.orNull,
    /** Until when tokens of that lifetime may be valid, where servers issue shorter ones now. */
    token_seconds_until_at: integer.orNull,
  },

  /** In the order of recording. */
  audit_event: {
    id,
    at: integer,
    event: text,
    user_id: idOf('app_user').orNull,
    agent_id: idOf('agent').orNull,
    resource_id: idOf('resource').orNull,
    /** Outlive their rows. */
    grant_public_id: bytes.orNull,
    request_public_id: bytes.orNull,
    ip: text.orNull,
    data: text.orNull,
  },
}

type TablesByName = typeof tables

/** The rows of the tables, as kysely writes them. */
export type Tables = {
  [T in keyof TablesByName]: {
    [C in keyof TablesByName[T]]: TablesByName[T][C] extends Column<infer V> ? V : never
  }
}

/** A row of a table, as it is read. */
export type Row<T extends keyof Tables> = Selectable<Tables[T]>

/** A row to be inserted, whose id the database gives. */
export type NewRow<T extends keyof Tables> = Omit<Row<T>, 'id'>
