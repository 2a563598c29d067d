import type { DiscoveryFailure, Found } from '../../discovery/fetch-document.js'
import type { KeyReference } from '../../httpsig/signing-profile.js'
import { AAuthError } from '../../lib/errors.js'
import type { VerificationKey } from '../../lib/jwk.js'
import { type DocumentType, isFetchableUrl } from '../../protocol/document-type.js'
import { identifierProblem, isIdentifier } from '../../protocol/identifier.js'
import type { KeyResolverOptions, ResolvedKey } from '../key-resolver.js'
import { januaryDocuments } from './documents.js'

/** The documents of parties that sign requests (W11). */
const publishers: readonly DocumentType[] = [januaryDocuments.agent, januaryDocuments.resource]

function publisherOf(wellKnown: string | undefined): DocumentType | undefined {
  return publishers.find(({ name }) => name === wellKnown)
}

type JwksReference = Extract<KeyReference, { scheme: 'jwks' }>

/** A key without an agent. */
export const anonymous = {
  agent: undefined,
  delegate: undefined,
  token: undefined,
  authorization: undefined,
  publisher: undefined,
} as const

/** Finds the keys that `scheme=jwks` refers to. */
export function createPublishedKeys(options: KeyResolverOptions) {
  const { discovery } = options
  /** The meaning of an `id` without `well-known`: the id's agent document, or the JWKS at the id itself (W11). */
  const absentWellKnown = options.role === 'authServer' ? januaryDocuments.agent.name : undefined

  const findAt = async (jwksUri: string, kid: string, remoteAddress: string | undefined): Promise<ResolvedKey> => ({
    ...anonymous,
    scheme: 'jwks',
    key: requireKey(await discovery.findKeyAt(jwksUri, kid, remoteAddress)),
  })

  return {
    /** The key, if it was found before and is still fresh. */
    peek(reference: JwksReference): ResolvedKey | undefined {
      if ('jwksUri' in reference) return undefined
      const { id: agent, kid, wellKnown = absentWellKnown } = reference
      const publisher = publisherOf(wellKnown)
      const key = publisher && discovery.peekKey(publisher, agent, kid)
      if (!key) return undefined
      // Each member by name: this runs for most requests, and a spread takes V8 many times as long.
      return { key, scheme: 'jwks', agent, delegate: undefined, token: undefined, authorization: undefined, publisher }
    },
    /** @throws AAuthError `key_unknown`, `key_invalid`, `too_many_requests` */
    async find(reference: JwksReference, remoteAddress: string | undefined): Promise<ResolvedKey> {
      const { kid, scheme } = reference
      if ('jwksUri' in reference) {
        if (!isFetchableUrl(reference.jwksUri, options)) throw unknownKey('the jwks URL is not of the accepted form')
        return findAt(reference.jwksUri, kid, remoteAddress)
      }
      const { id, wellKnown = absentWellKnown } = reference
      if (wellKnown === undefined) {
        if (!isIdentifier(id, { ...options, allowPath: true }))
          throw unknownKey('the id is not a URL of the accepted form')
        return findAt(id, kid, remoteAddress)
      }
      if (!isIdentifier(id, options)) throw unknownKey(`the id ${identifierProblem(id, options)}`)
      const publisher = publisherOf(wellKnown)
      if (!publisher) throw unknownKey('the well-known name is not one that is fetched')
      const outcome = await discovery.findKey(publisher, id, kid, remoteAddress)
      const resolved = { ...anonymous, scheme, key: requireKey(outcome), agent: id, publisher }
      return 'isNew' in outcome ? { ...resolved, isNew: true } : resolved
    },
    /** Another key under the same name, if one was published since. */
    async renew(
      reference: KeyReference,
      resolved: ResolvedKey,
      remoteAddress: string | undefined,
    ): Promise<ResolvedKey | undefined> {
      if (reference.scheme !== 'jwks' || 'jwksUri' in reference) return undefined
      if (resolved.agent === undefined || resolved.isNew) return undefined
      const { id, kid, wellKnown = absentWellKnown } = reference
      const publisher = publisherOf(wellKnown)
      const key = publisher && (await discovery.renewKey(publisher, id, kid, resolved.key, remoteAddress))
      return key && { ...resolved, key }
    },
  }
}

/** @throws AAuthError `key_unknown`, `key_invalid`, `too_many_requests` */
export function requireKey(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  const { failure } = found
  if (failure.reason === 'unusable')
    throw new AAuthError('key_invalid', `The key cannot be used: ${failure.message}.`, { cause: failure })
  throw lookupError(failure)
}

/** The error for a lookup that failed. */
export function lookupError(failure: DiscoveryFailure): AAuthError {
  return busyError(failure) ?? unknownKey(failure.message, failure)
}

/** The error for a lookup that a limit refused; undefined for any other failure. */
export function busyError(failure: DiscoveryFailure): AAuthError | undefined {
  if (failure.reason !== 'busy') return undefined
  const { retryAfter = 3 } = failure
  return new AAuthError('too_many_requests', 'Too many keys are being looked for.', { cause: failure, retryAfter })
}

/** The error for a key that does not exist, or whose reference is not accepted. */
export function unknownKey(message: string, cause?: DiscoveryFailure): AAuthError {
  return new AAuthError('key_unknown', `The key was not found: ${message}.`, { cause })
}
