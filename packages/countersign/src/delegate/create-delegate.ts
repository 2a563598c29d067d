import { AgentError } from '../lib/agent-error.js'
import type { PublicJwk } from '../lib/algorithms.js'
import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import { jwkThumbprint, type Signer } from '../lib/jwk.js'
import { LruCache } from '../lib/lru-cache.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { requireKnownOptions, warnOnce } from '../lib/options.js'
import { requireIdentifier } from '../protocol/documents.js'
import { confirmationJwk, requireOwnSigner } from '../tokens/issue-token.js'
import { decodeToken } from '../tokens/verify-token.js'
import { createDelegateRequests, type DelegateIdentity, tokenRefused } from './delegate-requests.js'

export interface DelegateOptions extends DelegateIdentity {
  /**
   * Returns what the agent server's `enroll` recognizes this installation by, such as a one-time code. Called only if the key is not
   * enrolled yet. @default the installation cannot enroll itself
   */
  credential?: (() => MaybePromise<string>) | undefined
  /** Returns the platform's OIDC token, for each agent token: for workloads, instead of an enrollment. @default none */
  platformToken?: (() => MaybePromise<string>) | undefined
  /** The auth server of the installation's user, for editions whose agent tokens name it. @default none */
  authServer?: string | undefined
  /**
   * Returns the identifier of the resource or auth server that is called at a URL, if it is not the URL's origin: because it has a path, or
   * because an auth server's endpoints are at another origin. @default the URL's origin
   */
  audienceOf?: ((url: string) => string) | undefined
  /** Path below `id` at which the agent server issues agent tokens. @default '/delegates/token' */
  tokenPath?: string | undefined
  /** Accepts `http` on literal loopback hosts with a port, for development. @default false */
  allowInsecureLoopback?: boolean | undefined
  /** Accepts identifiers with a path (W10). @default false */
  allowPath?: boolean | undefined
}

const delegateOptions = {
  id: true,
  signer: true,
  credential: true,
  platformToken: true,
  authServer: true,
  audienceOf: true,
  tokenPath: true,
  fetch: true,
  now: true,
  allowInsecureLoopback: true,
  allowPath: true,
} as const satisfies Record<keyof DelegateOptions, true>

/** An installation's part of the options of `createAgent`. */
export interface Delegate {
  readonly id: string
  readonly signer: Signer
  /**
   * Resolves to an agent token for the recipient of a request, or to one for every party if there is no URL, as the edition requires. The
   * former is kept, and replaced a few minutes before it expires. The latter is requested each time, because agents keep it themselves until a
   * server no longer accepts it. While the agent server does not respond or is busy, the last token is returned until it expires.
   *
   * @throws AgentError `agent_token_refused`, with the agent server's code in `error`; `agent_server_unreachable`
   */
  readonly agentToken: (url?: string) => Promise<string>
}

const maxTokens = 1000
/** The key of a token that is for every party: no identifier. */
const forAll = '*'
/** The last part of a token's lifetime, in which it is renewed, in seconds. */
const margin = 300

interface HeldToken {
  jwt: string
  /** Unix seconds. */
  renewAt: number
  /** Unix seconds. */
  expiresAt: number
}

/**
 * One installation of an agent that is installed many times (S§5): it enrolls at the agent's server on first use, and obtains a token for
 * each recipient whenever one is needed. Pass the result to `createAgent`.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const delegate = createDelegate({ id: 'https://agent.example', signer, credential: () => invitation })
 * const agent = createAgent({ ...delegate, authServers: ['https://auth.example'], consent: loopbackConsent() })
 * ```
 */
