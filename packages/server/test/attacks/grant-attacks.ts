import { decodeToken } from 'countersign/tokens'
import { expect } from 'vitest'
import type { Attack, Outcome } from './attack.js'
import { type Allowed, allow, ownRequest, redeem, refresh, refreshTokenOf, signForm } from './flow.js'
import { identityOf } from './party.js'
import { people, type Stage } from './stage.js'

const refused: Outcome = { status: 400, error: 'invalid_grant' }

/** A refresh after a change to the grant. */
function refreshAfter(
  id: string,
  claim: string,
  duration: string,
  change: (stage: Stage, allowed: Allowed) => Promise<void>,
  expected: Outcome,
): Attack {
  return {
    id,
    claim,
    when: async (stage) => {
      const allowed = await allow(stage, undefined, { duration })
      const token = await refreshTokenOf(stage, allowed)
      await change(stage, allowed)
      return () => refresh(stage, allowed.by, token)
    },
    expected,
  }
}

/** Posts the form of an account page, and returns the page that it redirects to. */
async function submitAt(stage: Stage, { user }: Allowed, path: string, form: Record<string, string>): Promise<string> {
  const url = stage.authServer + path
  const done = await user.submit(await (await user.open(url)).text(), url, form)
  return (await user.open(new URL(done.headers.get('location') ?? '', url).href)).text()
}

/** A refresh after an hour, for which a permission was allowed; before, the user opened the page that extends it. */
function refreshAfterExtension(
  claim: string,
  whileOpen: (stage: Stage, allowed: Allowed, grantId: string) => Promise<unknown>,
  expected: Outcome,
): Attack {
  const extend = async (stage: Stage, allowed: Allowed) => {
    const [grant] = await stage.storage.listGrants({ live: true })
    const url = `${stage.authServer}/account/agents/${grant?.id}/extend?permission=data.read`
    const page = await (await allowed.user.open(url)).text()
    expect(page).toContain('data-state="extend-permission"')
    await whileOpen(stage, allowed, grant?.id ?? '')
    await allowed.user.submit(page, url, { action: 'extend-permission', duration: '86400' })
    stage.clock.now += 3600
  }
  return refreshAfter('J06', claim, '3600', extend, expected)
}

/** Access under a grant while it is valid and afterwards, and an agent's access to itself: rows of groups A, X and J. */
export const grantAttacks: readonly Attack[] = [
  refreshAfter(
    'X13',
    'a refresh token whose grant was removed on My agents',
    'until-removed',
    async (stage, allowed) => {
      const [grant] = await stage.storage.listGrants({ live: true })
      const shown = await submitAt(stage, allowed, `/account/agents/${grant?.id}/remove`, { action: 'remove-agent' })
      expect(shown).toContain('data-state="agents-removed"')
      stage.clock.now += 1
    },
    refused,
  ),
  refreshAfter(
    'X13',
    'a refresh token after all agents were removed on My agents',
    'until-removed',
    async (stage, allowed) => {
      await submitAt(stage, allowed, '/account/remove-all', { action: 'remove-all-agents' })
      stage.clock.now += 1
    },
    refused,
  ),
  refreshAfter(
    'X13',
    'a refresh token of a user who closed their account',
    'until-removed',
    async (stage, allowed) => {
      const { password } = people.alice
      const shown = await submitAt(stage, allowed, '/account/close', { action: 'close-account', password })
      expect(shown).toContain('data-state="account-closed"')
    },
    refused,
  ),
  refreshAfterExtension('a refresh after the first end of a permission that was extended', async () => undefined, {
    status: 200,
    also: (_stage, body) => expect(JSON.parse(body)).toMatchObject({ token_type: 'Bearer' }),
  }),
  refreshAfterExtension(
    'a refresh under a permission that ended while the page was open that extends it',
    async (stage) => {
      stage.clock.now += 3600
    },
    refused,
  ),
  refreshAfterExtension(
    'a refresh under a permission that was removed while the page was open that extends it',
    (stage, allowed, id) => submitAt(stage, allowed, `/account/agents/${id}/remove`, { action: 'remove-agent' }),
    refused,
  ),
  refreshAfter(
    'X14',
    'a refresh just before the grant expires: the token expires with it',
    '3600',
    async (stage) => {
      stage.clock.now += 3500
    },
    { status: 200, also: (_stage, body) => expect(JSON.parse(body)).toMatchObject({ expires_in: 100 }) },
  ),
  {
    id: 'X18',
    claim: 'a used code as a refresh token',
    when: async (stage) => {
      const allowed = await allow(stage)
      await redeem(stage, allowed)
      return () => refresh(stage, allowed.by, allowed.code)
    },
    expected: refused,
  },
  {
    id: 'X19',
    claim: 'a revocation request without a token',
    when: async (stage) => {
      const request = { by: identityOf(stage.agent), form: new URLSearchParams(), path: '/agent/revoke' }
      return async () => stage.fetch(await signForm(stage, request))
    },
    expected: { status: 400, error: 'invalid_request' },
  },
  {
    id: 'A16',
    claim: 'an agent’s request for access to itself that names a resource, which is ignored',
    when: async (stage) => {
      const asked = ownRequest(stage, 'data.read', { resource: 'https://bank.example', aud: 'https://bank.example' })
      const allowed = await allow(stage, undefined, {}, { asked })
      return () => redeem(stage, allowed)
    },
    expected: {
      status: 200,
      audit: ['code.redeemed'],
      also: (stage, body) => {
        const { auth_token: token } = JSON.parse(body) as { auth_token: string }
        const claims = decodeToken(token)?.payload
        expect(claims).toMatchObject({ aud: stage.agent.id, scope: 'data.read' })
        expect(claims).not.toHaveProperty('agent')
      },
    },
  },
  {
    id: 'A18',
    claim: 'an agent’s request for access to itself without a policy: the user is prompted, no token is issued',
    when: async (stage) => async () => stage.fetch(await signForm(stage, ownRequest(stage, 'openid profile'))),
    expected: {
      status: 200,
      audit: ['request.created'],
      also: (_stage, body) => expect(Object.keys(JSON.parse(body) as object)).toEqual(['request_token', 'expires_in']),
    },
  },
]
