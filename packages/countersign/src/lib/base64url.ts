const base64urlText = /^[A-Za-z0-9_-]*$/
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** Base64url without padding (RFC 7515 §2). */
export function serializeBase64url(bytes: Uint8Array): string {
  let binary = ''
  for (let start = 0; start < bytes.length; start += 8192) {
    binary += String.fromCharCode(...bytes.subarray(start, start + 8192))
  }
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** The bytes, or undefined unless the text is base64url in its one canonical form, without padding. */
export function parseBase64url(text: string): Uint8Array | undefined {
  if (!base64urlText.test(text)) return undefined
  return decodeCanonical(text.replaceAll('-', '+').replaceAll('_', '/'))
}

/** The bytes, or undefined unless the text is canonical base64, with its padding (RFC 8941 §4.2.7). */
export function parseBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  return decodeCanonical(text.replaceAll('=', ''))
}

/** Base64 with padding, as structured fields carry bytes (RFC 8941 §4.1.8). */
export function serializeBase64(bytes: Uint8Array): string {
  const text = serializeBase64url(bytes).replaceAll('-', '+').replaceAll('_', '/')
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}

function decodeCanonical(unpadded: string): Uint8Array | undefined {
  const rest = unpadded.length % 4
  if (rest === 1) return undefined
  const binary = atob(unpadded)
  // Unused low bits must be zero: else two texts would be one value, and a cache keyed by text could be walked around.
  const last = unpadded.charCodeAt(unpadded.length - 1)
  const unusedBits = rest === 2 ? 0b1111 : rest === 3 ? 0b11 : 0
  if (unusedBits !== 0 && (sextet(last) & unusedBits) !== 0) return undefined
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

function sextet(charCode: number): number {
  if (charCode >= 97) return charCode - 71
  if (charCode >= 65) return charCode - 65
  if (charCode >= 48) return charCode + 4
  return charCode === 43 ? 62 : 63
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
