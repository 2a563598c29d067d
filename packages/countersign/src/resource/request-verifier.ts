import * as platform from '#crypto'
import type { ResourceEdition } from '../editions/edition.js'
import type { ResourceProtocol, RevocationList } from '../editions/resource-protocol.js'
import {
  type AuthClaims,
  type Authorized,
  bodyCoverage,
  type KeyResolver,
  type Requirement,
  type ResolvedKey,
  type VerifiedRequest,
} from '../editions/verified-request.js'
import { type ClaimNonce, nonceSource, requireUnusedNonce } from '../httpsig/nonces.js'
import { type ReceivedMessage, receiveRequest } from '../httpsig/received-message.js'
import { type VerifiedSignature, type VerifySignatureOptions, verifySignature } from '../httpsig/verify-signature.js'
import { AAuthError } from '../lib/errors.js'
import type { Emit } from '../lib/events.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { nearestName, requireKnownOptions, warnOnce } from '../lib/options.js'
import { parseScope } from '../protocol/parameters.js'
import { requireRate } from './rate-limit.js'
import { type RequestReport, reportRequest } from './report-request.js'
import type { AcceptedProof, ResourceOptions } from './resource-options.js'

/** What a resource provides to its verifier. */
interface VerifierTools {
  edition: ResourceEdition
  protocol: ResourceProtocol
  keys: KeyResolver
  revocations: RevocationList | undefined
  authorities: readonly [string, ...string[]]
  claimNonce: ClaimNonce
  now: () => number
  emit: Emit | undefined
}

/** Verifies the requests to one resource. */
export interface RequestVerifier {
  /** Verifies a request and reports the outcome. @throws AAuthError */
  verify<R extends Requirement>(
    source: Request | ReceivedMessage,
    required: VerifyRequestOptions<R>,
  ): Promise<VerifiedRequest<R>>
  /**
   * Verifies a request: signature, revocation, rate, level, content, nonce.
   *
   * @param report receives the agent once the signature is verified, and the level that the content requires
   * @throws AAuthError
   */
  judge<R extends Requirement>(
    message: ReceivedMessage,
    required: VerifyRequestOptions<R>,
    report?: RequestReport,
  ): Promise<VerifiedRequest<R> & { thumbprint: string }>
  /** Whether a request's authorization, if it has one, has neither expired nor been revoked. */
  isStillAuthorized(verified: Authorized): Promise<boolean>
}

