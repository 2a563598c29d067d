import { AAuthError, type ClaimNonce } from '../../../index.js'
import { createDiscovery, type Discovery } from '../../../low-level-exports/discovery.js'
import { type AgentTokenClaims, draft11 } from '../../../low-level-exports/draft-11.js'
import type { KeyResolver } from '../../../low-level-exports/editions.js'
import { receiveRequest, requireUnusedNonce, verifySignature } from '../../../low-level-exports/signatures.js'
import { decodeToken } from '../../../low-level-exports/tokens.js'
import { createMemoryNonces } from '../../../resource/index.js'
import type { TestServerTools } from '../../test-edition.js'
import type { TestGrant } from '../../test-grants.js'
import { issueTestToken } from './test-tokens.js'

/** An agent whose signature and agent token have been verified. */
export interface SigningAgent {
  agent: string
  delegate: string
  thumbprint: string
  jwk: object
  /** The expiry of its agent token. */
  exp: number
}

/** What an agent requests. */
export interface Wanted {
  kind: 'person' | 'auth'
  resource: string
  /** Space-separated; empty for a person token. */
  scope: string
  /** The expiry of the token that was presented. */
  notAfter?: number | undefined
}

/** A token that was issued. */
interface Issued {
  jwt: string
  delegate: string
  grant: TestGrant
  isRevoked: boolean
}

/** The state of a person server. */
export interface PersonContext extends TestServerTools {
  issuer: string
  now: () => number
  discovery: Discovery
  keys: KeyResolver
  claimNonce: ClaimNonce
  /** The user of each agent. */
  bound: Map<string, string>
  /** The issued tokens, by `jti`. */
  issued: Map<string, Issued>
}

/** Creates the state of a person server without any users' decisions. */
export function createPersonContext(tools: TestServerTools): PersonContext {
  const { now } = tools.clock
  const { issuer } = tools.grants
  const discovery = createDiscovery({ fetch: tools.fetch, now })
  return {
    ...tools,
    issuer,
    now,
    discovery,
    keys: draft11.createKeyResolver({ discovery, role: 'authServer', audience: issuer, authTokenIssuers: [], now }),
    claimNonce: createMemoryNonces({ now }),
    bound: new Map(),
    issued: new Map(),
  }
}

/** Verifies a request that is signed with an agent token (draft -11 §5.3). @throws AAuthError */
export async function requireAgent(
  { issuer, keys, claimNonce, now }: PersonContext,
  request: Request,
): Promise<{ agent: SigningAgent; body: Uint8Array }> {
  const { resolved, nonce, body } = await verifySignature(receiveRequest(request), {
    profile: draft11.signing,
    authorities: [new URL(issuer).host],
    resolveKey: (reference, remoteAddress) => keys.resolve(reference, remoteAddress),
    renewKey: (reference, known, remoteAddress) => keys.renew(reference, known, remoteAddress),
    claimNonce: 'later',
    now,
  })
  const { token, key } = resolved
  if (!token) throw malformed('The request is not signed with an agent token.')
  const { ps, iss, sub, exp } = token.claims as AgentTokenClaims
  if (ps !== undefined && ps !== issuer) throw malformed(`The agent token names another person server: ${ps}.`)
  const { thumbprint, jwk } = key
  await requireUnusedNonce(claimNonce, nonce, { agent: iss, thumbprint, remoteAddress: undefined })
  return { agent: { agent: iss, delegate: sub, thumbprint, jwk, exp }, body }
}

/** Responds with a token for a grant. */
export async function deliver(
  { grants, issued, now }: PersonContext,
  { delegate, jwk, exp: agentExpiry }: SigningAgent,
  { kind, notAfter = agentExpiry }: Wanted,
  grant: TestGrant,
): Promise<Response> {
  const wanted = { kind, grant, jwk, now: now(), notAfter: Math.min(agentExpiry, notAfter) }
  const jwt = await issueTestToken(grants, wanted)
  const { jti, exp } = decodeToken(jwt)?.payload ?? {}
  issued.set(String(jti), { jwt, delegate, grant, isRevoked: false })
  const headers = { 'cache-control': 'no-store' }
  return Response.json({ [`${kind}_token`]: jwt, expires_in: Number(exp) - now() }, { headers })
}

/** A refusal of a request that the test's own parties made wrongly. */
export function malformed(message: string): AAuthError {
  return new AAuthError('request_malformed', message)
}
