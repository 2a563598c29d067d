import type { VerifiedRequest } from '../../editions/verified-request.js'
import { fieldValues, type ReceivedMessage, requireDigests, type Upload } from '../../httpsig/received-message.js'
import { utf8 } from '../../lib/encodings.js'
import { AAuthError } from '../../lib/errors.js'
import type { LruCache } from '../../lib/lru-cache.js'
import type { MaybePromise } from '../../lib/maybe-promise.js'
import { warnOnce } from '../../lib/options.js'
import type { Resource } from '../create-resource.js'
import { requestChanged } from '../require-unchanged.js'
import type { AcceptedProof } from '../resource-options.js'
import { type JudgedMcpRequest, judgeMcpRequest } from './authorize-mcp-request.js'
import { serverEventId } from './filter-lists.js'
import { type McpAuthInfo, mcpAuthInfo } from './mcp-auth-info.js'
import { type McpMessage, type McpRefusal, mcpCodes } from './mcp-message.js'
import { type McpCaller, type McpSession, type McpSessions, oauthCaller, sessionName } from './mcp-sessions.js'
import type { LimitedTable, McpTable } from './mcp-table.js'
import type { MirroredParameters } from './mirrored-parameters.js'
import { prefersOneConsent, withEveryScope } from './one-consent.js'
import { pageRefusal } from './page-refusal.js'
import type { StateHolder, StateSeal } from './sealed-state.js'

export interface McpContext {
  resource: Resource
  table: McpTable
  /** The part of the table for clients with access tokens. */
  bearerTable: LimitedTable
  /** The scopes that every request needs, space-separated. If empty, an identified agent is sufficient. */
  connect: string
  /** The origins of web pages that may call the server; undefined for the default. */
  origins: '*' | readonly string[] | undefined
  maxBody: number
  sessions: McpSessions
  /** The parameters that headers mirror, by tool, from the last list of tools. */
  parameters: LruCache<MirroredParameters>
  seal: StateSeal | undefined
  /** Unix seconds. */
  now: () => number
}

/** A request that the server may handle. */
export interface AdmittedMessage {
  verified: VerifiedRequest<'identity'>
  authInfo: McpAuthInfo
  caller: McpCaller
  /** The URL of the server, without a query. Other servers may share the stores of this one. */
  endpoint: string
  /** Undefined for a request without a body. */
  message: McpMessage | undefined
  /** The body for the server: exactly what was checked. */
  body: Uint8Array | undefined
  /** The session to which the request belongs. */
  session: AdmittedSession | undefined
}

interface AdmittedSession {
  id: string
  owner: McpSession
  /** The event after which to resume a stream, by the server's own event id. */
  lastEventId: string | undefined
}

/**
 * Checks a request for an MCP server and verifies that its sender is authorized. If not, returns the refusal. An unidentified sender learns
 * nothing about what is wrong with the message.
 */
export async function admitMessage(
  context: McpContext,
  received: ReceivedMessage,
  handledMethod: string | undefined,
): Promise<AdmittedMessage | Response> {
  const { resource, connect, maxBody, parameters, now } = context
  const ofPage = pageRefusal(resource.id, context.origins, received)
  if (ofPage) return refusalResponse(ofPage)
  let verified: AdmittedMessage['verified'] | undefined
  let judged: JudgedMcpRequest | McpRefusal = { message: undefined, scope: '' }
  try {
    await requireMethod(received, resource)
    if (handledMethod !== received.method) throw requestChanged('method')
    const requirementOf = (content: Uint8Array, proof: 'signature' | 'bearer') => {
      judged = judgeMcpRequest(received, content, tableFor(context, proof), (tool) => parameters.get(tool, now()))
      const need = 'reason' in judged ? '' : judged.scope
      const scope = [connect, need].filter((part) => part !== '').join(' ')
      return scope === '' ? undefined : ({ require: 'authorization', scope } as const)
    }
    const upload = received.upload ?? memoryUpload(received, maxBody)
    verified = await resource.verify(Object.assign({}, received, { upload }), {
      require: 'identity',
      accept: acceptedBy(resource),
      orHigher: true,
      requirementOf,
    })
    // TypeScript cannot tell that the callback assigns this variable.
    const read = judged as JudgedMcpRequest | McpRefusal
    return 'reason' in read ? refusalResponse(read) : await admitVerified(context, received, verified, read.message)
  } catch (error) {
    const needed = 'reason' in judged ? '' : judged.scope
    return resource.toResponse(prefersOneConsent(received) ? withEveryScope(error, context, needed) : error, verified)
  }
}

