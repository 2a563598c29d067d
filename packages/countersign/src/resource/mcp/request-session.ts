import type { VerifiedRequest } from '../../editions/verified-request.js'
import { fieldValues, type ReceivedMessage } from '../../httpsig/received-message.js'
import { AAuthError } from '../../lib/errors.js'
import type { MaybePromise } from '../../lib/maybe-promise.js'
import { warnOnce } from '../../lib/options.js'
import { serverEventId } from './filter-lists.js'
import type { AdmittedMessage, McpContext, RequestSession } from './mcp-context.js'
import { type McpMessage, type McpRefusal, mcpCodes } from './mcp-message.js'
import { type McpCaller, type McpSession, type McpSessions, sessionName } from './mcp-sessions.js'

/** The error code that the SDKs use for an unknown session. */
const unknownSession = -32_001

/**
 * Finds the session that a request names. Refuses a session that does not exist or belongs to another caller, and an event of another
 * session.
 *
 * @throws AAuthError `authorization_required` if the session belongs to a user and the request has no auth token from that user, for
 * example because the token has expired
 */
export async function findSession(
  sessions: McpSessions,
  received: ReceivedMessage,
  sender: Pick<AdmittedMessage, 'verified' | 'caller' | 'endpoint'> & { messageId: McpMessage['id'] },
): Promise<RequestSession | McpRefusal | undefined> {
  const { verified, caller, endpoint, messageId = null } = sender
  const [id, anotherId] = fieldValues(received, 'mcp-session-id')
  const [event, anotherEvent] = fieldValues(received, 'last-event-id')
  const unknownEvent: McpRefusal = {
    status: 400,
    code: mcpCodes.invalidRequest,
    reason: 'Last-Event-ID is not an event of the session in Mcp-Session-Id: open a new stream.',
    id: messageId,
  }
  if (id === undefined) return event === undefined ? undefined : unknownEvent
  const owner = anotherId === undefined ? await sessions.use(sessionName(endpoint, id), caller) : undefined
  if (!owner) return { status: 404, code: unknownSession, reason: 'There is no such session.', id: messageId }
  requireOwner(owner, verified)
  if (event === undefined) return { id, owner, lastEventId: undefined }
  const lastEventId = anotherEvent === undefined ? await serverEventId(event, owner.secret) : undefined
  return lastEventId === undefined ? unknownEvent : { id, owner, lastEventId }
}

/**
 * Requires an auth token for something that belongs to a user. The previous token may have expired, so the challenge names the scope to
 * request.
 *
 * @throws AAuthError `authorization_required`
 */
export function requireOwner(
  { person, scope }: Pick<McpCaller, 'person' | 'scope'>,
  verified: VerifiedRequest<'identity'>,
): void {
  const { agent, thumbprint, authorization } = verified
  if (person === undefined || authorization) return
  const binding = thumbprint === undefined ? undefined : { agent, thumbprint }
  throw new AAuthError(
    'authorization_required',
    'The session or requestState belongs to a user: send an auth token issued for that user.',
    {
      challenge: { level: 'authorization', scope, binding },
    },
  )
}

/**
 * Records a session that the server opened, together with its owner, and removes a session that was closed. Returns the response's session.
 *
 * @throws AAuthError `upstream_failed` if the server gave the session an id that belongs to another caller
 */
export function recordSession(
  { resource, sessions }: Pick<McpContext, 'resource' | 'sessions'>,
  { message, caller, endpoint, session, verified }: AdmittedMessage,
  response: { sessionId: string | null | undefined; ok: boolean },
): MaybePromise<McpSession | undefined> {
  const { sessionId, ok } = response
  if (!ok) return session?.owner
  if (message?.method === 'initialize' && sessionId && sessionId !== session?.id) {
    const name = sessionName(endpoint, sessionId)
    const use = (isRecorded: boolean) => (isRecorded ? sessions.use(name, caller) : refuseRepeatedId(resource.id))
    const recorded = sessions.open(name, caller)
    return typeof recorded === 'boolean' ? use(recorded) : recorded.then(use)
  }
  if (verified.method !== 'DELETE' || !session) return session?.owner
  const closed = sessions.close(sessionName(endpoint, session.id))
  return closed ? Promise.resolve(closed).then(() => undefined) : undefined
}

function refuseRepeatedId(resource: string): never {
  const text = 'The MCP server gave two callers the same session id.'
  warnOnce(resource, 'Mcp-Session-Id', `${text} Only the first can use it: generate a random id for each session`)
  throw new AAuthError('upstream_failed', text)
}
