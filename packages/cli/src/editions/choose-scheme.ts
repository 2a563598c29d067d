import { AAuthError, type PublicJwk, type Signer } from 'countersign'
import { jwkThumbprint } from 'countersign/signatures'
import { confirmationJwk, decodeToken } from 'countersign/tokens'
import { usageError } from '../command/errors.js'
import type { KeyReferenceFlags } from './command-edition.js'

/** Requires that every flag applies to the scheme. `schemeFlags` contains the flags of each scheme. */
export function requireFlagsOf(
  scheme: string,
  schemeFlags: Readonly<Record<string, readonly (keyof KeyReferenceFlags)[]>>,
  flags: KeyReferenceFlags,
): void {
  for (const [other, names] of Object.entries(schemeFlags)) {
    const given = names.find((name) => flags[name] !== undefined)
    if (other !== scheme && given !== undefined) {
      const flag = given.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
      throw usageError(`--${flag} applies to --scheme ${other}, not to ${scheme}.`)
    }
  }
}

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
