import type { IncomingHttpHeaders } from 'node:http'
import { brotliDecompressSync, constants, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib'
import { AAuthError } from 'countersign/resource'
import { type CheckedRequest, createFieldCheck, type FieldCheck } from '../routes/field-check.js'
import { charsetsOf, isMultibyte, requireReadableCharsets } from './charsets.js'
import { blanks, JsonScanner } from './json-scanner.js'
import { requireBoundary, type Watch, watchParameters, watchParts } from './watch-form.js'
import { watchJson } from './watch-json.js'
import { createStartFinder, watchAnyType, wideStart } from './watch-text.js'

/**
 * Inspects a body as it arrives, for a field or member that frameworks use as the method or the path (G02). The media type determines
 * whether the body is parsed as a form. Only the body's start determines whether it is parsed as JSON, because some frameworks parse any
 * type (G49). A body must have a single interpretation: none is guessed for what is not valid JSON.
 *
 * @param judged the request, to check the values of fields that may be a path or a method; without it, only names are inspected
 * @throws AAuthError `media_type_unsupported`; `request_malformed` for a form that cannot be inspected
 */
export function createBodyWatch(headers: IncomingHttpHeaders, judged?: CheckedRequest): Watch {
  const fields = judged ? createFieldCheck(judged) : noFieldCheck
  const type = (headers['content-type'] ?? '').trim()
  const watches: Watch[] = []
  if (type === '' || namesParameters(type)) watches.push(watchParameters(fields))
  if (namesParts(type)) watches.push(watchParts(requireBoundary(type), fields))
  const isStrict = isJson(type)
  const isBinary = binary.test(type)
  const mayBeRead = isStrict || type === '' || /json/i.test(type)
  const coding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  requireReadableCharsets(type)
  if (watches.length > 0 || mayBeRead) requireReadable(type, coding)
  if (coding !== 'identity') watches.push(watchPackedStart(coding, isBinary))
  if (isMultibyte(type)) watches.push(refuseJsonStart())
  // Many frameworks do not decode a body, so the raw bytes are inspected as well: a compressed body may also be JSON.
  watches.push(isStrict ? watchJson(fields) : watchAnyType(isBinary, fields))
  return {
    push(chunk) {
      for (const watch of watches) watch.push(chunk)
    },
    end() {
      for (const watch of watches) watch.end()
    },
  }
}

/** Checks nothing, for a request that the API itself authenticates. */
const noFieldCheck: FieldCheck = {
  isData: false,
  anyPath: false,
  mayNest: () => false,
  header: () => undefined,
  name: () => undefined,
  methodField: () => undefined,
  value: () => undefined,
  longValue: () => undefined,
  url: () => undefined,
}

/** Whether a framework could parse a body of this type as a form. Some frameworks search for these words anywhere in the type. */
export function namesForm(type: string): boolean {
  return namesParameters(type) || namesParts(type)
}

function namesParameters(type: string): boolean {
  return /url-?encoded/i.test(type)
}

/** For some frameworks, this word is enough if there is a boundary. */
function namesParts(type: string): boolean {
  return /multipart\//i.test(type) || (/multipart/i.test(type) && /boundary/i.test(type))
}

/** Whether a type is JSON, or one of several types is. Only some frameworks recognize JSON in a parameter or in quotes (G49). */
function isJson(type: string): boolean {
  return /(?:^|,)[^,;]*json/i.test(type.replaceAll(/"[^"]*"/g, ''))
}

/** Types that are never text. Parameters that name other formats are not allowed. */
const binary =
  /^(?:(?:image|audio|video|font|model)\/[\w.+-]+|application\/(?:octet-stream|pdf|rtf|(?:x-)?(?:zip|zip-compressed|gzip|tar|bzip2?|xz|7z-compressed|rar-compressed)|zstd|wasm|(?:x-|vnd\.google\.)?protobuf|grpc(?:-web)?(?:\+proto)?|cbor|(?:x-|vnd\.)?msgpack|java-archive|msword|vnd\.(?:openxmlformats-|ms-|oasis\.opendocument\.|apache\.|sqlite3)[\w.+-]*))\s*(?:;(?!.*(?:json|form|multipart)).*)?$/i

/** Encodings in which the letters of a name are single, ASCII-compatible bytes. */
const plainCharset = /^(?:utf-?8|(?:us-)?ascii|iso-8859-1|latin1|windows-1252)$/i

function requireReadable(type: string, coding: string): void {
  if (coding !== 'identity')
    throw new AAuthError('media_type_unsupported', 'Send forms and JSON without Content-Encoding.')
  if (!charsetsOf(type).every((charset) => plainCharset.test(charset))) throw jsonNotUtf8()
}

function jsonNotUtf8(): AAuthError {
  return new AAuthError('media_type_unsupported', 'Send forms and JSON in UTF-8.')
}

/** Refuses a body that starts as JSON. */
function refuseJsonStart(): Watch {
  const { find } = createStartFinder()
  let at: number | undefined = -1
  return {
    push(chunk) {
      if (at === -1) at = find(chunk)
      if (at !== undefined && at >= 0) throw jsonNotUtf8()
    },
    end: () => undefined,
  }
}

/** Number of bytes of a compressed body to decompress in order to find its first character. */
const shown = 1024

/** Maximum output of the decompression, in bytes. A few bytes of brotli may expand to megabytes. */
const maxOutputLength = 4096

const limits = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength }
const brotliLimits = { finishFlush: constants.BROTLI_OPERATION_FLUSH, maxOutputLength }

/** The ways in which servers decompress a body. */
const unpacked: Readonly<Record<string, readonly Unpack[]>> = {
  gzip: [(packed) => gunzipSync(packed, limits)],
  'x-gzip': [(packed) => gunzipSync(packed, limits)],
  deflate: [(packed) => inflateSync(packed, limits), (packed) => inflateRawSync(packed, limits)],
  br: [(packed) => brotliDecompressSync(packed, brotliLimits)],
}

/**
 * Decompresses the start of a body, and refuses the body if it may be JSON, because members can be inspected only in uncompressed JSON.
 *
 * @throws AAuthError `media_type_unsupported`, also for codings other than gzip, deflate or br
 */
function watchPackedStart(coding: string, isBinary: boolean): Watch {
  const unpack = Object.hasOwn(unpacked, coding) ? unpacked[coding] : undefined
  if (!unpack)
    throw new AAuthError('media_type_unsupported', 'Send bodies in gzip, deflate or br, or without Content-Encoding.')
  let start: Buffer | undefined = Buffer.alloc(0)

  const look = (): void => {
    const packed = start
    start = undefined
    if (!packed || packed.length === 0) return
    const judge = isBinary ? startsAsValidJson : startsAsText
    const starts = unpack.map((each) => startsAsJson(each, judge, packed))
    if (!starts.includes(false) || starts.some((start) => start === true || start === 'unknown'))
      throw new AAuthError(
        'media_type_unsupported',
        'The compressed body may be JSON, or cannot be decompressed: send it without Content-Encoding.',
      )
  }

  return {
    push(chunk) {
      if (!start) return
      start = Buffer.concat([start, chunk.subarray(0, shown - start.length)])
      if (start.length === shown) look()
    },
    end: look,
  }
}

type Unpack = (packed: Uint8Array) => Buffer

/** Whether a decompressed start is JSON; `unknown` if JSON may be in the rest. */
type JudgeStart = (start: Buffer) => boolean | 'unknown'

/**
 * Whether a compressed body starts with an object or array. If decompressing the whole start yields too much output, a shorter prefix is
 * used instead: in an honest body, a few bytes suffice for the first character.
 */
function startsAsJson(unpack: Unpack, judge: JudgeStart, packed: Uint8Array): boolean | 'unknown' | 'unreadable' {
  const whole = unpackedStart(unpack, judge, packed)
  if (whole !== 'too long') return whole
  let [short, long] = [0, packed.length]
  while (long - short > 1) {
    const middle = (short + long) >> 1
    const found = unpackedStart(unpack, judge, packed.subarray(0, middle))
    if (typeof found === 'boolean') return found
    if (found === 'too long') long = middle
    else short = middle
  }
  return 'unknown'
}

function unpackedStart(
  unpack: Unpack,
  judge: JudgeStart,
  packed: Uint8Array,
): boolean | 'unknown' | 'unreadable' | 'too long' {
  let start: Buffer
  try {
    start = unpack(packed)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
      ? 'too long'
      : 'unreadable'
  }
  return judge(start)
}

function startsAsText(start: Buffer): boolean | 'unknown' {
  const at = createStartFinder().find(start)
  return at === -1 ? 'unknown' : at !== undefined
}

/** For a body that only parsers of valid JSON read: most binary bodies are soon invalid, and may start with many zero bytes. */
function startsAsValidJson(start: Buffer): boolean | 'unknown' {
  const at = start.findIndex((byte) => blanks[byte] === 0)
  if (at === -1) return start.length >= shown && start.every((byte) => byte === 0) ? false : 'unknown'
  const first = start.toString('latin1', at, at + 6)
  if (wideStart.test(first)) return true
  if (/^[[{]\0{1,3}[^\0]?$/.test(first)) return 'unknown'
  const scanner = new JsonScanner({
    string: () => false,
    endString: () => undefined,
    bare: () => undefined,
    open: () => undefined,
  })
  scanner.push(start.subarray(at))
  return !scanner.isInvalid && /[[{]/.test(String.fromCharCode(start[at] as number))
}
