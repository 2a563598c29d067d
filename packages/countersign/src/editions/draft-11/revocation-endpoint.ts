import { requireUnusedNonce } from '../../httpsig/nonces.js'
import type { ReceivedMessage } from '../../httpsig/received-message.js'
import type { KeyReference } from '../../httpsig/signing-profile.js'
import { verifySignature } from '../../httpsig/verify-signature.js'
import { AAuthError } from '../../lib/errors.js'
import { LruCache } from '../../lib/lru-cache.js'
import type { ResourceEndpoint, ResourceTools, RevocationList, RevokedTokens } from '../resource-protocol.js'
import { isServerId } from './agent-id.js'
import { draft11Documents } from './documents.js'
import { maxJsonBytes, readJson } from './read-json.js'
import { writeRefusal } from './refusals.js'
import { requireKey, unlistedPersonDocument } from './resolve-key.js'
import { draft11ServerSigning } from './signing.js'

/** The longest lifetime of a token that can be revoked here, and the difference between clocks, in seconds. */
const longest = 3600
const skew = 60

/** Requests per issuer and minute, and the number of issuers whose requests are counted. */
const limits = { requests: 60, issuers: 10_000 } as const

/** Refuses the tokens that their issuers revoked. */
export function createRevocationCheck(revoked: RevokedTokens): RevocationList {
  return {
    async requireUnrevoked({ iss, jti = '' }) {
      if (!(await revoked.has(iss, jti))) return
      throw new AAuthError('auth_token_invalid', 'The token was revoked by its issuer.', {
        error: 'revoked_jwt',
        challenge: { level: 'person-token' },
      })
    },
  }
}

/**
 * `POST` of `{"jti", "exp"}` by the person server that issued the token (draft -11 §11.12). The verified caller is the issuer, so no server can
 * revoke the tokens of another. Tokens that were never seen here are recorded as well.
 */
export function createRevocationEndpoint(tools: ResourceTools, revoked: RevokedTokens): ResourceEndpoint {
  const { now, claimNonce } = tools
  const requests = new LruCache<{ count: number; until: number }>(limits.issuers)

  function requireRate(issuer: string): void {
    const at = now()
    let counted = requests.get(issuer, at)
    if (!counted) {
      counted = { count: 0, until: at + 60 }
      requests.set(issuer, counted, counted.until)
    }
    if (++counted.count <= limits.requests) return
    throw new AAuthError('too_many_requests', 'Too many revocations: try again later.', {
      retryAfter: counted.until - at,
    })
  }

  async function receive(message: ReceivedMessage, contentType: string | null): Promise<void> {
    const { resolved, nonce, takeUpload, body: received } = await verifyIssuer(tools, message)
    const { issuer, key } = resolved
    requireRate(issuer)
    const { thumbprint } = key
    await requireUnusedNonce(claimNonce, nonce, { agent: issuer, thumbprint, remoteAddress: message.remoteAddress })
    await takeUpload?.()
    const body = message.upload?.content?.() ?? received
    const { jti, until } = revocationIn(readJson(contentType, body), now())
    if (until > now() && !(await revoked.add(issuer, jti, until)))
      throw new AAuthError('too_many_requests', 'Too many tokens of this issuer are revoked.', { retryAfter: 60 })
  }

  return async (message, contentType) => {
    try {
      await receive(message, contentType)
      return new Response(null, { status: 200, headers: { 'cache-control': 'no-store' } })
    } catch (error) {
      if (!(error instanceof AAuthError)) throw error
      const { status, headers, body } = writeRefusal(error, undefined, ['jwks_uri'])
      return new Response(body, { status, headers })
    }
  }
}

/** Verifies a request that a person server signed in its own name: its key, and its body if it has one. */
async function verifyIssuer(tools: ResourceTools, message: ReceivedMessage) {
  const { authorities, algorithms, now, discovery, acceptsIssuer, isListed, allowInsecureLoopback } = tools

  async function resolveKey(reference: KeyReference, remoteAddress: string | undefined) {
    if (reference.scheme !== 'jwks' || !('id' in reference))
      throw new AAuthError('signature_key_scheme_refused', 'Sign with the id, dwk and kid of your key.')
    const { id: issuer, wellKnown, kid } = reference
    if (wellKnown !== draft11Documents.authServer.name || !isServerId(issuer, { allowInsecureLoopback }))
      throw new AAuthError('key_unknown', 'No key was found: id and dwk do not name the document of a person server.')
    if (!acceptsIssuer(issuer))
      throw new AAuthError('policy_denied', 'The tokens of this server are not accepted here.', {
        error: 'unsupported_iss',
      })
    const type = isListed(issuer) ? draft11Documents.authServer : unlistedPersonDocument
    const key = requireKey(await discovery.findKey(type, issuer, kid, remoteAddress), isListed(issuer))
    return { key, issuer, type, agent: issuer }
  }

  return verifySignature(message, {
    profile: draft11ServerSigning,
    authorities,
    algorithms,
    now,
    maxBody: maxJsonBytes,
    claimNonce: 'later',
    resolveKey,
    async renewKey(reference, { key, issuer, type }, remoteAddress) {
      const kid = 'kid' in reference ? reference.kid : ''
      const renewed = await discovery.renewKey(type, issuer, kid, key, remoteAddress)
      return renewed && { key: renewed, issuer, type, agent: issuer }
    },
  })
}

function revocationIn({ jti, exp }: Readonly<Record<string, unknown>>, now: number): { jti: string; until: number } {
  if (typeof jti !== 'string' || jti === '' || jti.length > 256)
    throw new AAuthError('request_malformed', 'jti must be the id of the token, of at most 256 characters.')
  if (typeof exp !== 'number' || !Number.isSafeInteger(exp) || exp < 0)
    throw new AAuthError('request_malformed', 'exp must be the expiry of the token, in whole seconds.')
  if (exp > now + longest + skew)
    throw new AAuthError(
      'request_malformed',
      `exp must be at most ${longest} s from now: no accepted token lives longer.`,
    )
  return { jti, until: exp + skew }
}
