import type { VerifiedRequest } from '../../editions/verified-request.js'

/** The caller, in the form in which both generations of the TypeScript SDK pass it to handlers. */
export interface McpAuthInfo {
  /** The thumbprint of the agent's key, to which its tokens are bound; for an OAuth client, the `jti` of its token. Never a token. */
  token: string
  /** The agent's identifier, or `key` and its thumbprint if the edition does not name it; for an OAuth client, its `client_id`. */
  clientId: string
  /** The scopes that the user approved. */
  scopes: string[]
  /** Expiry of the scopes, in Unix seconds. */
  expiresAt?: number
  resource: URL
  extra: {
    /** Empty if the token does not name the agent. */
    agent: string
    /** The auth server, and the user's id there. A user is identified only by both together. Undefined if no user is identified. */
    iss: string | undefined
    sub: string | undefined
    /** The agent's delegate, if there is one. */
    delegate: string | undefined
    /** What proved the scopes: the agent's signature, or an access token, which works for anyone who has it. */
    proof: 'signature' | 'bearer'
  }
}

/** Describes a verified caller for the SDK. @param resource the resource's identifier */
export function mcpAuthInfo(
  verified: VerifiedRequest<'identity'> | VerifiedRequest<'authorization'>,
  resource: string,
): McpAuthInfo {
  const { thumbprint, scheme, delegate, authorization, caller } = verified
  const claims = authorization?.claims
  // A request without an agent and without a caller comes from an agent that is the resource itself.
  const agent = verified.agent ?? (caller === undefined ? resource : '')
  return {
    token: thumbprint ?? claims?.jti ?? '',
    clientId: verified.agent ?? caller ?? resource,
    scopes: [...(authorization?.scope ?? [])],
    ...(claims ? { expiresAt: claims.exp } : {}),
    resource: new URL(resource),
    extra: { agent, iss: claims?.iss, sub: claims?.sub, delegate, proof: scheme === 'bearer' ? 'bearer' : 'signature' },
  }
}
