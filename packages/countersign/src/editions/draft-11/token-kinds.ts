import type { Credential } from '../agent-protocol.js'

/** The agent may act as a user at one resource. */
export const personKind = 'person'

/** The resource itself let the agent in: its token is sent beside the agent token. */
export const sessionKind = 'session'

/** A user allowed something at one resource, in one of their accounts there. */
export function authKind(account: string | undefined): string {
  return account === undefined ? 'auth' : `auth ${account}`
}

/** Whether a request is signed with a token about a user instead of the agent's own token. */
export function hasUserToken(credential: Credential): boolean {
  return credential.scheme === 'token' && credential.held.kind !== sessionKind
}
