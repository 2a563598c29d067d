import { codeOfBytes } from 'countersign/editions/draft-11/sessions'
import { hashSecret, type MintedSecrets } from '../../secrets/server-keys.js'
import { draft11Name } from './paths.js'

/** Derives the code of a pending request from the secret in the agent's URL for it. The code reveals nothing about that URL. */
export function interactionCode(secrets: MintedSecrets, pollSecret: string): string {
  const derived = secrets.codeOf(`${draft11Name} interaction ${pollSecret}`)
  return codeOfBytes(Buffer.from(derived.slice(-43), 'base64url'))
}

/** The hash under which a request is found by its code. It cannot be computed without the server's secret, so codes cannot be found from it. */
export function linkHash(secrets: MintedSecrets, code: string): string {
  return hashSecret(secrets.codeOf(`${draft11Name} link ${code}`))
}

/** The hash under which a request is found by the secret in the agent's URL for it. */
export function pollHash(pollSecret: string): string {
  return hashSecret(`${draft11Name} poll\n${pollSecret}`)
}
