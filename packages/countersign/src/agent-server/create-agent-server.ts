import { randomBytes, serializeBase64url } from '#crypto'
import type { DelegatePage, StoredDelegate } from '../agent/delegate-store.js'
import { createMemoryNonces } from '../httpsig/memory-nonces.js'
import { type ReceivedMessage, receiveRequest } from '../httpsig/received-message.js'
import { publishedJwk } from '../lib/algorithms.js'
import { systemClock } from '../lib/clock.js'
import { jsonResponse } from '../lib/encodings.js'
import { AAuthError } from '../lib/errors.js'
import { createEmitter } from '../lib/events.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { documentResponse, documentUrl, isIdentifier, type OwnDocument } from '../protocol/documents.js'
import { requireParameter } from '../protocol/parameters.js'
import { createRateLimit } from '../resource/rate-limit.js'
import { type AgentServerOptions, requireAgentServerOptions } from './agent-server-options.js'
import { DelegateRefusal } from './delegate-refusal.js'
import { januaryAgentServer } from './delegate-tokens.js'
import { refused } from './platform-token.js'
import { type Endpoint, serveEndpoint } from './serve-endpoint.js'
import { type KeyRequest, requireKeyRate, verifyKeyRequest } from './signed-by-key.js'
import { createTokenRevocations, type RevocationReport } from './token-revocations.js'
import { createWorkloads, workloadPrefix } from './workloads.js'

/** An agent server, created by {@link createAgentServer}. */
export interface AgentServer {
  readonly id: string
  /** The published document. */
  readonly metadata: OwnDocument
  /**
   * Serves the agent's document, its keys, enrollment and renewal. Returns 404 for any other path. `received` is the message as it was on
   * the wire, if the platform provides it.
   */
  readonly handler: (request: Request, received?: ReceivedMessage) => Promise<Response>
  /** Lists the delegates in the order of their names. */
  list(page?: DelegatePage): Promise<readonly StoredDelegate[]>
  /**
   * Revokes a delegate: it gets no more tokens, and its name cannot be enrolled again. Tokens that it already has expire within `lifetime`. In
   * editions with revocations, the auth servers that they name are notified: they refuse the tokens at once, and revoke what they issued to
   * the delegate. Each is tried three times within a few seconds, and again if you revoke the delegate again.
   *
   * @returns the outcome at each of these auth servers; undefined if there is no such delegate
   */
  revoke(name: string): Promise<readonly RevocationReport[] | undefined>
  /**
   * Removes a delegate, revoked or not, so that its name and its key can be enrolled again. What users allowed the name then belongs to the
   * next installation with that name. Resolves to true if it existed.
   */
  remove(name: string): Promise<boolean>
}

/**
 * The server of an agent with many installations, its delegates (S§5). It publishes the agent's document and keys, enrolls installations
 * that your `enroll` function recognizes, and issues their agent tokens: each for one installation and its key and, in January 2026, for one
 * recipient. A token is
 * issued only for a request signed with the key that is stored for the installation. Installations use `createDelegate` from
 * `countersign/delegate`.
 *
 * It does not check who uses an installation, and does not limit what users allow it.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const server = createAgentServer({
 *   id: 'https://agent.example',
 *   signer,
 *   redirectUris: ['http://127.0.0.1/callback'],
 *   delegates: fileDelegates('./delegates'),
 *   enroll: async ({ credential }) => redeemInvitation(credential), // { name: 'laptop-7' }, or undefined
 * })
 * createServer(createNodeListener(server.handler, { origin: server.id })).listen(8080)
 * ```
 */
