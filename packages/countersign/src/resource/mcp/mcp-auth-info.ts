import type { VerifiedRequest } from '../../editions/verified-request.js'

/** The caller, in the form in which both generations of the TypeScript SDK pass it to handlers. */
export interface McpAuthInfo {
  /** The thumbprint of the agent's key, to which its tokens are bound. */
  token: string
  /** The agent's identifier. */
  clientId: string
  /** The scopes that the user approved. */
  scopes: string[]
  /** Expiry of the scopes, in Unix seconds. */
  expiresAt?: number
  resource: URL
  extra: {
    agent: string
    /** The auth server, and the user's id there. A user is identified only by both together. Undefined if no user is identified. */
    iss: string | undefined
    sub: string | undefined
    /** The agent's delegate, if there is one. */
    delegate: string | undefined
  }
}

/** @param resource the resource's identifier, which is also used for an agent that the edition does not name */
export function mcpAuthInfo(
  verified: VerifiedRequest<'identity'> | VerifiedRequest<'authorization'>,
  resource: string,
): McpAuthInfo {
  const { thumbprint, delegate, authorization } = verified
  const agent = verified.agent ?? resource
  const { iss, sub, exp } = authorization?.claims ?? { iss: undefined, sub: undefined, exp: undefined }
  return {
    token: thumbprint,
    clientId: agent,
    scopes: [...(authorization?.scope ?? [])],
    ...(exp === undefined ? {} : { expiresAt: exp }),
    resource: new URL(resource),
    extra: { agent, iss, sub, delegate },
  }
}
