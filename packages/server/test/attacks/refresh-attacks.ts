import { decodeToken } from 'countersign/tokens'
import { expect } from 'vitest'
import type { Attack, Outcome, Race } from './attack.js'
import { allow, redeem, signForm, type TokenRequest, refreshTokenOf as tokenOf } from './flow.js'
import { delegateOf, type Identity, identityOf, newSigner } from './party.js'
import type { Stage } from './stage.js'

const day = 86_400
const refused: Outcome = { status: 400, error: 'invalid_grant' }
const invalidScope: Outcome = { status: 400, error: 'invalid_scope' }

/** A new auth token for the signing key, and no new refresh token. */
const refreshed: Outcome = {
  status: 200,
  headers: { 'cache-control': /^no-store$/ },
  also: (stage, body) => {
    const answer = JSON.parse(body) as { auth_token: string }
    expect(answer).not.toHaveProperty('refresh_token')
    expect(decodeToken(answer.auth_token)?.payload).toMatchObject({ aud: stage.resource.id, scope: 'data.read' })
  },
}

/** Returns the refresh token of a grant that lasts until it is removed. */
async function refreshTokenOf(stage: Stage, by: Identity): Promise<string> {
  const allowed = await allow(stage, by, { duration: 'until-removed' })
  const { refresh_token: token } = (await (await redeem(stage, allowed)).json()) as { refresh_token?: string }
  expect(token).toMatch(/^aart_[\w-]{43}$/)
  stage.secrets.add(String(token))
  return String(token)
}

const refresh = (by: Identity, token: string): TokenRequest => ({
  by,
  form: new URLSearchParams({ request_type: 'refresh', refresh_token: token }),
})

const revocation = (by: Identity, token: string): TokenRequest => ({
  by,
  form: new URLSearchParams({ token }),
  path: '/agent/revoke',
})

/** A valid refresh by the agent, with one change before it is signed. */
function changed(
  id: string,
  claim: string,
  change: (request: TokenRequest, stage: Stage, token: string) => void | Promise<void>,
  expected: Outcome,
  owner: (stage: Stage) => Identity | Promise<Identity> = ({ agent }) => identityOf(agent),
): Attack {
  return {
    id,
    claim,
    when: async (stage) => {
      const by = await owner(stage)
      const token = await refreshTokenOf(stage, by)
      const request = refresh(by, token)
      await change(request, stage, token)
      return async () => stage.fetch(await signForm(stage, request))
    },
    expected,
  }
}

const firstDelegate = ({ agent, clock }: Stage) => delegateOf(agent, 'delegate-1', clock.now)

async function grantOf({ storage }: Stage): Promise<string> {
  const [event] = await storage.listEvents({ event: 'request.allowed' })
  return event?.grantId ?? ''
}

