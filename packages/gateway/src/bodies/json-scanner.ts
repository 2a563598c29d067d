import { AAuthError } from 'countersign/resource'
import { skippedBefore } from '../routes/nested-urls.js'

/** Receives the parts of JSON as they are read. */
export interface JsonHandler {
  /** Called at the start of a string. Returns whether its text is needed. */
  string(isName: boolean): boolean
  /** Called at the end of a string, with its text as written, or the start of a long one; undefined if it is not needed. */
  endString(text: string | undefined, isName: boolean): void
  /** Called for a number or literal. */
  bare(): void
  /** Called before an array or object. */
  open(isArray: boolean): void
}

/** A lookup table by byte: 1 for the bytes in `marks`, and 0 for all other bytes. */
function tableOf(marks: string): Uint8Array {
  const table = new Uint8Array(256)
  for (const byte of Buffer.from(marks)) table[byte] = 1
  return table
}

const escapes = tableOf('"\\/bfnrtu')
const hexDigits = tableOf('0123456789abcdefABCDEF')

const whitespace = tableOf(' \t\r\n')

/** Stands before each text in a sequence (RFC 7464). Within a text, Hjson reads it as part of a string. */
const recordSeparator = 0x1e

const skipped = new RegExp(`[${skippedBefore}]`)

/** The bytes that some servers skip before JSON, such as byte order marks. */
export const blanks = tableOf('')
for (const byte of blanks.keys()) blanks[byte] = Number(skipped.test(String.fromCharCode(byte)))

const [quote, backslash, colon, comma, u] = Buffer.from('"\\:,u')
const [brace, bracket, endBrace, endBracket] = Buffer.from('{[}]')
const [zero, nine, minus, plus, point, e, upperE] = Buffer.from('09-+.eE')
const space = 0x20

const literals: Readonly<Record<number, string>> = { 116: 'true', 102: 'false', 110: 'null' }

/** What may come next outside of strings, numbers and literals: after a value in an array or object, its `end`, or a comma. */
type Next = 'value' | 'first item' | 'name' | 'first name' | 'colon' | 'end'

/** The positions within a number, and whether it may end there. */
const [noNumber, afterMinus, afterZero, inInteger, afterPoint, inFraction, afterE, afterSign, inExponent] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8,
]
const isComplete = [true, false, true, true, false, true, false, false, true]

/** Maximum number of characters to keep of a name or string, including escapes. */
export const longestText = 1024

/** Number of digits. Hjson reads a number that is too large for a double as text that ends with the line. */
const longestNumber = 308

/** Servers overflow their stacks at greater depths. */
const deepest = 1000

function uncertain(): AAuthError {
  return new AAuthError(
    'request_malformed',
    `The JSON has a number of 1e${longestNumber} or more, or more than ${deepest} levels.`,
  )
}

/** After a backslash; after `\u`, the number of hex digits that are left. */
const afterBackslash = 5

/** The position within an escape after a byte of a string; undefined if the byte is not valid. */
function followingEscape(position: number, byte: number): number | undefined {
  if (position === afterBackslash) return escapes[byte] === 0 ? undefined : byte === u ? 4 : 0
  if (position > 0) return hexDigits[byte] === 0 ? undefined : position - 1
  if (byte < space) return undefined
  return byte === backslash ? afterBackslash : 0
}

class NumberReader {
  #state = noNumber as number
  #integerDigits = 0
  #exponent = 0
  #isNegative = false

  get isOpen(): boolean {
    return this.#state !== noNumber
  }

  /** Whether the number, if any, may end here. */
  get isComplete(): boolean {
    return isComplete[this.#state] as boolean
  }

  /** Returns whether a number starts with the byte. */
  start(byte: number): boolean {
    this.#integerDigits = this.#exponent = 0
    this.#isNegative = false
    this.#state = byte === minus ? afterMinus : this.#following(byte, afterMinus)
    return this.isOpen
  }

  /** Returns whether the byte is part of the number. A number that is complete is closed by the byte after it. */
  read(byte: number): boolean {
    const following = this.#following(byte, this.#state)
    if (following === noNumber) {
      if (this.#integerDigits + (this.#isNegative ? 0 : this.#exponent) > longestNumber) throw uncertain()
      if (this.isComplete) this.#state = noNumber
      return false
    }
    this.#state = following
    return true
  }

  #following(byte: number, state: number): number {
    if (byte >= (zero as number) && byte <= (nine as number)) {
      if (state === afterZero) return noNumber
      if (state === afterMinus || state === inInteger) this.#integerDigits += 1
      if (state === afterMinus) return byte === zero ? afterZero : inInteger
      if (state === inInteger) return inInteger
      if (state < afterE) return inFraction
      this.#exponent = Math.min(this.#exponent * 10 + byte - (zero as number), 1e6)
      return inExponent
    }
    if (byte === point) return state === afterZero || state === inInteger ? afterPoint : noNumber
    if (byte === e || byte === upperE) return isComplete[state] && state < afterE ? afterE : noNumber
    if (state !== afterE || (byte !== plus && byte !== minus)) return noNumber
    this.#isNegative = byte === minus
    return afterSign
  }
}

/** Reads a sequence of JSON texts, such as JSON lines, according to RFC 8259, after any {@link blanks}. */
export class JsonScanner {
  /** Whether something was found that is not JSON. Nothing is read after it. */
  isInvalid = false
  /** Number of arrays and objects around the position. */
  depth = 0
  readonly #handler: JsonHandler
  /** Whether the container at each depth is an array. */
  readonly #arrays = new Uint8Array(deepest + 1)
  #isBegun = false
  #next: Next = 'value'
  #isString = false
  #isName = false
  #escape = 0
  #text: string | undefined
  readonly #number = new NumberReader()
  #literal = ''

