import type { Upload } from 'countersign'
import { AAuthError } from 'countersign/resource'
import { fieldValues } from 'countersign/wire'
import type { Need } from '../routes/route-table.js'
import type { AskedRequest } from './dialects.js'

/**
 * The body of a request that a proxy asks about, which nobody shows: it is taken for the one that was signed where the route says
 * so. Only GET and HEAD go without one (G06).
 *
 * @throws AAuthError `digest_mismatch`
 */
export function unseenUpload(asked: AskedRequest, need: Need): Upload {
  const isSafe = asked.method === 'GET' || asked.method === 'HEAD'
  if (!need.isBodyUnseen && (!isSafe || asked.hasBody))
    throw new AAuthError(
      'digest_mismatch',
      'The body cannot be compared with its digest here, since the proxy does not show it: this needs the gateway in the path.',
    )
  const isAnnounced = asked.hasBody || fieldValues(asked, 'content-digest').length > 0
  return { isAnnounced: need.isBodyUnseen && isAnnounced, take: async () => undefined }
}
