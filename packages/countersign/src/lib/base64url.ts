const lettersAndDigits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const base64 = `${lettersAndDigits}+/`
const base64url = `${lettersAndDigits}-_`
const base64Sextets = sextetsOf(base64)
const base64urlSextets = sextetsOf(base64url)

/** The sextet of each character code, or minus one. */
function sextetsOf(alphabet: string): Int8Array {
  const sextets = new Int8Array(128).fill(-1)
  for (let sextet = 0; sextet < 64; sextet++) sextets[alphabet.charCodeAt(sextet)] = sextet
  return sextets
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
  return decode(text, text.length, base64urlSextets)
}

/** The bytes, or undefined unless the text is canonical base64, with its padding (RFC 8941 §4.2.7). */
export function parseBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return decode(text, text.length - padding, base64Sextets)
}

/** Base64 with padding, as structured fields carry bytes (RFC 8941 §4.1.8). */
export function serializeBase64(bytes: Uint8Array): string {
  const text = encode(bytes, base64)
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}

// Not `atob` and `btoa`: on processors with wide registers their native code slows down the cryptography that follows.
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

function encode(bytes: Uint8Array, alphabet: string): string {
  let text = ''
  let group = 0
  let bits = 0
  for (let i = 0; i < bytes.length; i++) {
    group = (group << 8) | (bytes[i] as number)
    for (bits += 8; bits >= 6; ) {
      bits -= 6
      text += alphabet[(group >> bits) & 63]
    }
  }
  return bits > 0 ? text + alphabet[(group << (6 - bits)) & 63] : text
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
