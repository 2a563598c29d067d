const lettersAndDigits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
// Marked as pure, so that bundlers can drop unused code.
const base64Sextets = /* @__PURE__ */ sextetsOf('+/')
const base64urlSextets = /* @__PURE__ */ sextetsOf('-_')

/** The sextet of each character code, or -1. */
function sextetsOf(lastTwo: string): Int8Array {
  const alphabet = lettersAndDigits + lastTwo
  const sextets = new Int8Array(128).fill(-1)
  for (let sextet = 0; sextet < 64; sextet++) sextets[alphabet.charCodeAt(sextet)] = sextet
  return sextets
}

const encoder = new TextEncoder()
// A byte-order mark is not stripped: JSON with one is not valid JSON (RFC 8259 §8.1).
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The bytes, or undefined unless the text is canonical base64url without padding. */
export function parseBase64url(text: string): Uint8Array | undefined {
  return decode(text, text.length, base64urlSextets)
}

/** The bytes, or undefined unless the text is canonical base64 with padding (RFC 8941 §4.2.7). */
export function parseBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return decode(text, text.length - padding, base64Sextets)
}

// Not `atob`: on processors with wide vector registers, its native code slows down the cryptography that runs after it.
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
  // Unused low bits must be zero. Otherwise, two strings would decode to the same value, and a cache keyed by string could be bypassed.
  return invalid < 0 || (group & ((1 << bits) - 1)) !== 0 ? undefined : bytes
}

/** UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** The string, or undefined if the bytes are not valid UTF-8. */
export function parseUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

/** The value, or undefined if the text is not JSON. Members named `__proto__` become ordinary members that no code reads. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** The JSON object, or undefined if the text is something else. */
export function parseJsonObject(text: string): Record<string, unknown> | undefined {
  const value = parseJson(text)
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}

const quote = 0x22
const backslash = 0x5c
const colon = 0x3a
const blank = 0x20

/**
 * Whether any object in a JSON text has a duplicate member: some parsers keep the first, some the last, and some neither (RFC 8259 §4).
 *
 * @param value the parsed text
 */
export function hasDuplicateMembers(text: string, value: unknown): boolean {
  const members = countMembers(value)
  return countQuotedColons(text) !== members && countColons(text) !== members
}

/**
 * Counts the members of the text, plus strings that look like the start of a member. The count is never too low, so if it equals the number
 * of members, there are no duplicates. -1 for text with whitespace before a colon, which cannot be counted this way.
 */
function countQuotedColons(text: string): number {
  let colons = 0
  for (let i = text.indexOf(':'); i !== -1; i = text.indexOf(':', i + 1)) {
    const before = text.charCodeAt(i - 1)
    if (before === quote) colons++
    else if (before <= blank) return -1
  }
  return colons
}

// One match per member of the text; strings are skipped.
function countColons(text: string): number {
  let colons = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === colon) colons++
    else if (code === quote) i = endOfString(text, i + 1)
  }
  return colons
}

function endOfString(text: string, start: number): number {
  let end = start
  for (let code = text.charCodeAt(end); code !== quote; code = text.charCodeAt(end)) end += code === backslash ? 2 : 1
  return end
}

// Nested values are pushed onto an explicit stack, because tokens may contain values of any depth.
function countMembers(value: unknown): number {
  let members = 0
  const open: object[] = typeof value === 'object' && value !== null ? [value] : []
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const inside: unknown[] = Array.isArray(next) ? next : Object.values(next)
    if (inside !== next) members += inside.length
    for (const one of inside) if (typeof one === 'object' && one !== null) open.push(one)
  }
  return members
}

/** A JSON response. */
export function jsonResponse(status: number, body: object, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } })
}
