import { claimedAgent } from 'countersign/editions'
import { LruCache } from 'countersign/node'
import type { SigningProfile } from 'countersign/signatures'
import { networkPath } from '../lib/fair-queue.js'

interface KnownCallersOptions {
  secrets: {
    sealKnown: (browser: string, text: string) => string
    openKnown: (value: string, browser: string) => string | undefined
  }
  /** Unix seconds. */
  now: () => number
}

/** What a request claims about its caller before any of it is verified. */
interface CallerHints {
  remoteAddress: string | undefined
  /** The value of the `Signature-Key` header. */
  signatureKey: string | null
  /** How agents sign requests to this path; undefined if they do not. */
  signing: Pick<SigningProfile, 'parseKey'> | undefined
  /** The cookies that identify a known browser. */
  cookies: () => { known: string | undefined; browser: string | undefined }
}

/** The callers that half of an overloaded server's capacity is reserved for. */
export interface KnownCallers {
  /** Returns the path of the share that a request counts against: half of the capacity is for known callers. Reads no storage. */
  shareOf(hints: CallerHints): readonly string[]
  /** Returns a cookie value that makes a browser known for {@link knownBrowserAge}. Set it after a sign-in. */
  sealFor(signIn: { browser: string; userId: string }): string
  /** Invalidates the cookie values sealed for a user so far. Applies to this instance until it restarts. */
  dropSealsOf(userId: string): void
  /** Records an agent that proved its key and holds a grant. */
  noteAgent(agent: { agent: string; remoteAddress: string | undefined }): void
}

/** How long a browser stays known after a sign-in, in seconds. */
export const knownBrowserAge = 30 * 86_400

/** How long an agent stays known after it has been issued a token, in seconds. */
const agentAge = 86_400

/** Window in which the networks of a user's cookies are counted, in seconds. */
const networksWindow = 3600

/** Maximum number of users and of agents that are tracked, and of networks in which each of them is known. */
const most = { callers: 10_000, networks: 16 }

/** The content of a known-browser cookie. */
interface Seal {
  /** Unix seconds. */
  sealedAt: number
  user: string
}

/**
 * Recognizes browsers by a sealed cookie, and agents by their network and claimed identifier, which is verified only later. Both count
 * against the network that the request comes from, so neither cookies nor claims enlarge its share; they only determine which half the
 * request uses. However many cookies a user has, they are known in at most 16 networks an hour, unless 10,000 other users are seen in
 * between.
 */
export function createKnownCallers({ secrets, now }: KnownCallersOptions): KnownCallers {
  /** By agent and network. */
  const agents = new LruCache<LruCache<true>>(most.callers)
  const seals = new LruCache<Seal>(most.callers)
  const networksOfUsers = new LruCache<Set<string>>(most.callers)
  /** By user: the Unix time up to which seals are invalid. */
  const droppedUntil = new LruCache<number>(most.callers)

  /** Decrypts each seal only once: under overload, decryption costs more than the rest of the work for a refusal. */
  function openSeal(known: string, browser: string): Seal | undefined {
    const key = `${browser} ${known}`
    const opened = seals.get(key, now())
    if (opened) return opened
    const [sealedAt, user] = secrets.openKnown(known, browser)?.split('~') ?? []
    if (user === undefined) return undefined
    const seal = { sealedAt: Number(sealedAt), user }
    seals.set(key, seal, seal.sealedAt + knownBrowserAge)
    return seal
  }

  function userOfSeal({ known, browser }: ReturnType<CallerHints['cookies']>): string | undefined {
    if (known === undefined || browser === undefined) return undefined
    const { sealedAt, user } = openSeal(known, browser) ?? { sealedAt: 0 }
    if (user === undefined || now() - sealedAt >= knownBrowserAge) return undefined
    return sealedAt > (droppedUntil.get(user, now()) ?? 0) ? user : undefined
  }

  function isKnownIn(network: string, user: string): boolean {
    let networks = networksOfUsers.get(user, now())
    if (!networks) {
      networks = new Set()
      networksOfUsers.set(user, networks, now() + networksWindow)
    }
    if (networks.size < most.networks) networks.add(network)
    return networks.has(network)
  }

  function isKnownAgent(agent: string, network: string): boolean {
    return agents.get(agent, now())?.get(network, now()) !== undefined
  }

  return {
    shareOf({ remoteAddress, signatureKey, signing, cookies }) {
      const networks = networkPath(remoteAddress)
      const network = networks.join()
      if (signatureKey === null) {
        const user = userOfSeal(cookies())
        return user !== undefined && isKnownIn(network, user)
          ? ['known', ...networks, user]
          : ['other', ...networks, 'unknown']
      }
      const { agent } = signing ? claimedAgent(signing, signatureKey) : {}
      return agent !== undefined && isKnownAgent(agent, network)
        ? ['known', ...networks, agent]
        : ['other', ...networks, 'unknown']
    },
    sealFor({ browser, userId }) {
      const sealedAt = Math.max(now(), (droppedUntil.get(userId, now()) ?? 0) + 1)
      return secrets.sealKnown(browser, `${sealedAt}~${userId}`)
    },
    dropSealsOf(userId) {
      droppedUntil.set(userId, Math.floor(now()), now() + knownBrowserAge)
    },
    noteAgent({ agent, remoteAddress }) {
      const notedAt = now()
      const networks = agents.get(agent, notedAt) ?? new LruCache<true>(most.networks)
      networks.set(networkPath(remoteAddress).join(), true, notedAt + agentAge)
      agents.set(agent, networks, notedAt + agentAge)
    },
  }
}
