import type { AgentProtocol, Credential, HeldToken, Step, TokenNeed } from '../editions/agent-protocol.js'
import { AgentError } from '../lib/agent-error.js'
import { pause } from '../lib/clock.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import type { Challenge } from '../protocol/challenge.js'
import type { Asked, TokenCache } from './token-cache.js'

/** Timeout of a background refresh, in milliseconds. */
const backgroundTimeout = 10_000

/**
 * Called before the agent requests a token that may need a user's approval. If this rejects, the request rejects with the same error, and
 * no consent is started.
 */
export type BeforeConsent = () => MaybePromise<void>

/** Maximum wait for the background refresh, in milliseconds, before a request that may stream is sent. */
const streamWait = 3000

/** The request that was refused. */
interface Exchange {
  url: string
  credential: Credential
  owner: string
  signal: AbortSignal
  beforeConsent: BeforeConsent
}

interface ChallengeStepsOptions {
  /** The agent's identifier. */
  id: string
  protocol: AgentProtocol
  held: TokenCache
  work: OwnerWork
  isAccepted: (authServer: string) => Promise<boolean>
  now: () => number
}

interface ChallengeSteps {
  /**
   * Returns the token to try first. The token is refreshed if that needs no decision by the user. Resources close a stream when its token
   * expires, so a request that `mayStream` starts with a new token if the old one expires soon.
   */
  tokenFor(owner: string, asked: Asked & { mayStream: boolean }, signal: AbortSignal): Promise<HeldToken | undefined>
  /** Takes a step; resolves to undefined if nothing more can be done. */
  take(step: Step, challenge: Challenge, exchange: Exchange): Promise<Credential | undefined>
  /** Requests access to the agent itself (S§3.5). */
  requestOwnAccess(request: OwnAccess): Promise<HeldToken>
}

/** Access to the agent itself, which needs no resource token. */
interface OwnAccess {
  authServer: string
  scope: string
  owner: string
  signal: AbortSignal
  beforeConsent: BeforeConsent
}

/** Creates the steps that handle challenges, and obtain and renew tokens. */
export function createChallengeSteps({
  id,
  protocol,
  held,
  work,
  isAccepted,
  now,
}: ChallengeStepsOptions): ChallengeSteps {
  const shareConsent = createSharedFlights<HeldToken>()
  const shareRefresh = createSharedFlights<HeldToken | undefined>()

  async function obtain(
    need: TokenNeed,
    { owner, signal, beforeConsent }: Pick<Exchange, 'owner' | 'signal' | 'beforeConsent'>,
  ): Promise<HeldToken> {
    await beforeConsent()
    const key = JSON.stringify([owner, need.resource, need.authServer, need.scope, need.kind, need.call])
    for (;;) {
      const token = await shareConsent(key, signal, (flight) => protocol.obtain(need, owner, flight))
      signal.throwIfAborted()
      if (await held.take(owner, token)) return token
    }
  }

  async function authorize(challenge: Challenge, exchange: Exchange): Promise<Credential | undefined> {
    const { url, credential, owner } = exchange
    const need = await protocol.requiredToken(challenge, { url, credential })
    if (!need) return undefined
    const { authServer, scope } = need
    if (!(await isAccepted(authServer))) {
      const asked = `${new URL(url).host} sends users to ${authServer.slice(0, 200)}`
      throw new AgentError(
        'auth_server_refused',
        `${asked}, which authServers does not accept: add it if users may type their passwords there.`,
        { authServer },
      )
    }
    const refused = credential.scheme === 'token' ? credential.held.jwt : undefined
    const other = scope === undefined ? undefined : await held.satisfying(owner, need)
    if (other && other.jwt !== refused && (await held.take(owner, other))) return { scheme: 'token', held: other }
    return { scheme: 'token', held: await obtain(need, exchange) }
  }

  async function requestOwnAccess(access: OwnAccess): Promise<HeldToken> {
    const { authServer, scope } = access
    if (!(await isAccepted(authServer))) {
      throw new AgentError('auth_server_refused', `authServers does not accept ${authServer.slice(0, 200)}.`)
    }
    return obtain({ resource: id, authServer, scope }, access)
  }

  async function refresh(owner: string, token: HeldToken, signal: AbortSignal): Promise<HeldToken | undefined> {
    const fresh = await shareRefresh(JSON.stringify([owner, token.refreshToken]), signal, (flight) =>
      protocol.refresh(token, flight),
    )
    signal.throwIfAborted()
    if (fresh) await held.add(owner, fresh, signal)
    else await held.drop(owner, token)
    return fresh
  }

  async function tokenFor(
    owner: string,
    asked: Asked & { mayStream: boolean },
    signal: AbortSignal,
  ): Promise<HeldToken | undefined> {
    const token = await held.forRequest(owner, asked)
    if (!token || (token.refreshAt > now() && held.isLive(token))) return token
    if (token.refreshToken === undefined) return token
    if (!held.isLive(token)) return refresh(owner, token, signal)
    // The token is still valid: the request proceeds, and a failed refresh surfaces once the token has expired.
    const renewed = work
      .run(owner, AbortSignal.timeout(backgroundTimeout), (ending) => refresh(owner, token, ending))
      .catch(() => undefined)
    if (!asked.mayStream) return token
    const begun = new AbortController()
    const late = pause(streamWait, AbortSignal.any([signal, begun.signal]))
    const fresh = await Promise.race([renewed, late])
    begun.abort()
    return fresh ?? token
  }

  async function take(step: Step, challenge: Challenge, exchange: Exchange): Promise<Credential | undefined> {
    if (step === 'authorize') return authorize(challenge, exchange)
    const { credential, owner, signal } = exchange
    if (credential.scheme === 'token' && step === 'refresh') {
      const fresh = await refresh(owner, credential.held, signal)
      if (fresh) return { scheme: 'token', held: fresh }
    }
    if (credential.scheme === 'token' && step === 'dropToken') await held.drop(owner, credential.held)
    return { scheme: 'agent', owner }
  }

  return { tokenFor, requestOwnAccess, take }
}

