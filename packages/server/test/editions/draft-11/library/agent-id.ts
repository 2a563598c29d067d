/** Returns the identifier of the one agent that issues agent tokens for itself at `provider`. */
export function ownAgentId(provider: string): string {
  return `aauth:agent@${new URL(provider).host}`
}

/** Returns the reason why the subject of an agent token is not an agent of its issuer, or undefined if it is. */
export function agentIdProblem({ iss, sub }: { iss: string; sub: string }): string | undefined {
  const [, domain] = /^aauth:[A-Za-z0-9\-_.]{1,255}@([^@]+)$/.exec(sub) ?? []
  if (domain === undefined) return 'its sub is not an agent identifier'
  return domain === new URL(iss).host ? undefined : 'its sub is an agent on a host other than its issuer’s'
}
