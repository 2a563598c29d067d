import { fieldValues, type ReceivedMessage } from '../../httpsig/received-message.js'
import { AAuthError } from '../../lib/errors.js'
import { riskOf } from '../../protocol/scope-risk.js'
import { type McpTable, scopesOf } from './mcp-table.js'

/**
 * Whether an agent prefers to ask its user for everything at once: `Prefer: consent=all` (RFC 7240). OAuth clients have their own initial
 * scopes.
 */
export function prefersOneConsent(received: Pick<ReceivedMessage, 'rawHeaders'>): boolean {
  if (fieldValues(received, 'authorization').length > 0) return false
  return fieldValues(received, 'prefer').some((value) =>
    /(?:^|,)[ \t]*consent[ \t]*=[ \t]*"?all"?[ \t]*(?:[,;]|$)/i.test(value),
  )
}

/** Maximum number of scopes in one challenge. Auth servers accept at most 64. */
const mostScopes = 64

/**
 * Extends a challenge to all scopes of the server, so that its user is asked only once. Scopes that delete, spend or give full control are
 * left out: users decide about each of them when it is needed.
 *
 * @param needed the scopes that the message needs, space-separated
 */
export function withEveryScope(
  error: unknown,
  { table, connect }: { table: McpTable; connect: string },
  needed: string,
): unknown {
  const challenge = error instanceof AAuthError ? error.challenge : undefined
  if (!(error instanceof AAuthError) || !challenge?.scope || needed.split(' ').some(isDangerous)) return error
  const others = [connect, ...scopesOf(table)]
    .flatMap((scopes) => scopes.split(' '))
    .filter((scope) => !isDangerous(scope))
  const scope = [...new Set([...challenge.scope.split(' '), ...others])].filter((each) => each !== '')
  return scope.length > mostScopes ? error : error.withChallenge({ ...challenge, scope: scope.join(' ') })
}

function isDangerous(scope: string): boolean {
  return ['delete', 'spend', 'control'].includes(riskOf(scope))
}
