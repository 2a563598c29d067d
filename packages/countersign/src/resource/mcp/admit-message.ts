import type { VerifiedRequest } from '../../editions/verified-request.js'
import { fieldValues, type ReceivedMessage, requireDigests, type Upload } from '../../httpsig/received-message.js'
import { utf8 } from '../../lib/encodings.js'
import { AAuthError } from '../../lib/errors.js'
import type { LruCache } from '../../lib/lru-cache.js'
import type { MaybePromise } from '../../lib/maybe-promise.js'
import type { Resource } from '../create-resource.js'
import { requestChanged } from '../require-unchanged.js'
import { type JudgedMcpRequest, judgeMcpRequest } from './judge-mcp-request.js'
import { type McpAuthInfo, mcpAuthInfo } from './mcp-auth-info.js'
import { type McpMessage, type McpRefusal, mcpCodes } from './mcp-message.js'
import type { McpCaller, McpSession, McpSessions } from './mcp-sessions.js'
import type { McpTable } from './mcp-table.js'
import type { StateSeal } from './sealed-state.js'
import { ownEventId } from './filter-lists.js'
import type { ShownParameters } from './mirrored-parameters.js'

export interface AdmissionTools {
  resource: Resource
  table: McpTable
  /** The scopes that every use needs, space-separated; empty: an identified agent will do. */
  connect: string
  maxBody: number
  sessions: McpSessions
  /** By session, what was shown in it of a person's that ends last. */
  shown: LruCache<VerifiedRequest>
  /** By tool, what it shows in headers, as the list of tools said last. */
  parameters: LruCache<ShownParameters>
  seal: StateSeal | undefined
  /** Unix seconds. */
  now: () => number
}

/** A request that may go on to the server. */
export interface AdmittedMessage {
  verified: VerifiedRequest<'identity'>
  authInfo: McpAuthInfo
  caller: McpCaller
  /** Undefined for a request without a body. */
  message: McpMessage | undefined
  /** The body for the server: what was judged. */
  body: Uint8Array | undefined
  /** The session that it is in. */
  session: AdmittedSession | undefined
}

interface AdmittedSession {
  id: string
  owner: McpSession
  /** The event after which a stream is taken up again, as the server calls it. */
  lastEventId: string | undefined
}

/**
 * Judges a request for an MCP server, then verifies that its sender may have it; or gives the answer that refuses it. Who is not
 * even known is told nothing of what is wrong with the message.
 */
export async function admitMessage(
  tools: AdmissionTools,
  received: ReceivedMessage,
  handledMethod: string | undefined,
): Promise<AdmittedMessage | Response> {
  const { resource, table, connect, maxBody, parameters, now } = tools
  try {
    requireMethod(received)
    if (handledMethod !== received.method) throw requestChanged('method')
    let judged: JudgedMcpRequest | McpRefusal = { message: undefined, scope: '' }
    const byContent = (content: Uint8Array) => {
      judged = judgeMcpRequest(received, content, table, (tool) => parameters.get(tool, now()))
      const need = 'reason' in judged ? '' : judged.scope
      const scope = [connect, need].filter((part) => part !== '').join(' ')
      return scope === '' ? undefined : ({ require: 'authorization', scope } as const)
    }
    const upload = received.upload ?? memoryUpload(received, maxBody)
    const verified = await resource.verify(Object.assign({}, received, { upload }), { require: 'identity', byContent })
    // TypeScript does not see that the callback sets it.
    const read = judged as JudgedMcpRequest | McpRefusal
    return 'reason' in read ? refusalResponse(read) : await handOn(tools, received, verified, read.message)
  } catch (error) {
    return resource.toResponse(error)
  }
}

function requireMethod({ method }: ReceivedMessage): void {
  if (method !== 'POST' && method !== 'GET' && method !== 'DELETE')
    throw new AAuthError('method_not_allowed', 'MCP is spoken with POST, GET and DELETE.')
}

async function handOn(
  tools: AdmissionTools,
  received: ReceivedMessage,
  verified: AdmittedMessage['verified'],
  given: McpMessage | undefined,
): Promise<AdmittedMessage | Response> {
  const { resource, seal } = tools
  const agent = verified.agent ?? resource.id
  const caller = callerOf(verified, agent)
  const session = await sessionOf(tools, received, verified, caller)
  if (session === 'none')
    return refusalResponse({ status: 404, code: noSession, reason: 'There is no such session.', id: given?.id ?? null })
  if (session === 'no event') {
    const reason = 'Last-Event-ID is no event of this session: open a new stream.'
    return refusalResponse({ status: 400, code: mcpCodes.invalidRequest, reason, id: given?.id ?? null })
  }
  const message = given && (await withOpenState(given, verified, caller, seal))
  if (message && 'reason' in message) return refusalResponse(message)
  const body = given && (message === given ? verified.body : utf8(JSON.stringify(message?.value)))
  const authInfo = mcpAuthInfo(verified, resource.id)
  return { verified, authInfo, caller, message, body, session }
}

