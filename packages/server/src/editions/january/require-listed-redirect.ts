import { AAuthError } from 'countersign'
import { type AgentMetadata, type AgentSelection, isSelected, ownAnswerParameter, redirectKind } from 'countersign/wire'

/**
 * Requires the redirect URI to be one that the agent lists, as the same string; one listed for loopback without a port
 * matches any port there (W12, RFC 8252 §7.3).
 *
 * @param optional agents that may list none at all: then any URI on the identifier's own origin is accepted
 * @throws AAuthError `redirect_uri_not_listed`; `redirect_uri_ambiguous` where the answer could be mistaken
 */
export function requireListedRedirect(redirectUri: string, metadata: AgentMetadata, optional: AgentSelection): void {
  if (!isListedRedirect(redirectUri, metadata, optional)) {
    throw new AAuthError(
      'redirect_uri_not_listed',
      metadata.redirect_uris === undefined
        ? 'The agent’s document lists no redirect_uris: the redirect_uri must be one of them.'
        : 'The redirect_uri is not one of the redirect_uris in the agent’s document, which is fetched anew for this once a minute at most.',
    )
  }
  const own = ownAnswerParameter(redirectUri)
  if (own !== undefined) {
    throw new AAuthError(
      'redirect_uri_ambiguous',
      `The redirect_uri has a parameter ${own} of its own, where the answer would be: take it out, also in the agent’s document.`,
    )
  }
}

/** Whether the agent lists the redirect URI, as {@link requireListedRedirect} requires it. */
export function isListedRedirect(
  redirectUri: string,
  { agent, redirect_uris: listed }: AgentMetadata,
  optional: AgentSelection,
): boolean {
  if (redirectKind(redirectUri) === undefined) return false
  if (listed) return listed.some((uri) => uri === redirectUri || uri === withoutLoopbackPort(redirectUri))
  return isSelected(optional, agent) && new URL(redirectUri).origin === new URL(agent).origin
}

function withoutLoopbackPort(uri: string): string | undefined {
  const match = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)):\d{1,5}([/?].*)?$/.exec(uri)
  return match ? `${match[1]}${match[2] ?? ''}` : undefined
}
