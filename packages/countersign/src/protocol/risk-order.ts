/** What a permission can do, weakest first. `control` means everything, or more than the user's own rights. */
export type Risk = 'read' | 'change' | Danger

/** Risks that require the user to prove their identity again before allowing them. */
export type Danger = 'delete' | 'spend' | 'control'

/** Weakest first. */
export const risksByStrength = ['read', 'change', 'delete', 'spend', 'control'] as const satisfies readonly Risk[]

/** Sorts risks, strongest first. */
export function byDanger(one: Risk, other: Risk): number {
  return risksByStrength.indexOf(other) - risksByStrength.indexOf(one)
}

/** Risks that require users to prove again who they are, and that are never remembered; strongest first. */
export const dangers: readonly Danger[] = ['control', 'spend', 'delete']
