import { AAuthError } from 'countersign/resource'
import { type FieldCheck, mayNameMethod } from '../routes/field-check.js'
import { isUrlName } from '../routes/nested-urls.js'
import { requirePlainName, unescaped } from '../routes/require-plain-fields.js'
import type { Watch } from './watch-form.js'
import { tableOf, watchOddNames } from './watch-odd-json.js'

/**
 * Maximum number of characters of a name or value to inspect, including escapes. Relevant names are shorter, and longer URLs are refused.
 */
const longestText = 1024

/** Depth from which every object is treated as an array item. */
const deepest = 64

const refuseOddity = (): void => {
  throw new AAuthError(
    'request_malformed',
    'The body is not JSON: remove comments, and write names and strings in double quotes.',
  )
}

const [quote, backslash, colon, comma] = Buffer.from('"\\:,')
const [brace, bracket] = Buffer.from('{[')

/**
 * 1: structural characters of JSON. 2: characters that have no meaning outside strings, or that lenient parsers may treat as a comment or
 * quote.
 */
const structure = tableOf('"{}[]:,', "!#$%&'()*/;<=>?@\\^_`|~")

/**
 * Inspects the members of a JSON object, whether or not the object is complete, and anything that follows it.
 *
 * @param onOddity called for input that strict parsers reject but lenient ones accept
 */
export function watchMembers(fields?: FieldCheck, onOddity = refuseOddity): Watch {
  let depth = 0
  /** Whether the container at each depth is an array, up to `deepest`. */
  const arrays: boolean[] = []
  /** Whether the current container is an object in an array, as the requests in a batch are. */
  let isItem = false
  /** Whether the next value belongs to a member that may be the URL of a request in a batch. */
  let isUrl = false
  let isString = false
  let isEscaped = false
  let isName = true
  /** The last string; undefined if it is not needed. */
  let text: string | undefined
  /** The member of the outermost object whose value is next, if that member may specify the method. */
  let named: string | undefined

  function keep(chunk: Buffer, from: number, end: number): void {
    if (text !== undefined && text.length < longestText)
      text += chunk.toString('latin1', from, Math.min(end, from + longestText - text.length))
  }

  /** Reads to the end of a string, or to the end of the chunk. */
  function readString(chunk: Buffer, from: number): number {
    let at = isEscaped ? from + 1 : from
    isEscaped = false
    for (; at < chunk.length; at++) {
      const byte = chunk[at]
      if (byte === backslash) at++
      else if (byte === quote) {
        keep(chunk, from, at)
        endString()
        return at + 1
      }
    }
    isEscaped = at > chunk.length
    keep(chunk, from, chunk.length)
    return chunk.length
  }

  function endString(): void {
    isString = false
    if (isUrl && text !== undefined) fields?.url(text.length < longestText ? unescaped(text) : undefined)
    isUrl = false
    if (named === undefined || text === undefined) return
    fields?.named(named, unescaped(text), true)
    named = undefined
  }

  function endName(): void {
    isName = false
    if (isItem) {
      if (text === undefined) onOddity()
      else isUrl = isUrlName(unescaped(text))
    }
    if (depth !== 1) return
    if (text === undefined) onOddity()
    else {
      const name = unescaped(text)
      requirePlainName(name)
      if (fields && mayNameMethod(name)) named = name
    }
  }

  function readMark(mark: number): void {
    if (mark === quote) {
      isString = true
      const isRead = isItem ? isName || isUrl : depth === 1 && (isName || named !== undefined)
      text = isRead ? '' : undefined
    } else if (mark === colon) {
      if (isName) endName()
    } else {
      // An array that is used as a URL becomes its joined items.
      if (isUrl && mark === bracket) fields?.url(undefined)
      isUrl = false
      if (mark === brace || mark === bracket) {
        depth += 1
        if (depth < deepest) arrays[depth] = mark === bracket
      } else if (mark !== comma) depth = Math.max(0, depth - 1)
      isItem = fields !== undefined && (depth >= deepest || (arrays[depth] === false && arrays[depth - 1] === true))
      isName = true
      named = undefined
      text = undefined
    }
  }

  return {
    push(bytes) {
      const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      if (onOddity === refuseOddity && chunk.includes(0))
        throw new AAuthError('media_type_unsupported', 'Send JSON in UTF-8.')
      for (let at = 0; at < chunk.length; )
        if (isString) at = readString(chunk, at)
        else {
          const byte = chunk[at++] as number
          const kind = structure[byte]
          if (kind === 1) readMark(byte)
          else if (kind === 2) onOddity()
        }
    },
    end: () => undefined,
  }
}

/** Control characters, whitespace and byte order marks, which some parsers skip before JSON. */
const blanks: ReadonlySet<number> = new Set([
  ...Buffer.alloc(0x21).keys(),
  ...Buffer.from('\u00a0\u00ef\u00bb\u00bf\u00fe\u00ff', 'latin1'),
])

/** Whether a body starts with an object or array; undefined if the start received so far is only whitespace. */
export function isJsonStart(start: Uint8Array): boolean | undefined {
  const first = start.find((byte) => !blanks.has(byte))
  return first === undefined ? undefined : '{['.includes(String.fromCharCode(first))
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
  let hasZeroBefore = false
  /** The first character of the object or array, until a second byte arrives. */
  let begun = Buffer.alloc(0)
  /** Whether each character is padded with zero bytes (UTF-16, UTF-32), which some parsers detect. */
  let isWide = false
  let isOdd = false
  /** Undefined before the first byte. */
  let odd: ReturnType<typeof watchOddNames> | undefined
  const members = watchMembers(fields, () => {
    isOdd = true
  })

  function readJson(chunk: Uint8Array): void {
    const narrow = isWide ? chunk.filter((byte) => byte !== 0) : chunk
    members.push(narrow)
    odd ??= watchOddNames(narrow[0] === bracket, fields)
    odd.push(narrow)
    if (isOdd) odd.requireNone()
  }

  function readStart(chunk: Uint8Array): void {
    let at = 0
    for (; begun.length === 0 && at < chunk.length; at++) {
      const byte = chunk[at] as number
      if (byte === 0) hasZeroBefore = true
      else if (!blanks.has(byte)) break
    }
    begun = Buffer.concat([begun, chunk.subarray(at)])
    const [first, second] = begun
    if (first !== undefined && !starts.includes(String.fromCharCode(first))) mayBeJson = false
    else if (second !== undefined) {
      isWide = second === 0
      mayBeJson = isWide || !hasZeroBefore
      if (mayBeJson) readJson(begun)
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