/** Requests that are rejected for `request_type=refresh` and for revocation: group X. */
export const refreshAttacks: readonly Attack[] = [
  changed('X', 'the base case of refresh', () => undefined, refreshed),
  changed(
    'X10',
    'a refresh token used by another agent',
    (request, { otherAgent }) => {
      request.by = identityOf(otherAgent)
    },
    { ...refused, audit: ['refresh.foreign_agent'] },
  ),
  changed(
    'X11',
    'a delegate’s refresh token used by another delegate',
    async (request, { agent, clock }) => {
      request.by = await delegateOf(agent, 'delegate-2', clock.now)
    },
    { ...refused, audit: ['refresh.foreign_delegate'] },
    firstDelegate,
  ),
  changed(
    'X11',
    'a delegate’s refresh token used by the agent server itself',
    (request, { agent }) => {
      request.by = identityOf(agent)
    },
    { ...refused, audit: ['refresh.foreign_delegate'] },
    firstDelegate,
  ),
  changed(
    'X11',
    'the agent server’s refresh token used by a delegate',
    async (request, stage) => {
      request.by = await firstDelegate(stage)
    },
    { ...refused, audit: ['refresh.foreign_delegate'] },
  ),
  changed(
    'X12',
    'a delegate’s refresh token with a new key of the same delegate: the token is bound to the new key',
    async (request, stage) => {
      request.by = await firstDelegate(stage)
    },
    {
      ...refreshed,
      also: async (stage, body, response) => {
        await refreshed.also?.(stage, body, response)
        const { payload } = decodeToken((JSON.parse(body) as { auth_token: string }).auth_token) ?? {}
        expect(payload).toMatchObject({ agent_delegate: 'delegate-1' })
      },
    },
    firstDelegate,
  ),
  changed(
    'X12',
    'an agent’s refresh token after the agent rotated its key: the token is bound to the new key',
    async (request, { agent }) => {
      agent.signer = await newSigner()
      agent.keys = [agent.signer.jwk]
      request.by = identityOf(agent)
    },
    {
      ...refreshed,
      also: ({ agent }, body) => {
        const { payload } = decodeToken((JSON.parse(body) as { auth_token: string }).auth_token) ?? {}
        expect(payload).toMatchObject({ cnf: { jwk: { x: agent.signer.jwk.x } } })
      },
    },
  ),
  changed(
    'X13',
    'a refresh token whose grant was revoked',
    async (_request, stage) => {
      await stage.storage.revokeGrant({ grantId: await grantOf(stage), by: 'test' })
    },
    refused,
  ),
  changed(
    'X13',
    'a refresh token of a disabled user',
    async (_request, { storage }) => {
      const credential = await storage.findCredential('alice')
      await storage.setUserStatus(credential?.user.id ?? '', 'disabled')
    },
    refused,
  ),
  changed(
    'X14',
    'a refresh token that was unused for 90 days',
    (_request, { clock }) => {
      clock.now += 90 * day
    },
    refused,
  ),
  changed(
    'X14',
    'a refresh token that was unused for 89 days, which is allowed',
    (_request, { clock }) => {
      clock.now += 89 * day
    },
    refreshed,
  ),
  changed(
    'X14',
    'a refresh token issued a year ago, despite continuous use',
    async (request, stage) => {
      for (let used = 0; used < 4; used++) {
        stage.clock.now += 80 * day
        expect((await stage.fetch(await signForm(stage, request))).status).toBe(200)
      }
      stage.clock.now += 45 * day
    },
    refused,
  ),
  {
    id: 'X14',
    claim: 'a refresh token whose grant has expired',
    when: async (stage) => {
      const allowed = await allow(stage)
      const { refresh_token: token } = (await (await redeem(stage, allowed)).json()) as { refresh_token?: string }
      const grant = await stage.storage.findGrant(await grantOf(stage))
      stage.clock.now = grant?.expiresAt ?? Number.NaN
      return async () => stage.fetch(await signForm(stage, refresh(allowed.by, String(token))))
    },
    expected: refused,
  },
  ...(
    [
      ['guessed', () => `aart_${'A'.repeat(43)}`],
      ['cut', (token: string) => token.slice(0, -1)],
      ['wrongly prefixed', (token: string) => token.replace('aart_', 'aacd_')],
      ['an SQL fragment', () => "' OR 1=1 --"],
    ] as const
  ).map(([claim, token]) =>
    changed(
      'X18',
      `a refresh token that is ${claim}`,
      ({ form }, _stage, own) => form.set('refresh_token', token(own)),
      refused,
    ),
  ),
  changed(
    'X18',
    'a refresh for more than the scope of the refresh token',
    ({ form }) => form.set('scope', 'data.read data.write'),
    invalidScope,
  ),
  changed('X18', 'a refresh for a different scope', ({ form }) => form.set('scope', 'data.write'), invalidScope),
  changed('X18', 'a refresh with an invalid scope', ({ form }) => form.set('scope', 'data.read "'), invalidScope),
  changed('X18', 'a refresh with a scope of two spaces', ({ form }) => form.set('scope', '  '), invalidScope),
  changed(
    'X18',
    'a refresh by another agent for more than the scope of the refresh token',
    (request, { otherAgent }) => {
      request.by = identityOf(otherAgent)
      request.form.set('scope', 'data.read data.write')
    },
    { ...refused, audit: ['refresh.foreign_agent'] },
  ),
  changed(
    'X18',
    'a refresh for the scope of the refresh token, which is allowed',
    ({ form }) => form.set('scope', 'data.read'),
    refreshed,
  ),
  changed(
    'X18',
    'a refresh with an empty scope, which counts as omitted',
    ({ form }) => form.set('scope', ''),
    refreshed,
  ),
  {
    id: 'X18',
    claim: 'a refresh for a narrower scope, which is allowed: only the token is narrowed, the grant stays',
    when: async (stage) => {
      const by = identityOf(stage.agent)
      const allowed = await allow(
        stage,
        by,
        { duration: 'until-removed' },
        { asked: { scope: 'data.read data.write' } },
      )
      const request = refresh(by, await tokenOf(stage, allowed))
      request.form.set('scope', 'data.write')
      return async () => stage.fetch(await signForm(stage, request))
    },
    expected: {
      status: 200,
      also: async (stage, body) => {
        const { auth_token: token } = JSON.parse(body) as { auth_token: string }
        expect(decodeToken(token)?.payload.scope).toBe('data.write')
        expect((await stage.storage.findGrant(await grantOf(stage)))?.scope).toBe('data.read data.write')
      },
    },
  },
  changed('X18', 'no refresh token', ({ form }) => form.delete('refresh_token'), {
    status: 400,
    error: 'invalid_request',
  }),
  {
    id: 'X01',
    claim: 'the refresh token issued for a code that was presented again',
    when: async (stage) => {
      const allowed = await allow(stage)
      const { refresh_token: token } = (await (await redeem(stage, allowed)).json()) as { refresh_token?: string }
      await redeem(stage, allowed)
      return async () => stage.fetch(await signForm(stage, refresh(allowed.by, String(token))))
    },
    expected: {
      ...refused,
      also: async (stage) => {
        const grant = await stage.storage.findGrant(await grantOf(stage))
        expect(grant?.revokedAt).toBeNull()
      },
    },
  },
  changed(
    'A19',
    'a refresh token of an agent that has since been blocked',
    async (_request, { agent, storage }) => {
      await storage.setAgentBlocked({ agent: agent.id, blocked: true, by: 'test' })
    },
    { status: 403, error: 'access_denied', audit: ['agent.refused'] },
  ),
  changed(
    'X19',
    'a refresh token that its agent revoked',
    async ({ by }, stage, token) => {
      expect((await stage.fetch(await signForm(stage, revocation(by, token)))).status).toBe(200)
    },
    refused,
  ),
  changed(
    'X19',
    'a refresh token that another agent tried to revoke, which has no effect',
    async (_request, stage, token) => {
      const response = await stage.fetch(await signForm(stage, revocation(identityOf(stage.otherAgent), token)))
      expect({ status: response.status, body: await response.text() }).toEqual({ status: 200, body: '{}' })
    },
    refreshed,
  ),
  changed(
    'X19',
    'a refresh token that another delegate tried to revoke, which has no effect',
    async (_request, stage, token) => {
      const other = await delegateOf(stage.agent, 'delegate-2', stage.clock.now)
      expect((await stage.fetch(await signForm(stage, revocation(other, token)))).status).toBe(200)
    },
    refreshed,
    firstDelegate,
  ),
]

/** Concurrent refreshes. */
export const refreshRaces: readonly Race[] = [
  {
    id: 'X16',
    claim: '50 concurrent refreshes with one token, which are all allowed',
    when: async (stage) => {
      const by = identityOf(stage.agent)
      const token = await refreshTokenOf(stage, by)
      const requests = await Promise.all(Array.from({ length: 50 }, () => signForm(stage, refresh(by, token))))
      return () => Promise.all(requests.map((request) => stage.fetch(request)))
    },
    expected: { '200': 50 },
    audit: { 'code.redeemed': 1 },
  },
]
