import type { BearerProtocol, BearerTools } from '../bearer-protocol.js'
import { createAccessTokenVerifier } from './access-token.js'
import { serializeBearerChallenge, writeBearerRefusal } from './bearer-refusal.js'
import { readBearerToken, requireNoTokenInForm } from './bearer-token.js'
import { createProtectedResource } from './protected-resource.js'

/** The resource's part of OAuth 2.1, as MCP clients use it. */
export const oauthResource = {
  createProtectedResource,
  createProtocol(tools: BearerTools): BearerProtocol {
    const { metadataUrl, initialScopes } = tools.resource
    return {
      readToken: readBearerToken,
      requireNoTokenIn: requireNoTokenInForm,
      verifyToken: createAccessTokenVerifier(tools),
      challenge: serializeBearerChallenge({ metadataUrl, scope: initialScopes.join(' ') }),
      writeRefusal: (error, scope) => writeBearerRefusal(error, { metadataUrl, scope }),
    }
  },
} as const
