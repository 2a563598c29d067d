import type { VerifiedRequest } from '../../editions/verified-request.js'
import { fieldValues, type ReceivedMessage, requireDigests, type Upload } from '../../httpsig/received-message.js'
import { utf8 } from '../../lib/encodings.js'
import { AAuthError } from '../../lib/errors.js'
import type { Resource } from '../create-resource.js'
import { requestChanged } from '../require-unchanged.js'
import type { AcceptedProof } from '../resource-options.js'
import { type JudgedMcpRequest, judgeMcpRequest } from './authorize-mcp-request.js'
import { mcpAuthInfo } from './mcp-auth-info.js'
import { type AdmittedMessage, type McpContext, tableFor } from './mcp-context.js'
import { type McpMessage, type McpRefusal, mcpCodes } from './mcp-message.js'
import { type McpCaller, oauthCaller } from './mcp-sessions.js'
import { prefersOneConsent, withEveryScope } from './one-consent.js'
import { pageRefusal } from './page-refusal.js'
import { findSession, requireOwner } from './request-session.js'
import type { StateHolder, StateSeal } from './sealed-state.js'

/**
 * Checks a request for an MCP server and verifies that its sender is authorized. If not, returns the refusal. An unidentified sender learns
 * nothing about what is wrong with the message.
 *
 * @param handledMethod the method of the request that the server will handle, which must be the verified one
 */
export async function admitMessage(
  context: McpContext,
  received: ReceivedMessage,
  handledMethod: string | undefined,
): Promise<AdmittedMessage | Response> {
  const { resource, maxBody } = context
  const refusedPage = pageRefusal(resource.id, context.origins, received)
  if (refusedPage) return refusalResponse(refusedPage)
  const judge = createJudge(context, received)
  let verified: AdmittedMessage['verified'] | undefined
  try {
    await requireMethod(received, resource)
    if (handledMethod !== received.method) throw requestChanged('method')
    const upload = received.upload ?? memoryUpload(received, maxBody)
    verified = await resource.verify(Object.assign({}, received, { upload }), {
      require: 'identity',
      accept: acceptedBy(resource),
      orHigher: true,
      requirementOf: judge.requirementOf,
    })
    const judged = judge.result()
    return 'reason' in judged
      ? refusalResponse(judged)
      : await admitVerified(context, received, verified, judged.message)
  } catch (error) {
    const refusal = prefersOneConsent(received) ? withEveryScope(error, context, scopeOf(judge.result())) : error
    return resource.toResponse(refusal, verified)
  }
}

type Judged = JudgedMcpRequest | McpRefusal

/** Judges the message as soon as verification has read its content, and keeps the result. */
function createJudge({ connect, parameters, now, ...tables }: McpContext, received: ReceivedMessage) {
  let judged: Judged = { message: undefined, scope: '' }
  return {
    result: (): Judged => judged,
    /** The authorization that the message needs. A malformed message needs none: it is refused after its sender has been verified. */
    requirementOf: (content: Uint8Array, proof: 'signature' | 'bearer') => {
      judged = judgeMcpRequest(received, content, tableFor(tables, proof), (tool) => parameters.get(tool, now()))
      const scope = [connect, scopeOf(judged)].filter((part) => part !== '').join(' ')
      return scope === '' ? undefined : ({ require: 'authorization', scope } as const)
    },
  }
}

function scopeOf(judged: Judged): string {
  return 'reason' in judged ? '' : judged.scope
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
  verified: VerifiedRequest<'identity'>,
  sent: McpMessage | undefined,
): Promise<AdmittedMessage | Response> {
  const { resource, sessions, seal } = context
  const caller = callerOf(verified, resource)
  const endpoint = resource.id + verified.path
  const session = await findSession(sessions, received, { verified, caller, endpoint, messageId: sent?.id })
  if (session && 'reason' in session) return refusalResponse(session)
  const message = sent && (await withOpenState(sent, verified, { ...caller, endpoint }, seal))
  if (message && 'reason' in message) return refusalResponse(message)
  const body = message && (message === sent ? verified.body : utf8(JSON.stringify(message.value)))
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

/** Replaces a sealed `requestState` by the state that the server issued to this caller for this call. */
async function withOpenState(
  message: McpMessage,
  verified: AdmittedMessage['verified'],
  holder: StateHolder,
  seal: StateSeal | undefined,
): Promise<McpMessage | McpRefusal> {
  const { requestState: sealed } = message.params
  if (!seal || sealed === undefined) return message
  const opened = typeof sealed === 'string' ? await seal.open(sealed, message, holder) : undefined
  if (opened) requireOwner(opened, verified)
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