export function createAgentServer(options: AgentServerOptions): AgentServer {
  requireAgentServerOptions(options)
  const { id, signer, otherKeys = [], delegates, audiences, lifetime = 3600, now = systemClock } = options
  const edition = options.edition ?? januaryAgentServer
  const { rateLimit = createRateLimit({ now }), claimNonce = createMemoryNonces({ now }) } = options
  const issuer = { id, signer, lifetime, now }
  const tools = { authority: new URL(id).host, claimNonce, now }
  const emit = createEmitter('agent', id, options.onEvent)
  const revocations = createTokenRevocations(options, edition, issuer)
  const recognize = createWorkloads(options, { now, emit, rateLimit })
  const metadata = edition.describe(options)
  const keys = [signer.jwk, ...otherKeys].map((jwk) => publishedJwk(jwk, edition.document.jose))

  async function enroll(request: KeyRequest, headers: Headers): Promise<Response> {
    const { thumbprint, jwk } = request.key
    await requireKeyRate(rateLimit, request)
    // First, so that a replayed request does not reach a check with side effects, such as that of a one-time code.
    await request.claim()
    const { remoteAddress, form } = request
    const applicant = { credential: form.get('credential'), thumbprint, jwk, headers, remoteAddress }
    const enrollment = await options.enroll(applicant)
    if (!enrollment) throw new DelegateRefusal('enrollment_denied', 'This installation was not recognized.')
    const { name, replace = false } = enrollment
    const problem = edition.nameProblem(name) ?? reservedProblem(name)
    if (problem !== undefined) throw new TypeError(`enroll returned an invalid name: the name ${problem}`)
    const outcome = await delegates.enroll({ name, thumbprint, enrolledAt: now() }, replace)
    switch (outcome) {
      case 'enrolled':
        return jsonResponse(201, { name }, { 'cache-control': 'no-store' })
      case 'revoked':
        throw new DelegateRefusal('revoked_delegate', 'This installation was revoked.', name)
      case 'name_taken':
        throw new DelegateRefusal('name_taken', 'Another installation has this name.', name)
      case 'key_taken':
        throw new DelegateRefusal('key_taken', 'This key belongs to an installation with another name.', name)
    }
  }

  async function renew(request: KeyRequest): Promise<Response> {
    const platformToken = request.form.get('platform_token')
    if (platformToken !== undefined) return exchange(request, platformToken)
    const { thumbprint, jwk } = request.key
    const known = await delegates.find(thumbprint)
    await requireKeyRate(rateLimit, request, known?.name)
    const delegate = requireActive(known)
    const audience = await requireAudience(request, delegate)
    await request.claim(delegate.name)
    const dated = await revocations.date(delegate, audience)
    // Read again: the delegate may have been revoked or replaced in the meantime.
    const { name } = requireActive(await delegates.renew(thumbprint, now()))
    const token = await edition.issue(issuer, { name, jwk, audience, ...dated })
    return tokenResponse(token, Math.floor(dated.issuedAt + lifetime - now()), name)
  }

  /** Issues a token to a workload, which is not stored: its platform's token is checked each time. */
  async function exchange(request: KeyRequest, platformToken: string): Promise<Response> {
    const { thumbprint, jwk } = request.key
    const unstored = { thumbprint, enrolledAt: Math.floor(now()), renewedAt: undefined, revokedAt: undefined }
    const { name, expiresAt, audience } = await recognize(request, platformToken, (name) =>
      requireAudience(request, { name, ...unstored }),
    )
    const issuedAt = Math.floor(now())
    const left = Math.min(lifetime, Math.floor(expiresAt) - issuedAt)
    if (left < 1) throw refused('it has expired') // while its issuer's keys were fetched
    await request.claim(name)
    const jti = serializeBase64url(randomBytes(16))
    const token = await edition.issue({ ...issuer, lifetime: left }, { name, jwk, audience, issuedAt, jti })
    return tokenResponse(token, left, name)
  }

  async function requireAudience({ form }: KeyRequest, delegate: StoredDelegate): Promise<string | undefined> {
    const audience = edition.hasAudiences ? requireParameter(form, 'audience') : form.get('auth_server')
    if (audience === undefined) return undefined
    if (!isIdentifier(audience, options))
      throw new AAuthError('request_malformed', 'The audience must be the identifier of a resource or an auth server.')
    if (audiences === undefined) return audience
    const isAllowed =
      typeof audiences === 'function' ? await audiences(audience, delegate) : audiences.includes(audience)
    if (isAllowed) return audience
    throw new DelegateRefusal('audience_denied', 'This agent server issues no tokens for this audience.', delegate.name)
  }

  const signed =
    (work: (request: KeyRequest, headers: Headers) => Promise<Response>) =>
    async (message: ReceivedMessage, { headers }: Request) =>
      work(await verifyKeyRequest(message, tools), headers)
  const published = (document: object) => (): MaybePromise<Response> => documentResponse(document)
  const endpoints = new Map<string, Endpoint>(
    (
      [
        [documentUrl(edition.document, id), { methods: 'GET, HEAD', respond: published(metadata) }],
        [metadata.jwks_uri, { methods: 'GET, HEAD', respond: published({ keys }) }],
        [`${id}/delegates`, { methods: 'POST', respond: signed(enroll) }],
        [`${id}/delegates/token`, { methods: 'POST', respond: signed(renew) }],
      ] as const
    ).map(([url, endpoint]) => [new URL(url).pathname, endpoint]),
  )

  return {
    id,
    metadata,
    handler: (request, received = receiveRequest(request)) => serveEndpoint(endpoints, request, received, emit),
    async list(page) {
      if (page?.limit !== undefined && !(Number.isSafeInteger(page.limit) && page.limit > 0))
        throw new TypeError('limit must be a positive integer')
      return delegates.list(page)
    },
    async revoke(name) {
      return (await delegates.revoke(name, now())) ? revocations.report(name) : undefined
    },
    remove: async (name) => delegates.remove(name),
  }
}

function tokenResponse(token: string, lifetime: number, name: string): Response {
  return jsonResponse(200, { agent_token: token, expires_in: lifetime, name }, { 'cache-control': 'no-store' })
}

function reservedProblem(name: string): string | undefined {
  // Also in the form in which other editions name a delegate, `aauth:workload.…@host`.
  return name.replace(/^\w+:/, '').startsWith(workloadPrefix)
    ? `must not start with ${workloadPrefix}, as those of workloads do`
    : undefined
}

/** @throws DelegateRefusal `unknown_delegate`, `revoked_delegate` */
function requireActive(delegate: StoredDelegate | undefined): StoredDelegate {
  if (!delegate) throw new DelegateRefusal('unknown_delegate', 'This key is not enrolled.')
  // Stored by an earlier version, or by another program.
  const problem = reservedProblem(delegate.name)
  if (problem !== undefined)
    throw new DelegateRefusal('unknown_delegate', `The name of this installation ${problem}.`, delegate.name)
  if (delegate.revokedAt === undefined) return delegate
  throw new DelegateRefusal('revoked_delegate', 'This installation was revoked.', delegate.name)
}
