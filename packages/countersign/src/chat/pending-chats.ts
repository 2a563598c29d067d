import * as platform from '#crypto'
import type { AgentRecord, AgentStore } from '../agent/agent-store.js'

/** A user of a chat, as the platform identifies them. */
export interface ChatUser {
  /** The platform's immutable identifiers of the workspace and the user, such as `slack T024BE7LD U061F7AUR`. Never an email address. */
  id: string
  /** A name that only this user has, such as `@alice`: a display name can be copied. */
  name: string
  /** Where the chat is, such as `Slack workspace Acme`. */
  place: string
}

/** A connection that a chat user has started, and not confirmed yet. */
export interface Pending {
  /**
   * `link`: no browser has opened it. `session`: a browser is deciding. `confirmed`: the digits were right, and the session is being bound to the
   * user. `given up`: its refresh tokens must be revoked.
   */
  state: 'link' | 'session' | 'confirmed' | 'given up'
  /** The hash of the link's ticket, or the session. */
  id: string
  user: ChatUser
  /** The request that needs consent. */
  url: string
  /** Unix seconds. */
  until: number
  /** Shown to the browser's user after the decision. */
  digits?: string
}

/** Maximum number of attempts to type the digits. */
const mostGuesses = 3

/** The owner of all connections that have not been confirmed. No session has this name. */
const everyone = 'chats'

/** The records of chat users in an agent's store, next to the sessions' tokens. */
export function pendingChats(store: AgentStore, { id: agent, edition }: { id: string; edition: string }) {
  const recordOf = (id: string, data: unknown, until?: number): AgentRecord => ({
    agent,
    edition,
    kind: 'chat',
    id,
    data,
    until,
  })
  const nameOf = ({ state, id }: Pick<Pending, 'state' | 'id'>) => `${state} ${id}`
  const ownerOf = (user: string) => `chat ${user}`

  async function list(owner: string): Promise<AgentRecord[]> {
    const records = await store.list(owner)
    return records.filter((each) => each.kind === 'chat' && each.agent === agent && each.edition === edition)
  }

  return {
    // Records without `until`, because a store would drop them before their tokens are revoked.
    put: async (pending: Pending) => store.put(everyone, recordOf(nameOf(pending), pending)),
    /** Resolves to true for exactly one of several concurrent callers. */
    remove: async (pending: Pick<Pending, 'state' | 'id'>) =>
      store.remove(everyone, { kind: 'chat', id: nameOf(pending) }),
    async list(): Promise<Pending[]> {
      return (await list(everyone)).filter(({ id }) => !id.startsWith('guess ')).map(({ data }) => data as Pending)
    },
    /** Claims one of a session's guesses, which several processes may do at the same time. Resolves to how many remain; undefined if none did. */
    async guess({ id, until }: Pending): Promise<number | undefined> {
      const by = platform.serializeBase64url(platform.randomBytes(12))
      for (let count = 1; count <= mostGuesses; count += 1) {
        const record = await store.add(everyone, recordOf(`guess ${count} ${id}`, { by }, until + 60))
        if ((record.data as { by: string }).by === by) return mostGuesses - count
      }
      return undefined
    },
    async forgetGuesses({ id }: Pick<Pending, 'id'>): Promise<void> {
      for (let count = 1; count <= mostGuesses; count += 1)
        await store.remove(everyone, { kind: 'chat', id: `guess ${count} ${id}` })
    },
    /** The session that a chat user has confirmed. */
    async sessionOf(user: string): Promise<string | undefined> {
      const [found] = await list(ownerOf(user))
      return (found?.data as { session: string } | undefined)?.session
    },
    bind: async (user: string, session: string) => store.put(ownerOf(user), recordOf('session', { session })),
    unbind: async (user: string) => store.forget(ownerOf(user)),
    /** The refresh tokens of a session, with the auth server of each. */
    async refreshTokens(session: string): Promise<{ authServer: string; refreshToken: string }[]> {
      const records = (await store.list(session)).filter((each) => each.kind === 'token' && each.agent === agent)
      return records.flatMap(({ data }) => {
        const { authServer, refreshToken } = (data as { token: { authServer: string; refreshToken?: string } }).token
        return refreshToken === undefined ? [] : [{ authServer, refreshToken }]
      })
    },
  }
}

/** The chat records of one agent. */
export type PendingChats = ReturnType<typeof pendingChats>

/** Six random digits, each number equally likely. */
export function randomDigits(): string {
  for (;;) {
    const value = new DataView(Uint8Array.from(platform.randomBytes(4)).buffer).getUint32(0)
    if (value < 4_294_000_000) return String(value % 1_000_000).padStart(6, '0')
  }
}

/** A secret that cannot be guessed. */
export function randomSecret(): string {
  return platform.serializeBase64url(platform.randomBytes(32))
}
