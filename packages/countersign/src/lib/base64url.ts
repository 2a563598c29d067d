const lettersAndDigits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const base64Sextets = sextetsOf(`${lettersAndDigits}+/`)
const base64urlSextets = sextetsOf(`${lettersAndDigits}-_`)

/** The sextet of each character code, or minus one. */
function sextetsOf(alphabet: string): Int8Array {
  const sextets = new Int8Array(128).fill(-1)
  for (let sextet = 0; sextet < 64; sextet++) sextets[alphabet.charCodeAt(sextet)] = sextet
  return sextets
}

const encoder = new TextEncoder()
// A byte-order mark stays where it is, so that JSON with one is no JSON (RFC 8259 §8.1).
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The bytes, or undefined unless the text is base64url in its one canonical form, without padding. */
export function parseBase64url(text: string): Uint8Array | undefined {
  return decode(text, text.length, base64urlSextets)
}

/** The bytes, or undefined unless the text is canonical base64, with its padding (RFC 8941 §4.2.7). */
export function parseBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return decode(text, text.length - padding, base64Sextets)
}

// Not `atob`: on processors with wide registers its native code slows down the cryptography that follows.
function decode(text: string, length: number, sextets: Int8Array): Uint8Array | undefined {
  if (length % 4 === 1) return undefined
  const bytes = new Uint8Array(Math.floor((length * 3) / 4))
  let invalid = 0
  let group = 0
  let bits = 0
  let end = 0
  for (let i = 0; i < length; i++) {
    const sextet = sextets[text.charCodeAt(i)] ?? -1
    invalid |= sextet
    group = (group << 6) | sextet
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes[end++] = group >> bits
  }
  // Unused low bits must be zero: else two texts would be one value, and a cache keyed by text could be bypassed.
  return invalid < 0 || (group & ((1 << bits) - 1)) !== 0 ? undefined : bytes
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
