import { hashText } from '#crypto'
import { createDiscovery } from '../discovery/discovery.js'
import type { FetchDocument } from '../discovery/fetch-document.js'
import type { NetworkOptions } from '../discovery/network-options.js'
import type { PublicJwk } from '../lib/algorithms.js'
import { AAuthError } from '../lib/errors.js'
import type { Emit } from '../lib/events.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { type IdentifierOptions, isIdentifier } from '../protocol/documents.js'
import type { RateLimit } from '../resource/rate-limit.js'
import { DelegateRefusal } from './delegate-refusal.js'
import { createPlatformKeys, type PlatformKeys, publishedKeys } from './platform-keys.js'
import { type PlatformToken, readPlatformToken, refused, requirePlatformSignature } from './platform-token.js'
import { type KeyRequest, requireKeyRate } from './signed-by-key.js'

/**
 * A program without a user, such as a CI job or a pod, that authenticates with its platform's OIDC token. The first workload whose issuer,
 * audience and claims match the token determines the name.
 */
export interface Workload {
  /**
   * Names the workload: 1 to 100 letters, digits, hyphens, underscores and dots. Its delegate is `workload.` followed by this name, which no
   * installation can have. Several entries can share a name.
   */
  name: string
  /** The `iss` of the platform's tokens, compared exactly, such as `https://token.actions.githubusercontent.com`. */
  issuer: string
  /** The only `aud` of the platform's tokens. @default the agent server's `id` */
  audience?: string | undefined
  /**
   * The claims that the token must have, as strings: one value, several values, or a `prefix`. At least one of {@link identifyingClaims} must
   * have exact values; otherwise, all customers of the platform would be accepted.
   */
  claims: Readonly<Record<string, string | readonly string[] | { readonly prefix: string }>>
  /**
   * The issuer's public keys (the `keys` of its JWKS), if this server cannot fetch them. You must update them when the issuer changes its keys.
   * @default fetched from the issuer, as its `/.well-known/openid-configuration` describes
   */
  keys?: readonly PublicJwk[] | undefined
}

/** Claims that identify a workload, and not only its circumstances, such as the name of a branch. */
export const identifyingClaims = [
  'sub',
  'repository',
  'repository_id',
  'repository_owner',
  'repository_owner_id',
  'project_path',
  'project_id',
  'namespace_path',
  'namespace_id',
] as const

/**
 * Binds a platform token to the first key that presents it, and returns the thumbprint of the key to which the token is bound. Atomic: of
 * several keys that present a token at the same time, one gets it. Keep the binding until `expiresAt`.
 *
 * @param token a hash of the token, the key's RFC 7638 thumbprint, and when the token expires, in Unix seconds
 */
export type BindPlatformToken = (token: { hash: string; thumbprint: string; expiresAt: number }) => MaybePromise<string>

/** A workload that presented a valid token. */
export interface KnownWorkload {
  /** The name of its delegate. */
  name: string
  /** When its token expires, in Unix seconds. */
  expiresAt: number
  /** The recipient of its agent token; undefined if the token is for every party. */
  audience: string | undefined
}

/** Requires that a workload with this name may get a token for the recipient that it requests. */
type RequireAudience = (name: string) => Promise<string | undefined>

/**
 * Recognizes a workload by its token, and binds the token to the key of the request unless anything else refuses it. Counts the request by
 * the workload, because many of them share a network. A refused one is counted by network and key.
 *
 * @throws DelegateRefusal `workload_denied`, `issuer_unavailable`, `platform_token_used`
 * @throws AAuthError `too_many_requests`
 */
export type RecognizeWorkload = (
  request: KeyRequest,
  token: string,
  requireAudience: RequireAudience,
) => Promise<KnownWorkload>

/** The names of workloads' delegates start with this, and those of installations do not. */
export const workloadPrefix = 'workload.'

/** The part of an agent server's options that its workloads need. */
interface WorkloadsOptions extends NetworkOptions, IdentifierOptions {
  id: string
  workloads?: readonly Workload[] | undefined
  bindPlatformToken?: BindPlatformToken | undefined
  fetch?: FetchDocument | undefined
}

/** @throws TypeError that names the invalid entry */
export function requireWorkloads(workloads: unknown, options: IdentifierOptions): void {
  if (workloads === undefined) return
  if (!Array.isArray(workloads)) throw new TypeError('workloads must be a list')
  for (const [index, workload] of (workloads as Workload[]).entries()) {
    const problem = problemOf(workload, options)
    if (problem !== undefined) throw new TypeError(`workloads[${index}]: ${problem}`)
  }
}

const members: ReadonlySet<string> = new Set(['name', 'issuer', 'audience', 'claims', 'keys'])

function problemOf(workload: Workload, { allowInsecureLoopback }: IdentifierOptions): string | undefined {
  const unknown = Object.keys(workload ?? {}).find((member) => !members.has(member))
  if (unknown !== undefined) return `there is no member ${unknown}`
  const { name, issuer, audience, claims, keys } = workload ?? {}
  if (typeof name !== 'string' || !/^[A-Za-z0-9\-_.]{1,100}$/.test(name))
    return 'the name must be 1 to 100 letters, digits, hyphens, underscores and dots'
  if (keys !== undefined) {
    const found = publishedKeys(keys)
    if ('refusal' in found) return `the keys are refused: ${found.refusal}`
    if (typeof issuer !== 'string' || issuer === '') return "the issuer must be the iss of the platform's tokens"
  } else if (!isIdentifier(issuer, { allowInsecureLoopback, allowPath: true })) {
    return `the issuer must be an https URL without a trailing slash, such as https://token.actions.githubusercontent.com; for any other iss, also set keys: ${String(issuer)}`
  }
  if (audience !== undefined && (typeof audience !== 'string' || audience === ''))
    return 'the audience must be a string'
  return claimsProblem(claims)
}

