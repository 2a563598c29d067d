import { AAuthError } from 'countersign/resource'
import { mayNameMethod, methodIn } from '../routes/named-method.js'
import type { FieldWatch, Watch } from './field-watch.js'
import { namesAnother, tableOf, unescaped, watchMembers } from './watch-json.js'

/** Blanks and byte order marks, which may precede an object. */
const blanks: ReadonlySet<number> = new Set(Buffer.from('\t\n\v\f\r \u00a0\u00ef\u00bb\u00bf\u00fe\u00ff', 'latin1'))

/** Whether a body begins as an object, from its start; undefined if there are only blanks. */
export function isObjectStart(start: Uint8Array): boolean | undefined {
  const first = start.find((byte) => byte !== 0 && !blanks.has(byte))
  return first === undefined ? undefined : String.fromCharCode(first) === '{'
}

/**
 * The members of a body that only some frameworks read as JSON: only a member that names another request is refused. If the JSON is odd,
 * such as one with comments, every name counts, at any depth. A body that does not begin as an object costs nothing beyond its start.
 *
 * @param starts The characters an object may begin with: `{`, and those of comments
 */
export function watchPossibleMembers(starts: string, fields?: FieldWatch): Watch {
  /** Whether an object comes, perhaps after a comment; undefined until that is known. */
  let mayBeObject: boolean | undefined
  let hasZeroBefore = false
  /** From the first character of the object on, until one more byte is there. */
  let begun = Buffer.alloc(0)
  /** Whether each character has zeros beside it (UTF-16, UTF-32): some parsers detect that. */
  let isWide = false
  let isOdd = false
  const odd = watchOddNames(fields)
  const members = watchMembers(fields, () => {
    isOdd = true
  })

  function readObject(chunk: Uint8Array): void {
    const narrow = isWide ? chunk.filter((byte) => byte !== 0) : chunk
    members.push(narrow)
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
    if (first !== undefined && !starts.includes(String.fromCharCode(first))) mayBeObject = false
    else if (second !== undefined) {
      isWide = second === 0
      mayBeObject = isWide || !hasZeroBefore
      if (mayBeObject) readObject(begun)
    }
    if (mayBeObject !== undefined) begun = Buffer.alloc(0)
  }

  return {
    push(chunk) {
      if (mayBeObject === undefined) readStart(chunk)
      else if (mayBeObject) readObject(chunk)
    },
    end: () => undefined,
  }
}

const marks = tableOf('{}[],:')
const colon = 0x3a

/** Characters between two marks that are looked at, the last ones: comments may precede a name. */
const longestText = 4096

/** What separates the words of a text in lenient JSON: quotes and comments. */
const separators = /["'*/#\n]+/

/** Collects names and values of JSON from the text between its marks, as the most lenient parsers would read them. */
function watchOddNames(fields?: FieldWatch) {
  /** What was read since the last mark. */
  let text = ''
  let isNamed = false
  let named: string | undefined
  /** A name for each method that was named. */
  const methods = new Map<string, string>()

  function readName(): void {
    // No name of this kind is shorter than `verb`.
    if (text.length < 4) return
    for (const word of separators.test(text) ? text.split(separators) : [text]) {
      if (word.length < 4) continue
      const name = unescaped(word)
      isNamed ||= namesAnother(name)
      if (mayNameMethod(name)) named = name
    }
  }

  function readValue(name: string): void {
    for (const word of text.split(separators)) {
      const method = methodIn(unescaped(word))
      if (method !== undefined) methods.set(method, name)
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
        const isRead = at === chunk.length || named !== undefined || (isName && text.length + at - from > 3)
        if (isRead) text = (text + chunk.toString('latin1', Math.max(from, at - longestText), at)).slice(-longestText)
        from = at + 1
        if (at === chunk.length) continue
        if (named !== undefined) readValue(named)
        if (isName && isRead) readName()
        text = ''
      }
    },
    /** @throws AAuthError if a name or a method that was named is refused */
    requireNone(): void {
      if (isNamed) throw new AAuthError('request_malformed', 'A member names another method or path.')
      for (const [method, name] of methods) fields?.named(name, method, true)
      methods.clear()
    },
  }
}
