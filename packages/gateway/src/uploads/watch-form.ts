import { AAuthError } from 'countersign/resource'
import { type FieldCheck, mayBeBatch, mayNameMethod } from '../routes/field-check.js'
import { skippedBefore } from '../routes/nested-urls.js'
import { parameterName, requirePlainFormField } from '../routes/require-plain-fields.js'
import { requireReadableCharsets } from './charsets.js'

/** Inspects a body as it arrives. Both methods throw an AAuthError if it must not be forwarded. */
export interface Watch {
  push(chunk: Uint8Array): void
  end(): void
}

/** Maximum number of characters of a value to inspect: more than servers accept in a path. */
const longestValue = 8192

/** Maximum number of encoded characters of a name to inspect; the names of a method or path are shorter. */
const longestName = 1024

/** Whitespace that PHP strips before a name. */
const blanks = /^(?:[\s+]|%20|%0[09a-d])+/i

/** The first bytes of a value that may be a path or JSON, possibly encoded, or after whitespace or a byte order mark. */
const wantedStarts = Buffer.from('/\\[{%+\u00a0\u00c2\u00e1\u00e2\u00e3\u00ef\u00fe\u00ff', 'latin1')

/** The content of a part that may be a path or JSON, possibly encoded. */
const wantedContent = new RegExp(String.raw`^[${skippedBefore}]*[%/\\[{]`)

/** All bytes up to and including this one are whitespace or control characters. */
const blank = 0x20

const [ampersand, semicolon, equals] = [0x26, 0x3b, 0x3d]

/** Inspects names and values in the format of a query string. */
export function watchParameters(fields?: FieldCheck): Watch {
  let name = ''
  let value = ''
  let isValue = false
  let mayBeMethod = false
  /** Whether the value is inspected; undefined before the value's first byte. */
  let isWanted: boolean | undefined
  /** A value that may be JSON, with whatever follows its `;`: many servers separate fields only at `&`. */
  let joined = ''

  function readName(text: Buffer, from: number, end: number): void {
    for (let at = from; at < end && name.length < longestName; at += longestName) {
      name += text.toString('latin1', at, Math.min(end, at + longestName))
      if (blanks.test(name)) name = name.replace(blanks, '')
    }
  }

  function readValue(text: Buffer, from: number, end: number): void {
    if (!fields || from === end) return
    const first = text[from] as number
    isWanted ??= mayBeMethod || first <= blank || wantedStarts.includes(first)
    if (isWanted && value.length < longestValue)
      value += text.toString('latin1', from, Math.min(end, from + longestValue))
  }

  function readJoined(text: Buffer, from: number, end: number): void {
    if (joined.length < longestValue) joined += text.toString('latin1', from, Math.min(end, from + longestValue))
  }

  function endJoined(): void {
    if (joined !== '') readWhole(joined)
    joined = ''
  }

  function readWhole(text: string): void {
    if (text.length < longestValue) fields?.value(text)
    else fields?.longValue(text)
  }

  function endName(): void {
    if (name.length > 3) {
      name = parameterName(name)
      requirePlainFormField(name)
      fields?.name(name)
      mayBeMethod = mayNameMethod(name)
    }
    isValue = true
  }

  function endField(): void {
    if (!isValue) endName()
    if (value !== '') {
      readWhole(value)
      if (mayBeMethod) fields?.named(name, value)
    }
    name = ''
    value = ''
    isValue = false
    mayBeMethod = false
    isWanted = undefined
  }

  return {
    push(chunk) {
      const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      let from = 0
      for (let at = 0; at <= text.length; at++) {
        const byte = text[at]
        const isEnd = byte === ampersand || byte === semicolon
        if (byte !== undefined && !isEnd && (isValue || byte !== equals)) continue
        if (isValue) readValue(text, from, at)
        else readName(text, from, at)
        if (joined !== '') readJoined(text, from, byte === ampersand ? at : at + 1)
        else if (byte === semicolon && mayBeBatch.test(value)) joined = `${value};`
        from = at + 1
        if (byte === ampersand) endJoined()
        if (isEnd) endField()
        else if (byte === equals) endName()
      }
    },
    end() {
      endField()
      endJoined()
    },
  }
}

/** Maximum size of a part's head, in bytes. */
const longestHead = 8192

/** Maximum number of names in one head. An honest head has one name, and perhaps another one in its Content-Type. */
const mostNames = 16

const longestPartName = 4096

/**
 * Returns the boundary of a multipart type, if all servers parse it in the same way. Some servers search for the word anywhere in the type,
 * so its first occurrence must be the parameter, and there must not be another such parameter. The word may occur within the boundary
 * itself, as it does in browsers' boundaries.
 *
 * @throws AAuthError `request_malformed`
 */
