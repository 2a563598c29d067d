import { expect } from 'vitest'
import {
  allowed,
  authorizeUrl,
  type OAuthStage,
  post,
  refresh,
  refreshForm,
  type token,
} from '../../editions/oauth/oauth-stage.js'
import { isRevoked } from '../../editions/oauth/revoked-tokens.js'
import type { Attack, Race } from '../attack.js'
import { otherClient, refreshed } from './code-attacks.js'

type Answer = Awaited<ReturnType<typeof token>>

/** What became of a family: the last refresh token and every access token. */
async function expectEnded(stage: OAuthStage, latest: Answer, earlier: readonly Answer[]): Promise<void> {
  stage.clock.now += 4
  expect(await refresh(stage, latest.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  for (const { access_token } of [latest, ...earlier]) expect(await isRevoked(stage, access_token)).toBe(true)
}

/** Presents an earlier refresh token of a family once more: it is not accepted, and the family ends. */
function reused(
  claim: string,
  presented: number,
  { generations, later = 0 }: { generations: number; later?: number },
): Attack<OAuthStage> {
  const answers: Answer[] = []
  return {
    id: 'B12',
    claim,
    when: async (stage) => {
      answers.length = 0
      answers.push(await allowed(stage))
      for (let each = 0; each < generations; each++)
        answers.push(await refresh(stage, answers.at(-1)?.refresh_token ?? ''))
      stage.clock.now += later
      return () => post(stage, '/oauth/token', refreshForm(answers[presented]?.refresh_token ?? ''))
    },
    expected: {
      status: 400,
      error: 'invalid_grant',
      audit: ['refresh.reused'],
      also: async (stage) => {
        const [latest, ...earlier] = answers.reverse()
        if (latest) await expectEnded(stage, latest, earlier)
      },
    },
  }
}

let successor: Answer

/** Refresh tokens that are copied, repeated, or used for more than the user allowed. */
export const refreshAttacks: readonly Attack<OAuthStage>[] = [
  refreshed('B', 'the base case: another access token, and the next refresh token', (form) => form, {
    status: 200,
    headers: { 'cache-control': /^no-store$/ },
  }),
  {
    id: 'B12',
    claim: 'the previous refresh token within 60 s, whose response was lost: the same successor',
    when: async (stage) => {
      const first = await allowed(stage)
      successor = await refresh(stage, first.refresh_token)
      stage.clock.now += 59
      return () => post(stage, '/oauth/token', refreshForm(first.refresh_token))
    },
    expected: {
      status: 200,
      also: (_stage, body) => expect(JSON.parse(body)).toMatchObject({ refresh_token: successor.refresh_token }),
    },
  },
  reused('the previous refresh token after 61 s', 0, { generations: 1, later: 61 }),
  reused('the previous refresh token, once its successor was used', 0, { generations: 2 }),
  reused('a refresh token of four generations ago', 0, { generations: 4 }),
  refreshed('B12', 'a refresh token of another client', (form) => ({ ...form, client_id: otherClient }), {
    status: 400,
    error: 'invalid_grant',
  }),
  refreshed(
    'B12',
    'a refresh token with another last character',
    (form) => ({ ...form, refresh_token: `${form.refresh_token}0` }),
    {
      status: 400,
      error: 'invalid_grant',
    },
  ),
  {
    id: 'B12',
    claim: 'a refresh token that was revoked',
    when: async (stage) => {
      const { refresh_token } = await allowed(stage)
      await post(stage, '/oauth/revoke', { ...refreshForm(refresh_token), token: refresh_token })
      return () => post(stage, '/oauth/token', refreshForm(refresh_token))
    },
    expected: { status: 400, error: 'invalid_grant' },
  },
  refreshed('B13', 'a refresh for another scope only', (form) => ({ ...form, scope: 'notes.write' }), {
    status: 400,
    error: 'invalid_scope',
  }),
  refreshed(
    'B13',
    'a refresh for another scope, too: only what the user allowed',
    (form) => ({ ...form, scope: 'notes.read notes.write openid' }),
    {
      status: 200,
      also: (_stage, body) => expect(JSON.parse(body)).toMatchObject({ scope: 'notes.read' }),
    },
  ),
  {
    id: 'B13',
    claim: 'a refresh for a scope that another decision of the same user and client allowed',
    when: async (stage) => {
      const { refresh_token } = await allowed(stage)
      await allowed(stage, authorizeUrl({ scope: 'connect notes.write' }))
      return () => post(stage, '/oauth/token', { ...refreshForm(refresh_token), scope: 'connect notes.write' })
    },
    expected: {
      status: 200,
      also: (_stage, body) => expect(JSON.parse(body)).toMatchObject({ scope: 'connect' }),
    },
  },
]

export const refreshRaces: readonly Race<OAuthStage>[] = [
  {
    id: 'B12',
    claim: 'a refresh token that is presented 16 times at once: one successor',
    when: async (stage) => {
      const { refresh_token } = await allowed(stage)
      return async () => {
        const all = await Promise.all(
          Array.from({ length: 16 }, () => post(stage, '/oauth/token', refreshForm(refresh_token))),
        )
        const tokens = await Promise.all(
          all.map(async (response) => ((await response.clone().json()) as Answer).refresh_token),
        )
        expect(new Set(tokens).size).toBe(1)
        expect((await refresh(stage, tokens[0] ?? '')).status).toBe(200)
        return all
      }
    },
    expected: { '200': 16 },
    audit: { 'refresh.reused': 0 },
  },
]
