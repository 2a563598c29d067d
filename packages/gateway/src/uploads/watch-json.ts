import { AAuthError } from 'countersign/resource'
import { type FieldCheck, isUrlName, mayNameMethod } from '../routes/field-check.js'
import { hexAt, requirePlainName } from '../routes/require-plain-fields.js'
import type { Watch } from './watch-form.js'

/** Characters of a name or value that are looked at, with its escapes: none that names a method or path is longer. */
const longestText = 1024

/** Depth from which every object counts as an item of an array. */
const deepest = 64

const refuseOddity = (): void => {
  throw new AAuthError('request_malformed', 'This is no JSON: no comments, and names and texts in double quotes.')
}

const [quote, backslash, colon, comma] = Buffer.from('"\\:,')
const [brace, bracket] = Buffer.from('{[')

/** A number for each byte: 1 and 2 for those of some characters, 0 for every other one. */
export function tableOf(marks: string, others = ''): Uint8Array {
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
  /** Whether the container at each depth is an array. Deeper ones are not looked at. */
  const arrays: boolean[] = []
  /** Whether the container is an object that is an item of an array, as requests in a batch are. */
  let isItem = false
  /** Whether the value of a member comes next that may be the URL of a request in a batch. */
  let isUrl = false
  let isString = false
  let isEscaped = false
  let isName = true
  /** The string that was read last, unless no one asks for it. */
  let text: string | undefined
  /** The member of the outermost object whose value comes next, if it may name the method. */
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
    if (isUrl && text !== undefined) fields?.url(unescaped(text))
    if (isUrl) isUrl = false
    if (isName || named === undefined || text === undefined) return
    fields?.named(named, unescaped(text), true)
    named = undefined
  }

  function endName(): void {
    isName = false
    if (isItem && text !== undefined) {
      isUrl = isUrlName(unescaped(text))
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

/** A text as it is written in JSON, without its escapes. */
export function unescaped(raw: string): string {
  let text = ''
  let from = 0
  for (let at = raw.indexOf('\\'); at !== -1; at = raw.indexOf('\\', from)) {
    const mark = raw[at + 1] ?? ''
    text += raw.slice(from, at)
    from = at + 1
    const digits = mark === 'u' || mark === 'U' ? 4 : mark === 'x' || mark === 'X' ? 2 : 0
    const code = digits === 0 ? undefined : hexAt(raw, from + 1, digits)
    if (code !== undefined) {
      text += String.fromCharCode(code)
      from += 1 + digits
    } else if ('nrtbf'.includes(mark)) {
      text += ' '
      from += 1
    }
  }
  return text + raw.slice(from)
}
