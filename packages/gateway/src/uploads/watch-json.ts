import { AAuthError } from 'countersign/resource'
import { type FieldCheck, mayNameMethod } from '../routes/field-check.js'
import { isUrlName, skippedBefore } from '../routes/nested-urls.js'
import { isPrototypeName, requirePlainName, unescaped } from '../routes/require-plain-fields.js'
import { createJsonStructure } from './json-structure.js'
import type { Watch } from './watch-form.js'
import { tableOf, watchOddNames } from './watch-odd-json.js'

/**
 * Maximum number of characters of a name or value to inspect, including escapes. Relevant names are shorter, and longer URLs are refused.
 */
const longestText = 1024

const refuseOddity = (): void => {
  throw new AAuthError(
    'request_malformed',
    'The body is not JSON: remove comments, write names and strings in double quotes, and use only JSON escapes.',
  )
}

const [quote, backslash, colon, comma] = Buffer.from('"\\:,')
const [brace, bracket, endBracket] = Buffer.from('{[]')

/**
 * 1: structural characters of JSON. 2: characters that have no meaning outside strings, or that lenient parsers may treat as a comment or
 * quote.
 */
const meanings = tableOf('"{}[]:,', "!#$%&'()*/;<=>?@\\^_`|~")

/** 1: the characters that may follow a backslash in JSON. */
const escapes = tableOf('"\\/bfnrtu')

/** A value that is not a string, in JSON, Python or JavaScript. Lenient parsers accept any other word as a string. */
const bareValue = /^(?:true|false|null|NaN|[+-]?(?:[\d.][\w.+-]*|Infinity))$/

/** A word of this length is not a {@link bareValue} that anyone sends. */
const longestBare = 64

/**
 * Inspects the members of a JSON object, whether or not the object is complete, and anything that follows it.
 *
 * @param onOddity called for input that strict parsers reject but lenient ones accept
 */
export function watchMembers(fields?: FieldCheck, onOddity = refuseOddity): Watch {
  const structure = createJsonStructure(onOddity)
  const isItem = () => fields !== undefined && structure.isItem
  /** Whether the next value belongs to a member that may be the URL of a request in a batch. */
  let isUrl = false
  let isString = false
  let isEscaped = false
  /** The last string; undefined if it is not needed. */
  let text: string | undefined
  /** The member of the outermost object whose value is next, if that member may specify the method. */
  let named: string | undefined
  /** A value without quotes that belongs to one of these members. */
  let bare = ''

  function keep(chunk: Buffer, from: number, end: number): void {
    if (text !== undefined && text.length < longestText)
      text += chunk.toString('latin1', from, Math.min(end, from + longestText - text.length))
  }

  /** Reads to the end of a string, or to the end of the chunk. */
  function readString(chunk: Buffer, from: number): number {
    let at = from
    for (; at < chunk.length; at++) {
      const byte = chunk[at] as number
      if (isEscaped) {
        isEscaped = false
        if (escapes[byte] === 0) onOddity()
      } else if (byte === backslash) isEscaped = true
      else if (byte === quote) {
        keep(chunk, from, at)
        endString()
        return at + 1
      }
    }
    keep(chunk, from, chunk.length)
    return chunk.length
  }

  function endString(): void {
    isString = false
    structure.endString()
    if (isUrl && text !== undefined) fields?.url(text.length < longestText ? unescaped(text) : undefined)
    isUrl = false
    if (named === undefined || text === undefined) return
    fields?.named(named, unescaped(text), true)
    named = undefined
  }

  function endName(): void {
    const isOutermost = structure.depth === 1
    if (!isOutermost && !isItem()) return
    if (text === undefined) onOddity()
    const name = unescaped(text ?? '')
    isUrl = isItem() && isUrlName(name)
    if (isOutermost || isPrototypeName(name)) requirePlainName(name)
    if (isOutermost && fields && mayNameMethod(name)) named = name
  }

  function endBare(): void {
    if (bare !== '' && !bareValue.test(bare)) onOddity()
    bare = ''
  }

  function readMark(mark: number): void {
    if (mark === quote) {
      isString = true
      structure.startString()
      const { depth, isName } = structure
      const isRead = isItem() ? isName || isUrl : depth === 1 && (isName || named !== undefined)
      text = isRead ? '' : undefined
    } else if (mark === colon) {
      if (structure.readColon()) endName()
    } else {
      endBare()
      // An array that is used as a URL becomes its joined items.
      if (isUrl && mark === bracket) fields?.url(undefined)
      isUrl = false
      if (mark === comma) structure.readComma()
      else if (mark === brace || mark === bracket) structure.open(mark === bracket)
      else structure.close(mark === endBracket)
      named = undefined
      text = undefined
    }
  }

  const watch: Watch = {
    push(bytes) {
      const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      if (onOddity === refuseOddity && chunk.includes(0))
        throw new AAuthError('media_type_unsupported', 'Send JSON in UTF-8.')
      for (let at = 0; at < chunk.length; )
        if (isString) at = readString(chunk, at)
        else {
          const byte = chunk[at++] as number
          const kind = meanings[byte]
          if (kind === 1) readMark(byte)
          else if (kind === 2) onOddity()
          else if ((isUrl || named !== undefined) && byte > blank && bare.length < longestBare)
            bare += String.fromCharCode(byte)
        }
    },
    end() {
      if (isString) onOddity()
      // Some parsers accept an object without its end.
      watch.push(Uint8Array.of(comma as number))
    },
  }
  return watch
}

