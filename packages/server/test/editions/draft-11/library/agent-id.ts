/** The identifier of the one agent that issues agent tokens for itself at `provider`. */
export function ownAgentId(provider: string): string {
  return `aauth:agent@${new URL(provider).host}`
}

/** Why the subject of an agent token names no agent of its issuer; undefined: it does. */
export function agentIdProblem({ iss, sub }: { iss: string; sub: string }): string | undefined {
  const [, domain] = /^aauth:[A-Za-z0-9\-_.]{1,255}@([^@]+)$/.exec(sub) ?? []
  if (domain === undefined) return 'its sub is no agent identifier'
  return domain === new URL(iss).host ? undefined : 'its sub is an agent of another host than its issuer’s'
}
