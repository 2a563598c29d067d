import { AAuthError } from 'countersign/resource'
import { namesAnotherRequest } from '../fields/reads-as-override.js'
import type { Watch } from './watch.js'

/** Longest name that is looked at. */
const longestName = 1_048_576

const refuseOddity = (): void => {
  throw new AAuthError('request_malformed', 'This is no JSON: no comments, and names and texts in double quotes.')
}

/**
 * The members of an object in JSON, be it followed by anything, or broken off.
 *
 * @param onOddity called for what strict parsers refuse and lenient ones read
 */
export function watchMembers(onOddity = refuseOddity): Watch {
  let depth = 0
  let isString = false
  let isEscaped = false
  /** Of the outermost object: the string that was read last, unless it is a value. */
  let name: string | undefined
  let isName = true

  /** Reads on within a string, and gives where it goes on after that. */
  function readString(text: string, from: number): number {
    if (isEscaped) {
      isEscaped = false
      take(text.slice(from, from + 1))
      return from + 1
    }
    const at = next(/["\\]/g, text, from)
    take(text.slice(from, at))
    if (at === text.length) return at
    if (text[at] === '"') isString = false
    else {
      isEscaped = true
      take('\\')
    }
    return at + 1
  }

  function requireMember(): void {
    if (name === undefined) onOddity()
    else requirePlainMember(name)
  }

  function take(part: string): void {
    if (name !== undefined && depth === 1 && name.length <= longestName) name += part
  }

  function readStructure(text: string, from: number): number {
    const at = next(structure, text, from)
    const found = text[at]
    if (found !== undefined && !'"{}[]:,'.includes(found)) onOddity()
    if (found === '"') {
      isString = true
      if (isName) name = ''
    } else if (found === ':') {
      if (isName && depth === 1) requireMember()
      isName = false
      name = undefined
    } else if (found !== undefined) {
      if (found === '{' || found === '[') depth += 1
      else if (found !== ',') depth = Math.max(0, depth - 1)
      isName = true
      name = undefined
    }
    return at + 1
  }

  return {
    push(chunk) {
      if (chunk.includes(0) && onOddity === refuseOddity)
        throw new AAuthError('media_type_unsupported', 'Send JSON in UTF-8.')
      const text = Buffer.from(chunk).toString('latin1')
      for (let at = 0; at < text.length; ) at = isString ? readString(text, at) : readStructure(text, at)
    },
    end: () => undefined,
  }
}

/** What has a meaning outside of strings, or none, as what lenient parsers take for a comment or a quote. */
const structure = /["{}[\]:,!#$%&'()*/;<=>?@\\^_`|~]/g

/** Where one of some characters is next; the end of the text where there is none. */
function next(characters: RegExp, text: string, from: number): number {
  characters.lastIndex = from
  return characters.exec(text)?.index ?? text.length
}

function requirePlainMember(raw: string): void {
  if (raw.length > longestName || namesAnother(raw))
    throw new AAuthError('request_malformed', `The member ${unescaped(raw).slice(0, 32)} is not taken here.`)
}

function namesAnother(raw: string): boolean {
  return namesAnotherRequest(unescaped(raw))
}

function unescaped(raw: string): string {
  return raw
    .replaceAll(/\\(?:u([0-9a-f]{4})|x([0-9a-f]{2}))/gi, (_, unit?: string, byte?: string) =>
      String.fromCharCode(Number.parseInt(unit ?? (byte as string), 16)),
    )
    .replaceAll('\\', '')
}

const marks: ReadonlySet<string> = new Set('{}[],:')

/** Longest text between two marks of JSON that is looked at if the JSON is odd. */
const longestText = 4096

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
export function watchPossibleMembers(starts: string): Watch {
  /** Whether an object comes, perhaps after a comment; undefined until that is known. */
  let mayBeObject: boolean | undefined
  let hasZeroBefore = false
  /** From the first character of the object on, until one more byte is there. */
  let begun = Buffer.alloc(0)
  /** Whether each character has zeros beside it (UTF-16, UTF-32): some parsers detect that. */
  let isWide = false
  let isOdd = false
  let isNamed = false
  /** What was read since the last mark of JSON. */
  let text = ''
  const members = watchMembers(() => {
    isOdd = true
  })

  function readNames(part: string): void {
    const whole = text + part
    let start = 0
    for (let at = text.length; at < whole.length; at++) {
      const mark = whole[at] as string
      if (!marks.has(mark)) continue
      // No name of this kind is shorter than `_method`.
      if (mark === ':' && at - start > 6)
        isNamed ||= whole
          .slice(start, at)
          .split(/["'*/#\n]+/)
          .some(namesAnother)
      start = at + 1
    }
    text = whole.slice(Math.max(start, whole.length - longestText))
  }

  function readObject(chunk: Uint8Array): void {
    const narrow = isWide ? chunk.filter((byte) => byte !== 0) : chunk
    members.push(narrow)
    readNames(Buffer.from(narrow).toString('latin1'))
    if (isOdd && isNamed) throw new AAuthError('request_malformed', 'A member names another method or path.')
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
