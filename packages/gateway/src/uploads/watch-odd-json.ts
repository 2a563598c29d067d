import { AAuthError } from 'countersign/resource'
import { type FieldCheck, maxInBody, mayNameMethod, methodIn } from '../routes/field-check.js'
import { isUrlName } from '../routes/nested-urls.js'
import { namesRequest, unescaped } from '../routes/require-plain-fields.js'

const [colon] = Buffer.from(':')
const [bracket] = Buffer.from('[')

/** A lookup table by byte: 1 for the bytes in `marks`, 2 for those in `others`, and 0 for all other bytes. */
export function tableOf(marks: string, others = ''): Uint8Array {
  const table = new Uint8Array(256)
  for (const byte of Buffer.from(marks)) table[byte] = 1
  for (const byte of Buffer.from(others)) table[byte] = 2
  return table
}

const marks = tableOf('{}[],:')

/** Maximum number of characters to inspect before a mark, counted back from the mark, because comments may precede a name. */
const longestOddText = 4096

/** Characters that separate words in lenient JSON: quotes and comments. */
const separators = /["'*/#\n]+/

/** Collects names and values from the text between the structural characters of JSON, as the most lenient parsers would read them. */
export function watchOddNames(isArray: boolean, fields?: FieldCheck) {
  /** The text since the last structural character. */
  let text = ''
  let isNamed = false
  let named: string | undefined
  let isUrl = false
  /** The name of the member in which each method was found. */
  const methods = new Map<string, string>()
  const urls = new Set<string | undefined>()

  function readName(): void {
    // The shortest such name is `url`.
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
    if (isUrl && urls.size <= maxInBody) urls.add(urlOf(text))
    for (const word of named === undefined ? [] : text.split(separators)) {
      const method = methodIn(unescaped(word))
      if (method !== undefined) methods.set(method, named as string)
    }
    named = undefined
  }

  function urlOf(written: string): string | undefined {
    // Limits the search to the end of the last comment, so that an unclosed comment is not searched to the end of the text.
    const end = written.lastIndexOf('*/') + 2
    const bare = written.slice(0, end).replaceAll(/\/\*.*?\*\//gs, '') + written.slice(end)
    // The structural character that ends the text may be inside a comment.
    if (written.length >= longestOddText || /^\s*(?:#|\/\*)/.test(bare)) return undefined
    // Line ends and whitespace around the quotes are not part of the URL; those inside them are.
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
        // A URL continues after the colon that follows its scheme.
        if (!isName) isUrl = false
        else if (isRead) readName()
        text = ''
      }
    },
    /** @throws AAuthError if a name, method or URL that was found must be refused */
    requireNone(): void {
      if (isNamed) throw new AAuthError('request_malformed', 'A member specifies another method or path.')
      for (const [method, name] of methods) fields?.named(name, method, true)
      for (const url of urls) fields?.url(url)
      methods.clear()
      urls.clear()
    },
  }
}
