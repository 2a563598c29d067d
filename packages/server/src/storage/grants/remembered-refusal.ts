import type { AuthRequest, RememberedOutcome, RememberedPermission } from '../requests/request-storage.js'
import { grantEnded } from './grant-ended.js'
import type { Grant } from './grant-storage.js'
import { isWithinScope } from './scope-set.js'

type Reason = Extract<RememberedOutcome, { outcome: 'refused' }>['reason']

/** Why a request may not be allowed under a remembered grant; undefined: it may. */
export function rememberedRefusal(
  request: AuthRequest,
  grant: Grant | undefined,
  permission: RememberedPermission,
  now: number,
): Reason | undefined {
  if (request.status === 'expired') return 'expired'
  if (request.status !== 'open') return 'not_open'
  if (request.browserHash !== null && request.browserHash !== permission.browserHash) return 'other_browser'
  const covered =
    grant?.remembered === true &&
    !grantEnded(grant, now) &&
    grant.userId === permission.userId &&
    grant.agent === request.agent &&
    grant.delegate === request.delegate &&
    grant.resource === request.resource &&
    isWithinScope(request.scope, grant.scope)
  return covered ? undefined : 'not_covered'
}
