import { AgentError } from '../../lib/agent-error.js'
import { publishedJwk } from '../../lib/algorithms.js'
import { LruCache } from '../../lib/lru-cache.js'
import { warnOnce } from '../../lib/options.js'
import type { Challenge } from '../../protocol/challenge.js'
import type {
  AgentProtocol,
  AgentTools,
  Credential,
  HeldToken,
  ReadRefusal,
  Step,
  TokenNeed,
} from '../agent-protocol.js'
import { isServerId } from './agent-id.js'
import { createAgentTokens, isTokenRefused, personServerOf } from './agent-tokens.js'
import { draft11Jose } from './algorithms.js'
import { completeConsent } from './complete-consent.js'
import { createDeferredConsents, type DeferralTools } from './deferred-consents.js'
import type { AgentDocument } from './documents.js'
import { keepIssued, obtainToken, obtainUnprompted, personNeed } from './obtain-token.js'
import { createOwnerNames, createReturns } from './owner-names.js'
import { createRoutes, signatureOf } from './request-signatures.js'
import { requireResourceToken } from './require-resource-token.js'
import { parseRequirement, type Requirement, requirementHeader } from './requirement.js'
import { keepAccess, nameIn, type ResponseTools, receiveResponse, untilAborted } from './resource-responses.js'
import { parseSignatureError, signatureErrorHeader } from './signature-error.js'
import { type Components, draft11AgentSigning } from './signing.js'
import { personKind, sessionKind } from './token-kinds.js'
import { draft11Tokens } from './tokens.js'
import { verifyIssued } from './verify-issued.js'

const maxOrigins = 1000

/** What a resource requires. `level` also names what was presented. */
interface Draft11Challenge extends Challenge {
  /** Whether the token that was presented is no longer accepted. */
  isRefused: boolean
}

/**
 * The agent's side of draft -11 (§5–8, 11, 13).
 *
 * @param resourceComponents what every signature for a resource covers
 */
export function createAgentProtocol(given: AgentTools, resourceComponents: Components): AgentProtocol {
  requireSettings(given)
  const { id, signer } = given
  const agentTokens = createAgentTokens(given)
  const names = createOwnerNames(given, agentTokens)
  const tools: DeferralTools = {
    ...given,
    agentTokens,
    returns: createReturns(given),
    settle: (consent, response, owner, signal) =>
      consent.need.kind === sessionKind
        ? keepAccess(given, response, consent.requestToken, consent.agentName, owner, signal)
        : keepIssued(given, names, consent, response, { owner, signal }),
  }
  const consents = createDeferredConsents(tools)
  const requester = { tools, names, consents }
  /** The tokens that are being obtained because they are expected to be needed, by owner and resource. */
  const expected = new Map<string, Promise<HeldToken | undefined>>()
  const required = new LruCache<readonly string[]>(maxOrigins)
  const responses: ResponseTools = { tools, names, consents, required, interactions: new Map() }
  const routes = createRoutes(given)
  const person = personServerOf(given)

  return {
    metadata: { ...documentOf(given) },
    keys: [publishedJwk(signer.jwk, draft11Jose)],
    async signatureFor(credential, request) {
      if (credential.scheme === 'agent') credential.agentName ??= await names.current(credential.owner ?? '')
      const token = credential.scheme === 'token' && !routes.wantAgent(request) ? credential.held : undefined
      const isSession = token?.kind === sessionKind
      const jwt = token && !isSession ? token.jwt : await agentTokens.tokenFor(nameIn(credential, tools))
      const { origin } = new URL(request.url)
      return signatureOf(given, request, {
        jwt,
        access: isSession ? token.jwt : undefined,
        isResource: origin !== person,
        components: origin === person ? draft11AgentSigning.components : resourceComponents,
        required: required.get(origin, given.now()) ?? [],
      })
    },
    readRefusal,
    async expectedToken(request, owner, signal) {
      if (person === undefined || !(await routes.wantUser(request))) return undefined
      const { origin } = new URL(request.url)
      const flight = JSON.stringify([owner, origin])
      const obtaining =
        expected.get(flight) ?? obtainUnprompted(requester, origin, owner).finally(() => expected.delete(flight))
      expected.set(flight, obtaining)
      return untilAborted(obtaining, signal)
    },
    receive(response, sent) {
      routes.learn(response, sent)
      warnOfJanuary(response, given.id, sent.url)
      return receiveResponse(responses, response, sent)
    },
    stepFor: (_status, challenge, credential) => stepFor(challenge as Draft11Challenge, credential),
    requiredToken(challenge, { url, credential }) {
      const held = heldOf(credential)
      const { resourceToken } = challenge
      if (resourceToken !== undefined && held)
        return requireResourceToken(given, resourceToken, { url, presented: held })
      const isRefused = (challenge as Draft11Challenge).isRefused && held?.kind !== sessionKind
      return personNeed(given, new URL(url).origin, isRefused ? held : undefined)
    },
    obtain: (need, owner, signal) => obtainToken(requester, withKind(need), owner, signal),
    waitFor: async (page, owner, signal) => (await consents.waitForPage(page, owner, signal))?.token,
    refresh: async () => undefined,
    async verifyOwn({ jwt, authServer }) {
      const { claims } = await verifyIssued(given, draft11Tokens.person, jwt, { resource: id, authServer })
      return { ...claims }
    },
    complete: (parameters, owner) => completeConsent(tools, consents.state, parameters, owner),
  }
}

