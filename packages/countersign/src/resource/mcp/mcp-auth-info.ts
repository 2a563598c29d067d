import type { VerifiedRequest } from '../../editions/verified-request.js'

/** Who asks, in the shape that both generations of the TypeScript SDK hand to handlers. */
export interface McpAuthInfo {
  /** The thumbprint of the agent's key: there is no token that would be of use to anybody else. */
  token: string
  /** The agent's identifier. */
  clientId: string
  /** What the person allowed. */
  scopes: string[]
  /** Unix seconds at which that ends. */
  expiresAt?: number
  resource: URL
  extra: {
    agent: string
    /** The auth server that knows the person, and the person there: they are one only together. Undefined: nobody is named. */
    iss: string | undefined
    sub: string | undefined
    /** A part of the agent, where it has any. */
    delegate: string | undefined
  }
}

/** @param resource the identifier of the resource, which also stands for an agent that the edition does not name */
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