function callerOf({ delegate, authorization }: AdmittedMessage['verified'], agent: string): McpCaller {
  if (!authorization) return { agent, delegate }
  const { iss, sub } = authorization.claims
  return { agent, delegate, person: JSON.stringify([iss, sub ?? null]), scope: authorization.scope.join(' ') }
}

/**
 * The session that a request names, where it may use it; `none` where there is none, or it is another's.
 *
 * @throws AAuthError `authorization_required` for one of a person, of whom nothing is shown: their token has ended, perhaps
 */
async function sessionOf(
  { sessions, shown, now }: AdmissionTools,
  received: ReceivedMessage,
  verified: AdmittedMessage['verified'],
  caller: McpCaller,
): Promise<AdmittedSession | 'none' | 'no event' | undefined> {
  const [id, another] = fieldValues(received, 'mcp-session-id')
  const [event, anotherEvent] = fieldValues(received, 'last-event-id')
  if (id === undefined) return event === undefined ? undefined : 'no event'
  const owner = another === undefined ? await sessions.use(id, caller) : undefined
  if (!owner) return 'none'
  requirePerson(owner, verified)
  const { authorization } = verified
  if (authorization && !(endOf(shown.get(id, now())) > authorization.claims.exp))
    shown.set(id, verified, authorization.claims.exp)
  if (event === undefined) return { id, owner, lastEventId: undefined }
  const lastEventId = anotherEvent === undefined ? await ownEventId(event, owner.secret) : undefined
  return lastEventId === undefined ? 'no event' : { id, owner, lastEventId }
}

/**
 * What is of a person is for who shows their token. Without one it may have ended: the agent is told which to get.
 *
 * @throws AAuthError `authorization_required`
 */
function requirePerson(
  { person, scope = '' }: Pick<McpCaller, 'person' | 'scope'>,
  verified: AdmittedMessage['verified'],
): void {
  const { agent, thumbprint, authorization } = verified
  if (person === undefined || authorization) return
  throw new AAuthError('authorization_required', 'This is of a person: show the auth token that they gave.', {
    challenge: { level: 'authorization', scope, binding: { agent, thumbprint } },
  })
}

function endOf(verified: VerifiedRequest | undefined): number {
  return verified?.authorization?.claims.exp ?? 0
}

/** As SDKs say it. */
const noSession = -32_001

async function withOpenState(
  message: McpMessage,
  verified: AdmittedMessage['verified'],
  { agent, person }: McpCaller,
  seal: StateSeal | undefined,
): Promise<McpMessage | McpRefusal> {
  const { requestState: sealed } = message.params
  if (!seal || sealed === undefined) return message
  const opened = typeof sealed === 'string' ? await seal.open(sealed, message, agent) : undefined
  if (opened) requirePerson(opened, verified)
  const reason = 'requestState is not what was given for this call, or is too old: call again without it.'
  if (!opened || (opened.person !== undefined && opened.person !== person))
    return { status: 200, code: mcpCodes.invalidParams, reason, id: message.id ?? null }
  const params = { ...message.params, requestState: opened.state }
  return { ...message, params, value: { ...message.value, params } }
}

/** A refusal as JSON-RPC says it. */
function refusalResponse({ status, code, reason, id }: McpRefusal): Response {
  return Response.json({ jsonrpc: '2.0', id, error: { code, message: reason } }, { status })
}

/** The content of a message, which is read only when nothing else can refuse it any more. */
function memoryUpload(received: ReceivedMessage, maxBody: number): Required<Upload> {
  let content: Uint8Array = new Uint8Array(0)
  return {
    isAnnounced: announcesContent(received),
    content: () => content,
    async take(digests) {
      content = await received.body(maxBody)
      if (digests) await requireDigests(digests, content)
    },
  }
}

/** A POST has content unless it says that it has none: not every platform shows that there is. */
function announcesContent(received: ReceivedMessage): boolean {
  const [length] = fieldValues(received, 'content-length')
  if (fieldValues(received, 'transfer-encoding').length > 0) return true
  return length === undefined ? received.method === 'POST' : Number(length) !== 0
}

/** Records a session that the server opened, with its owner, and drops one that was closed. Returns the response's session. */
export function noteSession(
  { sessions, shown }: AdmissionTools,
  { message, caller, session, verified }: AdmittedMessage,
  opened: string | null | undefined,
  ok: boolean,
): MaybePromise<McpSession | undefined> {
  if (!ok) return session?.owner
  if (message?.method === 'initialize' && opened) {
    const noted = sessions.open(opened, caller)
    const use = () => sessions.use(opened, caller)
    return noted ? Promise.resolve(noted).then(use) : use()
  }
  if (verified.method !== 'DELETE' || !session) return session?.owner
  shown.delete(session.id)
  const closed = sessions.close(session.id)
  return closed ? Promise.resolve(closed).then(() => undefined) : undefined
}