  constructor(handler: JsonHandler) {
    this.#handler = handler
  }

  /** Whether the innermost container is an object in an array, as the requests in a batch are. */
  get isItem(): boolean {
    return this.depth > 1 && this.#arrays[this.depth] === 0 && this.#arrays[this.depth - 1] === 1
  }

  /** @throws AAuthError `request_malformed` for JSON that parsers read in different ways */
  push(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = 0; at < chunk.length && !this.isInvalid; )
      if (this.#isString) at = this.#readString(chunk, at)
      else {
        const byte = chunk[at] as number
        at++
        if (this.#number.isOpen && this.#number.read(byte)) continue
        this.isInvalid = this.#literal === '' ? !this.#number.isComplete : byte !== this.#literal.charCodeAt(0)
        if (this.#literal === '') this.#readMark(byte)
        else this.#literal = this.#literal.slice(1)
      }
  }

  /** Reads the end. Incomplete JSON is invalid. */
  end(): void {
    const { depth } = this
    if (!this.#number.isComplete || this.#isString || this.#literal !== '' || depth > 0) this.isInvalid = true
  }

  #readMark(byte: number): void {
    if (whitespace[byte] === 1 || (byte === recordSeparator && this.depth === 0)) return
    if (!this.#isBegun && blanks[byte] === 1) return
    this.#isBegun = true
    const next = this.#next
    const isArray = this.#arrays[this.depth] === 1
    const mayBeValue = next === 'value' || next === 'first item'
    const mayBeName = next === 'name' || next === 'first name'
    if (byte === quote && (mayBeValue || mayBeName)) {
      this.#isString = true
      this.#isName = mayBeName
      this.#text = this.#handler.string(mayBeName) ? '' : undefined
    } else if (byte === colon && next === 'colon') this.#next = 'value'
    else if (byte === comma && next === 'end' && this.depth > 0) this.#next = isArray ? 'value' : 'name'
    else if ((byte === brace || byte === bracket) && mayBeValue) this.#open(byte === bracket)
    else if (
      byte === (isArray ? endBracket : endBrace) &&
      (next === 'end' || next === 'first item' || next === 'first name')
    )
      this.#close()
    else if (mayBeValue) this.#startBare(byte)
    else this.isInvalid = true
  }

  #open(isArray: boolean): void {
    if (this.depth === deepest) throw uncertain()
    this.#handler.open(isArray)
    this.depth += 1
    this.#arrays[this.depth] = Number(isArray)
    this.#next = isArray ? 'first item' : 'first name'
  }

  #close(): void {
    this.depth -= 1
    this.#endValue()
  }

  /** At the outermost level, values may follow each other. */
  #endValue(): void {
    this.#next = this.depth === 0 ? 'value' : 'end'
  }

  #startBare(byte: number): void {
    if (!this.#number.start(byte)) {
      this.#literal = literals[byte]?.slice(1) ?? ''
      this.isInvalid = this.#literal === ''
    }
    this.#handler.bare()
    this.#endValue()
  }

  /** Reads to the end of a string, or to the end of the chunk, and returns the position. */
  #readString(chunk: Buffer, from: number): number {
    let at = from
    for (; at < chunk.length; at++) {
      const byte = chunk[at] as number
      if (byte === quote && this.#escape === 0) break
      const following = followingEscape(this.#escape, byte)
      this.isInvalid = following === undefined
      if (following === undefined) return at
      this.#escape = following
    }
    if (this.#text !== undefined && this.#text.length < longestText)
      this.#text += chunk.toString('latin1', from, Math.min(at, from + longestText - this.#text.length))
    if (at === chunk.length) return at
    this.#isString = false
    if (this.#isName) this.#next = 'colon'
    else this.#endValue()
    this.#handler.endString(this.#text, this.#isName)
    return at + 1
  }
}
