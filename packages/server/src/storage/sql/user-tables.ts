import { bytes, bytes16, bytes32, Column, fromZero, id, idOf, integer, oneOf, text } from './columns.js'

/** The tables of users and of what they sign in with; see `tables`. */
export const userTables = {
  app_user: {
    id,
    public_id: bytes16.unique,
    /** The subject that resources and agents keep if they received it before there was a subject for each of them. */
    sub: bytes16.unique,
    username: text,
    /** The folded username, which is used to compare usernames. */
    username_key: text,
    email: text.orNull,
    display_name: text.orNull,
    created_at: integer,
    disabled_at: integer.orNull,
    /** Permanent. A closed account is also disabled. */
    closed_at: integer.orNull,
    /** Incremented by every change to how the user signs in, and by every sign-out. */
    credential_revision: fromZero,
    /** When the user confirmed that they receive email at this address; null if they have not. */
    email_confirmed_at: integer.orNull,
    /** The language in which the user confirmed it. */
    email_language: text.orNull,
    /** 1 if the user turned off emails about agents. */
    agent_emails_off: fromZero,
  },

  /** Skeletons of usernames. A username may have several, and no two users share one. */
  username_skeleton: { skeleton: text.key, user_id: idOf('app_user') },

  credential: {
    user_id: idOf('app_user').key,
    /** In the format that the password hashing code uses. */
    password_hash: text,
    /** When the first password was set, or an operator last set one. 0 if that was before such times were recorded. */
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

  /** The secret of an authenticator app, encrypted. No code of a time step up to `used_step` is accepted again. */
  second_factor: { user_id: idOf('app_user').key, secret: text, added_at: integer, used_step: integer },

  /** Recovery codes that have not been used. */
  recovery_code: { user_id: idOf('app_user').key, code_hash: bytes32.key },

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
    /** Never later than `expires_at`, so this column alone determines expiry. */
    idle_expires_at: integer,
    expires_at: integer,
    ip: text.orNull,
    user_agent: text.orNull,
  },

  /** Devices that act for their owner. Until `connected_at` is set, a row is only a code with which a device can be connected. */
  device: {
    id,
    public_id: bytes16.unique,
    user_id: idOf('app_user'),
    /** As the device names itself. Null until a device presents a code that names none; then so is `device_jkt`. */
    name: text.orNull,
    device_jkt: bytes32.orNull,
    code_hash: bytes32.unique,
    code_expires_at: integer,
    /** What the page and the device show while the owner confirms it. Null if the code names the device, so that there is nothing to confirm. */
    number: text.orNull,
    confirmed_at: integer.orNull,
    connected_at: integer.orNull,
    /** Null if the device stays connected until it is disconnected. */
    expires_at: integer.orNull,
    last_used_at: integer.orNull,
    ip: text.orNull,
    disconnected_at: integer.orNull,
  },

  /** Links that have not been used. Every change to how their user signs in deletes them. */
  one_time_link: {
    id,
    public_id: bytes16,
    token_hash: bytes32.unique,
    user_id: idOf('app_user'),
    purpose: oneOf('invite', 'reset'),
    expires_at: integer,
  },

  /** Emails that are waiting, or were settled recently. `claimed_at` is set during an attempt, which must be settled before `due_at`. */
  email: {
    id,
    public_id: bytes16.unique,
    kind: new Column<
      | 'reset'
      | 'confirm'
      | 'password_changed'
      | 'passkey_added'
      | 'passkey_removed'
      | 'factor_added'
      | 'factor_removed'
      | 'device_connected'
      | 'identity_linked'
      | 'identity_unlinked'
      | 'new_device'
      | 'agent_allowed'
      | 'agent_blocked'
      | 'email_changed'
    >({ type: 'text' }),
    username_key: text,
    language: text,
    created_at: integer,
    due_at: integer.orNull,
    claimed_at: integer.orNull,
    attempts: integer,
    outcome: oneOf('sent', 'failed', 'refused', 'unknown').orNull,
    settled_at: integer.orNull,
    /** The recipient, if it is not the user's address. */
    address: text.orNull,
    /** What the email names, as JSON. */
    about: text.orNull,
  },
}

/** What ties users to agents and resources, besides grants. */
export const relationTables = {
  /** Which user an agent acts for, in editions in which it acts for one only. `delegate` is empty if the agent acts for itself. */
  agent_binding: {
    edition: text.key,
    agent_id: idOf('agent').key,
    delegate: text.key,
    user_id: idOf('app_user'),
    bound_at: integer,
  },

  /**
   * The subject by which each resource knows a user, in every edition. The resources of an origin share one, whose row is that of the origin,
   * except those that knew the user by another one in schema 11. Null if it is the one in `app_user`.
   */
  resource_subject: { user_id: idOf('app_user').key, resource_id: idOf('resource').key, sub: bytes16.orNull },

  /** The subject by which each agent knows a user. Null if it is the one in `app_user`. */
  agent_subject: { user_id: idOf('app_user').key, agent_id: idOf('agent').key, sub: bytes16.unique.orNull },
}
