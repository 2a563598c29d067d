import type { ReadRefusal } from '../agent-protocol.js'
import { januaryHeaders } from './signing.js'

/** What is wrong with the key or the signature (S§12). */
export function signatureProblem(response: Response): ReadRefusal['problem'] {
  const said = response.headers.get(januaryHeaders.problem) ?? ''
  if (/\berror=unknown_key\b/.test(said)) return 'key_unknown'
  return response.status === 401 && /\berror=invalid_signature\b/.test(said) ? 'signature_refused' : undefined
}
