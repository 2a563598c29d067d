import { type RawBuilder, type SelectQueryBuilder, sql } from 'kysely'
import { mostViolations as most, retention } from '../api/deployment-storage.js'
import type { Statement } from '../sql/engine.js'
import type { Tables } from '../sql/tables.js'
import { contains } from '../sql/values.js'
import type { Check, FoundRow } from './check.js'

/** Events before this time may be gone. */
const recordedSince = ({ clock }: Statement): RawBuilder<number> => sql`${clock} - ${retention.event}`

type Ids = SelectQueryBuilder<Tables, never, { public_id: Uint8Array | null }>

/** The requests or grants that events of these names are about, by their public ids. */
function about({ db }: Statement, column: 'request_public_id' | 'grant_public_id', names: readonly string[]) {
  return db.selectFrom('audit_event').select(`${column} as public_id`).where('event', 'in', names)
}

/** The people or agents that events of these names are about. */
function whom({ db }: Statement, column: 'user_id' | 'agent_id', names: readonly string[]) {
  return db
    .selectFrom('audit_event')
    .select(`${column} as id`)
    .where('event', 'in', names)
    .$narrowType<{ id: number }>()
}

/** Those that no event is about. A database takes them away as sets, however many there are of both. */
async function unrecorded(kind: 'request' | 'grant', all: Ids, events: Ids): Promise<FoundRow[]> {
  const found = await all.except(events).limit(most).execute()
  return found.map(({ public_id }) => ({ [kind]: public_id }))
}

/** A minted secret in full, or a whole JWT. */
const secret = /\baa(?:rq|cd|rt|sn|br)_[\w-]{43}(?![\w-])|\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/

export const auditChecks: readonly Check[] = [
  {
    invariant: 'I3',
    check: 'allowed_without_grant',
    never: 'A person was told that something is allowed, and there is no grant of it.',
    find: ({ db }) =>
      db
        .selectFrom('auth_request')
        .where('status', '=', 'allowed')
        .where('scope', '<>', '')
        .select('public_id as request')
        .$castTo<FoundRow>()
        .except((e) =>
          e
            .selectFrom('audit_event as e')
            .innerJoin('consent_grant as g', 'g.public_id', 'e.grant_public_id')
            .where('e.event', 'in', ['request.allowed', 'request.remembered'])
            .select('e.request_public_id as request')
            .$castTo<FoundRow>(),
        )
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I11',
    check: 'secret_in_audit',
    never: 'The audit has a token, a code or the id of a session in it.',
    async find({ db }) {
      const suspect = await db
        .selectFrom('audit_event')
        .where((e) =>
          e.or(['aarq_', 'aacd_', 'aart_', 'aasn_', 'aabr_', 'eyj'].map((prefix) => contains(e.ref('data'), prefix))),
        )
        .select(['id as event', 'data'])
        .execute()
      return suspect.filter(({ data }) => secret.test(data ?? '')).map(({ event }) => ({ event }))
    },
  },
  {
    invariant: 'I12',
    check: 'token_without_event',
    never: 'A code gave a token, and the audit does not say so.',
    find: (statement) =>
      unrecorded(
        'request',
        statement.db
          .selectFrom('token_issue as t')
          .innerJoin('auth_request as r', 'r.id', 't.request_id')
          .select('r.public_id as public_id'),
        about(statement, 'request_public_id', ['code.redeemed']),
      ),
  },
  {
    invariant: 'I12',
    check: 'decision_without_event',
    never: 'A request was decided, and the audit does not say so.',
    find: (statement) =>
      unrecorded(
        'request',
        statement.db.selectFrom('auth_request').where('status', 'in', ['allowed', 'denied']).select('public_id'),
        about(statement, 'request_public_id', ['request.allowed', 'request.denied', 'request.remembered']),
      ),
  },
  {
    invariant: 'I12',
    check: 'grant_without_event',
    never: 'A grant was made, and the audit does not say so.',
    find: (statement) =>
      unrecorded(
        'grant',
        statement.db.selectFrom('consent_grant').where('created_at', '>', recordedSince(statement)).select('public_id'),
        about(statement, 'grant_public_id', ['request.allowed']),
      ),
  },
  {
    invariant: 'I12',
    check: 'removal_without_event',
    never: 'A grant was taken back, and the audit does not say so.',
    find: (statement) =>
      unrecorded(
        'grant',
        statement.db.selectFrom('consent_grant').where('revoked_at', '>', recordedSince(statement)).select('public_id'),
        about(statement, 'grant_public_id', ['grant.revoked']),
      ),
  },
  {
    invariant: 'I12',
    check: 'block_without_event',
    never: 'An agent was blocked, and the audit does not say so.',
    find: (statement) =>
      statement.db
        .selectFrom('agent')
        .where('id', 'in', (e) =>
          e
            .selectFrom('agent')
            .where('blocked_at', '>', recordedSince(statement))
            .select('id')
            .except(whom(statement, 'agent_id', ['agent.blocked'])),
        )
        .select('identifier as agent')
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I12',
    check: 'person_without_event',
    never: 'A person was added, and the audit does not say so.',
    find: (statement) =>
      statement.db
        .selectFrom('app_user')
        .where('id', 'in', (e) =>
          e
            .selectFrom('app_user')
            .where('created_at', '>', recordedSince(statement))
            .select('id')
            .except(whom(statement, 'user_id', ['user.created'])),
        )
        .select('public_id as user')
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I12',
    check: 'disabling_without_event',
    never: 'A person was disabled, and the audit does not say so.',
    find: (statement) =>
      statement.db
        .selectFrom('app_user')
        .where('id', 'in', (e) =>
          e
            .selectFrom('app_user')
            .where('disabled_at', '>', recordedSince(statement))
            .select('id')
            .except(whom(statement, 'user_id', ['user.disabled', 'account.closed'])),
        )
        .select('public_id as user')
        .limit(most)
        .execute(),
  },
]
