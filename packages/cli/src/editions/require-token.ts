import { AAuthError, type PublicJwk, type Signer } from 'countersign'
import { jwkThumbprint } from 'countersign/signatures'
import { confirmationJwk, decodeToken } from 'countersign/tokens'
import { usageError } from '../command/errors.js'
import type { KeyReferenceFlags } from './command-edition.js'

/** Returns the token from the flags. Tells the user if it is bound to another key than the signer's. */
export async function requireToken(
  { token }: KeyReferenceFlags,
  signer: Signer,
  tell: (text: string) => void,
): Promise<string> {
  if (token === undefined) throw usageError('--scheme jwt requires --token: the agent token or auth token.')
  const bound = await boundThumbprint(token)
  if (bound !== signer.thumbprint)
    tell(`The token is bound to ${bound ?? 'no key'}, not to the signing key, so it will be refused.`)
  return token
}

async function boundThumbprint(token: string): Promise<string | undefined> {
  const jwk = confirmationJwk(decodeToken(token)?.payload ?? {})
  if (!jwk) return undefined
  try {
    return await jwkThumbprint(jwk as PublicJwk)
  } catch (error) {
    if (error instanceof AAuthError) return undefined
    throw error
  }
}