/** All bytes up to and including this one are whitespace or control characters. */
const blank = 0x20

const skipped = new RegExp(`[${skippedBefore}]`)

/** The bytes that some parsers skip before JSON. */
const blanks: ReadonlySet<number> = new Set(
  [...Buffer.alloc(256).keys()].filter((byte) => skipped.test(String.fromCharCode(byte))),
)

/** Whether a body starts with an object or array; undefined if the start received so far is only whitespace. */
export function isJsonStart(start: Uint8Array): boolean | undefined {
  const first = start.find((byte) => !blanks.has(byte))
  return first === undefined ? undefined : '{['.includes(String.fromCharCode(first))
}

/** Inspects JSON that may be nonstandard. */
function createOddReader(fields?: FieldCheck): (chunk: Uint8Array) => void {
  let isOdd = false
  /** Undefined before the first byte. */
  let odd: ReturnType<typeof watchOddNames> | undefined
  const members = watchMembers(fields, () => {
    isOdd = true
  })
  return (chunk) => {
    members.push(chunk)
    odd ??= watchOddNames(chunk[0] === bracket, fields)
    odd.push(chunk)
    if (isOdd) odd.requireNone()
  }
}

/**
 * Inspects a body that only some frameworks parse as JSON. Only a member that specifies another request is refused. If the JSON is
 * nonstandard, for example because it has comments, every name is checked, at any depth; within an array, only URL names are checked. If a
 * body does not start with an object or array, nothing beyond its start is inspected.
 *
 * @param starts the characters with which JSON may start: `{`, `[`, and the characters that start a comment
 */
export function watchPossibleMembers(starts: string, fields?: FieldCheck): Watch {
  /** Whether an object or array follows, perhaps after a comment; undefined until this is known. */
  let mayBeJson: boolean | undefined
  /** Number of bytes before the object or array. */
  let before = 0
  /** The start of the object or array, until its encoding is known. */
  let begun = Buffer.alloc(0)
  const read = createOddReader(fields)
  /** Reads UTF-16 or UTF-32, which some parsers detect by its zero bytes. Other parsers skip zero bytes. */
  let readWide: ((chunk: Uint8Array) => void) | undefined

  function readJson(chunk: Uint8Array): void {
    readWide?.(chunk)
    read(readWide ? withoutZeros(chunk) : chunk)
  }

  function readStart(chunk: Uint8Array): void {
    let at = 0
    while (begun.length === 0 && at < chunk.length && blanks.has(chunk[at] as number)) at++
    before += at
    begun = Buffer.concat([begun, chunk.subarray(at)])
    const [first, second] = begun
    if (first !== undefined && !starts.includes(String.fromCharCode(first))) mayBeJson = false
    else if (second === 0 ? begun.length >= 4 : second !== undefined) {
      if (second === 0) readWide = createWideReader(begun, before, createOddReader(fields))
      mayBeJson = true
      readJson(begun)
    }
    if (mayBeJson !== undefined) begun = Buffer.alloc(0)
  }

  return {
    push(chunk) {
      if (mayBeJson === undefined) readStart(chunk)
      else if (mayBeJson) readJson(chunk)
    },
    end: () => undefined,
  }
}

function withoutZeros(chunk: Uint8Array): Uint8Array {
  const rest = new Uint8Array(chunk.length)
  let length = 0
  for (const byte of chunk) if (byte !== 0) rest[length++] = byte
  return rest.subarray(0, length)
}

/**
 * Converts UTF-16 or UTF-32 to UTF-8.
 *
 * @param begun the text from its first ASCII character
 * @param before number of bytes before that character, which may be the last byte of its unit
 */
function createWideReader(
  begun: Uint8Array,
  before: number,
  read: (chunk: Uint8Array) => void,
): (chunk: Uint8Array) => void {
  const size = begun[2] === 0 && begun[3] === 0 ? 4 : 2
  const isBigEndian = before % size === size - 1
  let rest = Buffer.alloc(isBigEndian ? size - 1 : 0)
  return (chunk) => {
    const bytes = Buffer.concat([rest, chunk])
    const whole = bytes.length - (bytes.length % size)
    rest = bytes.subarray(whole)
    let units = Buffer.from(new Uint8Array(bytes.subarray(0, whole)).buffer)
    if (isBigEndian) units = size === 2 ? units.swap16() : units.swap32()
    if (size === 4) {
      const narrow = Uint16Array.from(new Uint32Array(units.buffer), (unit) => (unit > 0xffff ? 0xfffd : unit))
      units = Buffer.from(narrow.buffer)
    }
    if (whole > 0) read(Buffer.from(units.toString('utf16le')))
  }
}
