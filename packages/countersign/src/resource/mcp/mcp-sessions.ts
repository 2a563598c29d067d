import type { Authorization } from '../../editions/verified-request.js'
import { systemClock } from '../../lib/clock.js'
import { LruCache } from '../../lib/lru-cache.js'
import type { MaybePromise } from '../../lib/maybe-promise.js'

/** The sender of a message. */
export interface McpCaller {
  agent: string
  /** The delegate that the sender claims to be. */
  delegate?: string | undefined
  /** The user whose auth token the sender sent, by issuer and subject; undefined if no token was sent. */
  person?: string | undefined
  /** The scopes that the user approved, space-separated. */
  scope?: string | undefined
  /** The authorization in that token. Of a session: the one with the latest expiry, under which its streams continue. */
  authorization?: Authorization | undefined
}

/** A session and its owner. */
export interface McpSession extends McpCaller {
  /** This session's secret, which never leaves the server. The session's event ids are bound to it. */
  secret: string
}

/**
 * The owners of sessions, for servers that use an MCP version before 2026-07-28. For the sender, a session that belongs to another caller
 * does not exist. All instances must share one store. Arguments and records are plain JSON.
 */
export interface McpSessions {
  /**
   * Records a session that a server opened, and generates its secret. If the id is already recorded, changes nothing, and returns whether it
   * is recorded for this caller: the server repeated an id.
   */
  open(id: string, caller: McpCaller): MaybePromise<boolean>
  /**
   * Records that a session was used, and returns the session if the caller's agent may use it. The first user who authorizes something in a
   * session owns it. A caller without a token also receives a user's session, and must then be challenged for a token. Undefined if the
   * caller has no such session.
   */
  use(id: string, caller: McpCaller): MaybePromise<McpSession | undefined>
  close(id: string): MaybePromise<void>
}

const maxSessions = 10_000

/**
 * Maximum number of sessions per agent and user. Opening another session evicts the least recently used one of the owner's; of the OAuth
 * clients of a user, which share this number, from the client that has the most.
 */
const maxPerOwner = 100

/** Number of seconds until an unused session expires. */
const idle = 86_400

/** Stores sessions in this process: up to 10,000 in total, and up to 100 per agent and user. @param now Unix seconds */
export function createMcpSessions(now: () => number = systemClock): McpSessions {
  const owners = new LruCache<McpSession>(maxSessions)
  /** The client of each of an owner's sessions, by session id, with the most recently used last. */
  const ofOwners = new LruCache<Map<string, string>>(maxSessions)

  function keep(id: string, owner: McpSession): void {
    const name = nameOf(owner)
    const own = ofOwners.get(name, now()) ?? new Map<string, string>()
    own.delete(id)
    own.set(id, clientOf(owner))
    if (own.size > maxPerOwner) {
      const oldest = oldestOfLargest(own)
      own.delete(oldest)
      owners.delete(oldest)
    }
    ofOwners.set(name, own, now() + idle)
    owners.set(id, owner, now() + idle)
  }

  function drop(id: string): void {
    const owner = owners.get(id, now())
    if (owner) ofOwners.get(nameOf(owner), now())?.delete(id)
    owners.delete(id)
  }

  return {
    open(id, caller) {
      const owner = owners.get(id, now())
      if (owner) return nameOf(owner) === nameOf(caller) && mayUse(owner, caller)
      keep(id, { ...caller, secret: crypto.randomUUID() })
      return true
    },
    use(id, caller) {
      const owner = owners.get(id, now())
      if (!owner || !mayUse(owner, caller)) return undefined
      const { person = owner.person, scope = owner.scope, delegate = owner.delegate } = caller
      const used = { ...owner, delegate, person, scope, authorization: laterOf(owner, caller) }
      if (nameOf(used) !== nameOf(owner)) drop(id)
      keep(id, used)
      return used
    },
    close: drop,
  }
}

function nameOf({ agent, person }: McpCaller): string {
  // Anyone can publish any number of OAuth clients, so all clients of a user count together.
  return JSON.stringify([isOAuthClient(agent) ? oauthPrefix : agent, person ?? null])
}

function laterOf({ authorization: one }: McpCaller, { authorization: other }: McpCaller): Authorization | undefined {
  return one && other && one.claims.exp > other.claims.exp ? one : (other ?? one)
}

/** The least recently used session of the client that has the most of these sessions. */
function oldestOfLargest(own: ReadonlyMap<string, string>): string {
  const counts = new Map<string, number>()
  for (const client of own.values()) counts.set(client, (counts.get(client) ?? 0) + 1)
  const most = Math.max(...counts.values())
  const [oldest = ''] = [...own].find(([, client]) => counts.get(client) === most) ?? []
  return oldest
}

/**
 * The name of a session in its store. Servers that share a store may give their sessions the same ids.
 *
 * @param endpoint the URL of the server
 */
export function sessionName(endpoint: string, id: string): string {
  return `${endpoint} ${id}`
}

const oauthPrefix = 'oauth '

/** The name under which an OAuth client owns sessions at one endpoint. It is never the name of an agent. */
export function oauthCaller(endpoint: string, clientId: string): string {
  return `${oauthPrefix}${endpoint} ${clientId}`
}

/** The client that has a session, whatever the endpoint. */
function clientOf({ agent }: McpCaller): string {
  return isOAuthClient(agent) ? agent.slice(agent.indexOf(' ', oauthPrefix.length) + 1) : agent
}

function isOAuthClient(agent: string): boolean {
  return agent.startsWith(oauthPrefix)
}

function mayUse(owner: McpCaller, { agent, delegate, person }: McpCaller): boolean {
  if (owner.agent !== agent) return false
  if (owner.person !== undefined) return person === undefined || person === owner.person
  // The session is not owned by a user yet: other delegates of the agent cannot use it.
  return owner.delegate === undefined || delegate === undefined || owner.delegate === delegate
}
