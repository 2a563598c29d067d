import { fieldValues, type ReceivedMessage } from '../httpsig/received-message.js'
import { hasDuplicateMembers, parseJson } from '../lib/encodings.js'
import { AAuthError } from '../lib/errors.js'
import { requestChanged } from './require-unchanged.js'

/**
 * Parses a JSON or form body. Undefined for any other media type, and for an empty body.
 *
 * JSON must be an object or an array without duplicate members. A form becomes an object without a prototype: each name maps to a string,
 * or to an array of strings if the name is repeated. Neither format may contain a name that would change a prototype.
 *
 * @throws AAuthError `request_malformed`; `media_type_unsupported` for a charset other than UTF-8 and for compressed bodies
 */
export function parseBody(message: Pick<ReceivedMessage, 'rawHeaders'>, body: Uint8Array): unknown {
  if (body.length === 0) return undefined
  const [mediaType = '', another] = fieldValues(message, 'content-type')
  const parse = parserOf(mediaType)
  if (!parse) return undefined
  if (another !== undefined) throw malformed('The request has two Content-Type headers.')
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(mediaType)?.[1] ?? 'utf-8'
  if (!/^utf-?8$/i.test(charset)) throw unsupported('Send the body in UTF-8.')
  const encoding = fieldValues(message, 'content-encoding').join(', ')
  if (encoding !== '' && encoding.toLowerCase() !== 'identity') {
    throw unsupported('This server does not decompress JSON and forms: send the body without Content-Encoding.')
  }
  return parse(decodeUtf8(body))
}

function parserOf(mediaType: string): ((text: string) => unknown) | undefined {
  const essence = (mediaType.split(';', 1)[0] as string).trim().toLowerCase()
  if (/^application\/(?:[\w!#$&^.+-]+\+)?json$/.test(essence)) return parseStrictJson
  return essence === 'application/x-www-form-urlencoded' ? parseFields : undefined
}

function decodeUtf8(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (error) {
    if (error instanceof TypeError) throw malformed('The body is not valid UTF-8.')
    throw error
  }
}

function parseStrictJson(text: string): unknown {
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null) throw malformed('The body is not a JSON object or array.')
  if (hasDuplicateMembers(text, value)) throw malformed('The JSON has a duplicate member.')
  requireHarmless(value)
  return value
}

/** Deeper values could overflow the stack of code that walks them recursively. */
const maxDepth = 1000

/** If code merged an object with such members into another, it would change the prototype of all objects. */
function requireHarmless(value: object): void {
  const open = [{ value, depth: 1 }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { depth } = next
    if (depth > maxDepth) throw malformed(`The JSON is nested more than ${maxDepth} levels deep.`)
    for (const [name, inside] of Object.entries(next.value) as [string, unknown][]) {
      const isObject = typeof inside === 'object' && inside !== null
      if (name === '__proto__' || (name === 'constructor' && isObject && Object.hasOwn(inside, 'prototype'))) {
        throw malformed(`The JSON must not have the member ${name}.`)
      }
      if (isObject) open.push({ value: inside, depth: depth + 1 })
    }
  }
}

function parseFields(text: string): Record<string, string | string[]> {
  const fields = Object.create(null) as Record<string, string | string[]>
  for (const [name, value] of new URLSearchParams(text)) {
    if (name === '__proto__') throw malformed('A form must not have the field __proto__.')
    const before = fields[name]
    if (before === undefined) fields[name] = value
    else if (typeof before === 'string') fields[name] = [before, value]
    else before.push(value)
  }
  return fields
}

function malformed(why: string): AAuthError {
  return new AAuthError('request_malformed', why)
}

function unsupported(why: string): AAuthError {
  return new AAuthError('media_type_unsupported', why)
}

/**
 * Sets `body` to the parsed signed bytes. If a parser has already set it, checks that the result is the same.
 *
 * @throws AAuthError as {@link parseBody} does, and `request_changed`
 */
export function provideBody(holder: { body?: unknown }, message: ReceivedMessage, content: Uint8Array): void {
  const parsed = parseBody(message, content)
  if (isUnset(holder.body)) {
    if (parsed !== undefined) holder.body = parsed
  } else if (!isReadingOf(content, parsed, holder.body)) throw requestChanged('body')
}

/** Whether nothing was parsed; in that case, Express 4 sets an empty object. */
function isUnset(body: unknown): boolean {
  return body === undefined || (isObject(body) && Object.keys(body).length === 0 && !ArrayBuffer.isView(body))
}

/**
 * Whether a parser could have produced this value from the content: for JSON or a form, the same values; otherwise, the content's text or
 * bytes.
 */
function isReadingOf(content: Uint8Array, parsed: unknown, body: unknown): boolean {
  if (typeof body === 'string') return body === new TextDecoder().decode(content)
  if (body instanceof Uint8Array) return Buffer.compare(body, content) === 0
  return parsed !== undefined && JSON.stringify(body) === JSON.stringify(parsed)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
