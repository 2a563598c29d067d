import { jsonResponse } from '../lib/encodings.js'

/** The status of each case. */
const statuses = {
  /** The vendor's check did not recognize the installation. */
  enrollment_denied: 403,
  /** The name belongs to another key. */
  name_taken: 409,
  /** The key belongs to another name. */
  key_taken: 409,
  /** The key is not enrolled. */
  unknown_delegate: 403,
  revoked_delegate: 403,
  /** The owner of the key has as many delegates as allowed. */
  too_many_devices: 409,
  /** The agent server issues no tokens for this recipient. */
  audience_denied: 403,
  /** The platform token is not valid, or no workload is configured for it. */
  workload_denied: 403,
  /** The platform token is bound to another key. */
  platform_token_used: 409,
  /** The keys of the platform token's issuer are not available. */
  issuer_unavailable: 503,
} as const

/** The codes of the refusals of an agent server, as sent in `error`, in addition to those of the edition. */
export type DelegateRefusalCode = keyof typeof statuses

/** A refused enrollment or renewal. Its signature was valid. The message is sent to the caller. */
export class DelegateRefusal extends Error {
  declare readonly code: DelegateRefusalCode
  declare readonly status: number
  /** The name of the delegate, if there is one. It is not sent to the caller. */
  declare readonly delegate: string | undefined

  /** @param cause for the operator; not sent to the caller */
  constructor(code: DelegateRefusalCode, message: string, delegate?: string, cause?: Error) {
    super(message, { cause })
    Object.assign(this, { name: 'DelegateRefusal', code, status: statuses[code], delegate })
  }
}

/** The response to a refused enrollment or renewal. */
export function writeDelegateRefusal({ status, code, message }: DelegateRefusal): Response {
  return jsonResponse(status, { error: code, error_description: message }, { 'cache-control': 'no-store' })
}
