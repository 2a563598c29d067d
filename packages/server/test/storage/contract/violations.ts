import type { Storage } from 'countersign-server'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  allowedRequest,
  boundRequest,
  freshHash,
  newRequest,
  newUser,
  nonceClaim,
  refreshable,
  rememberedGrant,
} from '../fixtures.js'
import { start } from './in-storage.js'

/** A storage, and access to its tables without foreign key checks. */
export interface OpenTables {
  storage: Storage
  run: (statement: string) => Promise<void>
}

type Plant = readonly [check: string, statements: string | readonly string[], ...also: string[]]

const removed = '(select id from consent_grant where revoked_at is not null)'
const withoutConstraints = (table: string) => [
  `alter table ${table} rename to ${table}_before`,
  `create table ${table} as select * from ${table}_before`,
]

/** Statements that store a violation, and the checks that find it. */
const plants: readonly Plant[] = [
  [
    'code_gave_two_tokens',
    [
      ...withoutConstraints('token_issue'),
      'insert into token_issue select * from token_issue where request_id is not null',
    ],
  ],
  [
    'code_redeemed_twice',
    "insert into audit_event (at, event, request_public_id) select at, event, request_public_id from audit_event where event = 'code.redeemed'",
  ],
  [
    'request_decided_twice',
    "insert into audit_event (at, event, user_id, request_public_id) select at, 'request.denied', user_id, request_public_id from audit_event where event = 'request.allowed'",
  ],
  [
    'email_sent_twice',
    "insert into audit_event (at, event, user_id, data) select at, event, user_id, data from audit_event where event = 'email.sent'",
  ],
  [
    'link_used_twice',
    "insert into audit_event (at, event, user_id, data) select at, event, user_id, data from audit_event where event = 'link.used'",
  ],
  ['code_unused_after_token', 'update code set consumed_at = null'],
  ['generation_without_history', 'update refresh_token set generation = 1'],
  ['generation_without_history', 'update refresh_token set previous_hash = token_hash'],
  ['generation_without_history', 'update refresh_token set generation = 1, previous_hash = token_hash, rotated_at = 1'],
  ['nonce_claimed_twice', [...withoutConstraints('nonce'), 'insert into nonce select * from nonce']],
  [
    'token_of_nothing',
    'update token_issue set grant_id = 4711 where grant_id is not null',
    'code_of_other_parties', // the code belongs to another grant
  ],
  ['redeemed_without_token', 'delete from token_issue where request_id is not null'],
  ['keys_active', "update signing_key set state = 'active'"],
  [
    'key_signed_early',
    `insert into audit_event (at, event, data) values (${start + 599}, 'keys.rotated', '{"two":"next → active","by":"server"}')`,
  ],
  ['token_after_removal', `update token_issue set issued_at = issued_at + 3 where grant_id in ${removed}`],
  ['used_after_removal', 'update consent_grant set last_used_at = revoked_at + 3 where revoked_at is not null'],
  ['refresh_token_of_removed', `update refresh_token set revoked_at = null where grant_id in ${removed}`],
  ['refresh_token_of_removed', `update refresh_token set last_used_at = revoked_at + 3 where grant_id in ${removed}`],
  [
    'refresh_token_of_removed',
    `update refresh_token set family = (select sub from app_user limit 1), generation = 1, rotated_at = revoked_at + 3,
      previous_hash = (select token_hash from auth_request limit 1)
      where id = (select min(id) from refresh_token where grant_id in ${removed})`,
  ],
  [
    'tracked_token_of_removed',
    'update token_issue set revoked_at = null',
    'delivered_without_removal', // its resource is notified
  ],
  [
    'delivered_without_removal',
    `insert into revocation_delivery (issue_id, due_at) select min(id), ${start} from token_issue`,
  ],
  ['token_of_blocked_agent', 'update token_issue set issued_at = issued_at + 3 where policy is not null'],
  [
    'token_of_disabled_person',
    'update token_issue set issued_at = issued_at + 3 where grant_id in (select g.id from consent_grant as g join app_user as u on u.id = g.user_id where u.disabled_at is not null)',
  ],
  [
    'link_of_disabled_person',
    'update one_time_link set user_id = (select id from app_user where disabled_at is not null)',
  ],
  ['code_beyond_request', "update code set scope = scope || ' all'"],
  ['token_beyond_grant', "delete from grant_scope where name = 'calendar.write'"],
  ['token_outlives_permission', `update grant_scope set expires_at = ${start + 599}`],
  ['refresh_token_beyond_token', "update refresh_token set scope = scope || ' all'"],
  ['code_of_other_parties', "update consent_grant set delegate = 'laptop'"],
  [
    'code_of_other_person',
    'update consent_grant set user_id = (select max(id) from app_user)',
    'bound_agent_of_other_person',
  ],
  ['bound_agent_of_other_person', 'update agent_binding set user_id = (select max(id) from app_user)'],
  ['subject_of_two_persons', 'update resource_subject set sub = (select sub from app_user limit 1)'],
  [
    'decided_by_other_person',
    "update auth_request set user_id = (select max(id) from app_user) where status = 'denied'",
  ],
  ['allowed_without_grant', "update auth_request set status = 'allowed' where status = 'denied'"],
  [
    'secret_in_audit',
    `insert into audit_event (at, event, data) values (${start}, 'thing.happened', '{"text":"code aacd_${'x'.repeat(43)}"}')`,
  ],
  [
    'secret_in_audit',
    `insert into audit_event (at, event, data) values (${start}, 'thing.happened', '{"text":"token aart_${'x'.repeat(70)}"}')`,
  ],
  [
    'token_without_event',
    "insert into token_issue (jti_end, issued_at, expires_at, scope, grant_id, request_id) select t.jti_end, t.issued_at, t.expires_at, t.scope, t.grant_id, r.id from token_issue as t, auth_request as r where r.status = 'denied' and t.grant_id is not null limit 1",
  ],
  [
    'issue_without_event',
    `insert into token_issue (jti_end, issued_at, expires_at, scope, grant_id)
      select jti_end, issued_at, expires_at, scope, grant_id from token_issue where grant_id is not null limit 1`,
  ],
  ['decision_without_event', "update auth_request set status = 'denied' where status = 'open'"],
  [
    'grant_without_event',
    `insert into consent_grant (public_id, user_id, agent_id, resource_id, remembered, display_id, created_at)
      select u.sub, u.id, g.agent_id, g.resource_id, 0, g.display_id, g.created_at from app_user as u, consent_grant as g limit 1`,
  ],
  [
    'removal_without_event',
    'update consent_grant set revoked_at = created_at where revoked_at is null',
    'refresh_token_of_removed', // they are still valid
  ],
  [
    'block_without_event',
    `update agent set first_seen_at = ${start}, last_seen_at = ${start}, blocked_at = ${start} where blocked_at is null`,
  ],
  [
    'person_without_event',
    `insert into app_user (public_id, sub, username, username_key, created_at)
      select sub, public_id, 'other', 'other', created_at from app_user where username = 'alice'`,
  ],
  [
    'disabling_without_event',
    'update app_user set disabled_at = created_at where disabled_at is null',
    'link_of_disabled_person',
  ],
]