function claimsProblem(claims: unknown): string | undefined {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims))
    return "claims is required, such as { repository: 'octo/app' }"
  for (const [claim, expected] of Object.entries(claims as Workload['claims'])) {
    if (['iss', 'aud', 'exp', 'iat', 'nbf', 'jti'].includes(claim)) return `claims must not contain ${claim}`
    const values = valuesOf(expected)
    if (values.length === 0 || !values.every((value) => typeof value === 'string' && value !== ''))
      return `claims.${claim} must be a string that is not empty, a list of such strings, or { prefix: '…' }`
    if (values.some((value) => value.includes('*')) && isExact(expected))
      return `claims.${claim} contains an asterisk, which is not a wildcard: use { prefix: '…' }`
  }
  if (identifyingClaims.some((claim) => isExact((claims as Workload['claims'])[claim]))) return undefined
  return `claims must name the workload, because the issuer may issue tokens to anyone: require exact values of ${identifyingClaims.join(', ')}`
}

function isExact(expected: Workload['claims'][string] | undefined): boolean {
  return typeof expected === 'string' || Array.isArray(expected)
}

function valuesOf(expected: Workload['claims'][string]): readonly string[] {
  if (typeof expected === 'object' && expected !== null && Object.keys(expected).join() === 'prefix')
    return [(expected as { prefix: string }).prefix]
  return [expected].flat() as string[]
}

function fits(value: unknown, expected: Workload['claims'][string]): boolean {
  if (typeof value !== 'string') return false
  return isExact(expected) ? [expected].flat().includes(value) : value.startsWith(valuesOf(expected)[0] as string)
}

/** Creates a {@link BindPlatformToken} for one process. A restart loses the bindings. */
export function memoryPlatformTokens(now: () => number): BindPlatformToken {
  const bound = new Map<string, { thumbprint: string; expiresAt: number }>()
  return ({ hash, thumbprint, expiresAt }) => {
    for (const [other, { expiresAt: end }] of bound) if (end <= now()) bound.delete(other)
    const holder = bound.get(hash)
    if (holder) return holder.thumbprint
    bound.set(hash, { thumbprint, expiresAt })
    return thumbprint
  }
}

/** Creates the check of workloads' tokens. If the agent server has no workloads, every token is refused. */
export function createWorkloads(
  { id, workloads = [], bindPlatformToken, ...options }: WorkloadsOptions,
  { now, emit, rateLimit }: { now: () => number; emit: Emit | undefined; rateLimit: RateLimit },
): RecognizeWorkload {
  const { allowInsecureLoopback, allowNetworks, egressProxy, fetch } = options
  const bind = bindPlatformToken ?? memoryPlatformTokens(now)
  const fetched = workloads.filter(({ keys }) => keys === undefined).map(({ issuer }) => issuer)
  const discovery = createDiscovery({
    allowInsecureLoopback,
    allowNetworks,
    egressProxy,
    fetch,
    now,
    onLookup: emit,
    allowPath: true,
    configuredIssuers: [...new Set(fetched)],
  })
  const keysOf = new Map<Workload, PlatformKeys>(
    workloads.map((workload) => [workload, createPlatformKeys(workload, discovery)]),
  )

  /** The local checks, in the order in which they explain a refusal best. */
  function find({ issuer, audience, claims, subject }: PlatformToken): Workload {
    const ofIssuer = workloads.filter((workload) => workload.issuer === issuer)
    if (ofIssuer.length === 0) throw refused('its issuer is not configured here')
    const forServer = ofIssuer.filter((workload) => (workload.audience ?? id) === audience)
    if (forServer.length === 0) throw refused(`its aud is not the audience that is configured here, by default ${id}`)
    const misfits: string[] = []
    for (const workload of forServer) {
      const misfit = Object.entries(workload.claims).find(([claim, expected]) => !fits(claims[claim], expected))
      if (!misfit) return workload
      misfits.push(`for ${workload.name}, its ${misfit[0]} is ${JSON.stringify(claims[misfit[0]])}`)
    }
    const why = `no workload with its claims is configured here; its sub is ${subject}`
    throw refused(why, new Error(misfits.join(', ')))
  }

  async function recognize(
    { key: { thumbprint }, remoteAddress }: KeyRequest,
    compact: string,
    requireAudience: RequireAudience,
  ): Promise<KnownWorkload> {
    if (workloads.length === 0) throw new DelegateRefusal('workload_denied', 'This agent server has no workloads.')
    const token = readPlatformToken(compact, now())
    const workload = find(token)
    await requirePlatformSignature(token, keysOf.get(workload) as PlatformKeys, remoteAddress)
    const { expiresAt, signingInput } = token
    const name = workloadPrefix + workload.name
    const audience = await requireAudience(name)
    // Not of the signature, which for some algorithms can be changed without the key.
    const hash = await hashText(signingInput)
    if ((await bind({ hash, thumbprint, expiresAt })) === thumbprint) return { name, audience, expiresAt }
    const why = 'This platform token was used with another key: request a new one for each key.'
    throw new DelegateRefusal('platform_token_used', why, name)
  }

  return async function recognizeCounted(request, compact, requireAudience) {
    let workload: KnownWorkload
    try {
      workload = await recognize(request, compact, requireAudience)
    } catch (error) {
      const isRefusal = error instanceof DelegateRefusal || error instanceof AAuthError
      if (isRefusal && error.status < 500) await requireKeyRate(rateLimit, request)
      throw error
    }
    await requireKeyRate(rateLimit, request, workload.name)
    return workload
  }
}
