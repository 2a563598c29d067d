import type { ReceivedMessage } from '../httpsig/received-message.js'
import { parseBody } from './parse-body.js'
import { requestChanged } from './require-unchanged.js'

/**
 * Sets `body` to what the signed bytes say; where a parser did so before, that is what it must have made of them.
 *
 * @throws AAuthError of {@link parseBody}, `request_changed`
 */
export function provideBody(holder: { body?: unknown }, message: ReceivedMessage, content: Uint8Array): void {
  const parsed = parseBody(message, content)
  if (isUnset(holder.body)) {
    if (parsed !== undefined) holder.body = parsed
  } else if (!isReadingOf(content, parsed, holder.body)) throw requestChanged('body')
}

/** Express 4 has an empty object where nothing was parsed. */
function isUnset(body: unknown): boolean {
  return body === undefined || (isObject(body) && Object.keys(body).length === 0 && !ArrayBuffer.isView(body))
}

/** Whether a parser could have made this of the content: of JSON or a form the same values, else its text or its bytes. */
function isReadingOf(content: Uint8Array, parsed: unknown, body: unknown): boolean {
  if (typeof body === 'string') return body === new TextDecoder().decode(content)
  if (body instanceof Uint8Array) return Buffer.compare(body, content) === 0
  return parsed !== undefined && JSON.stringify(body) === JSON.stringify(parsed)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
