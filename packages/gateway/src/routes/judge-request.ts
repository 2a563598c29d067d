import { AAuthError } from 'countersign/resource'
import { fieldValues, isSignedMessage } from 'countersign/signatures'
import type { IsClosed } from './closed-paths.js'
import { createMethodCheck, requireNoNamedMethod } from './named-method.js'
import { createNestedCheck, mostUrls, requireNoNestedRequest } from './nested-requests.js'
import { requirePath } from './path-grammar.js'
import type { Need } from './path-rows.js'
import { pathsInQuery } from './query-paths.js'
import { type PlainMessage, requirePlainFields } from './require-plain-fields.js'
import type { RouteTable } from './route-table.js'

/** The head of a request, as it was on the wire. */
export interface RequestHead extends PlainMessage {
  method: string
}

export interface GatewayRules {
  table: RouteTable
  /** Paths that are not judged here: another spelling of one must not get there by another route. @default none */
  isClosed?: IsClosed | undefined
  /** What becomes of a request without signature headers: refused, or left to the upstream's own authentication. */
  otherwise: 'refuse' | 'pass'
  /** Whether the API may take any key or value of the query for the path. @default only `rest_route`, and what begins with a slash */
  frontController?: boolean | undefined
}

/** What is to be done with a request. */
export type Judgement =
  /** It passes with what it proves. */
  | { verify: true; need: Need }
  /** It passes as nobody. */
  | { verify: false; need: Need | undefined }

/**
 * Judges a request by its head alone. Pure: it looks at nothing else.
 *
 * @throws AAuthError `target_ambiguous`, `request_malformed`, `header_duplicate`, `not_found`, `method_not_allowed`,
 * `media_type_unsupported`
 */
export function judgeRequest(
  head: RequestHead,
  { table, isClosed, otherwise, frontController = false }: GatewayRules,
): Judgement {
  const path = requirePath(head.rawTarget)
  if (/^(?:CONNECT|TRACE|TRACK)$/i.test(head.method))
    throw new MethodNotAllowed(`${head.method} is not passed on.`, isClosed?.(path) ? [] : table.at(path).methods())
  requirePlainFields(head)
  const query = pathsInQuery(head.rawTarget, frontController)
  if (isClosed && query.some(({ names }) => names.length > 0 && isClosed({ decoded: names })))
    throw new AAuthError('target_ambiguous', 'Some servers take a part of this query for a path that is closed here.')
  if (isClosed?.(path)) throw new AAuthError('not_found', 'There is nothing by this name.')
  const routed = table.at(path)
  const need = routed.need(head.method)
  if (otherwise === 'pass' && !isSignedMessage(head)) return { verify: false, need }
  if (!need) {
    const methods = routed.methods()
    throw methods.length > 0
      ? new MethodNotAllowed(`Ask for it with ${methods.join(', ')}.`, methods)
      : new AAuthError('not_found', 'There is nothing here that agents may ask for.')
  }
  routed.requireNoStricter(head.method, need)
  table.requireNoStricterQuery(query, head.method, need)
  requireNoNamedMethod(
    head,
    createMethodCheck(head, need, () => routed),
  )
  requireNoNestedRequest(head, createNestedCheck(need, { table, isClosed }, mostUrls.head))
  if (need.level === 'none') return { verify: false, need }
  requireSignedCoding(head)
  requireNoBatch(head)
  return { verify: true, need }
}

/** `Content-Digest` is of the bytes that come: whoever adds a coding on the way has the API read others (G40). */
function requireSignedCoding(head: RequestHead): void {
  const codings = fieldValues(head, 'content-encoding')
  if (codings.every((coding) => coding.toLowerCase() === 'identity')) return
  if (!fieldValues(head, 'signature-input').join().includes('"content-encoding"'))
    throw new AAuthError(
      'media_type_unsupported',
      'Cover content-encoding with the signature, or send the body without.',
    )
}

/** A batch of OData holds other requests, each with a path that is not judged. */
function requireNoBatch(head: RequestHead): void {
  if (fieldValues(head, 'content-type').some((type) => /multipart\s*\/\s*mixed/i.test(type)))
    throw new AAuthError('media_type_unsupported', 'multipart/mixed holds other requests: send each one by itself.')
}

/** A path that is asked for with other methods, which the answer lists (RFC 9110 §15.5.6). */
class MethodNotAllowed extends AAuthError {
  readonly methods: readonly string[]

  constructor(message: string, methods: readonly string[]) {
    super('method_not_allowed', message)
    this.methods = methods
  }
}

/** The header that lists them, where an error is one of these. */
export function allowHeader(error: unknown): readonly (readonly [string, string])[] {
  return error instanceof MethodNotAllowed ? [['Allow', error.methods.join(', ')]] : []
}
