/**
 * The events that the server writes to the audit log: when each is written, and what its `data` contains. The table in the documentation is
 * generated from these descriptions.
 */
export const auditEvents = {
  'access.blocked': 'An operator blocked an agent, or all agents on a host, that the user gives access',
  'account.closed': 'A user closed their account; `sessionsEnded`',
  'account.exported': 'A user downloaded their data',
  'agent.blocked': 'An operator blocked an agent; `by`, and `abandoned`, the number of its open requests that ended',
  'agent.bound':
    'A user allowed a request of an agent that acts for one user only, and no other user can allow its requests; `edition`',
  'agent.changed': 'A known agent’s document changed; `name`, `redirectHosts` or `keyThumbprints` is true',
  'agent.private_key_published': 'A fetched key set contains a private key; `jwks_uri`, `kid`',
  'agent.refused':
    'A policy denied an agent, the agent is blocked, or its document or keys could not be fetched; `code`, `rule`, `reason`; with `claimed`, the agent’s identity is unverified and could have been sent by anyone',
  'agent.tokens_revoked':
    'The tokens of an agent were revoked, because its provider revoked the agent’s own token; `by`, `edition`, `count`',
  'agent.unblocked': 'An operator unblocked an agent; `by`',
  'agent.unbound':
    'An agent that acted for one user only acts for no one; `by`, `edition`, and the numbers of `grants` and `requests` that ended',
  'audit.swept': 'Events past their retention period were deleted; `before`',
  'code.foreign_agent': 'An agent presented another agent’s code; the code no longer works',
  'code.foreign_delegate': 'A delegate presented another delegate’s code; the code no longer works',
  'code.foreign_key':
    'With `bindCodeToKey`, a code was presented with a key other than the one that signed its request; the code no longer works',
  'code.injected': 'A code was presented for a consent request other than its own; the code no longer works',
  'code.redeemed': 'A code was exchanged for an auth token; `jti`, `jkt`, `refreshIssued`',
  'code.redirect_mismatch':
    'A code was presented with a redirect URL other than the one in its request; the code still works',
  'code.reused': 'A code was presented again; with `refreshRevoked`, its refresh token was revoked',
  'consent.forged': 'A decision was refused because no page on this server had prepared its form for this browser',
  'database.restored':
    '`server db finish-restore` ran; `by`, and the numbers of `sessions`, `requests`, `codes`, `refreshTokens` and `devices` that ended',
  'device.connected':
    'A device redeemed a code that its owner got on a page, and can now act for the owner; `device`, `name`, `jkt`, and `remote` if the code was typed into it',
  'device.denied': 'The owner of a code did not recognize the device that presented it; `name`, `jkt`',
  'device.disconnected':
    'A device can no longer act for its owner; `device`, `name`, `by`: the owner’s id, `device`, `expired` or `operator:…`; and the numbers of `grants` and `requests` that ended',
  'device.foreign_key':
    'A device’s code was presented with another key, so an unused one no longer works; `jkt`, `used`',
  'email.confirmed': 'A user confirmed that they receive email at their address',
  'email.sent': 'The mail server accepted an email to a user; `email`, `kind`, such as `reset`',
  'email.unsent':
    'An email to a user was not sent; `email`, `kind`, `attempts`, `reason`, and `outcome`: `failed`, `refused`, or `unknown` if the mail server may have accepted it',
  'factor.added': 'A user set up a second factor for signing in; with `replaced`, it replaced another one',
  'factor.code_used': 'A user used one of their recovery codes instead of a code from their authenticator app',
  'factor.codes_replaced': 'A user got new recovery codes; the old ones no longer work',
  'factor.removed': 'A user, or the operator in `by`, removed the user’s second factor',
  'form.forged':
    'A form other than a decision was refused because no page on this server had prepared it for this browser',
  'grant.revoked':
    'A grant was revoked; `by` is the id of the user, `operator:…`, `account.closed`, or `replaced`; `successor`, the grant that has what is left of it; `permissions`, if only these were removed',
  'identity.linked': 'A provider’s identity was linked to a user; `issuer`',
  'identity.unlinked': 'A user unlinked a provider’s identity; `issuer`',
  'key.added': 'A signing key or secret was added; `kid`, `purpose`, `state`',
  'keys.created': 'The first start created the database’s keys',
  'keys.rotated': 'Keys changed state, as in `next → active`; `by`',
  'link.created':
    'An operator (`by`), or a user who forgot their password, got a one-time link to set a password, or to add the first passkey; `link`, `purpose`: `invite` or `reset`',
  'link.used': 'A user set a password, or added the first passkey, with a one-time link; `link`, `purpose`',
  'passkey.added': 'A user added a passkey; `credentialId`',
  'passkey.counter_went_back': 'A passkey was refused because its counter did not increase; it may have been copied',
  'passkey.removed': 'A user, or the operator in `by`, removed a passkey; `credentialId`',
  'password.changed':
    'A user, or the operator in `by`, set a new password; `sessionsEnded`. With a one-time link, `link.used` precedes it',
  'permission.extended':
    'A user extended permissions of an agent; `permissions`, and `expiresAt`, which is absent if they now last until they are removed',
  'permission.removed': 'A user removed permissions of an agent, which keeps its others; `permissions`',
  'refresh.foreign_agent': 'An agent presented another agent’s refresh token',
  'refresh.foreign_delegate': 'A delegate presented another delegate’s refresh token',
  'refresh.reused':
    'A refresh token that had been replaced was presented again, so its family was revoked; `generation`, `current`',
  'refresh.revoked': 'An agent revoked its own refresh token',
  'request.allowed': 'A user allowed a consent request; `scope`; `call` if only this one call is allowed',
  'request.bound': 'A signed-in user opened a consent request, which only this user can now decide',
  'request.created': 'An agent requested consent; `scope`, `jkt`',
  'request.denied':
    'A user denied a consent request; `scope`. With `boundToOther`, the user allowed it, but the agent acts for another user',
  'request.denied_again':
    'A user opened a consent request for what they had denied the agent a short time before; it was denied without asking the user; `scope`',
  'request.extended': 'A user requested more time to decide; `expiresAt`, `extensions`',
  'request.guessed':
    'A consent request ended because too many links to it were wrong, which may have been guesses; `wrongLinks`',
  'request.other_user':
    'A user opened a consent request of an agent that acts for another user, who can still decide; the link may have been sent to the wrong person',
  'request.relinquished': 'An agent ended its own consent request',
  'request.remembered': 'A request was allowed without a page because of a remembered grant; `scope`',
  'request.revoked':
    'A consent request ended because the token with which its agent authenticated, or the one that asked for it, was revoked; `by` is the issuer',
  'requests.abandoned': 'A program ended an agent’s open requests (`storage.abandonRequests`); `by`, `count`',
  'revocation.delivered':
    'A resource confirmed that it was notified of a revoked token; `edition`, `delegate`, and `attempts`, how often it was sent',
  'revocation.undelivered':
    'A resource was not notified of a revoked token, which works until it expires; `edition`, `delegate`, `attempts`, and `reason`: `failed`, or `unsupported` if the resource accepts no such messages',
  'session.created':
    'A user signed in; `userAgent`, and `newDevice` if the user has signed in from other browsers, but not from this one',
  'session.ended':
    'A user signed out or ended another session (`session`), an operator ended it (`by`), or a new sign-in exceeded `limits.sessions` (`by` is `limit`)',
  'session.reauthenticated': 'A signed-in user proved their identity again',
  'sessions.ended':
    'A user signed out everywhere, or, with `others`, everywhere else; or the operator in `by` ended their sessions; `count`',
  'signin.failed':
    'A wrong password, a wrong code (`factor`), an invalid passkey, or a sign-in to a disabled account with a passkey or through a provider',
  'signin.provider_denied':
    'The identity provider refused a sign-in, or the user canceled it there; `provider`, `reason`',
  'signin.provider_failed':
    'The identity provider returned an invalid response, was unreachable, or did not prompt the user again; `provider`, `reason`',
  'signin.throttled': 'A password or a code was not checked, because a limit had been reached',
  'token.issued_by_grant':
    'An agent was issued a token under a remembered grant, without a page; `scope`, `jti`, `jkt`',
  'token.issued_by_policy': 'A policy with `grant` issued an auth token without a user; `policy`, `scope`, `jti`',
  'user.created':
    'A user signed up, signed in through a provider for the first time (`issuer`), or was added by an operator (`by`)',
  'user.disabled': 'An operator disabled a user; `by`, `sessionsEnded`',
  'user.edited': 'A user, or the operator in `by`, changed the user’s name or email address; `displayName`, `email`',
  'user.enabled': 'An operator enabled a user; `by`, `sessionsEnded`',
  'user.unlocked': 'An operator ended a user’s lockout; `by`',
} as const satisfies Readonly<Record<string, string>>

/** The name of an event that the server writes to the audit log. */
export type AuditEventName = keyof typeof auditEvents

/** The names of the events that the server writes to the audit log, in alphabetical order. */
export const eventNames = Object.keys(auditEvents) as readonly AuditEventName[]
