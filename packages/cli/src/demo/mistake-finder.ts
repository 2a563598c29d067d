import { AAuthError, type ReceivedMessage } from 'countersign'
import {
  decodeToken,
  fieldValues,
  importVerificationKey,
  parseJsonObject,
  parseSignatureInput,
  parseSignatureKey,
  type VerificationKey,
} from 'countersign/wire'
import { knownMistake } from '../mistakes/known-mistake.js'
import type { TracedRequest, TraceEvent } from '../trace/trace-event.js'

/** Finds out what the signer of a refused request did otherwise. */
export interface MistakeFinder {
  /** Remembers the keys in what is fetched: they verify the requests that follow. */
  note(event: TraceEvent): void
  /** What is known to be wrong with its signature, in words; undefined where nothing is. Never rejects. */
  find(request: TracedRequest): Promise<string | undefined>
}

const maxKeys = 1000

export function createMistakeFinder(): MistakeFinder {
  const published = new Map<string, unknown>()

  function keyOf(signatureKey: string): unknown {
    const { key } = parseSignatureKey(signatureKey)
    if (key.scheme === 'hwk') return key.jwk
    if (key.scheme === 'jwks') return published.get(key.kid)
    const cnf = key.scheme === 'jwt' ? decodeToken(key.jwt)?.payload.cnf : undefined
    return typeof cnf === 'object' && cnf !== null && 'jwk' in cnf ? cnf.jwk : undefined
  }

  return {
    note(event) {
      if (event.kind !== 'response-received') return
      const keys = parseJsonObject(event.response.body ?? '')?.keys
      for (const jwk of Array.isArray(keys) ? (keys as unknown[]) : []) {
        const kid = typeof jwk === 'object' && jwk !== null && 'kid' in jwk ? jwk.kid : undefined
        if (typeof kid !== 'string') continue
        if (published.size >= maxKeys) published.clear()
        published.set(kid, jwk)
      }
    },
    async find(request) {
      const message = messageOf(request)
      const [signatureKey = ''] = fieldValues(message, 'signature-key')
      const [signatureInput = ''] = fieldValues(message, 'signature-input')
      try {
        const input = parseSignatureInput(signatureInput)
        const key: VerificationKey = await importVerificationKey(keyOf(signatureKey))
        return await knownMistake({ message, authority: new URL(request.url).host, input }, key)
      } catch (error) {
        if (error instanceof AAuthError) return undefined
        throw error
      }
    },
  }
}

function messageOf({ method, url, headers, body }: TracedRequest): ReceivedMessage {
  return {
    method,
    rawTarget: url.slice(new URL(url).origin.length),
    rawHeaders: headers.flat(),
    remoteAddress: undefined,
    body: async () => Buffer.from(body ?? ''),
  }
}
