import { AAuthError } from 'countersign/resource'
import { requirePlainParameter } from '../routes/require-plain-fields.js'

/** WordPress takes the path of its REST API from it. PHP makes `_` of a dot, a blank and `[`, and ends a name at NUL. */
const restRoute = /^[^a-z0-9]*rest[^a-z0-9]route(?:$|[\0[])/i

/**
 * Refuses a field of a form that frameworks take for the method or the path, by its name without encoding (G02).
 *
 * @throws AAuthError `request_malformed`
 */
export function requirePlainField(name: string): void {
  requirePlainParameter(name)
  if (/rest/i.test(name) && restRoute.test(name))
    throw new AAuthError(
      'request_malformed',
      'The field rest_route is not taken here: send the path in the request line.',
    )
}
