import { type SqlBool, sql } from 'kysely'
import { mostViolations as most } from '../api/deployment-storage.js'
import { hashText } from '../sql/values.js'
import type { Check } from './check.js'

/** What is used once, and what nothing comes from without being used. */
export const useChecks: readonly Check[] = [
  {
    invariant: 'I1',
    check: 'code_gave_two_tokens',
    never: 'A code gives two tokens.',
    find: ({ db }) =>
      db
        .selectFrom('token_issue as t')
        .innerJoin('consent_grant as g', 'g.id', 't.grant_id')
        .where('t.request_id', 'is not', null)
        .groupBy(['t.request_id', 'g.public_id'])
        .having((e) => e(e.fn.countAll(), '>', 1))
        .select('g.public_id as grant')
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I1',
    check: 'code_redeemed_twice',
    never: 'The audit has a code redeemed twice.',
    find: ({ db }) =>
      db
        .selectFrom('audit_event')
        .where('event', '=', 'code.redeemed')
        .groupBy('request_public_id')
        .having((e) => e(e.fn.countAll(), '>', 1))
        .select('request_public_id as request')
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I1',
    check: 'request_decided_twice',
    never: 'The audit has a request decided twice.',
    find: ({ db }) =>
      db
        .selectFrom('audit_event')
        .where('event', 'in', ['request.allowed', 'request.denied', 'request.remembered'])
        .groupBy('request_public_id')
        .having((e) => e(e.fn.countAll(), '>', 1))
        .select('request_public_id as request')
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I1',
    check: 'code_unused_after_token',
    never: 'A code that gave a token can be used again.',
    find: ({ db }) =>
      db
        .selectFrom('code as c')
        .innerJoin('auth_request as r', 'r.id', 'c.request_id')
        .where('c.consumed_at', 'is', null)
        .where((e) =>
          e.or([
            e.exists(e.selectFrom('token_issue as t').select('t.id').whereRef('t.request_id', '=', 'c.request_id')),
            e.exists(e.selectFrom('refresh_token as f').select('f.id').whereRef('f.request_id', '=', 'c.request_id')),
          ]),
        )
        .select('r.public_id as request')
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I1',
    check: 'nonce_claimed_twice',
    never: 'A nonce is claimed twice.',
    find: ({ db }) =>
      db
        .selectFrom('nonce')
        .groupBy(['key_hash', 'holder'])
        .having((e) => e(e.fn.countAll(), '>', 1))
        .select('holder as signer')
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I2',
    check: 'token_of_nothing',
    never: 'A token has neither a grant nor a policy.',
    async find({ db }) {
      const found = await db
        .selectFrom('token_issue as t')
        .leftJoin('consent_grant as g', 'g.id', 't.grant_id')
        .where('g.id', 'is', null)
        .where('t.policy', 'is', null)
        .select('t.jti_end')
        .limit(most)
        .execute()
      return found.map(({ jti_end }) => ({ jti_end: hashText(jti_end) }))
    },
  },
  {
    invariant: 'I2',
    check: 'redeemed_without_token',
    never: 'A code was redeemed, and the token that it gave is not on record.',
    find: ({ db }) =>
      db
        .selectFrom('code as c')
        .innerJoin('auth_request as r', 'r.id', 'c.request_id')
        .leftJoin('token_issue as t', 't.request_id', 'c.request_id')
        .where('t.id', 'is', null)
        .where('r.public_id', 'in', (e) =>
          e
            .selectFrom('audit_event')
            .select('request_public_id')
            .where('event', '=', 'code.redeemed')
            .where('request_public_id', 'is not', null)
            .$narrowType<{ request_public_id: Uint8Array }>(),
        )
        .select('r.public_id as request')
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I6',
    check: 'keys_active',
    never: 'More than one key signs.',
    find: ({ db }) =>
      db
        .selectFrom('signing_key')
        .where('state', '=', 'active')
        .where('purpose', '=', 'sign')
        .where(
          sql<SqlBool>`(select count(*) from signing_key as k where k.state = 'active' and k.purpose = 'sign') > 1`,
        )
        .select('kid as key')
        .limit(most)
        .execute(),
  },
  {
    invariant: 'I6',
    check: 'key_signed_early',
    never: 'The server let a key sign that was published for too short a time.',
    async find({ db }) {
      const early = await db
        .selectFrom('audit_event as e')
        .innerJoin('signing_key as k', (join) => join.onRef('k.not_before_at', '>', 'e.at'))
        .where('e.event', '=', 'keys.rotated')
        .select(['k.kid as key', 'e.data'])
        .execute()
      // Whoever rotates by hand may do so early, in an emergency.
      return early
        .filter(({ key, data }) => {
          const moved = JSON.parse(data ?? '{}') as Record<string, unknown>
          return moved.by === 'server' && String(moved[key]).endsWith('→ active')
        })
        .map(({ key }) => ({ key }))
    },
  },
]
