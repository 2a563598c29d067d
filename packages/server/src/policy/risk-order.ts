/** What a permission can do, from the weakest on; `control` is all there is, or more than its own holder has. */
export type Risk = 'read' | 'change' | Danger

/** What asks for a second proof of who allows it. */
export type Danger = 'delete' | 'spend' | 'control'

/** From the weakest on. */
export const risksByStrength = ['read', 'change', 'delete', 'spend', 'control'] as const satisfies readonly Risk[]

/** Orders risks from the strongest on. */
export function byDanger(one: Risk, other: Risk): number {
  return risksByStrength.indexOf(other) - risksByStrength.indexOf(one)
}

/** Risks for which users prove again who they are, and which nothing remembers; the strongest first. */
export const dangers: readonly Danger[] = ['control', 'spend', 'delete']