/** @throws TypeError for options that draft -11 does not have */
function requireSettings({ id, authServers, interop, allowInsecureLoopback }: AgentTools): void {
  if (!isServerId(id, { allowInsecureLoopback }))
    throw new TypeError(`id: in draft -11, an agent's identifier has no port and no path: ${String(id)}`)
  if (authServers.length > 1)
    throw new TypeError('authServers: in draft -11, an agent has one person server: list only that server')
  for (const name of ['introduce', 'stateOptional'] as const)
    if (interop[name] !== undefined) throw new TypeError(`interop.${name} does not apply to draft -11: remove it`)
}

/** An API of January 2026 requires something that this agent does not have, so the caller receives its 401. */
function warnOfJanuary({ status, headers }: Response, id: string, url: string): void {
  if (status !== 401 || !headers.has('agent-auth') || headers.has(requirementHeader)) return
  warnOnce(id, new URL(url).origin, 'it requires AAuth of January 2026: call it with an agent that has no edition set.')
}

function documentOf({ id, redirectUri, about = {} }: AgentTools): AgentDocument {
  const { name, logo_uri, policy_uri, tos_uri } = about
  const described = Object.entries({ name, logo_uri, policy_uri, tos_uri }).filter(([, value]) => value !== undefined)
  const { protocol, origin, pathname } = new URL(redirectUri)
  return {
    issuer: id,
    jwks_uri: `${id}/jwks.json`,
    ...Object.fromEntries(described),
    ...(protocol === 'https:' ? { callback_endpoint: origin + pathname } : {}),
    ...(protocol === 'http:' ? { localhost_callback_allowed: true } : {}),
  }
}

function readRefusal(response: Response, credential: Credential): ReadRefusal {
  const { status, headers } = response
  if (status !== 401 && status !== 202) return {}
  const said = status === 401 ? parseSignatureError(headers.get(signatureErrorHeader))?.error : undefined
  const asked = parseRequirement(headers.get(requirementHeader))
  const isRefused = isTokenRefused(response) || said === 'invalid_jwt'
  const resourceToken = asked?.requirement === 'auth-token' ? asked.resourceToken : undefined
  const level = resourceToken === undefined ? otherLevel(asked, isRefused) : authLevel(credential)
  const challenge: Draft11Challenge | undefined =
    level === undefined || (status === 202 && resourceToken === undefined)
      ? undefined
      : { level, isRefused, resourceToken }
  return { challenge, problem: said === undefined ? undefined : problems[said] }
}

/** The problems with a signature that are not those of a token. */
const problems: Readonly<Record<string, ReadRefusal['problem']>> = {
  unknown_key: 'key_unknown',
  invalid_signature: 'signature_refused',
  clock_skew: 'signature_refused',
}

function otherLevel(asked: Requirement | undefined, isRefused: boolean): string | undefined {
  const required = asked?.requirement
  if (required === 'agent-token' || required === 'person-token') return required
  return isRefused ? 'refused' : undefined
}

/** A resource may require the same again for another person token. If an auth token is not enough, the user has decided already. */
function authLevel(credential: Credential): string {
  const held = heldOf(credential)
  return `auth-token ${held?.kind === personKind && held.jwt}`
}

function heldOf(credential: Credential): HeldToken | undefined {
  return credential.scheme === 'token' ? credential.held : undefined
}

/** Tokens are obtained in order of increasing access: agent, person, auth. */
function stepFor({ level }: Draft11Challenge, credential: Credential): Step | undefined {
  const kind = heldOf(credential)?.kind
  if (level === 'person-token') return 'authorize'
  if (level === 'agent-token') return kind === undefined ? undefined : kind === sessionKind ? 'dropToken' : 'identify'
  // Either the token was refused, or the resource token names the token that was presented.
  return kind === undefined || kind === sessionKind ? undefined : 'authorize'
}

/**
 * Sign-in to the agent itself has no kind: in draft -11, a person token identifies the user.
 *
 * @throws AgentError for a scope that only a resource could require
 */
function withKind(need: TokenNeed): TokenNeed {
  if (need.kind !== undefined) return need
  if (need.scope === undefined || need.scope === 'openid') return { ...need, scope: undefined, kind: personKind }
  throw new AgentError('challenge_unsupported', 'In draft -11, signIn only identifies the user: use the scope openid.')
}
