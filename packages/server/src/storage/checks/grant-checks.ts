import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { mostViolations as most } from '../api/deployment-storage.js'
import { isWithinScope } from '../rows/granted-scopes.js'
import type { Check } from './check.js'

/** Whether a list has a name in it. */
const names = (list: string, name: string): RawBuilder<SqlBool> =>
  sql`replace(' ' || ${sql.ref(list)} || ' ', ' ' || ${sql.ref(name)} || ' ', '') <> ' ' || ${sql.ref(list)} || ' '`

/** How many names a list has that is not empty. */
const lengthOf = (list: string): RawBuilder<number> =>
  sql`length(${sql.ref(list)}) - length(replace(${sql.ref(list)}, ' ', '')) + 1`

/**
 * Seconds that work which overlaps may take: a row has the time at which its transaction began, and one that waited for
 * another, or a use that is written after it was judged, is no violation.
 */
const overlap = 2

/** What is given under a grant, and to whom. */
export const grantChecks: readonly Check[] = [
  {
    invariant: 'I4',
    check: 'token_after_removal',
    never: 'A token was given after its grant was taken back.',
    find: ({ db }) =>
      db
        .selectFrom('token_issue as t')
        .innerJoin('consent_grant as g', 'g.id', 't.grant_id')
        .where('t.issued_at', '>', (e) => e('g.revoked_at', '+', overlap))
        .select('g.public_id as grant')
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I4',
    check: 'used_after_removal',
    never: 'A grant was used after it was taken back.',
    find: ({ db }) =>
      db
        .selectFrom('consent_grant')
        .where('last_used_at', '>', (e) => e('revoked_at', '+', overlap))
        .select('public_id as grant')
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I4',
    check: 'refresh_token_of_removed',
    never: 'A refresh token outlives its grant, or was used after it was taken back.',
    find: ({ db }) =>
      db
        .selectFrom('refresh_token as f')
        .innerJoin('consent_grant as g', 'g.id', 'f.grant_id')
        .where((e) =>
          e.or([
            e.and([e('g.revoked_at', 'is not', null), e('f.revoked_at', 'is', null)]),
            e('f.last_used_at', '>', e('f.revoked_at', '+', overlap)),
          ]),
        )
        .select('g.public_id as grant')
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I4',
    check: 'token_of_blocked_agent',
    never: 'A token was given to an agent after it was blocked.',
    find: ({ db }) =>
      db
        .selectFrom('token_issue as t')
        .leftJoin('consent_grant as g', 'g.id', 't.grant_id')
        .innerJoin('agent as a', (join) => join.on('a.id', '=', (e) => e.fn.coalesce('g.agent_id', 't.agent_id')))
        .where('t.issued_at', '>', (e) => e('a.blocked_at', '+', overlap))
        .select('a.identifier as agent')
        .distinct()
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I4',
    check: 'token_of_disabled_person',
    never: 'A token was given for a person after they were disabled.',
    find: ({ db }) =>
      db
        .selectFrom('token_issue as t')
        .innerJoin('consent_grant as g', 'g.id', 't.grant_id')
        .innerJoin('app_user as u', 'u.id', 'g.user_id')
        .where('t.issued_at', '>', (e) => e('u.disabled_at', '+', overlap))
        .select(['u.public_id as user', 'g.public_id as grant'])
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I5',
    check: 'code_beyond_request',
    never: 'A person allowed more than was asked for.',
    async find({ db }) {
      const differ = await db
        .selectFrom('code as c')
        .innerJoin('auth_request as r', 'r.id', 'c.request_id')
        .whereRef('c.scope', '<>', 'r.scope')
        .select(['r.public_id as request', 'c.scope as given', 'r.scope as asked'])
        .execute()
      return differ.filter(({ given, asked }) => !isWithinScope(given, asked)).map(({ request }) => ({ request }))
    },
  },
  {
    invariant: 'I5',
    check: 'token_beyond_grant',
    never: 'A token is for more than its grant.',
    find: ({ db }) =>
      db
        .selectFrom('token_issue as t')
        .innerJoin('consent_grant as g', 'g.id', 't.grant_id')
        .where('t.scope', '<>', '')
        .where((e) =>
          e(
            lengthOf('t.scope'),
            '>',
            e
              .selectFrom('grant_scope as s')
              .select(sql<number>`count(*)`.as('count'))
              .whereRef('s.grant_id', '=', 't.grant_id')
              .where(names('t.scope', 's.name')),
          ),
        )
        .select('g.public_id as grant')
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I5',
    check: 'token_outlives_permission',
    never: 'A token lives longer than a permission that it is for.',
    find: ({ db }) =>
      db
        .selectFrom('token_issue as t')
        .innerJoin('grant_scope as s', 's.grant_id', 't.grant_id')
        .innerJoin('consent_grant as g', 'g.id', 't.grant_id')
        .whereRef('t.expires_at', '>', 's.expires_at')
        .where(names('t.scope', 's.name'))
        .select('g.public_id as grant')
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I5',
    check: 'refresh_token_beyond_token',
    never: 'A refresh token is for more than the token that came with it.',
    async find({ db }) {
      const differ = await db
        .selectFrom('refresh_token as f')
        .innerJoin('token_issue as t', 't.request_id', 'f.request_id')
        .innerJoin('consent_grant as g', 'g.id', 'f.grant_id')
        .whereRef('f.scope', '<>', 't.scope')
        .select(['g.public_id as grant', 'f.scope as wider', 't.scope as given'])
        .execute()
      return differ.filter(({ wider, given }) => !isWithinScope(wider, given)).map(({ grant }) => ({ grant }))
    },
  },
  {
    invariant: 'I7',
    check: 'code_of_other_parties',
    never: 'A code is for another agent, delegate or resource than asked.',
    find: ({ db }) =>
      db
        .selectFrom('code as c')
        .innerJoin('auth_request as r', 'r.id', 'c.request_id')
        .innerJoin('consent_grant as g', 'g.id', 'c.grant_id')
        .leftJoin('token_issue as t', 't.request_id', 'c.request_id')
        .where((e) =>
          e.or([
            e('g.agent_id', '<>', e.ref('r.agent_id')),
            e('g.resource_id', '<>', e.ref('r.resource_id')),
            e('g.delegate', 'is distinct from', e.ref('r.delegate')),
            e('t.grant_id', '<>', e.ref('c.grant_id')),
          ]),
        )
        .select(['r.public_id as request', 'g.public_id as grant'])
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I10',
    check: 'code_of_other_person',
    never: 'A code is under the grant of somebody else than the person who was asked.',
    find: ({ db }) =>
      db
        .selectFrom('code as c')
        .innerJoin('auth_request as r', 'r.id', 'c.request_id')
        .innerJoin('consent_grant as g', 'g.id', 'c.grant_id')
        .where('g.user_id', 'is distinct from', (e) => e.ref('r.user_id'))
        .select(['r.public_id as request', 'g.public_id as grant'])
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I10',
    check: 'decided_by_other_person',
    never: 'Somebody decided a request that was before somebody else.',
    find: ({ db }) =>
      db
        .selectFrom('auth_request as r')
        .innerJoin('audit_event as e', 'e.request_public_id', 'r.public_id')
        .where('e.event', 'in', ['request.allowed', 'request.denied', 'request.remembered'])
        .where('e.user_id', 'is distinct from', (e) => e.ref('r.user_id'))
        .select('r.public_id as request')
        .limit(most)
        .execute(),
  },
]
