import { requireParameter } from 'countersign/wire'
import type { ServerContext } from '../../http/context.js'
import { hashSecret } from '../../secrets/minted-secrets.js'
import type { ClaimingAnswer, SigningAgent } from '../signed-request.js'

/**
 * `POST /agent/revoke`: an agent gives back a refresh token it no longer needs. The answer is the same whether the token
 * was its own, somebody else's or nobody's (RFC 7009 §2.2).
 */
export function revokeToken(
  context: ServerContext,
  { agent, delegate }: SigningAgent,
  form: ReadonlyMap<string, string>,
): ClaimingAnswer<Record<string, never>> {
  const tokenHash = hashSecret(requireParameter(form, 'token'))
  return {
    async claiming(nonce) {
      await context.storage.revokeRefreshToken({ nonce, tokenHash, agent, delegate })
      return {}
    },
  }
}
