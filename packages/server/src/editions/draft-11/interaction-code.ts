import { hashSecret, type MintedSecrets } from '../../secrets/server-keys.js'
import { draft11Name } from './paths.js'

/** Crockford's Base32 alphabet, which has no letters that look like digits (draft -11 §13.2). */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** The first symbols identify the request among the open ones. The others are a secret of 40 bits. */
const symbols = { handle: 4, all: 12 }

/** Derives the code of a pending request from the secret in the agent's URL for it. The code reveals nothing about that URL. */
export function interactionCode(secrets: MintedSecrets, pollSecret: string): string {
  const derived = secrets.codeOf(`${draft11Name} interaction ${pollSecret}`)
  const bytes = Buffer.from(derived.slice(-43), 'base64url')
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

/** The hash under which a request is found by its code. It cannot be computed without the server's secret, so codes cannot be found from it. */
export function linkHash(secrets: MintedSecrets, code: string): string {
  return hashSecret(secrets.codeOf(`${draft11Name} link ${code}`))
}

/** The hash under which a request is found by the secret in the agent's URL for it. */
export function pollHash(pollSecret: string): string {
  return hashSecret(`${draft11Name} poll\n${pollSecret}`)
}
