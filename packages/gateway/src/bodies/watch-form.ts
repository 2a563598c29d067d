import { AAuthError } from 'countersign/resource'
import { type FieldCheck, mayBeBatch, mayNameMethod } from '../routes/field-check.js'
import { parameterName } from '../routes/lenient-decoding.js'
import { skippedBefore } from '../routes/nested-urls.js'
import { requirePlainFormField } from '../routes/require-plain-fields.js'
import { requireReadableCharsets } from './charsets.js'

/** Inspects a body as it arrives. Both methods throw an AAuthError if it must not be forwarded. */
export interface Watch {
  push(chunk: Uint8Array): void
  end(): void
}

/** Maximum number of characters of a value to inspect: more than servers accept in a path. */
const longestValue = 8192

/** Number of characters of the shortest name that matters, such as `verb`. Shorter names are skipped. */
const shortestName = 4

/** Maximum number of encoded characters of a name to inspect; the names of a method or path are shorter. */
const longestName = 1024

/** What servers remove before a name: PHP whitespace, and Rack brackets. */
const blanks = /^(?:[\s+[\]]|%20|%0[09a-d]|%5[bd])+/i

/** By byte: whether a value that starts with it may be a path or JSON, possibly encoded, or after whitespace or a byte order mark. */
const wantedStarts = Array.from({ length: 256 }, (_, byte) =>
  /[\0-\x20/\\[{%+\xa0\xc2\xe1-\xe3\xef\xfe\xff]/.test(String.fromCharCode(byte)),
)

/** The content of a part that may be a path or JSON, possibly encoded. */
const wantedContent = new RegExp(String.raw`^[${skippedBefore}]*[%/\\[{]`)

const [ampersand, semicolon, equals] = [0x26, 0x3b, 0x3d]

/** Inspects names and values in the format of a query string. */
export function watchParameters(fields: FieldCheck): Watch {
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
    if (from === end) return
    isWanted ??= mayBeMethod || fields.anyPath || wantedStarts[text[from] as number]
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
    if (text.length < longestValue) fields.value(text)
    else fields.longValue(text)
  }

  function endName(): void {
    if (name.length >= shortestName) {
      name = parameterName(name)
      requirePlainFormField(name)
      fields.name(name)
      mayBeMethod = mayNameMethod(name)
    }
    isValue = true
  }

  function endField(): void {
    if (!isValue) endName()
    if (value !== '') {
      readWhole(value)
      if (mayBeMethod) fields.methodField(name, value)
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
        else if (byte === undefined || name !== '' || at - from >= shortestName) readName(text, from, at)
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

const longestPartName = 4096

/**
 * Returns the boundary of a multipart type, if all servers parse it in the same way. Some servers search for the word anywhere in the type,
 * so its first occurrence must be the parameter, and there must not be another such parameter. The word may occur within the boundary
 * itself, as it does in browsers' boundaries.
 *
 * @throws AAuthError `request_malformed`
 */
export function requireBoundary(type: string): string {
  const boundary = /^(?:(?!boundary).)*;\s*boundary=("?)([\w+.-]{1,70})\1(?:;|$)/i.exec(type)?.[2]
  if (boundary === undefined || type.match(/boundary\s*[*=]/gi)?.length !== 1)
    throw new AAuthError(
      'request_malformed',
      'A multipart Content-Type must have exactly one boundary parameter of 1 to 70 letters, digits, hyphens, underscores, plus signs and periods.',
    )
  return boundary
}

function refused(what: string): AAuthError {
  return new AAuthError('request_malformed', `The multipart body is not accepted: ${what}.`)
}

/**
 * Inspects the parts of a multipart body. Anything that servers parse in different ways is refused: text around the parts, boundaries within
 * a line, and heads that are not {@link readHeaders plain}.
 */
export function watchParts(boundary: string, fields: FieldCheck): Watch {
  const delimiter = `--${boundary}`
  /** Some servers, such as h3, treat quotes around the boundary as part of it. */
  const quoted = `--"${boundary}"`
  /** Text that has not been inspected yet. The content of a part starts with the end of the line before it. */
  let text = '\r\n'
  let state: 'preamble' | 'head' | 'content' | 'end' = 'preamble'
  /** The position up to which the text has been searched for the end of a head. */
  let looked = 0
  /** The start of the content of a part. */
  let value = ''
  /** Names of the part that may specify the request method. */
  let methodNames: string[] = []
  /** Whether the part contains the encoding of the parts that follow it. */
  let isCharset = false

  function readHead(): boolean {
    const end = text.indexOf('\r\n\r\n', looked)
    if ((end === -1 ? text.length : end) > longestHead)
      throw refused(`a part’s head is larger than ${longestHead} bytes`)
    looked = end === -1 ? Math.max(0, text.length - 3) : 0
    if (end === -1) return false
    const names = readHeaders(text.slice(0, end))
    for (const name of names) fields.name(name)
    methodNames = names.filter(mayNameMethod)
    isCharset = names.includes('_charset_')
    text = text.slice(end + 2)
    state = 'content'
    return true
  }

  /** Reads up to the next delimiter, and returns whether it was found. */
  function readContent(): boolean {
    const at = text.indexOf(delimiter)
    const isFound = at !== -1 && text.length >= at + delimiter.length + 2
    const end = at === -1 ? Math.max(0, text.length - quoted.length - 2) : at
    if (text.slice(0, isFound ? at : undefined).includes(quoted)) throw refused('it contains a boundary in quotes')
    if (state === 'preamble' && end > 4) throw refused(`it must start with --${boundary}`)
    if (!isFound && at !== -1) return false
    if (state === 'content' && value.length < longestValue + 2) value += text.slice(0, Math.min(end, longestValue + 2))
    if (!isFound) {
      text = text.slice(end)
      return false
    }
    const following = text.slice(at + delimiter.length, at + delimiter.length + 2)
    if (text.slice(at - 2, at) !== '\r\n' || (following !== '\r\n' && following !== '--'))
      throw refused('a boundary must be a whole line')
    if (state === 'content') endValue()
    state = following === '--' ? 'end' : 'head'
    text = text.slice(at + delimiter.length + (following === '--' ? 2 : 0))
    return true
  }

  function endValue(): void {
    const isLong = value.length >= longestValue + 2
    const sent = value.slice(2).trimEnd()
    value = ''
    if (isLong) fields.longValue(asParameter(sent))
    else if (fields.anyPath || wantedContent.test(sent)) fields.value(asParameter(sent))
    for (const name of methodNames) fields.methodField(name, sent)
    if (isCharset) requireReadableCharsets(`charset=${sent}`)
    methodNames = []
  }

  return {
    push(chunk) {
      text += Buffer.from(chunk).toString('latin1')
      while (state === 'head' ? readHead() : state !== 'end' && readContent());
      if (state !== 'end') return
      if (text.trim() !== '') throw refused('it continues after its last boundary')
      text = ''
    },
    end() {
      if (state !== 'end') throw refused(`it must end with --${boundary}--`)
    },
  }
}

/** The content of a part, given its bytes, as the value of a parameter. */
function asParameter(bytes: string): string {
  return Buffer.from(bytes, 'latin1')
    .toString()
    .replaceAll(/[&;=+]/g, encodeURIComponent)
}

/** A header of a part, on one line. */
const headerLine = /^([a-z][a-z-]*): *([\t\x20-\x7e\x80-\xff]*)$/i

/** The parameters of a Content-Disposition. A filename may contain anything but what may be another parameter. */
const disposition =
  /^[\w-]+(?:; ?(?:name=(?:"[^"\\]*"|[\w.+%[\]-]+)|filename=(?:"(?!(?:[^"\\]|\\.)*name\s*\*?=)(?:[^"\\]|\\.)*"|[\w.+%-]+)|filename\*=[\w.+%'!#$&^`|~-]+))*;?$/i

/** A name in any header of a part; if it is encoded, its `=` is part of the match. */
const nameParameter = /(?<!file)name\s*(?:=\s*"([^"]*)"|=\s*([^;]*)|\*([^;]*))/gi

/**
 * The names of a part, of which there is usually one. Some servers search the whole head: Rack also finds a name in `X-Content-Disposition`,
 * and uses the Content-ID if there is no other.
 *
 * @throws AAuthError `request_malformed` for a head that some servers may parse differently, or with a name that specifies another method or
 * path; `media_type_unsupported` if a server would decode the content, so that it cannot be inspected
 */
function readHeaders(head: string): string[] {
  const names: string[] = []
  const seen = new Set<string>()
  for (const line of head === '' ? [] : head.slice(2).split('\r\n')) {
    const [, header, value] = (headerLine.exec(line) ?? ['', '']) as unknown as [string, string, string]
    const lower = header.toLowerCase()
    if (header === '' || seen.has(lower))
      throw refused('each header of a part must be on one line that ends with CR and LF, and occur once')
    seen.add(lower)
    if (
      lower === 'content-disposition' &&
      (!disposition.test(value) || /(?<!file)name=.*(?<!file)name=|filename=.*filename=/i.test(value))
    )
      throw refused('Content-Disposition must be form-data; name="…"; filename="…", without escapes in the name')
    for (const [, quoted, unquoted, encoded] of line.matchAll(nameParameter))
      names.push((quoted ?? unquoted ?? encoded) as string)
    const id = /content-id:(.*)/i.exec(line)?.[1]
    if (id !== undefined) names.push(id.replaceAll(/[<>]/g, '').trim())
    if (lower === 'content-type') requireReadableCharsets(value)
    else if (/^content-(?:transfer-)?encoding$/.test(lower) && !/^(?:7bit|8bit|binary|identity)\s*$/i.test(value))
      throw new AAuthError('media_type_unsupported', 'Send each part of a form without any encoding of its content.')
  }
  return names.map((name) => {
    if (name.length > longestPartName || /[;=\\]/.test(name))
      throw refused('a field’s name must be short, in UTF-8, and without ;, = and escapes')
    const decoded = parameterName(name)
    requirePlainFormField(decoded)
    return decoded
  })
}