export function createRequestVerifier(options: ResourceOptions, tools: VerifierTools): RequestVerifier {
  const { id, scopes, rateLimit } = options
  const { edition, protocol, keys, revocations, authorities, claimNonce, now, emit } = tools
  const { levelAbove, hasUserLevel = false } = protocol
  const declared = { id, scopes: scopes && Object.keys(scopes), hasUserLevel }
  const signatureOptions = (due?: Requirement): VerifySignatureOptions<ResolvedKey> => ({
    profile: edition.signing,
    authorities,
    resolveKey: (reference, remoteAddress) => keys.resolve(reference, remoteAddress, due),
    renewKey: (reference, resolved, remoteAddress) => keys.renew(reference, resolved, remoteAddress),
    now,
    claimNonce: 'later',
    algorithms: options.algorithms,
    body: bodyCoverage(options.interop?.unsignedBodies ?? []),
    maxBody: options.maxBody,
    nonce: options.nonce,
  })
  const atAnyLevel = signatureOptions()
  const atAuthorization = signatureOptions('authorization')

  const requireUnrevoked = async (claims: AuthClaims) =>
    revocations?.requireUnrevoked(claims, claims.client_id ?? (options.ownAgent ? id : undefined))

  /** Throws the error with a challenge: for a 401, the challenge names the required level; for a 429, a level with higher limits. */
  function refuse(error: unknown, required: Requirement, higherLevel?: string): never {
    if (!(error instanceof AAuthError)) throw error
    const { status, code } = error
    const level = status === 429 ? higherLevel : status === 401 && protocol.challengeLevel(code, required)
    throw level ? error.withChallenge({ level }) : error
  }

  /** The claims of the token that carried the key, if it speaks for a user. @throws AAuthError if the token was revoked */
  async function unrevokedClaims({ authorization, user }: ResolvedKey): Promise<AuthClaims | undefined> {
    const claims = authorization?.claims ?? user
    if (claims && !authorization?.expired) await requireUnrevoked(claims)
    return claims
  }

  const judge: RequestVerifier['judge'] = async (message, required, report) => {
    const { remoteAddress } = message
    const { require, requirementOf } = required
    const began = now()
    const orChallenge = (error: unknown) => refuse(error, require)
    const verified = await verifySignature(message, require === 'authorization' ? atAuthorization : atAnyLevel).catch(
      orChallenge,
    )
    const { agent, delegate, authorization } = verified.resolved
    if (report) report.verified = { agent, delegate }
    const claims = await unrevokedClaims(verified.resolved)
    if (rateLimit) await requireRate(rateLimit, verified.resolved, { remoteAddress, levelAbove })
    // For an expired token, the level is derived from the content, so that the challenge has every required scope.
    let finalNeed: Need = required
    let judged = requirementOf && authorization?.expired ? undefined : protocol.judge(verified, required)
    // If the token names only a user, that user's requests count together.
    const claim = async ({ agent = claims && `${claims.iss} ${claims.sub ?? ''}` }: VerifiedRequest) =>
      requireUnusedNonce(claimNonce, verified.nonce, {
        agent,
        thumbprint: verified.resolved.key.thumbprint,
        remoteAddress,
      }).catch((error) => refuse(error, require, agent === undefined ? levelAbove('signature') : undefined))
    // A body may take longer than nonces are stored, and a copy of the request would then be accepted again.
    const isUpload = judged && verified.takeUpload
    if (isUpload) await claim(judged as VerifiedRequest)
    await verified.takeUpload?.().catch(orChallenge)
    const content = message.upload?.content?.()
    // The content may have arrived slowly.
    const isLate = verified.takeUpload !== undefined && now() > began
    if (!judged || requirementOf || content || isLate) {
      const resolved = isLate ? await resolveAgain(verified, message, require).catch(orChallenge) : verified.resolved
      const whole = { ...verified, resolved, body: content ?? verified.body }
      const need = await requirementOf?.(whole.body, 'signature')
      if (need) {
        requireVerifyOptions(need, declared)
        if (report) report.route = need.require
        finalNeed = need
      }
      judged = protocol.judge(whole, need ?? required) as NonNullable<typeof judged>
    }
    // Otherwise last, so that refused requests leave nothing in the store: a client can send any number of them.
    if (!isUpload) await claim(judged)
    await claimToken(verified, finalNeed, tools, remoteAddress)
    return judged as typeof judged & { thumbprint: string }
  }

  /** The key of a verified request, whose token may have expired or been revoked since. @throws AAuthError */
  async function resolveAgain(
    { signatureKey, resolved }: VerifiedSignature<ResolvedKey>,
    { remoteAddress }: ReceivedMessage,
    due: Requirement,
  ): Promise<ResolvedKey> {
    const current = await keys.resolve(signatureKey, remoteAddress, due)
    if (current.key.thumbprint !== resolved.key.thumbprint)
      throw new AAuthError('key_unknown', 'The key was replaced: sign again.')
    await unrevokedClaims(current)
    return current
  }

  return {
    judge,
    async verify(source, required) {
      requireVerifyOptions(required, declared)
      const message = source instanceof Request ? receiveRequest(source) : source
      if (!emit) return judge(message, required)
      const report: RequestReport = { route: required.require, message }
      return reportRequest(emit, edition.signing, report, () => judge(message, required, report))
    },
    async isStillAuthorized(verified) {
      const claims = verified.claims ?? verified.authorization?.claims
      if (!claims) return true
      if (claims.exp <= now()) return false
      try {
        await requireUnrevoked(claims)
        return true
      } catch (error) {
        if (error instanceof AAuthError) return false
        throw error
      }
    },
  }
}

