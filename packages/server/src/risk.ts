import type { Risk } from './pages/models.js'

/** Which names of permissions mean what; the first pattern that fits decides. `*` stands for any characters. */
export type RiskPatterns = readonly (readonly [pattern: string, risk: Risk])[]

/** Names that fit none are a change. */
export const defaultRisks: RiskPatterns = [
  ['*.read', 'read'],
  ['*.delete', 'delete_or_spend'],
  ['pay*', 'delete_or_spend'],
  ['*.write', 'change'],
]

/** What a permission lets an agent do, judged by the operator's patterns, never by what the resource says. */
export function riskOf(permission: string, patterns: RiskPatterns): Risk {
  const match = patterns.find(([pattern]) => fits(permission, pattern))
  return match?.[1] ?? 'change'
}

function fits(name: string, pattern: string): boolean {
  const [head = '', ...rest] = pattern.split('*')
  if (rest.length === 0) return name === pattern
  const tail = rest.at(-1) ?? ''
  if (!name.startsWith(head) || !name.endsWith(tail) || name.length < head.length + tail.length) return false
  let from = head.length
  for (const part of rest.slice(0, -1)) {
    const at = name.indexOf(part, from)
    if (at === -1 || at + part.length > name.length - tail.length) return false
    from = at + part.length
  }
  return true
}
