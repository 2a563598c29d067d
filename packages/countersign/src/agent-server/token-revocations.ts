import { hashText } from '#crypto'
import { createGuardedFetch } from '#guarded-fetch'
import type { StoredDelegate } from '../agent/delegate-store.js'
import { createDiscovery } from '../discovery/discovery.js'
import type { GuardedFetch } from '../discovery/guarded-fetch.js'
import type {
  AgentServerEdition,
  DelegateToken,
  IssuedToken,
  ReportOutcome,
  ReportTools,
} from '../editions/agent-server-edition.js'
import { pause } from '../lib/clock.js'
import type { AgentServerOptions } from './agent-server-options.js'
import { DelegateRefusal } from './delegate-refusal.js'

/** The outcome of notifying an auth server that a delegate's tokens were revoked. */
export interface RevocationReport {
  authServer: string
  outcome: ReportOutcome
}

/** Seconds before the second and the third attempt. */
const pauses = [1, 5] as const

/** How many auth servers the live tokens of a delegate may name: each of them is notified if the delegate is revoked. */
const mostAuthServers = 20

/** The tokens of an agent server's delegates, and their revocation. */
export interface TokenRevocations {
  /**
   * When a token is issued, and its id. A token that can be revoked is the same for a twelfth of its lifetime, so that there are few to
   * record, however often a delegate renews it. It is recorded before it is issued.
   *
   * @throws DelegateRefusal `audience_denied` if the tokens of the delegate would name too many auth servers
   */
  date(delegate: StoredDelegate, authServer: string | undefined): Promise<Pick<DelegateToken, 'issuedAt' | 'jti'>>
  /** Notifies the auth servers that a delegate's live tokens name that these tokens are revoked. */
  report(name: string): Promise<readonly RevocationReport[]>
}

/** Creates the revocations of an agent server. In editions without them, nothing is recorded or reported. */
export function createTokenRevocations(
  options: AgentServerOptions,
  { report }: AgentServerEdition,
  { lifetime, now }: { lifetime: number; now: () => number },
): TokenRevocations {
  const { id, signer, delegates, allowInsecureLoopback, allowPath, allowNetworks, egressProxy, fetch } = options
  const network = { allowInsecureLoopback, allowNetworks, egressProxy }
  let opened: ReportTools | undefined

  /** Created for the first revocation: until then, an agent server fetches nothing. */
  function tools(): ReportTools {
    if (opened) return opened
    const discovery = createDiscovery({ ...network, allowPath, fetch, now })
    const send = (fetch as GuardedFetch | undefined) ?? createGuardedFetch(network)
    opened = { id, signer, now, discovery, send, allowInsecureLoopback, allowPath }
    return opened
  }

  async function liveTokens(name: string): Promise<IssuedToken[]> {
    return (await delegates.listTokens(name)).filter(({ expiresAt }) => expiresAt > now())
  }

  async function notify(token: IssuedToken, send: NonNullable<typeof report>): Promise<ReportOutcome> {
    let outcome = await send(token, tools())
    for (const seconds of pauses) {
      if (outcome !== 'failed') break
      await pause(seconds * 1000, new AbortController().signal)
      outcome = await send(token, tools())
    }
    return outcome
  }

  return {
    async date({ name, thumbprint, enrolledAt }, authServer) {
      const step = report ? Math.floor(lifetime / 12) : 1
      const issuedAt = Math.floor(now() / step) * step
      const jti = (await hashText(JSON.stringify([name, thumbprint, enrolledAt, authServer, issuedAt]))).slice(0, 22)
      if (!report || authServer === undefined) return { issuedAt, jti }
      const named = (await liveTokens(name)).map((token) => token.authServer)
      if (new Set([authServer, ...named]).size > mostAuthServers)
        throw new DelegateRefusal('audience_denied', 'This installation has tokens for too many auth servers.', name)
      await delegates.recordToken(name, { jti, authServer, expiresAt: issuedAt + lifetime }, now())
      return { issuedAt, jti }
    },
    async report(name) {
      if (!report) return []
      const tokens = await liveTokens(name)
      const servers = [...new Set(tokens.map(({ authServer }) => authServer))]
      return Promise.all(
        servers.map(async (authServer): Promise<RevocationReport> => {
          const own = tokens.filter((token) => token.authServer === authServer)
          const outcomes = new Set(await Promise.all(own.map((token) => notify(token, report))))
          const outcome = outcomes.has('failed') ? 'failed' : outcomes.has('unsupported') ? 'unsupported' : 'delivered'
          return { authServer, outcome }
        }),
      )
    },
  }
}
