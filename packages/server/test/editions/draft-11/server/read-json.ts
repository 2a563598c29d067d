import { AAuthError } from 'countersign'
import { parseJsonObject } from 'countersign/tokens'

/** Members that request unsupported features. They are rejected, never ignored. */
const unsupported = ['mission_s256', 'subagent_token', 'upstream_token']

/**
 * Returns the members of a JSON body.
 *
 * @throws AAuthError `media_type_unsupported`, `request_malformed`
 */
export function readJson(contentType: string | null, body: Uint8Array): Readonly<Record<string, unknown>> {
  if (!/^application\/json(?:\s*;.*)?$/i.test(contentType ?? ''))
    throw new AAuthError('media_type_unsupported', 'Send the parameters as application/json.')
  const members = parseJsonObject(new TextDecoder().decode(body))
  if (!members) throw new AAuthError('request_malformed', 'The body is not a JSON object.')
  const asked = unsupported.find((name) => Object.hasOwn(members, name))
  if (asked !== undefined) throw new AAuthError('request_malformed', `${asked} is not supported here.`)
  return members
}

/** @throws AAuthError `request_malformed` */
export function requireText(members: Readonly<Record<string, unknown>>, name: string): string {
  const value = members[name]
  if (typeof value === 'string' && value !== '') return value
  throw new AAuthError('request_malformed', `The member ${name} is missing.`)
}
