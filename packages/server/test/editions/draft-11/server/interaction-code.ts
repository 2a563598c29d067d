import { createHash } from 'node:crypto'

/** Crockford's base 32: no letter that is taken for a digit. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const symbols = 12

/** The code by which a browser gets to a pending request: sixty bits that tell nothing of the agent's own address for it. */
export function interactionCode(ticket: string): string {
  const bytes = createHash('sha256').update(`interaction\n${ticket}`).digest()
  return Array.from(bytes.subarray(0, symbols), (byte) => alphabet[byte & 31]).join('')
}

/** A code as people read it. */
export function displayCode(code: string): string {
  return code.replaceAll(/(?!^)(?=(?:.{4})+$)/g, '-')
}

/** A code as it was typed or followed; undefined for what can be none. */
export function readCode(typed: string): string | undefined {
  const code = typed.replaceAll('-', '').toUpperCase().replaceAll(/[IL]/g, '1').replaceAll('O', '0')
  return code.length === symbols && Array.from(code).every((symbol) => alphabet.includes(symbol)) ? code : undefined
}
