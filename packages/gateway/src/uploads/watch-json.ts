import { AAuthError } from 'countersign/resource'
import { type FieldCheck, mayNameMethod, methodIn, mostInBody } from '../routes/field-check.js'
import { isUrlName } from '../routes/nested-urls.js'
import { namesRequest, requirePlainName, unescaped } from '../routes/require-plain-fields.js'
import type { Watch } from './watch-form.js'

/** Characters of a name or value that are inspected, with escapes: no name that counts is longer, and a longer URL is refused. */
const longestText = 1024

/** Depth from which every object counts as an item of an array. */
const deepest = 64

const refuseOddity = (): void => {
  throw new AAuthError(
    'request_malformed',
    'The body is not JSON: remove comments, and write names and strings in double quotes.',
  )
}

const [quote, backslash, colon, comma] = Buffer.from('"\\:,')
const [brace, bracket] = Buffer.from('{[')

/** A number for each byte: 1 and 2 for those of some characters, 0 for every other one. */
function tableOf(marks: string, others = ''): Uint8Array {
  const table = new Uint8Array(256)
  for (const byte of Buffer.from(marks)) table[byte] = 1
  for (const byte of Buffer.from(others)) table[byte] = 2
  return table
}

/** 1: structure of JSON. 2: no meaning outside of strings, or what lenient parsers take for a comment or a quote. */
const structure = tableOf('"{}[]:,', "!#$%&'()*/;<=>?@\\^_`|~")

/**
 * The members of an object in JSON, whatever follows it, complete or not.
 *
 * @param onOddity called for what strict parsers refuse and lenient ones read
 */
export function watchMembers(fields?: FieldCheck, onOddity = refuseOddity): Watch {
  let depth = 0
  /** Whether the container at each depth is an array, up to `deepest`. */
  const arrays: boolean[] = []
  /** Whether the container is an object that is an item of an array, as requests in a batch are. */
  let isItem = false
  /** Whether the next value is one of a member that may be the URL of a request in a batch. */
  let isUrl = false
  let isString = false
  let isEscaped = false
  let isName = true
  /** The last string; undefined if it is not needed. */
  let text: string | undefined
  /** The member of the outermost object whose value is next, if it may name the method. */
  let named: string | undefined

  function keep(chunk: Buffer, from: number, end: number): void {
    if (text !== undefined && text.length < longestText)
      text += chunk.toString('latin1', from, Math.min(end, from + longestText - text.length))
  }

  /** Reads to the end of a string, or of the chunk. */
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
    if (isName || named === undefined || text === undefined) return
    fields?.named(named, unescaped(text), true)
    named = undefined
  }

  function endName(): void {
    isName = false
    if (isItem) {
      if (text === undefined) onOddity()
      else isUrl = isUrlName(unescaped(text))
      text = undefined
    }
    if (depth !== 1) return
    if (text === undefined) onOddity()
    else {
      const name = unescaped(text)
      requirePlainName(name)
      if (fields && mayNameMethod(name)) named = name
      text = undefined
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
      // As a URL, an array is its items, joined.
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

/** Blanks and byte order marks, which may precede JSON. */
const blanks: ReadonlySet<number> = new Set(Buffer.from('\t\n\v\f\r \u00a0\u00ef\u00bb\u00bf\u00fe\u00ff', 'latin1'))

/** Whether a body begins as an object or array, from its start; undefined if there are only blanks. */
export function isJsonStart(start: Uint8Array): boolean | undefined {
  const first = start.find((byte) => byte !== 0 && !blanks.has(byte))
  return first === undefined ? undefined : '{['.includes(String.fromCharCode(first))
}

/**
 * Inspects a body that only some frameworks parse as JSON: only a member that names another request is refused. If the JSON is odd, such as
 * one with comments, every name counts, at any depth; in an array, only names of URLs. A body that does not begin as an object or array
 * costs nothing beyond its start.
 *
 * @param starts The characters that JSON may begin with: `{`, `[`, and those of comments
 */
export function watchPossibleMembers(starts: string, fields?: FieldCheck): Watch {
  /** Whether an object or array follows, perhaps after a comment; undefined until that is known. */
  let mayBeJson: boolean | undefined
  let hasZeroBefore = false
  /** The first character of the object or array, until a second byte arrives. */
  let begun = Buffer.alloc(0)
  /** Whether each character has zeros beside it (UTF-16, UTF-32): some parsers detect that. */
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

const marks = tableOf('{}[],:')

/** The last characters between two marks, which are inspected: comments may precede a name. */
const longestOddText = 4096

/** Separators of words in lenient JSON: quotes and comments. */
const separators = /["'*/#\n]+/

/** Collects names and values of JSON from the text between its marks, as the most lenient parsers would read them. */
function watchOddNames(isArray: boolean, fields?: FieldCheck) {
  /** The text since the last mark. */
  let text = ''
  let isNamed = false
  let named: string | undefined
  let isUrl = false
  /** A name for each method that was named. */
  const methods = new Map<string, string>()
  const urls = new Set<string | undefined>()

  function readName(): void {
    // No name of this kind is shorter than `url`.
    if (text.length < 3) return
    for (const word of separators.test(text) ? text.split(separators) : [text]) {
      const name = unescaped(word).trim()
      isUrl ||= isUrlName(name)
      if (isArray || word.length < 4) continue
      isNamed ||= namesRequest(name)
      if (mayNameMethod(name)) named = name
    }
  }

  function readValue(): void {
    if (isUrl && urls.size <= mostInBody) urls.add(urlOf(text))
    for (const word of named === undefined ? [] : text.split(separators)) {
      const method = methodIn(unescaped(word))
      if (method !== undefined) methods.set(method, named as string)
    }
    named = undefined
  }

  function urlOf(written: string): string | undefined {
    // Up to the end of the last comment, so that no other one is searched to the end of the text.
    const end = written.lastIndexOf('*/') + 2
    const bare = written.slice(0, end).replaceAll(/\/\*.*?\*\//gs, '') + written.slice(end)
    // The mark that ends the text may be within a comment.
    if (written.length >= longestOddText || /^\s*(?:#|\/\*)/.test(bare)) return undefined
    // Line ends and blanks around quotes are not part of the URL; those within are.
    return unescaped(/^[\s"'`]*(.*[^\s"'`])?/s.exec(bare)?.[1] ?? '')
  }

  return {
    push(bytes: Uint8Array): void {
      const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      let from = 0
      for (let at = 0; at <= chunk.length; at++) {
        if (at < chunk.length && marks[chunk[at] as number] === 0) continue
        const isName = chunk[at] === colon
        const isValue = named !== undefined || isUrl
        const isRead = at === chunk.length || isValue || (isName && text.length + at - from > 2)
        if (isRead)
          text = (text + chunk.toString('latin1', Math.max(from, at - longestOddText), at)).slice(-longestOddText)
        from = at + 1
        if (at === chunk.length) continue
        if (isUrl && chunk[at] === bracket) urls.add(undefined)
        else if (isValue) readValue()
        // A URL continues after the colon of its scheme.
        if (!isName) isUrl = false
        else if (isRead) readName()
        text = ''
      }
    },
    /** @throws AAuthError if a name, or a method or URL that was named, is refused */
    requireNone(): void {
      if (isNamed) throw new AAuthError('request_malformed', 'A member names another method or path.')
      for (const [method, name] of methods) fields?.named(name, method, true)
      for (const url of urls) fields?.url(url)
      methods.clear()
      urls.clear()
    },
  }
}