/** Tracks the work in progress by owner, so that all work of one owner can be aborted at once. */
interface OwnerWork {
  /** Runs `work` with a signal that aborts when the given signal does, or when the owner's work is aborted. */
  run<T>(owner: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** Aborts everything in progress for an owner. Work that starts later is not affected. */
  end(owner: string, reason: Error): void
}

export function createOwnerWork(): OwnerWork {
  const running = new Map<string, Set<AbortController>>()
  return {
    async run(owner, signal, work) {
      signal.throwIfAborted()
      const abort = new AbortController()
      const follow = () => abort.abort(signal.reason)
      const runs = running.get(owner) ?? new Set()
      running.set(owner, runs.add(abort))
      signal.addEventListener('abort', follow)
      try {
        return await work(abort.signal)
      } finally {
        signal.removeEventListener('abort', follow)
        runs.delete(abort)
        if (runs.size === 0 && running.get(owner) === runs) running.delete(owner)
      }
    },
    end(owner, reason) {
      const runs = running.get(owner)
      running.delete(owner)
      for (const abort of runs ?? []) abort.abort(reason)
    },
  }
}

interface Flight<T> {
  promise: Promise<T>
  abort: AbortController
  waiters: number
}

/**
 * Shares one call per key among all callers that are waiting for it. If a caller's signal aborts, only that caller rejects. When the last
 * caller has left, the call itself is aborted, and the next caller starts a new one.
 */
function createSharedFlights<T>(): (
  key: string,
  signal: AbortSignal,
  start: (signal: AbortSignal) => Promise<T>,
) => Promise<T> {
  const flights = new Map<string, Flight<T>>()
  const leave = (key: string, flight: Flight<T>) => {
    if (flights.get(key) === flight) flights.delete(key)
  }
  const launch = (key: string, start: (signal: AbortSignal) => Promise<T>) => {
    const abort = new AbortController()
    const flight: Flight<T> = { promise: start(abort.signal).finally(() => leave(key, flight)), abort, waiters: 0 }
    flights.set(key, flight)
    return flight
  }
  return async (key, signal, start) => {
    signal.throwIfAborted()
    const flight = flights.get(key) ?? launch(key, start)
    flight.waiters++
    let onAbort: () => void = () => undefined
    const givenUp = new Promise<never>((_, reject) => {
      onAbort = () => {
        reject(signal.reason as Error)
        if (--flight.waiters > 0) return
        leave(key, flight)
        flight.abort.abort(signal.reason)
      }
    })
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([flight.promise, givenUp])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}
