interface Alphabet {
  /** The character code of each sextet. */
  codes: Uint8Array
  /** The sextet of each character code, or minus one. */
  sextets: Int8Array
}

const lettersAndDigits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const base64 = createAlphabet(`${lettersAndDigits}+/`)
const base64url = createAlphabet(`${lettersAndDigits}-_`)

function createAlphabet(characters: string): Alphabet {
  const codes = Uint8Array.from(characters, (character) => character.charCodeAt(0))
  const sextets = new Int8Array(128).fill(-1)
  for (const [sextet, code] of codes.entries()) sextets[code] = sextet
  return { codes, sextets }
}

const encoder = new TextEncoder()
// A byte-order mark stays where it is, so that JSON with one is no JSON (RFC 8259 §8.1).
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Base64url without padding (RFC 7515 §2). */
export function serializeBase64url(bytes: Uint8Array): string {
  return encode(bytes, base64url)
}

/** The bytes, or undefined unless the text is base64url in its one canonical form, without padding. */
export function parseBase64url(text: string): Uint8Array | undefined {
  return decode(text, text.length, base64url)
}

/** The bytes, or undefined unless the text is canonical base64, with its padding (RFC 8941 §4.2.7). */
export function parseBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return decode(text, text.length - padding, base64)
}

/** Base64 with padding, as structured fields carry bytes (RFC 8941 §4.1.8). */
export function serializeBase64(bytes: Uint8Array): string {
  const text = encode(bytes, base64)
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}

// Not `atob` and `btoa`: on processors with wide registers their native code slows down the cryptography that follows.
function decode(text: string, length: number, { sextets }: Alphabet): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((length * 3) / 4))
  const rest = length % 4
  const whole = length - rest
  // Bits outside of those a character may set: the code itself for ASCII, minus one for what is not in the alphabet.
  let codes = 0
  let invalid = 0
  let end = 0
  for (let i = 0; i < whole; i += 4) {
    const [a, b] = [text.charCodeAt(i), text.charCodeAt(i + 1)]
    const [c, d] = [text.charCodeAt(i + 2), text.charCodeAt(i + 3)]
    codes |= a | b | c | d
    const high = ((sextets[a & 0x7f] as number) << 18) | ((sextets[b & 0x7f] as number) << 12)
    const group = high | ((sextets[c & 0x7f] as number) << 6) | (sextets[d & 0x7f] as number)
    invalid |= group
    bytes[end] = group >> 16
    bytes[end + 1] = group >> 8
    bytes[end + 2] = group
    end += 3
  }
  let group = 0
  for (let i = whole; i < length; i++) {
    const code = text.charCodeAt(i)
    codes |= code
    group = (group << 6) | (sextets[code & 0x7f] as number)
  }
  if (codes > 0x7f || invalid < 0 || group < 0) return undefined
  // Unused low bits must be zero: else two texts would be one value, and a cache keyed by text could be walked around.
  if (rest === 0) return bytes
  if (rest === 2) {
    bytes[end] = group >> 4
    return (group & 0b1111) === 0 ? bytes : undefined
  }
  if (rest === 3) {
    bytes[end] = group >> 10
    bytes[end + 1] = group >> 2
    return (group & 0b11) === 0 ? bytes : undefined
  }
  return undefined
}

function encode(bytes: Uint8Array, { codes }: Alphabet): string {
  let text = ''
  for (let start = 0; start < bytes.length; start += 3072) {
    text += String.fromCharCode.apply(null, encodeChunk(bytes, start, Math.min(bytes.length, start + 3072), codes))
  }
  return text
}

function encodeChunk(bytes: Uint8Array, start: number, end: number, codes: Uint8Array): number[] {
  const text: number[] = []
  for (let i = start; i < end; i += 3) {
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    text.push(codes[group >> 18] as number, codes[(group >> 12) & 63] as number)
    if (i + 1 < end) text.push(codes[(group >> 6) & 63] as number)
    if (i + 2 < end) text.push(codes[group & 63] as number)
  }
  return text
}

/** UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** The string, or undefined when the bytes are not valid UTF-8. */
export function parseUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}
