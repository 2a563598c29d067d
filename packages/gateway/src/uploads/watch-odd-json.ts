import { AAuthError } from 'countersign/resource'
import { lettersOf } from '../headers.js'
import { type FieldCheck, maxInBody, mayNameMethod, methodIn } from '../routes/field-check.js'
import { isUrlName } from '../routes/nested-urls.js'
import { namesRequest, unescaped } from '../routes/require-plain-fields.js'

const [colon, equals, bracket] = Buffer.from(':=[')

/** A lookup table by byte: 1 for the bytes in `marks`, 2 for those in `others`, and 0 for all other bytes. */
export function tableOf(marks: string, others = ''): Uint8Array {
  const table = new Uint8Array(256)
  for (const byte of Buffer.from(marks)) table[byte] = 1
  for (const byte of Buffer.from(others)) table[byte] = 2
  return table
}

/** 1: structural characters; some parsers accept `=` as a colon. 2: characters with which a comment begins. */
const marks = tableOf('{}[],:=', '/#')

/** Maximum number of characters that are read at a time. The URL in a longer text is not certain. */
const longestOddText = 4096

/** More than the length of a name that is searched for, with every character escaped. */
const longestOddName = 128

/** Characters that separate words in lenient JSON: quotes, comments, `;` as a comma, `=` or `=>` as a colon, and the ends of lines, as bytes. */
const separators = /["'`*/#;=>\n\r\x85\xa8\xa9]+/

/** An escaped end of a line, as bytes, which is not part of a string. */
const continued = /\\(?:\r\n|[\n\r]|\xe2\x80[\xa8\xa9])/g

function wordsOf(written: string): string[] {
  const text = written.includes('\\') ? written.replaceAll(continued, '') : written
  return separators.test(text) ? text.split(separators) : [text]
}

/** Of two names, the one with which a method is more likely to be refused: `method` may specify a procedure. */
function strongest(one: string | undefined, other: string | undefined): string | undefined {
  return one !== undefined && lettersOf(one) !== 'method' ? one : (other ?? one)
}

/** What a text contains if it is a name. */
interface Names {
  /** Whether it is a name that is always refused. */
  isNamed: boolean
  /** The name of a member whose value may be a method. */
  named: string | undefined
  isUrl: boolean
}

const noNames = (): Names => ({ isNamed: false, named: undefined, isUrl: false })

function readNames(names: Names, written: string, isArray: boolean): void {
  // The shortest such name is `url`.
  if (written.length < 3) return
  for (const word of wordsOf(written)) {
    const name = unescaped(word).trim()
    names.isUrl ||= isUrlName(/[^!-~]/.test(name) ? name.replaceAll(/[^!-~]+/g, '') : name)
    if (isArray || word.length < 4) continue
    names.isNamed ||= namesRequest(name)
    if (mayNameMethod(name)) names.named = strongest(names.named, name)
  }
}

/** Follows comments, in which no character is structural. */
function createCommentTracker() {
  /** What looks like a comment may also be part of a string, so both kinds are followed separately. */
  let isBlock = false
  let isLine = false
  return {
    /** Whether what has been read may end inside of a comment. */
    isOpen: () => isBlock || isLine,
    /** @param isAfterScheme whether the text may be the rest of a URL, after `http:` */
    read(written: string, isAfterScheme: boolean): void {
      const [begun, ended] = [written.lastIndexOf('/*'), written.lastIndexOf('*/')]
      if (begun !== -1 || ended !== -1) isBlock = begun !== -1 && ended < begun + 2
      const slashes = written.lastIndexOf('//')
      const line = Math.max(isAfterScheme && slashes === 0 ? -1 : slashes, written.lastIndexOf('#'))
      const end = written.lastIndexOf('\n')
      if (line !== -1 || end !== -1) isLine = line > end
    },
  }
}

/** A quoted value that another member follows without a comma. */
const quotedBefore = /^\s*(["'`])((?:(?!\1|\\).|\\.)*)\1\s*["'`\w]/s

function urlOf(written: string): string | undefined {
  // Limits the search to the end of the last comment, so that an unclosed comment is not searched to the end of the text.
  const end = written.lastIndexOf('*/') + 2
  const bare = written.slice(0, end).replaceAll(/\/\*.*?\*\//gs, '') + written.slice(end)
  // The structural character that ends the text may be inside a comment.
  if (/^\s*(?:#|\/\*)/.test(bare)) return undefined
  // Line ends and whitespace around the quotes are not part of the URL; those inside them are.
  return unescaped(/^[\s"'`\xef\xbb\xbf]*(.*[^\s"'`\xef\xbb\xbf])?/s.exec(bare)?.[1] ?? '')
}

/** Collects names and values from the text between the structural characters of JSON, as the most lenient parsers would read them. */
export function watchOddNames(isArray: boolean, fields?: FieldCheck) {
  /** The text since the last structural character, without the part that has been read. */
  let text = ''
  /** Whether a part has been read. */
  let isLong = false
  /** The first two characters of the text, without whitespace before them. */
  let start = ''
  let named: string | undefined
  let isUrl = false
  let isNamed = false
  let next = noNames()
  /** Whether the text may be a URL with `=` in its query, or a URL, `;` and another member. */
  let hasEquals = false
  /** Whether the text may contain the start of a comment. */
  let mayHaveComment = false
  /** Whether the text may start inside of a comment. */
  let wasOpen = false
  const comments = createCommentTracker()
  /** Whether the text may be the rest of a URL, after `http:`. */
  let isAfterScheme = false
  /** The name of the member in which each method was found. */
  const methods = new Map<string, string>()
  const urls = new Set<string | undefined>()

  function readMethods(written: string): void {
    // The shortest method has three letters.
    for (const word of named === undefined || written.length < 3 ? [] : wordsOf(written)) {
      const method = methodIn(unescaped(word))
      if (method !== undefined) methods.set(method, strongest(methods.get(method), named) as string)
    }
  }

  function readUrl(): void {
    const url = wasOpen || isLong ? undefined : urlOf(text)
    const quoted = quotedBefore.exec(text)?.[2]
    // The check does not count an empty reference.
    for (const each of quoted === undefined ? [url] : [url, unescaped(quoted)])
      if (each === '' || urls.size - Number(urls.has('')) <= maxInBody) urls.add(each)
  }

  /** Reads all of the text except its end. A long comment may stand on both sides of a name or value. */
  function readStart(): void {
    for (; text.length >= longestOddText; text = text.slice(longestOddText)) {
      keepStart()
      const part = text.slice(0, longestOddText + longestOddName)
      readNames(next, part, isArray)
      readMethods(part)
      comments.read(part, isAfterScheme)
      isAfterScheme = false
      isLong = true
    }
  }

  function keepStart(): void {
    if (start.length < 2) start = text.trimStart().slice(0, 2)
  }

  /** Whether the value of the last name may still follow: a comment began before it, or only ended in this text. */
  function isPending(): boolean {
    keepStart()
    return wasOpen || (comments.isOpen() && /^(?:\/[/*]|#)/.test(start))
  }

  return {
    push(bytes: Uint8Array): void {
      const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      let from = 0
      for (let at = 0; at <= chunk.length; at++) {
        const mark = at < chunk.length ? marks[chunk[at] as number] : 1
        mayHaveComment ||= mark === 2
        const isQuery = isUrl && chunk[at] === equals
        hasEquals ||= isQuery
        if (mark !== 1 || isQuery) continue
        const isEnd = at === chunk.length
        const isName = chunk[at] === colon || chunk[at] === equals
        const isValue = named !== undefined || isUrl
        const hasComment = mayHaveComment || wasOpen
        if (isEnd || isValue || hasComment || (isName && text.length + at - from > 2))
          text += chunk.toString('latin1', from, at)
        from = at + 1
        // If chunks are short, the text is not read again for each of them.
        if (!isEnd || text.length > 2 * longestOddText) readStart()
        if (isEnd) continue
        if (hasComment) comments.read(text, isAfterScheme)
        if (isUrl && chunk[at] === bracket) urls.add(undefined)
        else if (isUrl) readUrl()
        if (hasEquals) {
          readNames(next, text, isArray)
          named = strongest(named, next.named)
        }
        readMethods(text)
        if (isValue && !isPending()) {
          named = undefined
          // A URL continues after the colon that follows its scheme.
          if (!isName) isUrl = false
        }
        if (isName || comments.isOpen()) readNames(next, text, isArray)
        if (isName || hasComment || hasEquals || comments.isOpen()) {
          named = strongest(named, next.named)
          isNamed ||= next.isNamed
          isUrl ||= next.isUrl
        }
        next = noNames()
        isAfterScheme = /https?$/i.test(text)
        mayHaveComment = hasEquals = false
        wasOpen = comments.isOpen()
        isLong = false
        start = text = ''
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
