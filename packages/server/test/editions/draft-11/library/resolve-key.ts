import { AAuthError } from 'countersign'
import { type Found, findTokenKey } from 'countersign/discovery'
import { type KeyResolver, type KeyResolverOptions, parseScope, type ResolvedKey } from 'countersign/editions'
import type { VerificationKey } from 'countersign/signatures'
import { decodeToken, type TokenType, type VerifiedToken, verifyToken } from 'countersign/tokens'
import { type AgentTokenClaims, type AuthTokenClaims, tokens } from './tokens.js'

/** The tokens that a request may be signed with, by the role of the receiver. */
const accepted: Readonly<Record<KeyResolverOptions['role'], readonly TokenType[]>> = {
  resource: [tokens.agent, tokens.person, tokens.auth] as readonly TokenType[],
  authServer: [tokens.agent] as readonly TokenType[],
}

/** Creates the resolver for the key of a request. The key is always in a token, whose `typ` determines what it proves. */
export function createKeyResolver(options: KeyResolverOptions): KeyResolver {
  return {
    async resolve(reference, remoteAddress) {
      if (reference.scheme !== 'jwt')
        throw new AAuthError(
          'signature_key_scheme_refused',
          'Sign with a token: Signature-Key must use the jwt scheme.',
        )
      const typ = decodeToken(reference.jwt)?.header.typ
      const type = accepted[options.role].find((each) => each.typ === typ)
      if (!type) throw new AAuthError('agent_token_invalid', 'This type of token is not accepted here.')
      const isByAgent = typ === tokens.agent.typ
      const token = await verifyToken(type, reference.jwt, {
        ...options,
        ...(isByAgent ? {} : { issuers: options.authTokenIssuers }),
        findKey: findTokenKey(options.discovery, type.issuerDocument, requireKey, remoteAddress),
      })
      return { ...nothing, ...proofs[token.type.typ]?.(token), ...boundKey(token) }
    },
    renew: async () => undefined,
  }
}

type Proof = Pick<ResolvedKey, 'agent' | 'delegate' | 'authorization'>

const nothing: Proof = { agent: undefined, delegate: undefined, authorization: undefined }

/** The party that each token speaks for. The issuer that vouches for an agent is a URL; the agent itself is its delegate. */
const proofs: Readonly<Record<string, (token: VerifiedToken) => Partial<Proof>>> = {
  [tokens.agent.typ]: ({ claims }) => ({ agent: claims.iss, delegate: (claims as AgentTokenClaims).sub }),
  [tokens.auth.typ]: ({ claims, expired }) => {
    const { scope = '' } = claims as AuthTokenClaims
    return { authorization: { claims: { ...claims }, scope: parseScope(scope) ?? [], expired } }
  },
}

function boundKey(token: VerifiedToken): Omit<ResolvedKey, keyof Proof> {
  const { confirmationKey: key, type } = token
  if (!key) throw new TypeError(`a verified ${type.typ} has no confirmation key`)
  return { key, scheme: 'jwt', token, publisher: type.issuerDocument }
}

function requireKey(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  const { failure } = found
  if (failure.reason === 'busy')
    throw new AAuthError('too_many_requests', 'Too many key lookups are in progress.', {
      cause: failure,
      retryAfter: 3,
    })
  throw new AAuthError('key_unknown', `No key was found: ${failure.message}.`, { cause: failure })
}
