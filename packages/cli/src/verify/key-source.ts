import type { FetchDocument } from 'countersign'
import {
  createDiscovery,
  type Discovery,
  documentUrl,
  type IdentifierOptions,
  isLoopbackIdentifier,
} from 'countersign/discovery'
import type { ResolvedKey } from 'countersign/editions'
import type { KeyReference, VerificationKey } from 'countersign/signatures'
import { decodeToken } from 'countersign/tokens'
import type { CommandEdition } from '../editions/command-edition.js'

interface KeySourceOptions {
  edition: CommandEdition
  /** The signer's key; overrides `Signature-Key`. */
  key?: VerificationKey | undefined
  /** Key set to use instead of the network. */
  jwks?: readonly unknown[] | undefined
  /** The resource to which the request was sent. */
  resource?: string | undefined
  /** The auth server whose auth tokens are accepted. */
  authServer?: string | undefined
  /** The authority to which the request was sent. */
  authority: string
  now: () => number
  allowInsecureLoopback: boolean
  fetch: FetchDocument
  /** Fetches the documents of `authServer`, which the configuration trusts. */
  fetchConfigured: (issuer: string) => FetchDocument
}

/** Resolves keys as a resource or an auth server would. `note` is called with the assumptions made for options that are not given. */
export function createKeySource(
  options: KeySourceOptions,
  note: (text: string) => void,
): (signatureKey: KeyReference) => Promise<ResolvedKey> {
  const { authority, resource, authServer, now } = options
  const identifiers = { allowInsecureLoopback: options.allowInsecureLoopback, allowPath: true }
  const discovery = options.jwks
    ? offlineDiscovery(options.jwks, identifiers)
    : createDiscovery({
        ...identifiers,
        fetch: options.fetch,
        fetchConfigured: options.fetchConfigured,
        configuredIssuers: authServer === undefined ? [] : [authServer],
        now,
        failureTime: 'shortest',
      })
  const atAuthServer = resource === undefined && authServer !== undefined && new URL(authServer).host === authority

  return async (signatureKey) => {
    const { key } = options
    if (key) {
      if (signatureKey.scheme !== 'hwk') note('With --key, the reference in Signature-Key is ignored.')
      const { scheme } = signatureKey
      return {
        key,
        scheme,
        agent: undefined,
        delegate: undefined,
        token: undefined,
        authorization: undefined,
        publisher: undefined,
      }
    }
    const claims = signatureKey.scheme === 'jwt' ? decodeToken(signatureKey.jwt)?.payload : undefined
    const typedAudience = resource ?? (atAuthServer ? authServer : undefined)
    const here = `http://${authority}`
    const local = options.allowInsecureLoopback && isLoopbackIdentifier(here) ? here : authority
    const audience = typedAudience ?? firstText(claims?.aud) ?? local
    const issuer = authServer ?? firstText(claims?.iss)
    if (claims?.aud !== undefined && typedAudience === undefined)
      note(`The token’s own aud, ${audience}, is assumed to be correct: use --resource to set the expected audience.`)
    if (claims?.cnf !== undefined && claims.aud !== undefined && authServer === undefined)
      note(`The token’s own iss, ${issuer}, is trusted: use --auth-server to set the accepted issuer.`)
    if (options.jwks && signatureKey.scheme !== 'hwk')
      note(
        'Keys were taken from the file, so it was not checked whether they are published at the location in Signature-Key.',
      )
    const keys = options.edition.protocol.createKeyResolver({
      ...identifiers,
      discovery,
      audience,
      now,
      authTokenIssuers: issuer === undefined ? [] : [issuer],
      role: atAuthServer ? 'authServer' : 'resource',
    })
    return keys.resolve(signatureKey)
  }
}

function firstText(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value
  return typeof first === 'string' ? first : undefined
}

/** Creates a discovery that looks up all keys in one set, by `kid`, as if they were published. */
function offlineDiscovery(keys: readonly unknown[], identifiers: IdentifierOptions): Discovery {
  const { allowInsecureLoopback = false } = identifiers
  const jwksUri = allowInsecureLoopback ? 'http://127.0.0.1:1/jwks.json' : 'https://jwks.invalid/jwks.json'
  const discovery = createDiscovery({
    allowInsecureLoopback,
    fetch: async () => Response.json({ keys }),
    failureTime: 'shortest',
  })
  return {
    ...discovery,
    findMetadata: async () => ({ failure: { reason: 'refused', message: 'documents are not fetched with --jwks' } }),
    findKey: (type, identifier, kid) => {
      const local = new Map([[documentUrl(type, identifier), async () => keys as readonly object[]]])
      return createDiscovery({ ...identifiers, local }).findKey(type, identifier, kid)
    },
    findKeyAt: (_jwksUri, kid) => discovery.findKeyAt(jwksUri, kid),
    renewKey: async () => undefined,
  }
}
