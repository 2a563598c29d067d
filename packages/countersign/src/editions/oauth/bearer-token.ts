import { fieldValues, type ReceivedMessage } from '../../httpsig/received-message.js'
import { AAuthError } from '../../lib/errors.js'

/** The headers of a signature. A request with one of them is a signed request. */
const signatureHeaders = ['signature', 'signature-input', 'signature-key'] as const

/** One `Authorization` with one access token (RFC 6750 §2.1). */
const credentials = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i

/** Implements `readToken` (RFC 6750 §2.1). */
export function readBearerToken(message: Pick<ReceivedMessage, 'rawHeaders' | 'rawTarget'>): string | undefined {
  const isSigned = signatureHeaders.some((name) => fieldValues(message, name).length > 0)
  const values = fieldValues(message, 'authorization')
  const isBearer = values.some((value) => /^bearer(?:[\s,]|$)/i.test(value))
  if (isSigned) {
    if (!isBearer) return undefined
    throw malformed('A request must be signed, or have an access token, but not both.')
  }
  if (hasParameter(queryOf(message.rawTarget)))
    throw malformed('An access token must be in the Authorization header, not in the query.')
  if (!isBearer) return undefined
  const [value = '', another] = values
  if (another !== undefined) throw malformed('The request has more than one Authorization header.')
  const token = credentials.exec(value)?.[1]
  if (token === undefined) throw malformed('The Authorization header must be: Bearer, a space, and one access token.')
  return token
}

/** Implements `requireNoTokenIn` for forms (RFC 6750 §2.2). */
export function requireNoTokenInForm(message: Pick<ReceivedMessage, 'rawHeaders'>, body: Uint8Array): void {
  const types = fieldValues(message, 'content-type')
  if (!types.some((type) => /^application\/x-www-form-urlencoded(?:[;\s]|$)/i.test(type))) return
  if (hasParameter(new TextDecoder().decode(body)))
    throw malformed('An access token must be in the Authorization header, not in the body.')
}

function queryOf(rawTarget: string): string {
  const mark = rawTarget.indexOf('?')
  return mark === -1 ? '' : rawTarget.slice(mark + 1)
}

function hasParameter(text: string): boolean {
  return text.includes('=') && new URLSearchParams(text).has('access_token')
}

function malformed(message: string): AAuthError {
  return new AAuthError('request_malformed', message)
}
