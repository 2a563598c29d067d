import { hasDuplicateMembers, parseJsonObject, parseUtf8 } from '../../lib/encodings.js'
import { AAuthError } from '../../lib/errors.js'

/** Maximum size of the JSON that endpoints receive, in bytes. */
export const maxJsonBytes = 32_768

/**
 * Parses the JSON object in a request. Members must not be repeated, as parsers disagree about which one counts.
 *
 * @throws AAuthError `media_type_unsupported`, `body_too_large`, `request_malformed`
 */
export function readJson(contentType: string | null | undefined, body: Uint8Array): Readonly<Record<string, unknown>> {
  if (!/^application\/json(?:\s*;.*)?$/i.test(contentType ?? ''))
    throw new AAuthError('media_type_unsupported', 'Send the parameters as application/json.')
  if (body.length > maxJsonBytes) throw new AAuthError('body_too_large', `JSON is limited to ${maxJsonBytes} bytes.`)
  const text = parseUtf8(body)
  const value = text === undefined ? undefined : parseJsonObject(text)
  if (text === undefined || !value || hasDuplicateMembers(text, value))
    throw new AAuthError('request_malformed', 'The body must be a JSON object without repeated members.')
  return value
}
