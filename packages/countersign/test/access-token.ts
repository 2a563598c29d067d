import type { Signer } from 'countersign'
import { accessTokenType } from 'countersign/editions'
import { issueToken, type TokenType } from 'countersign/tokens'

/**
 * Signs an access token of a client and its user, valid for ten minutes, with any claims instead of the usual ones; undefined removes a
 * claim. Nothing is checked, so that tests can send tokens that must be refused.
 */
export function signAccessToken(
  claims: { iss: string; aud: unknown } & Record<string, unknown>,
  { signer, typ = accessTokenType.typ }: { signer: Signer; typ?: string | undefined },
): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const usual = {
    sub: 'alice',
    client_id: 'https://client.example/oauth/client.json',
    iat: now,
    exp: now + 600,
    jti: 'grant-1.family-1.x',
  }
  const unchecked = {
    ...accessTokenType,
    typ,
    required: [],
    optional: [],
    problem: () => undefined,
  } as TokenType<never>
  return issueToken(unchecked, { ...usual, ...claims } as never, { signer })
}
