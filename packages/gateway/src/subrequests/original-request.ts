import type { Upload } from 'countersign'
import { AAuthError } from 'countersign/resource'
import { fieldValues } from 'countersign/signatures'
import { namesForm } from '../bodies/body-watch.js'
import { traitsOf } from '../headers.js'
import type { RequestHead } from '../routes/require-plain-fields.js'
import type { Need } from '../routes/route.js'

/** How a proxy describes the original request in a subrequest (W30). */
export interface Dialect {
  /** The header with the request's method. */
  method: string
  /** The header with the raw request target. */
  target: string
  /** The header with the body's length and transfer coding; empty if the request has neither. */
  body: string
  /** Whether the proxy accepts any status, or only 401 and 403. */
  acceptsAnyStatus: boolean
  /** Whether the proxy forwards the trailers of a body without a length. */
  forwardsTrailers: boolean
}

export const dialects = {
  nginx: {
    method: 'x-original-method',
    target: 'x-original-uri',
    body: 'x-original-body',
    acceptsAnyStatus: false,
    forwardsTrailers: false,
  },
  caddy: {
    method: 'x-forwarded-method',
    target: 'x-forwarded-uri',
    body: 'x-original-body',
    acceptsAnyStatus: true,
    forwardsTrailers: true,
  },
} as const satisfies Record<string, Dialect>

export type ProxyName = keyof typeof dialects

/** The original request that a subrequest describes. */
export interface OriginalRequest extends RequestHead {
  /** Whether the request has a body, or may have one. */
  hasBody: boolean
  /** Whether trailers that the proxy forwards may follow the body. */
  mayHaveTrailers: boolean
}

/**
 * Reads the original request that a proxy describes. If one of the proxy's headers is duplicated, the request is refused, because one of
 * the two must have come from the client. A header name that the API may confuse with another one is refused as well, because the proxy
 * forwards it (G04).
 *
 * @throws AAuthError `request_malformed`
 */
export function parseOriginalRequest(rawHeaders: readonly string[], dialect: Dialect): OriginalRequest {
  const own = new Set<string>([dialect.method, dialect.target, dialect.body])
  const rest: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const plain = name.toLowerCase()
    if (!traitsOf(name).isPlain)
      throw new AAuthError(
        'request_malformed',
        `${name} is not accepted: header names can contain only letters, digits and hyphens.`,
      )
    if (!own.has(plain)) rest.push(name, rawHeaders[at + 1] as string)
  }
  const only = (name: string): string => {
    const [value, another] = fieldValues({ rawHeaders }, name)
    if (value === undefined || value === '' || another !== undefined)
      throw new AAuthError('request_malformed', `The proxy must send ${name} exactly once, and not empty.`)
    return value
  }
  const method = only(dialect.method)
  const lengths = fieldValues({ rawHeaders }, dialect.body)
  const hasBody = mayHaveBody(method, lengths)
  return {
    method,
    rawTarget: only(dialect.target),
    rawHeaders: rest,
    hasBody,
    mayHaveTrailers:
      hasBody && dialect.forwardsTrailers && !(lengths.length === 1 && /^\d+$/.test(lengths[0] as string)),
  }
}

/**
 * Whether a request may have a body (G43). Proxies reveal neither the end of an HTTP/2 stream nor every transfer coding. Therefore, every
 * request except GET and HEAD counts as having a body, unless its length is 0.
 */
function mayHaveBody(method: string, lengths: readonly string[]): boolean {
  if (method === 'GET' || method === 'HEAD') return lengths.some((length) => length !== '' && length !== '0')
  return !(lengths.length === 1 && lengths[0] === '0')
}

/**
 * The refusal of a request whose body cannot be compared with its digest (G06). The signature is valid, so signing again would not help.
 */
export class UnseenBody extends AAuthError {
  override readonly status = 401

  constructor() {
    super(
      'request_malformed',
      'The proxy does not pass on the body, so it cannot be compared with its digest. Only GET and HEAD requests without a body are accepted; the operator can permit others with body: unseen on the route.',
    )
  }
}

/**
 * The body of a request, which the proxy does not pass on. It counts as the signed body if the route has `body: 'unseen'`. Otherwise, only
 * GET and HEAD are accepted (G06).
 *
 * @throws UnseenBody, AAuthError `media_type_unsupported`
 */
export function unseenUpload(asked: OriginalRequest, need: Need): Upload {
  requireNothingUnseen(asked, need)
  const isAnnounced = asked.hasBody || fieldValues(asked, 'content-digest').length > 0
  return { isAnnounced: need.isBodyUnseen && isAnnounced, take: async () => undefined }
}

/**
 * Refuses a body that the proxy does not pass on, unless the route has `body: 'unseen'`, even if nothing is verified (G06, G35).
 *
 * @throws UnseenBody, or AAuthError `request_malformed` if nothing is verified; AAuthError `media_type_unsupported` for a form or an
 * unclear Content-Type
 */
export function requireNothingUnseen(asked: OriginalRequest, need: Need): void {
  const { method, hasBody } = asked
  if (!need.isBodyUnseen && (hasBody || !(method === 'GET' || method === 'HEAD')))
    throw need.level === 'none'
      ? new AAuthError(
          'request_malformed',
          'The proxy does not pass on the body, so it cannot be inspected: send GET or HEAD without a body.',
        )
      : new UnseenBody()
  requirePlainContent(asked)
  requireNoTrailers(asked)
}

/**
 * Refuses a request whose trailers the proxy would forward (G57): some frameworks, such as Mojolicious, add them to the headers.
 *
 * @throws AAuthError `request_malformed`
 */
export function requireNoTrailers({ mayHaveTrailers }: OriginalRequest): void {
  if (mayHaveTrailers)
    throw new AAuthError(
      'request_malformed',
      'Send the body with a Content-Length: otherwise, the proxy forwards trailers, which cannot be inspected.',
    )
}

/**
 * Frameworks may take the method from a form field, but the proxy does not pass on the form (G02). Some frameworks parse content without a
 * type as a form (G43).
 */
function requirePlainContent(asked: OriginalRequest): void {
  const types = fieldValues(asked, 'content-type')
  if (asked.hasBody && types.length !== 1)
    throw new AAuthError(
      'media_type_unsupported',
      'A request with a body must have exactly one Content-Type here. If the request has no body, send Content-Length: 0.',
    )
  if (types.some((type) => !plainType.test(type) || namesForm(type)))
    throw new AAuthError(
      'media_type_unsupported',
      'The proxy does not pass on the body, so a form cannot be inspected: send a single media type that is not a form, such as application/json.',
    )
}

/** One media type, with or without parameters. */
const plainType = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+[\t ]*(?:;[^,]*)?$/
