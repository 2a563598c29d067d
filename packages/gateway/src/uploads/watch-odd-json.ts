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

/** 1: structural characters. 2: characters with which a comment begins. */
const marks = tableOf('{}[],:', '/#')

/** Maximum number of characters in which a name or value is found, because comments may stand beside it. */
const longestOddText = 4096

/** More than the length of a name that is searched for, with every character escaped. */
const longestOddName = 128

/** Characters that separate words in lenient JSON: quotes and comments. */
const separators = /["'*/#\n]+/

/** Collects names and values from the text between the structural characters of JSON, as the most lenient parsers would read them. */
export function watchOddNames(isArray: boolean, fields?: FieldCheck) {
  /** The text since the last structural character. */
  let text = ''
  let isNamed = false
  let named: string | undefined
  let isUrl = false
  /** Whether the text may contain the start of a comment. */
  let mayHaveComment = false
  /** Whether the text may end inside of a comment, where no character is structural. */
  const isOpen = { block: false, line: false }
  /** Whether the text may be the rest of a URL, after `http:`. */
  let isAfterScheme = false
  /** The name of the member in which each method was found. */
  const methods = new Map<string, string>()
  const urls = new Set<string | undefined>()

  function readName(written = text): void {
    // The shortest such name is `url`.
    if (written.length < 3) return
    for (const word of separators.test(written) ? written.split(separators) : [written]) {
      const name = unescaped(word).trim()
      isUrl ||= isUrlName(name)
      if (isArray || word.length < 4) continue
      isNamed ||= namesRequest(name)
      if (mayNameMethod(name)) named = name
    }
  }

  function readValue(wasOpen: boolean): void {
    if (isUrl && urls.size <= maxInBody) urls.add(wasOpen ? undefined : urlOf(text))
    // The shortest method has three letters.
    for (const word of named === undefined || text.length < 3 ? [] : text.split(separators)) {
      const method = methodIn(unescaped(word))
      if (method !== undefined) methods.set(method, named as string)
    }
  }

  /** Whether the value of the last name may still follow: a comment began before it, or only ended in this text. */
  function isPending(wasOpen: boolean): boolean {
    return wasOpen || (isInComment() && /^\s*(?:\/[/*]|#)/.test(text))
  }

  const isInComment = () => isOpen.block || isOpen.line

  /** What looks like a comment may also be part of a string, so both kinds are followed separately. */
  function readComments(): void {
    const [begun, ended] = [text.lastIndexOf('/*'), text.lastIndexOf('*/')]
    if (begun !== -1 || ended !== -1) isOpen.block = begun !== -1 && ended < begun + 2
    const slashes = text.lastIndexOf('//')
    const line = Math.max(isAfterScheme && slashes === 0 ? -1 : slashes, text.lastIndexOf('#'))
    const end = text.lastIndexOf('\n')
    if (line !== -1 || end !== -1) isOpen.line = line > end
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
        const mark = at < chunk.length ? marks[chunk[at] as number] : 1
        mayHaveComment ||= mark === 2
        if (mark !== 1) continue
        const isName = chunk[at] === colon
        const isValue = named !== undefined || isUrl
        const wasOpen = isInComment()
        const hasComment = mayHaveComment || wasOpen
        if (at === chunk.length || isValue || hasComment || (isName && text.length + at - from > 2)) {
          const whole = text + chunk.toString('latin1', hasComment ? from : Math.max(from, at - longestOddText), at)
          // A long comment may stand on both sides of a name.
          for (let end = longestOddText; hasComment && end < whole.length; end += longestOddText)
            readName(whole.slice(end - longestOddText, end + longestOddName))
          text = whole.slice(-longestOddText)
        }
        from = at + 1
        if (at === chunk.length) continue
        if (hasComment) readComments()
        if (isUrl && chunk[at] === bracket) urls.add(undefined)
        else if (isValue) readValue(wasOpen)
        if (isValue && !isPending(wasOpen)) {
          named = undefined
          // A URL continues after the colon that follows its scheme.
          if (!isName) isUrl = false
        }
        if (isName || isInComment()) readName()
        isAfterScheme = /https?$/i.test(text)
        mayHaveComment = false
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
