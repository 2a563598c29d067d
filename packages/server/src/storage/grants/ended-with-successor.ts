import type { Grant } from './grant-storage.js'

type Ended = Pick<Grant, 'userId' | 'agent' | 'delegate' | 'resource' | 'revokedAt'>

/**
 * Of grants that others replaced, those whose successor was taken back: `revoked` are the grants that were taken back
 * since a time, and the successor of a grant is one of the same parties that ended with it or later. It takes time in
 * proportion to both: anybody can have thousands by allowing the same again and again.
 */
export function endedWithSuccessor<G extends Ended>(replaced: readonly G[], revoked: readonly Ended[]): G[] {
  const latest = new Map<string, number>()
  for (const grant of revoked) {
    const parties = partiesOf(grant)
    latest.set(parties, Math.max(latest.get(parties) ?? 0, grant.revokedAt ?? 0))
  }
  return replaced.filter((grant) => (latest.get(partiesOf(grant)) ?? -1) >= (grant.revokedAt ?? 0))
}

function partiesOf({ userId, agent, delegate, resource }: Ended): string {
  return JSON.stringify([userId, agent, delegate, resource])
}
