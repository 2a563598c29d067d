import type { Selectable } from 'kysely'
import {
  bytes,
  bytes16,
  bytes32,
  type Column,
  edition,
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
import { relationTables, userTables } from './user-tables.js'

/**
 * The tables that all engines share; each comes after those that it references. Row types, insertions and the database schemas are derived
 * from them. `…_at` columns are Unix seconds, `…_seconds` are durations, and `…_hash` and `…_jkt` are SHA-256 hashes (32 bytes).
 * `public_id` identifies a row outside the database (16 bytes), and `…_id` is the `id` of another table. `display`, `public_jwk`,
 * `redirect_hosts`, `key_thumbprints`, `transports`, `metadata`, `details` and `data` are JSON; `amr` and `scope` are space-separated lists.
 */
export const tables = {
  ...userTables,

  agent: {
    id,
    identifier: text.unique,
    /** Null if other rows reference the agent, but nothing, or nothing anymore, is known about it. */
    first_seen_at: integer.orNull,
    last_seen_at: integer.orNull,
    name: text.orNull,
    /** Null until the agent's traits are recorded. */
    redirect_hosts: text.orNull,
    key_thumbprints: text.orNull,
    blocked_at: integer.orNull,
    blocked_by: text.orNull,
    /** The user id up to which users have been notified of the block; null if no more are to be notified. */
    notified_up_to: integer.orNull,
  },

  agent_logo: {
    agent_id: partOf('agent').key,
    uri: text,
    claimed_at: integer,
    /** The name under which the logo is served. `name` and `image` are both null if there is nothing to show. */
    name: text.orNull,
    image: bytes.orNull,
  },

  resource: { id, identifier: text.unique },

  ...relationTables,

  /** OAuth clients that registered themselves, and from which network; empty if that is unknown. */
  registered_client: {
    client_id: text.key,
    metadata: text,
    created_at: integer,
    expires_at: integer,
    network: text.with("default ''"),
  },

  /** What pages show about an agent and a resource: one row for all requests and grants with the same display data. */
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
    /** 1 if its agent acts for one user only: the first who allows one of its requests. */
    binds_agent: fromZero,
    created_at: integer,
    expires_at: integer,
    decided_at: integer.orNull,
    edition,
    /** What the edition keeps with the request, as JSON. */
    details: text.orNull,
    /** Identifies the request to the agent, if the agent polls for the outcome. */
    poll_hash: bytes32.orNull,
    /** When the agent received the outcome, or ended the request. */
    answered_at: integer.orNull,
    /** The only user who may decide; null if anyone may. */
    required_user_id: idOf('app_user').orNull,
    /** The part of the link that identifies the request among the open ones, so that wrong guesses of the rest count against it. */
    link_handle: text.orNull,
    wrong_links: fromZero,
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
    /** The latest expiry among the grant's permissions; null if one of them never expires. */
    expires_at: integer.orNull,
    last_used_at: integer.orNull,
    revoked_at: integer.orNull,
    revoked_by: text.orNull,
    edition,
    /** The user's account at the resource that the request named; null if it named none. */
    account: text.orNull,
    /** 1 if the grant is remembered for this account. `remembered` is then 0, because servers of older schemas know no accounts. */
    account_remembered: fromZero,
    /** The only call that the grant allows, once, as JSON; null if it allows any. */
    call: text.orNull,
  },

  /** The permissions of grants. `position` starts at 0, in the order requested. */
  grant_scope: { grant_id: partOf('consent_grant').key, position: small.key, name: text, expires_at: integer.orNull },

  /** `day_at` is the start of a UTC day. */
  grant_usage_day: { grant_id: partOf('consent_grant').key, day_at: integer.key, refreshes: integer },

  /** The codes of allowed requests, which are returned through a browser. */
  code: {
    request_id: idOf('auth_request').key,
    code_hash: bytes32.unique,
    grant_id: idOf('consent_grant'),
    /** Empty if the grant allows only one call: servers of older schemas, which know no calls, then refuse the code. */
    scope: text,
    expires_at: integer,
    consumed_at: integer.orNull,
  },

  /**
   * A row with a `family`, which is its public id, is a token that is replaced each time it is used; `generation` counts how often.
   * `last_used_at` is then also set when the code is exchanged.
   */
  refresh_token: {
    id,
    token_hash: bytes32.unique,
    grant_id: partOf('consent_grant'),
    /** The request whose code was exchanged for the token. */
    request_id: integer.unique,
    scope: text,
    expires_at: integer,
    idle_seconds: integer,
    /** Never later than `expires_at`. */
    idle_expires_at: integer,
    last_used_at: integer.orNull,
    revoked_at: integer.orNull,
    family: bytes16.orNull,
    generation: fromZero,
    previous_hash: bytes32.orNull,
    rotated_at: integer.orNull,
  },

  /** Tokens issued under a grant or a policy. Under a policy, the row itself references the agent and the resource. */
  token_issue: {
    id,
    /** The random bytes of the `jti`: all of it if the token is tracked, otherwise those after the grant id and family, or the policy name. */
    jti_end: bytes16,
    issued_at: integer,
    expires_at: integer,
    scope: text,
    grant_id: idOf('consent_grant').orNull,
    /** The request whose code was exchanged for the token. Each code is exchanged for only one token. */
    request_id: integer.unique.orNull,
    policy: text.orNull,
    agent_id: idOf('agent').orNull,
    delegate: text.orNull,
    resource_id: idOf('resource').orNull,
    /** 1 if the token can be found by its `jti`, and its resource is notified if the token is revoked. Only under grants. */
    tracked: fromZero,
    /** When the token was revoked, if it is tracked. */
    revoked_at: integer.orNull,
  },

  /** Revocations of which resources are notified. */
  revocation_delivery: {
    id,
    issue_id: partOf('token_issue').unique,
    /** When the next attempt is due, or when the running one may be repeated; null once there is an outcome. */
    due_at: integer.orNull,
    attempts: fromZero,
    outcome: oneOf('delivered', 'unsupported', 'failed', 'expired').orNull,
    settled_at: integer.orNull,
  },

  /** Tokens that other issuers revoked. */
  received_revocation: { issuer: text.key, jti: text.key, expires_at: integer },

  /** Tokens with which agents authenticated, and which of an issuer's agents each belongs to. The issuer is the `identifier` of an agent. */
  agent_token: { issuer: text.key, jti: text.key, delegate: text.orNull, expires_at: integer },

  /** Tokens of other issuers that a request depends on. */
  request_token: { issuer: text.key, jti: text.key, request_id: partOf('auth_request').key },

  signing_key: {
    kid: text.key,
    purpose: oneOf('sign', 'secret'),
    alg: text,
    /** Encrypted by the caller. */
    private_sealed: text.orNull,
    public_jwk: text.orNull,
    state: oneOf('next', 'active', 'retiring', 'gone'),
    not_before_at: integer.orNull,
    retire_at: integer.orNull,
    created_at: integer,
    edition,
  },

  nonce: {
    id,
    key_hash: bytes32.unique,
    expires_at: integer,
    kind: oneOf('agent', 'key'),
    /** The agent's identifier, or the thumbprint of a key that does not identify an agent. */
    holder: text,
    network: text,
  },

  nonce_count: {
    source: text.key,
    /**
     * What is counted: the nonces of one agent or key. Also those of all agents by network, by wider network, and by part of the key hash
     * (`agents`, `agents-wider`, `agents-part`), and likewise of keys that identify no agent (`keys`, `keys-wider`, `keys-part`).
     */
    kind: oneOf('agent', 'agents', 'agents-wider', 'agents-part', 'key', 'keys', 'keys-wider', 'keys-part').key,
    /** Includes expired nonces until they are deleted. */
    held: integer,
  },

  attempt: { key_hash: bytes32.key, count: integer, reset_at: integer },

  /** A single row. */
  deployment: {
    id: small.with('check (? = 1)').key,
    issuer: text,
    /** When the database was last found to be writable. */
    written_at: integer,
    /** The longest lifetime of the auth tokens that servers issue, in seconds; null if no server has reported one. */
    token_seconds: integer.orNull,
    /** The time until which tokens with that lifetime may still be valid, if servers now issue tokens with a shorter lifetime. */
    token_seconds_until_at: integer.orNull,
  },

  /** In the order recorded. */
  audit_event: {
    id,
    at: integer,
    event: text,
    user_id: idOf('app_user').orNull,
    agent_id: idOf('agent').orNull,
    resource_id: idOf('resource').orNull,
    /** Public ids, which outlive their rows. */
    grant_public_id: bytes.orNull,
    request_public_id: bytes.orNull,
    ip: text.orNull,
    data: text.orNull,
  },
}

/** The tables' row types, as kysely expects them. */
export type Tables = {
  [T in keyof typeof tables]: {
    [C in keyof (typeof tables)[T]]: (typeof tables)[T][C] extends Column<infer V> ? V : never
  }
}

/** A row as read from a table. */
export type Row<T extends keyof Tables> = Selectable<Tables[T]>

/** A row to insert. The database generates its id. */
export type NewRow<T extends keyof Tables> = Omit<Row<T>, 'id'>
