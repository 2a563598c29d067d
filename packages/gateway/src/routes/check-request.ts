import { AAuthError } from 'countersign/resource'
import { fieldValues, isSignedMessage } from 'countersign/signatures'
import { requireNotClosed } from './closed-paths.js'
import { requirePlainHead } from './field-check.js'
import { pathsInHead } from './query-paths.js'
import { parsePath, requirePath } from './request-path.js'
import { type RequestHead, requirePlainFields } from './require-plain-fields.js'
import { coversNeed, type Need } from './route.js'
import type { GatewayRules } from './route-table.js'

/** The verdict on a request's head, if the request is not refused. */
export type Verdict =
  /** The request is accepted if it meets the requirements. */
  | { verify: true; need: Need }
  /** The request is accepted without verification. */
  | { verify: false; need: Need | undefined }

/**
 * Decides on a request based on its head alone. This is a pure function.
 *
 * @throws AAuthError `target_ambiguous`, `request_malformed`, `header_duplicate`, `not_found`, `method_not_allowed`,
 * `media_type_unsupported`
 */
export function checkRequest(head: RequestHead, rules: GatewayRules): Verdict {
  const { table, isClosed, otherwise, frontController, withheld } = rules
  const path = requirePath(head.rawTarget)
  if (/^(?:CONNECT|TRACE|TRACK)$/i.test(head.method))
    throw new MethodNotAllowed(`${head.method} is not forwarded.`, isClosed?.(path) ? [] : table.at(path).methods())
  requirePlainFields(head, withheld)
  const query = pathsInHead(head, { frontController })
  requireNotClosed(query, isClosed)
  if (isClosed?.(path)) throw new AAuthError('not_found', 'There is nothing at this path.')
  const routed = table.at(path)
  const need = routed.need(head.method)
  if (otherwise === 'pass' && !isSignedMessage(head)) return { verify: false, need }
  if (!need) {
    const methods = routed.methods()
    throw methods.length > 0
      ? new MethodNotAllowed(`This path supports only the methods ${methods.join(', ')}.`, methods)
      : new AAuthError('not_found', 'This path is not available to agents.')
  }
  routed.requireNoStricter(head.method, need)
  table.requireNoStricterQuery(query, head.method, need)
  requirePlainHead({ head, need, rules, routed })
  if (/^(?:COPY|MOVE)$/.test(head.method)) requireDestination(head, need, rules)
  if (need.level === 'none') return { verify: false, need }
  requireSignedCoding(head)
  requireNoBatch(head)
  return { verify: true, need }
}

/**
 * `Content-Digest` covers the encoded bytes. If an intermediary added a content coding, the API would decode different content (G40). The
 * head only shows which fields a signature names, so {@link requireCoveredCoding} decides once it is verified. Nothing protects the coding of
 * a request with an access token.
 */
function requireSignedCoding(head: RequestHead): void {
  if (!hasCoding(head)) return
  if (!isSignedMessage(head))
    throw new AAuthError('media_type_unsupported', 'Send the body of an unsigned request without Content-Encoding.')
  if (!fieldValues(head, 'signature-input').join().includes('"content-encoding"')) throw unsignedCoding()
}

/**
 * Refuses a content coding that the verified signature does not cover.
 *
 * @throws AAuthError `media_type_unsupported`
 */
export function requireCoveredCoding(head: Pick<RequestHead, 'rawHeaders'>, covered: readonly string[]): void {
  if (!covered.includes('content-encoding') && hasCoding(head)) throw unsignedCoding()
}

function hasCoding(head: Pick<RequestHead, 'rawHeaders'>): boolean {
  return fieldValues(head, 'content-encoding').some((coding) => coding.toLowerCase() !== 'identity')
}

function unsignedCoding(): AAuthError {
  return new AAuthError(
    'media_type_unsupported',
    'Cover content-encoding with the signature, or send the body without Content-Encoding.',
  )
}

/**
 * Checks the path to which WebDAV copies or moves: a request with this method and path must be permitted too, and must not require more
 * (G56).
 *
 * @throws AAuthError `header_duplicate`, `target_ambiguous`
 */
function requireDestination(head: RequestHead, need: Need, { table, isClosed }: GatewayRules): void {
  const { method } = head
  const [destination, another] = fieldValues(head, 'destination')
  if (destination === undefined) return
  if (another !== undefined)
    throw new AAuthError('header_duplicate', 'The request has two Destination headers: send one.')
  const [, text = ''] = /^(?:https?:\/\/[\w.:[\]-]+)?(\/[^?#]*)$/i.exec(destination) ?? []
  const path = parsePath(text)
  if (typeof path === 'string')
    throw new AAuthError(
      'target_ambiguous',
      'Destination must be a path, or an http or https URL without a username, query and fragment, in the form in which paths are accepted here.',
    )
  const routed = isClosed?.(path) ? undefined : table.at(path)
  const other = routed?.need(method)
  if (!routed || !other || !coversNeed(need, other))
    throw new AAuthError(
      'target_ambiguous',
      `No route permits ${method} at the path in Destination, or its route requires more than the route of this request.`,
    )
  routed.requireNoStricter(method, other)
}

/** An OData batch contains other requests, whose paths are not checked. */
function requireNoBatch(head: RequestHead): void {
  if (fieldValues(head, 'content-type').some((type) => /multipart\s*\/\s*mixed/i.test(type)))
    throw new AAuthError(
      'media_type_unsupported',
      'multipart/mixed may contain other requests: send each of them separately.',
    )
}

/** Thrown for a path that has routes only for other methods. The response lists those methods (RFC 9110 §15.5.6). */
class MethodNotAllowed extends AAuthError {
  readonly methods: readonly string[]

  constructor(message: string, methods: readonly string[]) {
    super('method_not_allowed', message)
    this.methods = methods
  }
}

/** The header that lists the path's methods; empty for other errors. */
export function allowHeader(error: unknown): readonly (readonly [string, string])[] {
  return error instanceof MethodNotAllowed ? [['Allow', error.methods.join(', ')]] : []
}
