import { parseBase64url, parseUtf8 } from '../lib/base64url.js'
import { hasDuplicateMembers, parseJsonObject } from '../lib/json.js'

/** The parts of a compact JWS (RFC 7515 §3.1). Nothing about them is verified. */
export interface DecodedToken {
  header: Readonly<Record<string, unknown>>
  payload: Readonly<Record<string, unknown>>
  signature: Uint8Array
  /** What the signature covers. */
  signingInput: string
}

/** Characters of a token; enough for everything that rides in a header. */
export const maxTokenLength = 8192

/**
 * Takes a compact token apart without verifying anything, or undefined when it is none of this length. JSON with a
 * member twice is none (RFC 7515 §4, RFC 7519 §4).
 *
 * @param maxLength characters
 */
export function decodeToken(compact: string, maxLength = maxTokenLength): DecodedToken | undefined {
  if (compact.length > maxLength) return undefined
  const firstDot = compact.indexOf('.')
  const secondDot = compact.indexOf('.', firstDot + 1)
  if (secondDot === -1) return undefined
  const header = parseObject(compact.slice(0, firstDot))
  const payload = parseObject(compact.slice(firstDot + 1, secondDot))
  const signature = parseBase64url(compact.slice(secondDot + 1))
  if (!header || !payload || !signature || signature.length === 0) return undefined
  return { header, payload, signature, signingInput: compact.slice(0, secondDot) }
}

function parseObject(part: string): Record<string, unknown> | undefined {
  const bytes = parseBase64url(part)
  const text = bytes && parseUtf8(bytes)
  const value = text ? parseJsonObject(text) : undefined
  return value && text && !hasDuplicateMembers(text, value) ? value : undefined
}
