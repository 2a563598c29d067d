import * as platform from '#crypto'
import { fieldValues, type ReceivedMessage } from '../../httpsig/received-message.js'
import { AAuthError } from '../../lib/errors.js'
import type { Session } from '../session-gate.js'
import type { SessionStore } from '../session-store.js'
import type { IdentifiedRequest } from '../verified-request.js'

/** Maximum number of sessions of one agent. */
const most = 100

/** The sessions in a store, and their tokens: opaque, and useless without a signature of the agent (draft -11 §6.3). */
export function createSessionTokens(store: SessionStore, { lifetime, now }: { lifetime: number; now: () => number }) {
  return {
    /** The session of a request's token. A token of another agent counts as none. @throws AAuthError if the token is not signed */
    async find(message: ReceivedMessage, verified: IdentifiedRequest): Promise<Session | undefined> {
      const authorization = fieldValues(message, 'authorization').join()
      const [, id, secret] = /^aauth +([\w-]{22})\.([\w-]{43})$/i.exec(authorization) ?? []
      if (id === undefined || secret === undefined) return undefined
      if (!verified.covered.includes('authorization'))
        throw new AAuthError('component_missing', 'The signature must cover authorization.', {
          requiredInput: [...verified.covered, 'authorization'],
        })
      const stored = await store.get(`session ${id}`)
      if (stored === undefined) return undefined
      const { hash, ...session } = JSON.parse(stored) as Session & { hash: string }
      const isOwn = session.delegate === verified.delegate && session.agent === verified.agent
      return isOwn && hash === (await platform.hashText(secret)) ? session : undefined
    },

    /** Stores a session, and returns its token. @throws AAuthError `too_many_requests` */
    async issue(session: Session): Promise<string> {
      const secret = platform.serializeBase64url(platform.randomBytes(32))
      const added = await store.add({
        kind: 'session',
        key: `session ${session.id}`,
        value: JSON.stringify({ ...session, hash: await platform.hashText(secret) }),
        until: now() + lifetime,
        provider: session.agent,
        holder: session.delegate,
        most,
      })
      if (added === 'added') return `${session.id}.${secret}`
      throw new AAuthError('too_many_requests', 'This agent has too many sessions: try again later.', {
        retryAfter: 3600,
      })
    },

    end: async (id: string) => store.remove(`session ${id}`),
  }
}
