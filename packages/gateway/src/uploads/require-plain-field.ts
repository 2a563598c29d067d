import { AAuthError } from 'countersign/resource'
import { parameterName, requirePlainParameter } from '../routes/require-plain-fields.js'

/** WordPress takes the path of its REST API from it. PHP makes `_` of a dot, a blank and `[`, and ends a name at NUL. */
const restRoute = /^[^a-z0-9]*rest[^a-z0-9]route(?:$|[\0[])/i

/**
 * Refuses a field of a form that frameworks take for the method or the path (G02).
 *
 * @throws AAuthError `request_malformed`
 */
export function requirePlainField(encodedName: string): void {
  requirePlainParameter(encodedName)
  if (/rest|%/i.test(encodedName) && restRoute.test(parameterName(encodedName)))
    throw new AAuthError(
      'request_malformed',
      'The field rest_route is not taken here: send the path in the request line.',
    )
}
