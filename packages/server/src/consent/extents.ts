import type { PermissionReading } from 'countersign/editions'
import type { ServerContext } from '../http/context.js'
import { type Duration, type Extent, isOnceOnly } from '../policy/policy.js'
import type { AuthRequest } from '../storage/api/storage.js'

/** What a user can choose, narrowest first. */
export type Extents = readonly [Extent, ...Extent[]]

/** Returns what the user can choose. */
export function extentsOf(
  { transports, policy, readRisk, durations }: ServerContext,
  request: AuthRequest,
  isDangerous: boolean,
): Extents {
  const lasting = isDangerous ? ([shortest(durations[0])] as const) : durations
  if (!transports.callOf(request)) return lasting
  const { agent, delegate, resource } = request
  const scope = request.scope.split(' ')
  return isOnceOnly(policy({ agent, delegate, resource, scope }), scope, readRisk) ? ['once'] : ['once', ...lasting]
}

/** Whether a permission allows only reading, or one kind of change that its name reveals. */
export function isModest({ risk, isKnown, isBroad }: PermissionReading): boolean {
  return (risk === 'read' || risk === 'change') && isKnown && !isBroad
}

const hour = 3600
const day = 86_400

/**
 * Returns the longest duration that does not exceed the one that suits the request: an hour for permissions that are not modest, otherwise
 * a day if the user has never allowed this agent anything, or 30 days if they have. If all durations are longer, returns the shortest. If
 * it can be allowed for one call only, that is preselected.
 */
export function presetOf(durations: Extents, of: { isFirst: boolean; isModest: boolean }): Extent {
  const longest = of.isModest ? (of.isFirst ? day : 30 * day) : hour
  const [narrowest] = durations
  if (narrowest === 'once') return narrowest
  return durations.findLast((duration) => typeof duration === 'number' && duration <= longest) ?? narrowest
}

/** Permission to do something dangerous always expires. */
function shortest(duration: Duration): number {
  return duration === 'until-removed' ? hour : duration
}
