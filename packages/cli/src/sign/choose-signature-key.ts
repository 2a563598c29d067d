import { AAuthError, type PublicJwk, type Signer } from 'countersign'
import { january } from 'countersign/editions'
import { jwkThumbprint, type KeyReference } from 'countersign/signatures'
import { confirmationJwk, decodeToken } from 'countersign/tokens'
import { usageError } from '../command/errors.js'

export interface KeyReferenceFlags {
  scheme?: string
  key?: string
  id?: string
  wellKnown?: string
  jwksUri?: string
  token?: string
}

type Scheme = 'hwk' | 'jwks' | 'jwt'

/** The flags that apply to each scheme. */
const schemeFlags: Readonly<Record<Scheme, readonly (keyof KeyReferenceFlags)[]>> = {
  hwk: [],
  jwks: ['id', 'wellKnown', 'jwksUri'],
  jwt: ['token'],
}

const builders: Readonly<
  Record<Scheme, (flags: KeyReferenceFlags, signer: Signer, tell: (text: string) => void) => Promise<KeyReference>>
> = {
  hwk: async (_flags, signer) => {
    const { kid: _kid, alg: _alg, use: _use, ...members } = signer.jwk
    return { scheme: 'hwk', jwk: members }
  },
  jwks: async ({ key, id, wellKnown, jwksUri }, { kid }) => {
    if (key === undefined)
      throw usageError('--scheme jwks requires --key, because a new key is not published anywhere.')
    if (jwksUri !== undefined) return { scheme: 'jwks', jwksUri, kid }
    if (id === undefined)
      throw usageError('--scheme jwks requires --id or --jwks-uri: the location where the key is published.')
    if (wellKnown === 'none') return { scheme: 'jwks', id, kid }
    const { agent, resource } = january.documents
    return { scheme: 'jwks', id, kid, wellKnown: (wellKnown === 'resource' ? resource : agent).name }
  },
  jwt: async ({ token }, signer, tell) => {
    if (token === undefined) throw usageError('--scheme jwt requires --token: the agent token or auth token.')
    const bound = await boundThumbprint(token)
    if (bound !== signer.thumbprint)
      tell(`The token is bound to ${bound ?? 'no key'}, not to the signing key, so it will be refused.`)
    return { scheme: 'jwt', jwt: token }
  },
}

/** Builds the `Signature-Key` value that the flags describe. If no scheme is given, it is inferred from the other flags. */
export async function chooseSignatureKey(
  flags: KeyReferenceFlags,
  signer: Signer,
  tell: (text: string) => void,
): Promise<KeyReference> {
  const implied =
    flags.token !== undefined ? 'jwt' : flags.id !== undefined || flags.jwksUri !== undefined ? 'jwks' : 'hwk'
  const scheme = (flags.scheme ?? implied) as Scheme
  for (const [other, names] of Object.entries(schemeFlags)) {
    const given = names.find((name) => flags[name] !== undefined)
    if (other !== scheme && given !== undefined) {
      const flag = given.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
      throw usageError(`--${flag} applies to --scheme ${other}, not to ${scheme}.`)
    }
  }
  return builders[scheme](flags, signer, tell)
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
