import { createHash } from 'node:crypto'

/** Crockford's Base32 alphabet: it has no letter that can be mistaken for a digit. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const symbols = 12

/** Returns the code with which a browser opens a pending request: sixty bits that reveal nothing about the agent's own URL for it. */
export function interactionCode(ticket: string): string {
  const bytes = createHash('sha256').update(`interaction\n${ticket}`).digest()
  return Array.from(bytes.subarray(0, symbols), (byte) => alphabet[byte & 31]).join('')
}

/** Formats a code for display. */
export function displayCode(code: string): string {
  return code.replaceAll(/(?!^)(?=(?:.{4})+$)/g, '-')
}

/** Normalizes a code that was typed or came with a link. Returns undefined if it cannot be a code. */
export function readCode(typed: string): string | undefined {
  const code = typed.replaceAll('-', '').toUpperCase().replaceAll(/[IL]/g, '1').replaceAll('O', '0')
  return code.length === symbols && Array.from(code).every((symbol) => alphabet.includes(symbol)) ? code : undefined
}
