/** Crockford's Base32 alphabet, which has no letters that look like digits (draft -11 §13.2). */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** The first symbols identify the request among the open ones. The others are a secret of 40 bits. */
const symbols = { handle: 4, all: 12 }

/** The code that 12 random bytes stand for. */
export function codeOfBytes(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, symbols.all), (byte) => alphabet[byte & 31]).join('')
}

/** Formats a code for display, such as `7KQ2-M4XD-91TB`. */
export function displayCode(code: string): string {
  return code.replaceAll(/(?!^)(?=(?:.{4})+$)/g, '-')
}

/** Normalizes a code that was typed, or came with a link. Undefined if it cannot be a code. */
export function readCode(typed: string): string | undefined {
  const code = typed.replaceAll(/[-\s]/g, '').toUpperCase().replaceAll(/[IL]/g, '1').replaceAll('O', '0')
  return code.length === symbols.all && Array.from(code).every((symbol) => alphabet.includes(symbol)) ? code : undefined
}

/** The part of a code that identifies its request among the open ones. */
export function handleOf(code: string): string {
  return code.slice(0, symbols.handle)
}
