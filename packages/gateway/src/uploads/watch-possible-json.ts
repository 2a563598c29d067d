import { AAuthError } from 'countersign/resource'
import { type FieldCheck, isUrlName, mayNameMethod, methodIn, mostInBody } from '../routes/field-check.js'
import { namesRequest } from '../routes/require-plain-fields.js'
import type { Watch } from './watch-form.js'
import { tableOf, unescaped, watchMembers } from './watch-json.js'

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
  /** Whether an object or array comes, perhaps after a comment; undefined until that is known. */
  let mayBeJson: boolean | undefined
  let hasZeroBefore = false
  /** From the first character of the object on, until one more byte is there. */
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
const [colon, bracket] = [0x3a, 0x5b]

/** Characters between two marks that are looked at, the last ones: comments may precede a name. */
const longestText = 4096

/** What separates the words of a text in lenient JSON: quotes and comments. */
const separators = /["'*/#\n]+/

/** Collects names and values of JSON from the text between its marks, as the most lenient parsers would read them. */
function watchOddNames(isArray: boolean, fields?: FieldCheck) {
  /** What was read since the last mark. */
  let text = ''
  let isNamed = false
  let named: string | undefined
  let isUrl = false
  /** A name for each method that was named. */
  const methods = new Map<string, string>()
  const urls = new Set<string>()

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
    if (isUrl && urls.size <= mostInBody) urls.add(unescaped(text).replaceAll(/["'`\s]|\/\*.*?\*\//gs, ''))
    for (const word of named === undefined ? [] : text.split(separators)) {
      const method = methodIn(unescaped(word))
      if (method !== undefined) methods.set(method, named as string)
    }
    named = undefined
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
        if (isRead) text = (text + chunk.toString('latin1', Math.max(from, at - longestText), at)).slice(-longestText)
        from = at + 1
        if (at === chunk.length) continue
        if (isValue) readValue()
        // A URL goes on after the colon of its scheme.
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
