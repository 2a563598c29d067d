import { AAuthError } from 'countersign'
import type { DocumentType, Found } from 'countersign/discovery'
import type { KeyResolver, ResolvedKey } from 'countersign/editions'
import {
  draft11Documents,
  draft11ServerSigning,
  isServerId,
  readJson,
  writeRefusal,
} from 'countersign/editions/draft-11'
import type { VerificationKey } from 'countersign/signatures'
import type { Arrival, Route } from '../../http/route.js'
import { hashSecret } from '../../secrets/server-keys.js'
import type { AgentToken } from '../../storage/api/agent-storage.js'
import { StorageError } from '../../storage/api/storage.js'
import { secondsUntil } from '../../storage/api/throttle-storage.js'
import type { SignedContext } from '../edition.js'
import { requireNotBusy, type SigningAgent, signedRequest } from '../signed-request.js'
import { draft11Name, paths } from './paths.js'
import { malformed, problem } from './problems.js'

/** A token that its issuer can revoke here: an agent token, or a resource token. */
export interface RevocableToken {
  iss: string
  jti: string
}

const day = 86_400
/** How much clocks may differ, in seconds. */
const skew = 60
/** The longest lifetime of a token that can be revoked here, in seconds. */
const longest = day

/** Limits per issuer: requests in a minute, and stored revocations. */
const limits = { minute: 60, records: 10_000 } as const

/** Whether every database stores a text of another party as it is, and can look it up. */
export function isStorable(text: string, most: number): boolean {
  return text.length <= most && !/[\p{Cc}\p{Cs}]/u.test(text)
}

/** Whether the issuer of a token revoked it. */
export function isRevoked({ storage }: SignedContext, { iss: issuer, jti }: RevocableToken): Promise<boolean> {
  return storage.isRevoked({ issuer, jti })
}

/** The `error` for an agent token that was revoked (draft -11 §11.3). */
export const revokedToken = 'revoked_jwt'

export function agentTokenRevoked(): AAuthError {
  return new AAuthError('agent_token_invalid', 'The agent token was revoked by its issuer.', { error: revokedToken })
}

export function resourceTokenRevoked(): AAuthError {
  return problem('revoked_resource_token', 'The resource revoked its resource token: ask it for a new one.')
}

/** Runs work that relies on an agent token, and perhaps on a resource token. One that is revoked in the meantime is refused as usual. */
export async function refusingRevoked<T>(
  context: SignedContext,
  { agent: iss }: SigningAgent,
  { agentToken: { jti } }: { agentToken: AgentToken },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'token_revoked') throw error
    throw (await isRevoked(context, { iss, jti })) ? agentTokenRevoked() : resourceTokenRevoked()
  }
}

/**
 * `POST /person/revoke` of `{"jti", "exp"}`: an agent provider revokes an agent token, or a resource a resource token (draft -11 §11.12). The
 * verified caller is the issuer, so no server can revoke the tokens of another. Tokens that were never seen here are recorded as well. What
 * depends on the token ends at once, and the resources of an agent's tokens are told in the background.
 */
export function revocationRoute(shared: SignedContext): Route {
  const { now, storage } = shared
  const edition = {
    ...shared.edition,
    signing: draft11ServerSigning,
    writeRefusal: (error: AAuthError) => writeRefusal(error, undefined, ['jwks_uri']),
  }
  const context: SignedContext = { ...shared, edition, signers: createServerKeys(shared) }

  function revoke(arrival: Arrival): Promise<Response> {
    return signedRequest(context, arrival, async ({ agent: iss }, { body }) => {
      await requireRate(context, iss)
      const { jti, exp } = revocationIn(readJson(arrival.request.headers.get('content-type'), body), now())
      return {
        async claiming(nonce) {
          const revocation = { nonce, edition: draft11Name, issuer: iss, jti, expiresAt: exp, most: limits.records }
          if (!(await storage.recordRevocation(revocation)))
            throw new AAuthError('too_many_requests', 'Too many tokens of this server are revoked.', { retryAfter: 60 })
          return new Response(null, { headers: { 'cache-control': 'no-store' } })
        },
      }
    })
  }

  return { path: paths.revoke, caller: 'agent', edition, methods: { POST: revoke } }
}

async function requireRate({ storage, now }: SignedContext, iss: string): Promise<void> {
  const reached = await storage.countWithinLimits([
    { key: hashSecret(`${draft11Name} revocations of ${iss} per minute`), window: 60, most: limits.minute },
  ])
  if (!reached) return
  const retryAfter = secondsUntil(reached.resetAt, now())
  throw new AAuthError('too_many_requests', 'Too many revocations by this server: try again later.', { retryAfter })
}

function revocationIn({ jti, exp }: Readonly<Record<string, unknown>>, now: number): { jti: string; exp: number } {
  if (typeof jti !== 'string' || jti === '' || !isStorable(jti, 256))
    throw malformed('jti must be the id of the token, of at most 256 characters, without control characters.')
  if (typeof exp !== 'number' || !Number.isSafeInteger(exp) || exp < 0)
    throw malformed('exp must be the expiry of the token, in whole seconds.')
  if (exp > now + longest + skew)
    throw malformed(`exp must be at most ${longest} s from now: no token here lives longer.`)
  return { jti, exp }
}

/** Finds the keys of servers that sign in their own name: agent providers and resources whose tokens were accepted here. */
function createServerKeys({ discovery, identifiers, storage }: SignedContext): KeyResolver {
  async function findIssuer(reference: Parameters<KeyResolver['resolve']>[0]) {
    if (reference.scheme !== 'jwks' || !('id' in reference))
      throw new AAuthError('signature_key_scheme_refused', 'Sign with the id, dwk and kid of your key.')
    const { id, wellKnown, kid } = reference
    const type = issuers.find(({ name }) => name === wellKnown)
    if (!type || !isServerId(id, identifiers))
      throw new AAuthError('key_unknown', 'id and dwk do not name the document of an agent provider or a resource.')
    return { id, kid, type }
  }

  async function requireAccepted(id: string, type: DocumentType): Promise<void> {
    const isKnown =
      type === draft11Documents.agent
        ? (await storage.findAgent(id)) !== undefined
        : (await storage.listGrants({ resource: id, limit: 1 })).length > 0
    if (isKnown) return
    throw new AAuthError('policy_denied', 'No token of this server was accepted here.', { error: 'unsupported_iss' })
  }

  const asResolved = (key: VerificationKey, id: string, type: DocumentType): ResolvedKey => ({
    key,
    scheme: 'jwks',
    agent: id,
    delegate: undefined,
    token: undefined,
    authorization: undefined,
    user: undefined,
    publisher: type,
  })

  return {
    async resolve(reference, remoteAddress) {
      const { id, kid, type } = await findIssuer(reference)
      await requireAccepted(id, type)
      return asResolved(requireKey(await discovery.findKey(type, id, kid, remoteAddress)), id, type)
    },
    async renew(reference, { key }, remoteAddress) {
      const { id, kid, type } = await findIssuer(reference)
      const renewed = await discovery.renewKey(type, id, kid, key, remoteAddress)
      return renewed && asResolved(renewed, id, type)
    },
  }
}

const issuers: readonly DocumentType[] = [draft11Documents.agent, draft11Documents.resource]

/** @throws AAuthError `key_unknown`, `too_many_requests` */
function requireKey(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  const { failure: cause } = found
  requireNotBusy(cause)
  throw new AAuthError('key_unknown', 'The key was not found at its issuer.', { cause })
}