/** Claims a token that allows only one request. @throws AAuthError if it was used, or if the store cannot know */
async function claimToken(
  verified: VerifiedSignature<ResolvedKey>,
  required: Need,
  { protocol, edition, claimNonce, now }: VerifierTools,
  remoteAddress: string | undefined,
): Promise<void> {
  const token = protocol.singleUse?.(verified, required)
  if (!token) return
  const { agent, key } = verified.resolved
  const claim = {
    key: await platform.hashText(`one call\n${token.id}`),
    lifetime: Math.ceil(token.expiresAt - now()) + edition.signing.window,
    source: nonceSource({ agent, thumbprint: key.thumbprint, remoteAddress }),
    issuedAt: token.issuedAt,
  }
  if (!(await claimNonce(claim))) throw token.used()
}

export interface VerifyRequestOptions<R extends Requirement> {
  /** The level that the request must reach (S§4). */
  require: R
  /** Space-separated scopes, all of which the auth token must have. Allowed only with `authorization`, and required there. */
  scope?: string
  /**
   * How a request may prove this, if the resource accepts OAuth: `['aauth']` for signatures only. With `['aauth', 'oauth']`, any access token
   * suffices for `signature` and `identity`, whatever its scopes, and proves nothing about which program sent the request. @default
   * `['aauth']` for `signature` and `identity`; `accept` of the resource for `authorization`
   */
  accept?: readonly AcceptedProof[] | undefined
  /**
   * With `identity`: accepts any request for a user, even if its token does not name the agent. In editions whose tokens all name it, this
   * changes nothing. @default false
   */
  orHigher?: boolean | undefined
  /**
   * For content that determines its own requirement, such as an MCP message. Called once the content has been received and nothing else can
   * refuse the request. The requirement that it returns also applies. `proof` is what the request proves its authorization with.
   * @default no further requirement
   */
  requirementOf?: ((content: Uint8Array, proof: 'signature' | 'bearer') => MaybePromise<Need | undefined>) | undefined
}

/** The requirement that some content determines. */
type Need = Pick<VerifyRequestOptions<Requirement>, 'require' | 'scope'>

/** The parts of a resource that decide which requirements it can have. */
export interface DeclaredResource {
  id: string
  scopes: readonly string[] | undefined
  hasUserLevel: boolean
  /** @default OAuth access tokens are not accepted */
  protectedResource?: object | undefined
}

/** Includes the options that the adapters accept. */
const verifyRequestOptions = {
  require: true,
  scope: true,
  accept: true,
  orHigher: true,
  requirementOf: true,
  mountPath: true,
} as const satisfies Record<keyof VerifyRequestOptions<Requirement> | 'mountPath', true>

const requirements: ReadonlySet<unknown> = new Set<Requirement>(['signature', 'identity', 'user', 'authorization'])

/**
 * Throws a TypeError for an invalid level or scope. Warns once about a scope that the resource does not declare, because users would be
 * prompted for it without a description.
 */
export function requireVerifyOptions(
  options: VerifyRequestOptions<Requirement>,
  { id, scopes: declared, hasUserLevel, protectedResource }: DeclaredResource,
): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(
      "set the requirement: { require: 'identity' } or { require: 'authorization', scope: 'data.read' }",
    )
  requireKnownOptions('the request check', options, verifyRequestOptions)
  const { require, scope, accept } = options
  if (accept && !accept.includes('aauth')) throw new TypeError("accept must be ['aauth'] or ['aauth', 'oauth']")
  if (accept?.includes('oauth') && !protectedResource)
    throw new TypeError("accept: add 'oauth' to accept of createResource")
  if (!requirements.has(require))
    throw new TypeError(`require must be 'signature', 'identity' or 'authorization', not ${JSON.stringify(require)}`)
  if (require === 'user' && !hasUserLevel)
    throw new TypeError("require: 'user' is not in this edition: use 'authorization', with a scope")
  if (require !== 'authorization') {
    if (scope === undefined) return
    throw new TypeError(`scope requires require: 'authorization', not '${require}'`)
  }
  const values = scope === undefined ? undefined : parseScope(scope)
  if (!values) throw new TypeError('require: \'authorization\' needs a valid scope, such as "data.read"')
  if (!declared) return
  const undeclared = values.find((value) => !declared.includes(value))
  if (undeclared === undefined) return
  const near = nearestName(undeclared, declared)
  const meant = near === undefined ? '' : `; did you mean ${near}?`
  warnOnce(
    id,
    `scope ${undeclared}`,
    `it is not one of the resource’s scopes, so users see no description of it${meant}`,
  )
}