export function createDelegate(options: DelegateOptions): Delegate {
  requireDelegateOptions(options)
  const { id, signer, credential, authServer, tokenPath = '/delegates/token', now = systemClock } = options
  const { audienceOf = (url: string) => new URL(url).origin } = options
  const post = createDelegateRequests({ ...options, now })
  const kept = new LruCache<HeldToken>(maxTokens)
  const renewing = new Map<string, Promise<string>>()
  let enrolling: Promise<void> | undefined

  async function enroll(): Promise<void> {
    if (!credential) {
      const why = 'This installation is not enrolled, and has no credential to enroll with.'
      throw tokenRefused(why, { error: 'unknown_delegate' })
    }
    // Sent once: a credential may work only once. If the response is lost, the next renewal finds the enrollment.
    await post('/delegates', { credential: await credential() }, { isSentOnce: true })
  }

  async function requestToken(audience: string | undefined): Promise<Record<string, unknown>> {
    const form: Record<string, string> = {}
    if (audience !== undefined) form.audience = audience
    else if (authServer !== undefined) form.auth_server = authServer
    if (options.platformToken) form.platform_token = await options.platformToken()
    const request = () => post(tokenPath, form)
    try {
      return await request()
    } catch (error) {
      if (!(error instanceof AgentError) || error.error !== 'unknown_delegate') throw error
      // One enrollment for all recipients.
      enrolling ??= enroll().finally(() => {
        enrolling = undefined
      })
      await enrolling
      return request()
    }
  }

  async function renew(audience: string | undefined): Promise<string> {
    const key = audience ?? forAll
    const previous = kept.get(key, now())
    try {
      const response = await requestToken(audience)
      const jwt = await requireOwnToken(response, { id, signer, audience })
      const { expires_in: lifetime } = response
      if (typeof lifetime !== 'number' || !(lifetime > 0)) throw tokenRefused('The response has no expires_in.')
      const expiresAt = now() + lifetime
      kept.set(key, { jwt, renewAt: expiresAt - Math.min(margin, lifetime / 4), expiresAt }, expiresAt)
      return jwt
    } catch (error) {
      const isTemporary =
        error instanceof AgentError && (error.code === 'agent_server_unreachable' || error.retryAfter !== undefined)
      if (!isTemporary || !previous || previous.expiresAt <= now()) throw error
      return previous.jwt
    }
  }

  return {
    id,
    signer,
    async agentToken(url) {
      const audience = url === undefined ? undefined : audienceOf(url)
      const key = audience ?? forAll
      const token = kept.get(key, now())
      if (token && url !== undefined && now() < token.renewAt) return token.jwt
      let renewal = renewing.get(key)
      if (!renewal) {
        renewal = renew(audience).finally(() => renewing.delete(key))
        renewing.set(key, renewal)
      }
      return renewal
    },
  }
}

function requireDelegateOptions(options: DelegateOptions): void {
  requireKnownOptions('createDelegate', options, delegateOptions)
  const { id, signer, authServer, allowInsecureLoopback } = options
  requireIdentifier('id', id, options)
  if (authServer !== undefined) requireIdentifier('authServer', authServer, options)
  requireOwnSigner('signer', signer, id)
  if (allowInsecureLoopback)
    warnOnce(id, 'allowInsecureLoopback', 'any program on this machine can impersonate the agent server.')
}

/**
 * Returns the token in a response.
 *
 * @throws AgentError `agent_token_refused` if there is none, or one that its recipient would refuse
 */
async function requireOwnToken(
  { agent_token: jwt }: Record<string, unknown>,
  { id, signer, audience }: Pick<DelegateOptions, 'id' | 'signer'> & { audience: string | undefined },
): Promise<string> {
  const token = typeof jwt === 'string' ? decodeToken(jwt) : undefined
  if (typeof jwt !== 'string' || !token) throw tokenRefused('The response contains no agent token.')
  const { iss, aud } = token.payload
  if (iss !== id) throw tokenRefused('The agent token names another agent.')
  // A token for one recipient may also name the agent server itself.
  const isForAudience = audience === undefined ? aud === undefined : [aud].flat().includes(audience)
  if (!isForAudience) throw tokenRefused('The agent token is for another audience.')
  if ((await thumbprintOf(confirmationJwk(token.payload))) !== signer.thumbprint)
    throw tokenRefused('The agent token is bound to another key.')
  return jwt
}

/** Undefined for anything that is not a usable key. */
async function thumbprintOf(jwk: object | undefined): Promise<string | undefined> {
  try {
    return jwk && (await jwkThumbprint(jwk as PublicJwk))
  } catch (error) {
    if (error instanceof AAuthError) return undefined
    throw error
  }
}