/** The items that exist for a caller. */
export function tableFor(
  { table, bearerTable }: Pick<McpContext, 'table' | 'bearerTable'>,
  proof: string,
): LimitedTable {
  return proof === 'bearer' ? bearerTable : table
}

/** Every access token of the server is accepted: the table decides on its scopes. */
function acceptedBy({ protectedResource }: Resource): readonly AcceptedProof[] {
  return protectedResource ? ['aauth', 'oauth'] : ['aauth']
}

/** @throws AAuthError `method_not_allowed`; a request without authorization is challenged first, because OAuth clients try any method */
async function requireMethod(received: ReceivedMessage, resource: Resource): Promise<void> {
  const { method } = received
  if (method === 'POST' || method === 'GET' || method === 'DELETE') return
  if (resource.protectedResource && method !== 'OPTIONS')
    await resource.verify(received, { require: 'identity', accept: acceptedBy(resource) })
  throw new AAuthError('method_not_allowed', 'MCP uses POST, GET and DELETE.')
}

async function admitVerified(
  context: McpContext,
  received: ReceivedMessage,
  verified: AdmittedMessage['verified'],
  given: McpMessage | undefined,
): Promise<AdmittedMessage | Response> {
  const { resource, seal } = context
  const caller = callerOf(verified, resource)
  const endpoint = resource.id + verified.path
  const session = await sessionOf(context, received, verified, { ...caller, endpoint })
  if (session === 'none')
    return refusalResponse({ status: 404, code: noSession, reason: 'There is no such session.', id: given?.id ?? null })
  if (session === 'no event') {
    const reason = 'Last-Event-ID is not an event of the session in Mcp-Session-Id: open a new stream.'
    return refusalResponse({ status: 400, code: mcpCodes.invalidRequest, reason, id: given?.id ?? null })
  }
  const message = given && (await withOpenState(given, verified, { ...caller, endpoint }, seal))
  if (message && 'reason' in message) return refusalResponse(message)
  const body = given && (message === given ? verified.body : utf8(JSON.stringify(message?.value)))
  const authInfo = mcpAuthInfo(verified, resource.id)
  return { verified, authInfo, caller, endpoint, message, body, session }
}

function callerOf(
  { agent: named, delegate, caller, scheme, authorization }: AdmittedMessage['verified'],
  { id, protectedResource }: Resource,
): McpCaller {
  const identifier = caller ?? named ?? id
  const agent = scheme === 'bearer' ? oauthCaller(protectedResource?.id ?? id, identifier) : identifier
  if (!authorization) return { agent, delegate }
  const { iss, sub } = authorization.claims
  return {
    agent,
    delegate,
    person: JSON.stringify([iss, sub ?? null]),
    scope: authorization.scope.join(' '),
    authorization,
  }
}

/**
 * The session that a request names; `none` if it does not exist or belongs to another caller.
 *
 * @throws AAuthError `authorization_required` if the session belongs to a user and the request has no auth token from that user, for
 * example because the token has expired
 */
