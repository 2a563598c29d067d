import type { TokenSummary } from 'countersign/agent'

/** What an agent may do, each permission as a text: a token that is renewed, or ends, brings none. */
export function heldPermissions(tokens: readonly TokenSummary[]): string[] {
  return tokens.map(({ resource, authServer, scope }) => [resource, authServer, ...scope.toSorted()].join(' '))
}
