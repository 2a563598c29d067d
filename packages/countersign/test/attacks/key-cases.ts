import { expect } from 'vitest'
import type { Case, Outcome } from './attack.js'
import { type Parts, surrounded, unknownKey } from './crafted-cases.js'
import { agentReference } from './parties.js'

/** The single response body for every reason that a key is not found. */
export const unknownBody =
  '{"error":"invalid_signature","error_description":"No usable key was found at the location in the signature: check what is published there with countersign discover."}'

/** A key that is not found, whatever the reason: one body. */
export const notFound: Outcome = { ...unknownKey, also: (_stage, { body }) => expect(body).toBe(unknownBody) }
export const notFoundUnasked: Outcome = { ...notFound, unasked: 'any' }

export const reference = (changes: object): Parts => ({ signatureKey: { ...agentReference, ...changes } })

/** The base case with different responses for the agent's document or keys. */
export function answering(
  claim: string,
  documents: Readonly<Record<string, object | (() => Response | Promise<Response>)>>,
  expected: Outcome = notFound,
): Case {
  return surrounded(
    claim,
    (stage) => {
      for (const [url, document] of Object.entries(documents)) stage.documents.set(url, document)
    },
    expected,
  )
}

/** Uses the library's fetch instead of the documents with which the valid message was accepted. */
export const guarded = { options: { guardedFetch: true }, validOptions: {} } as const
