import type { Risk } from './models.js'

/** From the weakest on. */
export const risksByStrength = ['read', 'change', 'delete', 'spend', 'control'] as const satisfies readonly Risk[]

/** Orders risks from the strongest on. */
export function byDanger(one: Risk, other: Risk): number {
  return risksByStrength.indexOf(other) - risksByStrength.indexOf(one)
}
