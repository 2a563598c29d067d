import { AAuthError } from 'countersign/resource'
import { instead, internal, target } from '../headers.js'
import { compounds, type FieldCheck } from '../routes/field-check.js'
import { blanks } from './json-scanner.js'
import type { Watch } from './watch-form.js'
import { scanMembers } from './watch-json.js'

const [bracket, slash, star, hash] = Buffer.from('[/*#')
const lineFeed = 0x0a

/** By byte: 1 for what some parser skips before an object or array, which is anything but letters, digits and most of Unicode; 2 for a brace or bracket. */
const starts = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  return /[[{]/.test(character) ? 2 : blanks[byte] === 1 || /[^a-z\d\x80-\xff]/i.test(character) ? 1 : 0
})

/** The last bytes of the line ends that only some parsers recognize: CR, NEL, and U+2028 and U+2029 in UTF-8. */
const lineEnds: ReadonlySet<number> = new Set([0x0d, 0x85, 0xa8, 0xa9])

/**
 * Finds the object or array with which a body starts, after comments and anything else that lenient parsers skip.
 */
export function createStartFinder(): StartFinder {
  let state: 'start' | 'slash' | 'line' | 'line end' | 'block' | 'star' | 'other' = 'start'
  let isCertain = true

  function read(byte: number): typeof state {
    if (state === 'block' || state === 'star')
      return byte === star ? 'star' : state === 'star' && byte === slash ? 'start' : 'block'
    if (state === 'line' || state === 'line end') {
      if (byte === lineFeed) return 'start'
      return lineEnds.has(byte) || (state === 'line end' && starts[byte] === 1) ? 'line end' : 'line'
    }
    if (state === 'slash' && byte === star) return 'block'
    // Some parsers skip the character alone, others the line.
    if (byte === hash) return 'line end'
    if (state === 'slash' && byte === slash) return 'line'
    return starts[byte] === 0 ? 'other' : byte === slash ? 'slash' : 'start'
  }

  const find = (chunk: Uint8Array) => {
    for (const [at, byte] of chunk.entries()) {
      if (starts[byte] === 2 && /^(?:start|slash|line end)$/.test(state)) return at
      isCertain &&= blanks[byte] === 1
      // Zero bytes occur anywhere in UTF-16.
      if (byte !== 0) state = read(byte)
      if (state === 'other') return undefined
    }
    return -1
  }
  return { find, isCertain: () => isCertain }
}

interface StartFinder {
  /** Returns the position in each chunk, -1 if it may be in a later one, or undefined if the body starts with something else. */
  find: (chunk: Uint8Array) => number | undefined
  /** Whether only {@link blanks} precede the start. Anything else is a comment for some parsers, which find a later start. */
  isCertain: () => boolean
}