async function sessionOf(
  { sessions }: McpContext,
  received: ReceivedMessage,
  verified: AdmittedMessage['verified'],
  { endpoint, ...caller }: StateHolder,
): Promise<AdmittedSession | 'none' | 'no event' | undefined> {
  const [id, another] = fieldValues(received, 'mcp-session-id')
  const [event, anotherEvent] = fieldValues(received, 'last-event-id')
  if (id === undefined) return event === undefined ? undefined : 'no event'
  const owner = another === undefined ? await sessions.use(sessionName(endpoint, id), caller) : undefined
  if (!owner) return 'none'
  requirePerson(owner, verified)
  if (event === undefined) return { id, owner, lastEventId: undefined }
  const lastEventId = anotherEvent === undefined ? await serverEventId(event, owner.secret) : undefined
  return lastEventId === undefined ? 'no event' : { id, owner, lastEventId }
}

/**
 * Requires an auth token for something that belongs to a user. The previous token may have expired, so the challenge names the scope to
 * request.
 *
 * @throws AAuthError `authorization_required`
 */
function requirePerson(
  { person, scope }: Pick<McpCaller, 'person' | 'scope'>,
  verified: AdmittedMessage['verified'],
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

/** The error code that the SDKs use. */
const noSession = -32_001

async function withOpenState(
  message: McpMessage,
  verified: AdmittedMessage['verified'],
  holder: StateHolder,
  seal: StateSeal | undefined,
): Promise<McpMessage | McpRefusal> {
  const { requestState: sealed } = message.params
  if (!seal || sealed === undefined) return message
  const opened = typeof sealed === 'string' ? await seal.open(sealed, message, holder) : undefined
  if (opened) requirePerson(opened, verified)
  const reason = 'requestState was not issued to this caller for this call, or is too old: call again without it.'
  if (!opened || (opened.person !== undefined && opened.person !== holder.person))
    return { status: 200, code: mcpCodes.invalidParams, reason, id: message.id ?? null }
  const params = { ...message.params, requestState: opened.state }
  return { ...message, params, value: { ...message.value, params } }
}

/** A refusal as a JSON-RPC error. */
function refusalResponse({ status, code, reason, id }: McpRefusal): Response {
  return Response.json({ jsonrpc: '2.0', id, error: { code, message: reason } }, { status })
}

/** The content of a message, read only after every other check has passed. */
function memoryUpload(received: ReceivedMessage, maxBody: number): Required<Upload> {
  let content: Uint8Array = new Uint8Array(0)
  const isAnnounced = announcesContent(received)
  return {
    isAnnounced,
    content: () => content,
    async take(digests) {
      content = await received.body(maxBody)
      if (!isAnnounced && content.length > 0) throw unannounced(received)
      if (digests) await requireDigests(digests, content)
    },
  }
}

function unannounced({ method }: ReceivedMessage): AAuthError {
  const text =
    method === 'POST' ? 'The body is longer than its Content-Length.' : `An MCP ${method} request must not have a body.`
  return new AAuthError('request_malformed', text)
}

/**
 * Whether to expect content. A POST request has content unless its head says otherwise: some platforms do not expose whether there is any.
 */
function announcesContent(received: ReceivedMessage): boolean {
  const [length] = fieldValues(received, 'content-length')
  if (fieldValues(received, 'transfer-encoding').length > 0) return true
  return length === undefined ? received.method === 'POST' : Number(length) !== 0
}

/**
 * Records a session that the server opened, together with its owner, and removes a session that was closed. Returns the response's session.
 *
 * @throws AAuthError `upstream_failed` if the server gave the session an id that belongs to another caller
 */
export function recordSession(
  { resource, sessions }: Pick<McpContext, 'resource' | 'sessions'>,
  { message, caller, endpoint, session, verified }: AdmittedMessage,
  opened: string | null | undefined,
  ok: boolean,
): MaybePromise<McpSession | undefined> {
  if (!ok) return session?.owner
  if (message?.method === 'initialize' && opened && opened !== session?.id) {
    const name = sessionName(endpoint, opened)
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
