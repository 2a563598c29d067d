import { AAuthError } from 'countersign'
import type { Decoded } from './inspection.js'

const form = /^error=([a-z_]{1,64})((?:, ?[a-z_]{1,64}=\((?:"[^"\\]*"(?: (?="))?)*\))*)$/

/** What each `error` asks of whoever signed. */
const remedies: Readonly<Record<string, string>> = {
  invalid_signature:
    'The headers, the time, the bytes of the signature, the digest or the nonce are not as they must be: the body of the answer says which, and countersign verify shows the base.',
  invalid_input: 'The signature must cover what the server asks for, and nothing that the request does not have.',
  unsupported_algorithm: 'The server accepts other algorithms: sign with a key for one of them.',
  invalid_key:
    'The key itself is refused, for its type, its size or its numbers: make another (countersign keys generate).',
  unknown_key:
    'No usable key was found where Signature-Key points: countersign discover <identifier> says what is published there.',
}

/**
 * What a `Signature-Error` value holds, and what to do about it.
 *
 * @throws AAuthError `request_malformed`
 */
export function decodeSignatureError(value: string): Decoded {
  const [, error = '', lists = ''] = form.exec(value) ?? []
  if (error === '') throw new AAuthError('request_malformed', 'Signature-Error is not error=…, with lists after it.')
  const decoded: Record<string, unknown> = { error }
  for (const [, name = '', list = ''] of lists.matchAll(/, ?([a-z_]+)=\(([^)]*)\)/g)) {
    decoded[name] = [...list.matchAll(/"([^"]*)"/g)].map(([, item]) => item)
  }
  const remedy = Object.hasOwn(remedies, error) ? remedies[error] : undefined
  return { decoded, remarks: remedy === undefined ? [] : [remedy], tokens: [] }
}
