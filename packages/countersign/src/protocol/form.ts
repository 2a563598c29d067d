import { AAuthError } from '../lib/errors.js'

/** Bytes a form may have. */
export const maxFormBytes = 65_536

/**
 * Parses `application/x-www-form-urlencoded` (RFC 6749 §3.2): every parameter at most once, an empty one counts as absent.
 *
 * @throws AAuthError `media_type_unsupported`, `body_too_large`, `request_malformed`
 */
export function readForm(contentType: string | null, body: Uint8Array): ReadonlyMap<string, string> {
  if (!/^application\/x-www-form-urlencoded(?:\s*;.*)?$/i.test(contentType ?? '')) {
    throw new AAuthError('media_type_unsupported', 'Send the parameters as application/x-www-form-urlencoded.')
  }
  // A body that was read before may be larger than what was asked for.
  if (body.length > maxFormBytes) throw new AAuthError('body_too_large', `A form has at most ${maxFormBytes} bytes.`)
  return readParameters(new URLSearchParams(new TextDecoder().decode(body)))
}

/** Parameters, each at most once; an empty one counts as absent. */
export function readParameters(parameters: URLSearchParams): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  const names = new Set<string>()
  for (const [name, value] of parameters) {
    if (names.has(name)) throw new AAuthError('request_malformed', `The parameter ${name.slice(0, 40)} is there twice.`)
    names.add(name)
    if (value !== '') values.set(name, value)
  }
  return values
}

/** The value, or `request_malformed`. */
export function requireParameter(form: ReadonlyMap<string, string>, name: string): string {
  const value = form.get(name)
  if (value === undefined) throw new AAuthError('request_malformed', `The parameter ${name} is missing.`)
  return value
}