/**
 * Each check finds the violation stored for it.
 *
 * @param open a separate storage for each test, with the data stored by {@link fillWithEverything}, whose clock is at `start`
 */
export function violationContract(name: string, open: () => Promise<OpenTables>): void {
  describe(`${name}: violations`, () => {
    test('are absent before', async () => {
      const { storage } = await open()
      onTestFinished(() => storage.close())
      expect(await storage.findViolations()).toEqual([])
    })

    test.each(plants)('%s is found, with the ids of the affected rows', async (check, statements, ...also) => {
      const { storage, run } = await open()
      onTestFinished(() => storage.close())
      for (const statement of [statements].flat()) await run(statement)
      const found = await storage.findViolations()
      expect(new Set(found.map((violation) => violation.check))).toEqual(new Set([check, ...also]))
      for (const { rows } of found) expect(Object.values(rows).join()).toMatch(/./)
    })
  })
}

/** At least one row of each kind. */
export async function fillWithEverything(storage: Storage): Promise<void> {
  const alice = await newUser(storage, 'alice')
  await refreshable(storage, {}, {}, alice)
  await storage.editUser({ userId: alice.id, email: 'alice@home.example' })
  for (const tokenHash of [freshHash(), freshHash()]) {
    await storage.createLink({ userId: alice.id, tokenHash, purpose: 'reset', lifetime: 60 })
    if ((await storage.listEvents({ event: 'link.used' })).length === 0)
      await storage.setPasswordByLink({ tokenHash, passwordHash: 'hash' })
  }
  await storage.queueEmail({ kind: 'confirm', username: 'alice', language: 'en' })
  const [email] = await storage.claimEmails({ limit: 1, lease: 60, perAddress: 5 })
  if (email) await storage.settleEmail({ id: email.id, attempt: 1, outcome: 'sent' })
  const denied = await boundRequest(storage, {}, alice)
  await storage.decideRequest({ ...denied.decision, decision: 'deny' })
  await storage.createAuthRequest(newRequest())
  await allowedRequest(storage, { delegate: 'bot', bindsAgent: true }, {}, alice)
  const tracked = await rememberedGrant(storage, { delegate: 'tracked' }, {}, alice)
  await storage.redeemCode({ ...tracked.redemption, isTracked: true })
  await storage.revokeGrant({ grantId: tracked.grantId, by: alice.id })
  const taken = await refreshable(storage, {}, {}, alice)
  await storage.revokeGrant({ grantId: taken.grantId, by: alice.id })
  const { user } = await refreshable(storage)
  await storage.setUserStatus(user.id, 'disabled')
  const agent = 'https://jobs.example'
  const issue = { delegate: null, resource: 'https://api.example', scope: 'report.read', tokenLifetime: 600 }
  await storage.recordAutonomousIssue({ ...issue, agent, policy: 'nightly' })
  await storage.setAgentBlocked({ agent, blocked: true, by: 'operator' })
  await storage.claimNonce(nonceClaim())
  const key = { purpose: 'sign', alg: 'Ed25519', private: 'sealed', publicJwk: {} } as const
  await storage.createKeysIfNone([
    { ...key, kid: 'one', state: 'active' },
    { ...key, kid: 'two', state: 'next', notBefore: start + 600 },
  ])
  await storage.moveKeys([{ kid: 'one', from: 'active', to: 'retiring' }], { by: 'server' })
  await storage.moveKeys([{ kid: 'two', from: 'next', to: 'active' }], { by: 'operator:carol' })
}
