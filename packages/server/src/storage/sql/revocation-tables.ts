import { fromZero, id, integer, oneOf, partOf, text } from './columns.js'

/** Revocations of single tokens, sent and received. */
export const revocationTables = {
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
}
