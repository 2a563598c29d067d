import type { Upload } from 'countersign'
import { AAuthError } from 'countersign/resource'
import { fieldValues } from 'countersign/wire'
import type { Need } from '../routes/path-rows.js'
import type { AskedRequest } from './dialects.js'
import { UnseenBody } from './unseen-body.js'

/**
 * The body of a request that a proxy asks about, which nobody shows: it is taken for the one that was signed where the route says
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
 * A body passes only where the route says that nobody sees it, also where nothing is verified (G06, G35).
 *
 * @throws UnseenBody, AAuthError `request_malformed` where nothing is verified, `media_type_unsupported`
 */
export function requireNothingUnseen(asked: AskedRequest, need: Need): void {
  if (!need.isBodyUnseen && mayHaveBody(asked))
    throw need.level === 'none'
      ? new AAuthError(
          'request_malformed',
          'A body cannot be looked into here, since the proxy does not show it: send GET or HEAD without one.',
        )
      : new UnseenBody()
  requireNoForm(asked)
}

function mayHaveBody({ method, hasBody }: AskedRequest): boolean {
  return hasBody || !(method === 'GET' || method === 'HEAD')
}

/** Frameworks take the method from a field of a form, which the proxy does not show (G02). */
function requireNoForm(asked: AskedRequest): void {
  const types = fieldValues(asked, 'content-type')
  if (types.some((type) => !isPlainContent(type)) || (asked.hasBody && types.length !== 1))
    throw new AAuthError(
      'media_type_unsupported',
      'A form cannot be looked into here, since the proxy does not show it: send JSON or another media type.',
    )
}

/** Whether nobody reads fields of a form in a body of a media type. */
function isPlainContent(type: string): boolean {
  return /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+\s*(?:;[^,]*)?$/.test(type) && !/^(?:multipart\/|[^;]*urlencoded)/i.test(type)
}
