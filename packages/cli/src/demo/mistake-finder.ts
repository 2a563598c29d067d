import { AAuthError, type ReceivedMessage } from 'countersign'
import {
  confirmationJwk,
  decodeToken,
  fieldValues,
  importVerificationKey,
  january,
  type KeyReference,
  parseJsonObject,
  parseSignatureInput,
  parseSignatureKey,
  type VerificationKey,
} from 'countersign/wire'
import { knownMistake } from '../mistakes/known-mistake.js'
import type { TracedRequest, TraceEvent } from '../trace/trace-event.js'

/** Finds out what the signer of a refused request did otherwise. */
export interface MistakeFinder {
  /** Remembers documents and keys that are fetched: they verify the requests that follow. */
  note(event: TraceEvent): void
  /** What is known to be wrong with its signature, in words; undefined where nothing is. Never rejects. */
  find(request: TracedRequest): Promise<string | undefined>
}

const maxDocuments = 1000

export function createMistakeFinder(): MistakeFinder {
  /** Documents and key sets, by their URL. */
  const published = new Map<string, Readonly<Record<string, unknown>>>()

  function keyOf(signatureKey: string): unknown {
    const { key } = parseSignatureKey(signatureKey)
    if (key.scheme === 'hwk') return key.jwk
    if (key.scheme === 'jwt') return confirmationJwk(decodeToken(key.jwt)?.payload ?? {})
    if (key.scheme !== 'jwks') return undefined
    const { keys } = published.get(keySetOf(key)) ?? {}
    return Array.isArray(keys) ? keys.find((jwk) => isNamed(jwk, key.kid)) : undefined
  }

  function keySetOf(key: Extract<KeyReference, { scheme: 'jwks' }>): string {
    if ('jwksUri' in key) return key.jwksUri
    const { id, wellKnown = january.documents.agent.name } = key
    const jwksUri = published.get(`${id}/.well-known/${wellKnown}`)?.jwks_uri
    return typeof jwksUri === 'string' ? jwksUri : id
  }

  return {
    note(event) {
      if (event.kind !== 'response-received') return
      const document = parseJsonObject(event.response.body ?? '')
      if (!document || !('keys' in document || 'jwks_uri' in document)) return
      if (published.size >= maxDocuments) published.clear()
      published.set(event.request.url, document)
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

function isNamed(jwk: unknown, kid: string): boolean {
  return typeof jwk === 'object' && jwk !== null && 'kid' in jwk && jwk.kid === kid
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