export function requireBoundary(type: string): string {
  const found =
    /^(?:(?!boundary).)*;\s*boundary=(?:"([\w'()+./:=? -]{0,69}[\w'()+./:=?-])"|([\w'+.-]{1,70}))\s*(?:;|$)/i.exec(type)
  const boundary = found?.[1] ?? found?.[2]
  if (boundary === undefined || type.match(/boundary\s*[*=]/gi)?.length !== 1)
    throw new AAuthError(
      'request_malformed',
      'A multipart Content-Type must have exactly one boundary parameter of 1 to 70 characters. Letters, digits, hyphens, underscores and periods are always allowed.',
    )
  return boundary
}

/** Inspects the heads of the parts in a multipart body as the most lenient server would parse them. */
export function watchParts(boundary: string, fields?: FieldCheck): Watch {
  const delimiter = `--${boundary}`
  /** Text that has not been inspected yet. */
  let text = ''
  let isHead = false
  /** The position up to which the text has been searched for the end of a head. */
  let looked = 0
  /** The start of the content of a part. */
  let value = ''
  /** Names of the part that may specify the request method. */
  let named: string[] = []
  /** Whether the part contains the encoding of the parts that follow it. */
  let isCharset = false

  function readHead(): boolean {
    const end = text.indexOf('\r\n\r\n', looked)
    if ((end === -1 ? text.length : end) > longestHead)
      throw new AAuthError('request_malformed', `A part’s head must not be larger than ${longestHead} bytes.`)
    requireLineEnds(end === -1 ? text : text.slice(0, end), looked)
    looked = end === -1 ? Math.max(0, text.length - 3) : 0
    if (end === -1) return false
    const head = text.slice(0, end)
    const names = requirePlainPart(head)
    requirePlainContent(head)
    for (const name of names) fields?.name(name)
    named = names.filter(mayNameMethod)
    isCharset = names.includes('_charset_')
    text = text.slice(end + 4)
    isHead = false
    return true
  }

  function readContent(): boolean {
    const at = text.indexOf(delimiter)
    const end = at === -1 ? Math.max(0, text.length - delimiter.length + 1) : at
    if (fields && value.length < longestValue) value += text.slice(0, Math.min(end, longestValue))
    if (at !== -1) endValue()
    text = at === -1 ? text.slice(1 - delimiter.length) : text.slice(at + delimiter.length)
    isHead = at !== -1
    return isHead
  }

  function endValue(): void {
    const isLong = value.length >= longestValue
    const sent = value.trimEnd()
    value = ''
    if (isLong) fields?.longValue(sent)
    else if (wantedContent.test(sent))
      fields?.value(
        Buffer.from(sent, 'latin1')
          .toString()
          .replaceAll(/[&;=+]/g, encodeURIComponent),
      )
    for (const name of named) fields?.named(name, sent)
    if (isCharset) requireReadableCharsets(`charset=${sent}`)
    named = []
  }

  return {
    push(chunk) {
      text += Buffer.from(chunk).toString('latin1')
      while (isHead ? readHead() : readContent());
    },
    end() {
      if (isHead) {
        requirePlainPart(text)
        requireLineEnds(`${text} `)
      } else if (fields) {
        value += text
        endValue()
      }
    },
  }
}

/** A bare CR or LF. A CR at the end of the text received so far may still be followed by its LF. */
const bareLineEnd = /(?<!\r)\n|\r(?!\n|$)/g

/**
 * Refuses bare CR and LF, which some servers accept as the end of a line, and therefore of a head. @param from the position at which to
 * start
 */
function requireLineEnds(head: string, from = 0): void {
  bareLineEnd.lastIndex = from
  if (bareLineEnd.test(head) && !/^--\s*$/.test(head))
    throw new AAuthError('request_malformed', 'The lines in a part’s head must end with CR and LF.')
}

/** A header of a part that specifies how its content is encoded, with its lines. */
const contentHeader = /content-((?:transfer-)?encoding|type)\s*:\s*((?:[^\r\n]|\r\n[\t ])*)/gi

/**
 * Refuses a part whose content some servers decode, so that it cannot be inspected.
 *
 * @throws AAuthError `media_type_unsupported`
 */
function requirePlainContent(head: string): void {
  for (const [, name = '', value = ''] of head.matchAll(contentHeader))
    if (/^type$/i.test(name)) requireReadableCharsets(value)
    else if (!/^(?:7bit|8bit|binary|identity)\s*$/i.test(value))
      throw new AAuthError('media_type_unsupported', 'Send each part of a form without any encoding of its content.')
}

/** The names in a head, wherever they occur: folded, with any quoting, repeated, or in unusual places. */
function requirePlainPart(head: string): string[] {
  const fields: string[] = []
  // Rack uses the Content-ID of a part as its name if the part has no other name.
  const names = [...head.matchAll(/(?<![a-z])name\s*(\*[*\d\s]*)?=\s*|(?<![a-z-])content-id[^\S\r\n]*:\s*<?/gi)]
  if (names.length > mostNames)
    throw new AAuthError('request_malformed', `A part’s head must not contain more than ${mostNames} names.`)
  for (const [at, { 0: start, 1: encoding, index }] of names.entries()) {
    // Each name is read only up to the next one, so that the total time is linear.
    const rest = head.slice(index + start.length, names[at + 1]?.index)
    const quoted = /^(["'])((?:\\.|(?!\1)[^\\\r\n])*)/.exec(rest)?.[2] ?? ''
    const whole = /^[^;\r\n]*/.exec(rest)?.[0] ?? ''
    if (Math.max(quoted.length, whole.length) > longestPartName)
      throw new AAuthError('request_malformed', `A field name must not be longer than ${longestPartName} bytes.`)
    if (encoding !== undefined || whole.includes('=?'))
      throw new AAuthError('request_malformed', 'Send field names in UTF-8, without any other encoding.')
    const one = parameterName(quoted.replaceAll('\\', ''))
    const other = parameterName(whole.replaceAll(/["'\\]/g, '').trimEnd())
    requirePlainFormField(one)
    if (one !== other) requirePlainFormField(other)
    fields.push(one, other)
  }
  return fields
}
