import { masterKeyLength } from '../secrets/require-master-key.js'

const forms = [
  { pattern: /^[0-9a-f]{64}$/i, encoding: 'hex' },
  { pattern: /^[A-Za-z0-9_-]{43}=?$/, encoding: 'base64url' },
  { pattern: /^[A-Za-z0-9+/]{43}=?$/, encoding: 'base64' },
] as const

/** Distinct values that 32 random bytes have at least, in all but one of 10^15 cases. */
const fewestValues = 16

/** A master key written down as base64url, base64 or hex; or what is wrong with it. */
export function parseMasterKey(text: string): { masterKey: Uint8Array } | { problem: string } {
  const trimmed = text.trim()
  const form = forms.find(({ pattern }) => pattern.test(trimmed))
  if (!form) return { problem: `must be ${masterKeyLength} random bytes as base64url or hex: ${how}` }
  const masterKey = Buffer.from(trimmed, form.encoding)
  const typed = masterKey.every((byte) => byte >= 0x20 && byte < 0x7f)
  if (typed || new Set(masterKey).size < fewestValues) return { problem: `is not random, so it can be guessed: ${how}` }
  return { masterKey }
}

const how = 'make one with countersign keys generate-master'