/** The start of JSON in UTF-16 or UTF-32, which some parsers detect by its zero bytes. */
export const wideStart = /^[[{](?:\0|\0{3})[\s"[\]{}\dtfn-]\0/

/**
 * Inspects a body that only some servers parse as JSON, because they parse any type.
 *
 * @param isBinary whether only valid JSON is certain to be parsed. Text is refused if it starts like JSON, is not valid, and mentions a name
 * that would matter in an object, because lenient parsers would find different members in it
 */
export function watchAnyType(isBinary: boolean, fields: FieldCheck): Watch {
  const { find, isCertain } = createStartFinder()
  const scanner = scanMembers(fields)
  let mayBeJson: boolean | undefined
  let start = ''
  let mentions: ReturnType<typeof createMentions> | undefined

  function read(chunk: Uint8Array): void {
    if (!scanner.isInvalid) scanner.push(chunk)
    if (start.length < 6) start += Buffer.from(chunk.subarray(0, 6)).toString('latin1')
    if (wideStart.test(start)) throw new AAuthError('media_type_unsupported', 'Send JSON in UTF-8.')
    mentions?.push(chunk)
    requireNoMention()
  }

  function requireNoMention(): void {
    const mention = scanner.isInvalid || !isCertain() ? mentions?.found() : undefined
    if (mention !== undefined)
      throw new AAuthError(
        'media_type_unsupported',
        `The body starts like JSON, is not valid JSON, and contains ${mention}, which a lenient parser could use as the method or the path: send valid JSON, or a binary type such as application/octet-stream. If the API treats this as text, set mayNameMethod on the route.`,
      )
  }

  return {
    push(chunk) {
      if (mayBeJson) read(chunk)
      if (mayBeJson !== undefined) return
      const at = find(chunk)
      if (at === -1) return
      mayBeJson = at !== undefined
      if (at === undefined) return
      if (!isBinary && !fields.isData)
        mentions = createMentions({ isArray: chunk[at] === bracket, isCertain: isCertain(), fields })
      read(chunk.subarray(at))
    },
    end() {
      scanner.end()
      mentions?.end()
      requireNoMention()
    },
  }
}

/** Names that frameworks use as the method or the path, within the letters of a text. */
const mentionedNames = new RegExp(`method|over{1,9}ide|tunnel|${compounds}|${instead}${target}|${internal}`)

/** Names that the letters of unrelated words often form together. */
const mentionedWords = /verb(?![ao])|(?<![a-z])proto(?![a-z])/i

/** The URL of a request in a batch. */
const mentionedUrls = /(?<![a-z])(?:relative)?(?:url|uri|path)(?![a-z])/i

/** Number of characters to search at a time. */
const searched = 8192

/** Longer than the names that are searched for. */
const longestName = 64

/** Each letter in lower case; 0 for all other bytes. */
const lowerLetters = new Uint8Array(256)
for (const letter of Buffer.from('abcdefghijklmnopqrstuvwxyz'))
  lowerLetters[letter] = lowerLetters[letter - 32] = letter

function lettersIn(text: string): string {
  const bytes = Buffer.from(text, 'latin1')
  let length = 0
  for (const byte of bytes) {
    const letter = lowerLetters[byte] as number
    if (letter !== 0) bytes[length++] = letter
  }
  return bytes.toString('latin1', 0, length)
}

/**
 * Searches text for names that would matter if it were read as an object or array, wherever they occur, and for characters that may hide
 * them.
 *
 * @param isArray whether the text starts with an array, in which only the URLs of objects matter
 * @param isCertain whether this is the only start. If not, an object may follow
 */
function createMentions({ isArray, isCertain, fields }: { isArray: boolean; isCertain: boolean; fields: FieldCheck }) {
  let pending = ''
  let letters = ''
  let name: string | undefined
  let url: string | undefined
  let hidden: string | undefined
  let hasContainer = false

  function search(text: string): void {
    if (!(isArray && isCertain) && name === undefined) {
      letters = letters.slice(-longestName) + lettersIn(text)
      name = (mentionedNames.exec(letters) ?? mentionedWords.exec(text))?.[0]
    }
    url ??= mentionedUrls.exec(text)?.[0]
    hidden ??= text.includes('\\') ? 'a backslash' : text.includes('\0') ? 'a zero byte' : undefined
    hasContainer ||= text.includes(isArray ? '{' : '[')
  }

  return {
    push(chunk: Uint8Array): void {
      pending += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1')
      if (pending.length < searched) return
      // A word is searched only as a whole.
      const [word] = /[a-z]{0,64}$/i.exec(pending.slice(-longestName)) as unknown as [string]
      const cut = pending.length - word.length
      search(pending.slice(0, cut))
      pending = pending.slice(cut)
    },
    end(): void {
      search(pending)
      pending = ''
    },
    /** What makes the text ambiguous, if it is not valid JSON. */
    found(): string | undefined {
      const urlOrHidden = hasContainer && fields.mayNest() ? (url ?? hidden) : undefined
      const mayBeObject = !isArray || (!isCertain && hasContainer)
      const found = mayBeObject ? (name ?? hidden ?? urlOrHidden) : urlOrHidden
      return found === undefined || found.startsWith('a ') ? found : `“${found}”`
    },
  }
}
