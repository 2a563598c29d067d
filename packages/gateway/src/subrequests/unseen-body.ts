import type { Upload } from 'countersign'
import { AAuthError } from 'countersign/resource'
import { fieldValues } from 'countersign/signatures'
import type { Need } from '../routes/path-rows.js'
import { namesForm } from '../uploads/body-watch.js'
import type { AskedRequest } from './dialects.js'

/** A body that nobody can compare with its digest (G06). Nothing is wrong with the signature, and no other one would help. */
export class UnseenBody extends AAuthError {
  override readonly status = 401

  constructor() {
    super(
      'request_malformed',
      'The proxy here does not show the body, so it cannot be compared with its digest. Only GET and HEAD without a body pass; the operator lets others pass by body: unseen on the route.',
    )
  }
}

/**
 * The body of a request that a proxy asks about, which the proxy does not show: it is taken for the one that was signed if the route says
 * so. Only GET and HEAD go without one (G06).
 *
 * @throws UnseenBody, AAuthError `media_type_unsupported`
 */
export function unseenUpload(asked: AskedRequest, need: Need): Upload {
  requireNothingUnseen(asked, need)
  const isAnnounced = asked.hasBody || fieldValues(asked, 'content-digest').length > 0
  return { isAnnounced: need.isBodyUnseen && isAnnounced, take: async () => undefined }
}

/**
 * A body passes only if the route says that it is unseen, also if nothing is verified (G06, G35).
 *
 * @throws UnseenBody, AAuthError `request_malformed` if nothing is verified, `media_type_unsupported`
 */
export function requireNothingUnseen(asked: AskedRequest, need: Need): void {
  const { method, hasBody } = asked
  if (!need.isBodyUnseen && (hasBody || !(method === 'GET' || method === 'HEAD')))
    throw need.level === 'none'
      ? new AAuthError(
          'request_malformed',
          'A body cannot be looked into here, since the proxy does not show it: send GET or HEAD without one.',
        )
      : new UnseenBody()
  requirePlainContent(asked)
}

/** Frameworks take the method from a field of a form, which the proxy does not show (G02); some read what has no type as a form (G43). */
function requirePlainContent(asked: AskedRequest): void {
  const types = fieldValues(asked, 'content-type')
  if (asked.hasBody && types.length !== 1)
    throw new AAuthError(
      'media_type_unsupported',
      'A body needs exactly one Content-Type here, and a request without a body Content-Length: 0.',
    )
  if (types.some((type) => !plainType.test(type) || namesForm(type)))
    throw new AAuthError(
      'media_type_unsupported',
      'A form cannot be looked into here, since the proxy does not show it: send JSON or another media type.',
    )
}

/** One media type, with parameters or without. */
const plainType = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+[\t ]*(?:;[^,]*)?$/
