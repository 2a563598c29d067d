import { requireKnownOptions } from '../lib/require-known-options.js'
import { requireEndpointOrigins } from '../protocol/endpoint-origins.js'
import { type IdentifierOptions, requireIdentifier } from '../protocol/identifier.js'
import { ownAnswerParameter, type RedirectKind, redirectKind } from '../protocol/redirect-uri.js'
import { requireOwnSigner } from '../tokens/require-own-signer.js'
import { agentInterop, type SharedAgentOptions } from './agent-options.js'

/**
 * Throws a TypeError that says which option cannot work, where the mistake is made and not at the first challenge.
 *
 * `authServers` decides where people type passwords: a text instead of the list would match every part of itself.
 */
export function requireAgentOptions(
  { id, signer, authServers, consentTimeout, endpointOrigins = {}, interop = {} }: SharedAgentOptions,
  identifiers: IdentifierOptions,
): void {
  requireKnownOptions('interop', interop, agentInterop)
  requireIdentifier('id', id, identifiers)
  requireOwnSigner('signer', signer, id)
  if (authServers === undefined)
    throw new TypeError('authServers is required: list the auth servers this agent may use')
  if (typeof authServers !== 'function') {
    if (!Array.isArray(authServers))
      throw new TypeError(`authServers must be a list, such as ['https://auth.example'], or a function`)
    for (const [index, authServer] of authServers.entries())
      requireIdentifier(`authServers[${index}]`, authServer, identifiers)
  }
  requireEndpointOrigins(
    endpointOrigins,
    identifiers,
    (authServer) => typeof authServers === 'function' || authServers.includes(authServer),
  )
  if (consentTimeout !== undefined && !(consentTimeout > 0))
    throw new TypeError('consentTimeout must be more than 0 seconds')
}

/** What kind of redirect URI is configured. @throws TypeError that says why it can be none */
export function requireRedirectUri(redirectUri: string): RedirectKind {
  const own = URL.canParse(redirectUri) ? ownAnswerParameter(redirectUri) : undefined
  if (own !== undefined)
    throw new TypeError(`redirectUri has a parameter ${own} of its own: take it out, since the answer is sent in it`)
  const kind = redirectKind(redirectUri)
  if (kind !== undefined) return kind
  throw new TypeError(
    'redirectUri must be a URL of https, such as https://agent.example/callback, of loopback, such as ' +
      'http://127.0.0.1:8080/callback, or of an app, such as com.example.app:/callback, in ASCII and without a fragment: ' +
      String(redirectUri).slice(0, 200),
  )
}
