import { risksByStrength } from '../pages/risk-order.js'
import type { PermissionReading } from './risk.js'

/**
 * Whether one permission may come with another, in any reading of their names: with full control, with a name that says
 * nothing, with what manages the same thing, or with what can do the same or more to it. Who may write packages may read
 * them, and who may manage a calendar may delete it.
 */
export function mayInclude(whole: PermissionReading, part: PermissionReading): boolean {
  if (whole.risk === 'control' || !whole.isKnown) return true
  if (!shareThings(whole, part)) return false
  return whole.isBroad || !part.isKnown || risksByStrength.indexOf(part.risk) <= risksByStrength.indexOf(whole.risk)
}

function shareThings({ things }: PermissionReading, other: PermissionReading): boolean {
  if (things.length === 0 || other.things.length === 0) return true
  return things.some((thing) => other.things.some((each) => thing.includes(stem(each)) || each.includes(stem(thing))))
}

/** A word without the ending of its plural: `Files` are `file`. */
function stem(word: string): string {
  return word.replace(/(?:ies|es|s|y)$/, '')
}
