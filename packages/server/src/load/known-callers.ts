import { claimedAgent, LruCache, networkOf, type SigningProfile } from 'countersign/wire'
import { networkPath } from './network-path.js'

interface KnownCallersOptions {
  secrets: {
    sealKnown: (browser: string, text: string) => string
    openKnown: (value: string, browser: string) => string | undefined
  }
  signing: Pick<SigningProfile, 'parseKey'>
  /** Unix seconds. */
  now: () => number
}

/** What a request says about its caller before anything of it is verified. */
export interface CallerHints {
  remoteAddress: string | undefined
  /** The text of the header `Signature-Key`. */
  signatureKey: string | null
  /** The cookies that make a browser known. */
  cookies: () => { known: string | undefined; browser: string | undefined }
}

/** The callers that half of an overloaded server is kept for. */
export interface KnownCallers {
  /** The path of the share that a request counts against: half of all is for known callers. Reads no storage. */
  shareOf(hints: CallerHints): readonly string[]
  /** A cookie value that makes a browser known for {@link knownBrowserAge}. Set it after a sign-in. */
  sealFor(signIn: { browser: string; userId: string; ip: string | undefined }): string
  /** Notes an agent that proved its key and holds a grant. */
  noteAgent(agent: { agent: string; remoteAddress: string | undefined }): void
}

/** Seconds for which a browser stays known after a sign-in. */
export const knownBrowserAge = 30 * 86_400

/** Seconds for which an agent stays known after it was issued a token. */
const agentAge = 86_400

/** Agents, and networks of one agent. */
const most = { agents: 10_000, networks: 16 }

/**
 * Recognizes browsers by a sealed cookie, and agents by their network and the identifier that they claim, which is verified
 * only later. A known browser counts against the user and the network in which that user signed in, wherever the cookie is
 * sent from; an agent counts against the network that it calls from. So a copied cookie or a false claim takes the share of
 * one user, or of the caller's own network.
 */
export function createKnownCallers({ secrets, signing, now }: KnownCallersOptions): KnownCallers {
  const agents = new LruCache<LruCache<true>>(most.agents)

  function shareOfSeal({ known, browser }: ReturnType<CallerHints['cookies']>): readonly string[] | undefined {
    if (known === undefined || browser === undefined) return undefined
    const [expiresAt, network, user] = secrets.openKnown(known, browser)?.split('~') ?? []
    if (network === undefined || user === undefined || !(Number(expiresAt) > now())) return undefined
    return ['known', ...networkPath(network === '' ? undefined : network), user]
  }

  function isKnownAgent(agent: string, network: string): boolean {
    return agents.get(agent, now())?.get(network, now()) ?? false
  }

  return {
    shareOf({ remoteAddress, signatureKey, cookies }) {
      const networks = networkPath(remoteAddress)
      if (signatureKey === null) return shareOfSeal(cookies()) ?? ['other', ...networks]
      const { agent } = claimedAgent(signing, signatureKey)
      const isKnown = agent !== undefined && isKnownAgent(agent, networks.at(-1) ?? '')
      return isKnown ? ['known', ...networks, agent] : ['other', ...networks]
    },
    sealFor({ browser, userId, ip }) {
      const network = ip === undefined ? '' : networkOf(ip)
      return secrets.sealKnown(browser, `${now() + knownBrowserAge}~${network}~${userId}`)
    },
    noteAgent({ agent, remoteAddress }) {
      const expiresAt = now() + agentAge
      const networks = agents.get(agent, now()) ?? new LruCache<true>(most.networks)
      networks.set(networkPath(remoteAddress).at(-1) ?? '', true, expiresAt)
      agents.set(agent, networks, expiresAt)
    },
  }
}
