import { requireOwnSigner } from '../discovery/require-own-signer.js'
import { requireEndpointOrigins } from '../protocol/endpoint-origins.js'
import { type IdentifierOptions, requireIdentifier } from '../protocol/identifier.js'
import { ownAnswerParameter } from '../protocol/redirect-uri.js'
import type { AgentOptions } from './create-agent.js'

/**
 * Throws a TypeError that says which option cannot work, where the mistake is made and not at the first challenge.
 *
 * `authServers` decides where people type passwords: a text in place of the list would match every part of itself.
 */
export function requireAgentOptions(
  { id, signer, authServers, onConsent, redirectUri, endpointOrigins = {} }: AgentOptions,
  identifiers: IdentifierOptions,
): void {
  requireIdentifier('id', id, identifiers)
  requireOwnSigner('signer', signer, id)
  if (redirectUri !== undefined) requireRedirectUri(redirectUri)
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
  if (typeof onConsent !== 'function')
    throw new TypeError('onConsent is required: it shows a person the url where they decide')
}

function requireRedirectUri(redirectUri: string): void {
  if (!URL.canParse(redirectUri))
    throw new TypeError('redirectUri must be a URL, such as https://agent.example/callback')
  const own = ownAnswerParameter(redirectUri)
  if (own !== undefined)
    throw new TypeError(`redirectUri has a parameter ${own} of its own: take it out, since the answer is sent in it`)
}
