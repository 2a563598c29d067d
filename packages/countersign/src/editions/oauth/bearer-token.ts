import { fieldValues, isSignedMessage, type ReceivedMessage } from '../../httpsig/received-message.js'
import { AAuthError } from '../../lib/errors.js'
import { hasTokenParameter } from '../../lib/token-parameter.js'

/** One `Authorization` with one access token (RFC 6750 §2.1). */
const credentials = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i

/** Implements `readToken` (RFC 6750 §2.1). */
export function readBearerToken(message: Pick<ReceivedMessage, 'rawHeaders' | 'rawTarget'>): string | undefined {
  const values = fieldValues(message, 'authorization')
  // Anywhere in a value: some servers join values, or read only the last one.
  const isBearer = values.some((value) => /(?:^|[\s,])bearer(?:[\s,]|$)/i.test(value))
  if (hasTokenParameter(queryOf(message.rawTarget)))
    throw malformed('An access token must be in the Authorization header, not in the query.')
  if (!isBearer) return undefined
  if (isSignedMessage(message)) throw malformed('A request must be signed, or have an access token, but not both.')
  const [value = '', another] = values
  if (another !== undefined) throw malformed('The request has more than one Authorization header.')
  const token = credentials.exec(value)?.[1]
  if (token === undefined) throw malformed('The Authorization header must be: Bearer, a space, and one access token.')
  return token
}

/** Implements `requireNoTokenIn` for forms (RFC 6750 §2.2). */
export function requireNoTokenInForm(message: Pick<ReceivedMessage, 'rawHeaders'>, body: Uint8Array): void {
  const types = fieldValues(message, 'content-type')
  // Some servers accept such a type among others.
  if (!types.some((type) => /url-?encoded/i.test(type))) return
  if (hasTokenParameter(new TextDecoder().decode(body)))
    throw malformed('An access token must be in the Authorization header, not in the body.')
}

function queryOf(rawTarget: string): string {
  const mark = rawTarget.indexOf('?')
  return mark === -1 ? '' : rawTarget.slice(mark + 1)
}

function malformed(message: string): AAuthError {
  return new AAuthError('request_malformed', message)
}
