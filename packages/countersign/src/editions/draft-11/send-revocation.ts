import type { GuardedFetch } from '../../discovery/guarded-fetch.js'
import { signRequest } from '../../httpsig/sign-request.js'
import { parseJsonObject } from '../../lib/encodings.js'
import type { Signer } from '../../lib/jwk.js'
import { readStream } from '../../lib/read-stream.js'
import type { ReportOutcome } from '../agent-server-edition.js'
import { draft11AgentSigning } from './signing.js'

/** Maximum size of a response, in bytes, and how long a request may take, in milliseconds. */
const limits = { response: 4096, time: 5000 } as const

/** A server that revokes its own tokens. */
export interface Revoker {
  /** Its identifier, and the name of its document. */
  id: string
  wellKnown: string
  signer: Signer
  now: () => number
  /** Fetches an untrusted URL. */
  send: GuardedFetch
}

/**
 * Notifies another party that a token was revoked (draft -11 §11.12).
 *
 * @param endpoint the party's `revocation_endpoint`
 */
export async function sendRevocation(
  endpoint: string,
  { jti, expiresAt }: { jti: string; expiresAt: number },
  { id, wellKnown, signer, now, send }: Revoker,
): Promise<ReportOutcome> {
  const body = JSON.stringify({ jti, exp: expiresAt })
  const request = new Request(endpoint, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const signed = await signRequest(request, {
    profile: draft11AgentSigning,
    signer,
    signatureKey: { scheme: 'jwks', id, kid: signer.kid, wellKnown },
    created: now(),
  })
  return outcomeOf(() =>
    send(endpoint, {
      method: 'POST',
      headers: Object.fromEntries(signed.headers),
      body,
      signal: AbortSignal.timeout(limits.time),
      redirect: 'manual',
    }),
  )
}

/** An empty 200 means that the revocation was recorded. */
async function outcomeOf(request: () => Promise<Response>): Promise<ReportOutcome> {
  try {
    const response = await request()
    const text = new TextDecoder().decode(response.body ? await readStream(response.body, limits.response) : undefined)
    if (response.status === 200) return text === '' || parseJsonObject(text) ? 'delivered' : 'failed'
    const refused = response.status === 403 && parseJsonObject(text)?.error === 'unsupported_iss'
    return refused || response.status === 404 || response.status === 405 ? 'unsupported' : 'failed'
  } catch {
    // The party cannot be reached, or its response is too large: the next attempt may succeed.
    return 'failed'
  }
}
