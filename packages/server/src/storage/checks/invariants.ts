import { sql } from 'kysely'
import type { Invariant } from '../api/deployment-storage.js'
import { isWithinScope } from '../rows/granted-scopes.js'
import { isOnHost } from '../rows/identifiers.js'
import { type Check, changeUnrecorded, check, checkEach, listOf, overlap, recordedSince, unrecorded } from './check.js'

const decisions = ['request.allowed', 'request.denied', 'request.remembered']

/** Whether a list contains a name. */
const hasName = (list: string, name: string) =>
  sql`replace(' ' || ${sql.ref(list)} || ' ', ' ' || ${sql.ref(name)} || ' ', '') <> ' ' || ${sql.ref(list)} || ' '`

/** A complete secret issued by the server, or a complete JWT. */
const secret = /\baa(?:rq|cd|dc|lk|rt|sn|br)_(?:[\w-]{43}|[\w-]{70})(?![\w-])|\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/

/** The checks for each invariant, by name. */
export const invariants: Readonly<Record<Invariant, Readonly<Record<string, Check>>>> = {
  I1: {
    code_gave_two_tokens: check(
      'A code was exchanged for two tokens.',
      () => sql`select g.public_id as "grant" from token_issue as t join consent_grant as g on g.id = t.grant_id
        where t.request_id is not null group by t.request_id, g.public_id having count(*) > 1`,
    ),
    code_redeemed_twice: check(
      'According to the audit log, a code was redeemed twice.',
      () => sql`select request_public_id as request from audit_event where event = 'code.redeemed'
        group by request_public_id having count(*) > 1`,
    ),
    link_used_twice: check(
      'According to the audit log, a one-time link was used twice.',
      () => sql`select data as link from audit_event where event = 'link.used' group by data having count(*) > 1`,
    ),
    email_sent_twice: check(
      'According to the audit log, an email was sent twice.',
      () => sql`select data as email from audit_event where event = 'email.sent' group by data having count(*) > 1`,
    ),
    request_decided_twice: check(
      'According to the audit log, a request was decided twice.',
      () => sql`select request_public_id as request from audit_event where event in (${listOf(decisions)})
        group by request_public_id having count(*) > 1`,
    ),
    code_unused_after_token: check(
      'A code that was exchanged for a token can be used again.',
      () => sql`select r.public_id as request from code as c join auth_request as r on r.id = c.request_id
        where c.consumed_at is null and (exists (select 1 from token_issue as t where t.request_id = c.request_id)
          or exists (select 1 from refresh_token as f where f.request_id = c.request_id))`,
    ),
    generation_without_history: check(
      'The generation of a refresh token does not match its history.',
      () => sql`select g.public_id as "grant" from refresh_token as f join consent_grant as g on g.id = f.grant_id
        where (f.generation = 0) <> (f.previous_hash is null) or (f.generation = 0) <> (f.rotated_at is null)
          or f.generation < 0 or (f.family is null and f.generation > 0) or f.previous_hash = f.token_hash`,
    ),
    nonce_claimed_twice: check(
      'A nonce was claimed twice.',
      () => sql`select holder as signer from nonce group by key_hash, holder having count(*) > 1`,
    ),
  },
  I2: {
    token_of_nothing: check(
      'A token has neither a grant nor a policy.',
      () => sql`select t.jti_end from token_issue as t left join consent_grant as g on g.id = t.grant_id
        where g.id is null and t.policy is null`,
    ),
    redeemed_without_token: check(
      'A code was redeemed, but no token was recorded for it.',
      () => sql`select r.public_id as request from code as c join auth_request as r on r.id = c.request_id
        left join token_issue as t on t.request_id = c.request_id where t.id is null and r.public_id in (
          select request_public_id from audit_event where event = 'code.redeemed' and request_public_id is not null)`,
    ),
  },
  I3: {
    allowed_without_grant: check(
      'A user allowed a request, but no grant was recorded for it.',
      () => sql`select public_id as request from auth_request where status = 'allowed' and scope <> ''
        except select e.request_public_id from audit_event as e
          join consent_grant as g on g.public_id = e.grant_public_id
          where e.event in ('request.allowed', 'request.remembered')`,
    ),
  },
  I4: {
    token_after_removal: check(
      'A token was issued after its grant was revoked.',
      () => sql`select g.public_id as "grant" from token_issue as t join consent_grant as g on g.id = t.grant_id
        where t.issued_at > g.revoked_at + ${overlap}`,
    ),
    used_after_removal: check(
      'A grant was used after it was revoked.',
      () => sql`select public_id as "grant" from consent_grant where last_used_at > revoked_at + ${overlap}`,
    ),
    refresh_token_of_removed: check(
      'A refresh token outlives its grant, or was used after being revoked.',
      () => sql`select g.public_id as "grant" from refresh_token as f join consent_grant as g on g.id = f.grant_id
        where (g.revoked_at is not null and f.revoked_at is null)
          or f.last_used_at > f.revoked_at + ${overlap} or f.rotated_at > f.revoked_at + ${overlap}`,
    ),
    tracked_token_of_removed: check(
      'A tracked token of a revoked grant was not revoked.',
      () => sql`select g.public_id as "grant" from token_issue as t join consent_grant as g on g.id = t.grant_id
        where t.tracked = 1 and t.revoked_at is null and t.expires_at > g.revoked_at + ${overlap}
          and g.revoked_by <> 'replaced'`,
    ),
    delivered_without_removal: check(
      'A resource was notified of the revocation of a token that was not revoked.',
      () => sql`select g.public_id as "grant" from revocation_delivery as d join token_issue as t on t.id = d.issue_id
        left join consent_grant as g on g.id = t.grant_id where t.revoked_at is null or t.tracked = 0`,
    ),
    token_of_blocked_agent: check(
      'A token was issued to an agent after the agent was blocked.',
      () => sql`select distinct a.identifier as agent from token_issue as t
        left join consent_grant as g on g.id = t.grant_id join agent as a on a.id = coalesce(g.agent_id, t.agent_id)
        where t.issued_at > a.blocked_at + ${overlap} or exists (
          select 1 from agent as h where h.blocked_at is not null and ${isOnHost} and t.issued_at > h.blocked_at + ${overlap})`,
    ),
    link_of_disabled_person: check(
      'A one-time link belongs to a user who is disabled.',
      () => sql`select distinct u.public_id as "user" from one_time_link as l join app_user as u on u.id = l.user_id
        where u.disabled_at is not null`,
    ),
    token_of_disabled_person: check(
      'A token was issued for a user who had already been disabled.',
      () => sql`select u.public_id as "user", g.public_id as "grant" from token_issue as t
        join consent_grant as g on g.id = t.grant_id join app_user as u on u.id = g.user_id
        where t.issued_at > u.disabled_at + ${overlap}`,
    ),
  },
  I5: {
    code_beyond_request: checkEach(
      'A user allowed more than was requested.',
      sql<{ request: Uint8Array; given: string; asked: string }>`
        select r.public_id as request, c.scope as given, r.scope as asked from code as c
        join auth_request as r on r.id = c.request_id where c.scope <> r.scope`,
      ({ request, given, asked }) => (isWithinScope(given, asked) ? undefined : { request }),
    ),
    token_beyond_grant: check(
      'A token has a wider scope than its grant.',
      () => sql`select g.public_id as "grant" from token_issue as t join consent_grant as g on g.id = t.grant_id
        where t.scope <> '' and length(t.scope) - length(replace(t.scope, ' ', '')) + 1 >
          (select count(*) from grant_scope as s where s.grant_id = t.grant_id and ${hasName('t.scope', 's.name')})`,
    ),
    token_outlives_permission: check(
      'A token expires later than one of its permissions.',
      () => sql`select g.public_id as "grant" from token_issue as t join grant_scope as s on s.grant_id = t.grant_id
        join consent_grant as g on g.id = t.grant_id
        where t.expires_at > s.expires_at and ${hasName('t.scope', 's.name')}`,
    ),
    refresh_token_beyond_token: checkEach(
      'A refresh token has a wider scope than the auth token issued with it.',
      sql<{ grant: Uint8Array; wider: string; given: string }>`
        select g.public_id as "grant", f.scope as wider, t.scope as given from refresh_token as f
        join token_issue as t on t.request_id = f.request_id join consent_grant as g on g.id = f.grant_id
        where f.scope <> t.scope`,
      ({ grant, wider, given }) => (isWithinScope(wider, given) ? undefined : { grant }),
    ),
  },
  I6: {
    keys_active: check(
      'More than one signing key of an edition is active.',
      () => sql`select s.kid as key from signing_key as s where s.state = 'active' and s.purpose = 'sign'
        and (select count(*) from signing_key as k
          where k.state = 'active' and k.purpose = 'sign' and k.edition = s.edition) > 1`,
    ),
    key_signed_early: checkEach(
      'The server activated a signing key that had not been published for long enough.',
      sql<{ key: string; data: string | null }>`select k.kid as key, e.data from audit_event as e
        join signing_key as k on k.not_before_at > e.at where e.event = 'keys.rotated'`,
      ({ key, data }) => {
        // An operator may rotate keys early by hand, in an emergency.
        const moved = JSON.parse(data ?? '{}') as Record<string, unknown>
        return moved.by === 'server' && String(moved[key]).endsWith('→ active') ? { key } : undefined
      },
    ),
  },
  I7: {
    code_of_other_parties: check(
      'A code is for a different agent, delegate or resource than its request.',
      () => sql`select r.public_id as request, g.public_id as "grant" from code as c
        join auth_request as r on r.id = c.request_id join consent_grant as g on g.id = c.grant_id
        left join token_issue as t on t.request_id = c.request_id
        where g.agent_id <> r.agent_id or g.resource_id <> r.resource_id
          or g.delegate is distinct from r.delegate or t.grant_id <> c.grant_id`,
    ),
  },
  I10: {
    code_of_other_person: check(
      'A code belongs to a grant from a user other than the one who was prompted.',
      () => sql`select r.public_id as request, g.public_id as "grant" from code as c
        join auth_request as r on r.id = c.request_id join consent_grant as g on g.id = c.grant_id
        where g.user_id is distinct from r.user_id`,
    ),
    bound_agent_of_other_person: check(
      'An agent that acts for one user only has a grant from another user.',
      () => sql`select g.public_id as "grant" from consent_grant as g
        join agent_binding as b on b.edition = g.edition and b.agent_id = g.agent_id
          and b.delegate = coalesce(g.delegate, '') and b.user_id <> g.user_id
        where g.revoked_at is null`,
    ),
    subject_of_two_persons: check(
      'A resource knows two users by the same subject.',
      () => sql`select distinct u.public_id as "user" from resource_subject as b join app_user as u on u.id = b.user_id
        where exists (select 1 from resource_subject as o where o.sub = b.sub and o.user_id <> b.user_id)`,
    ),
    decided_by_other_person: check(
      'A user decided on a request that was shown to another user.',
      () => sql`select r.public_id as request from auth_request as r
        join audit_event as e on e.request_public_id = r.public_id
        where e.event in (${listOf(decisions)}) and e.user_id is distinct from r.user_id`,
    ),
  },
  I11: {
    secret_in_audit: checkEach(
      'The audit log contains a token, a code or a session id.',
      sql<{ event: number; data: string }>`select id as event, data from audit_event
        where data like '%aa%' or data like '%eyJ%'`,
      ({ event, data }) => (secret.test(data) ? { event } : undefined),
    ),
  },
  I12: {
    token_without_event: unrecorded(
      'A code was exchanged for a token, but the audit log has no event for it.',
      ['request', () => sql`select r.public_id from token_issue as t join auth_request as r on r.id = t.request_id`],
      ['code.redeemed'],
    ),
    issue_without_event: unrecorded(
      'A token was issued under a remembered grant, but the audit log has no event for it.',
      [
        'grant',
        () => sql`select g.public_id from token_issue as t join consent_grant as g on g.id = t.grant_id
          where t.request_id is null`,
      ],
      ['token.issued_by_grant'],
    ),
    decision_without_event: unrecorded(
      'A request was decided, but the audit log has no event for it.',
      ['request', () => sql`select public_id from auth_request where status in ('allowed', 'denied')`],
      decisions,
    ),
    grant_without_event: unrecorded(
      'A grant was created, but the audit log has no event for it.',
      ['grant', (statement) => sql`select public_id from consent_grant where created_at > ${recordedSince(statement)}`],
      ['request.allowed', 'permission.removed'],
    ),
    removal_without_event: unrecorded(
      'A grant was revoked, but the audit log has no event for it.',
      ['grant', (statement) => sql`select public_id from consent_grant where revoked_at > ${recordedSince(statement)}`],
      ['grant.revoked'],
    ),
    block_without_event: changeUnrecorded(
      'An agent was blocked, but the audit log has no event for it.',
      ['agent', 'agent', 'identifier', 'blocked_at'],
      ['agent.blocked'],
    ),
    person_without_event: changeUnrecorded(
      'A user was added, but the audit log has no event for it.',
      ['app_user', 'user', 'public_id', 'created_at'],
      ['user.created'],
    ),
    disabling_without_event: changeUnrecorded(
      'A user was disabled, but the audit log has no event for it.',
      ['app_user', 'user', 'public_id', 'disabled_at'],
      ['user.disabled', 'account.closed'],
    ),
  },
}
