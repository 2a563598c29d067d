import { decodeToken } from 'countersign/tokens'
import { expect } from 'vitest'
import type { Attack, Outcome, Race } from './attack.js'
import { type Allowed, allow, openRequest, redeem, redemption, signForm, type TokenRequest, view } from './flow.js'
import { delegateOf, type Identity, identityOf, newSigner } from './party.js'
import type { Stage } from './stage.js'

const refused: Outcome = { status: 400, error: 'invalid_grant' }

const issued: Outcome = {
  status: 200,
  headers: { 'cache-control': /^no-store$/ },
  audit: ['code.redeemed'],
  also: (stage, body) => {
    const answer = JSON.parse(body) as { auth_token: string }
    expect(answer).toMatchObject({ expires_in: 600, token_type: 'Bearer' })
    expect(decodeToken(answer.auth_token)?.payload).toMatchObject({
      iss: stage.authServer,
      aud: stage.resource.id,
      agent: stage.agent.id,
      scope: 'data.read',
      cnf: { jwk: { x: stage.agent.signer.jwk.x } },
    })
  },
}

/** Redeems a fresh code, with one change before the request is signed. */
function changed(
  id: string,
  claim: string,
  change: (request: TokenRequest, stage: Stage, allowed: Allowed) => void | Promise<void>,
  expected: Outcome,
): Attack {
  return {
    id,
    claim,
    when: async (stage) => {
      const allowed = await allow(stage)
      const request = redemption(allowed)
      await change(request, stage, allowed)
      return async () => stage.fetch(await signForm(stage, request))
    },
    expected,
  }
}

/** Once another party has presented a code, its own agent can no longer redeem it either. */
function burned(
  id: string,
  claim: string,
  thief: (stage: Stage) => Identity | Promise<Identity>,
  owner: (stage: Stage) => Identity | Promise<Identity>,
  event: string,
): Attack[] {
  const scene = async (stage: Stage) => {
    const allowed = await allow(stage, await owner(stage))
    return { allowed, by: await thief(stage) }
  }
  return [
    {
      id,
      claim,
      when: async (stage) => {
        const { allowed, by } = await scene(stage)
        return () => redeem(stage, allowed, by)
      },
      expected: { ...refused, audit: [event] },
    },
    {
      id,
      claim: `${claim}, then by its owner`,
      when: async (stage) => {
        const { allowed, by } = await scene(stage)
        await redeem(stage, allowed, by)
        return () => redeem(stage, allowed)
      },
      expected: { ...refused, audit: ['code.reused'] },
    },
  ]
}

/** Requests that are rejected for `request_type=code`: group X. */
export const codeAttacks: readonly Attack[] = [
  changed('X', 'the base case: an auth token bound to the key', () => undefined, issued),
  changed(
    'X',
    'the base case without the optional parameters',
    ({ form }) => {
      form.delete('redirect_uri')
      form.delete('request_token')
    },
    issued,
  ),
  {
    id: 'X01',
    claim: 'a code redeemed a second time',
    when: async (stage) => {
      const allowed = await allow(stage)
      await redeem(stage, allowed)
      return () => redeem(stage, allowed)
    },
    expected: { ...refused, audit: ['code.reused'] },
  },
  changed(
    'X03',
    'a code issued 61 s ago',
    (_request, { clock }) => {
      clock.now += 61
    },
    refused,
  ),
  changed(
    'X03',
    'a code issued 59 s ago, which is still valid',
    (_request, { clock }) => {
      clock.now += 59
    },
    issued,
  ),
  ...burned(
    'X04',
    'a code redeemed by another agent',
    ({ otherAgent }) => identityOf(otherAgent),
    ({ agent }) => identityOf(agent),
    'code.foreign_agent',
  ),
  ...burned(
    'X05',
    'a delegate’s code redeemed by another delegate',
    ({ agent, clock }) => delegateOf(agent, 'delegate-2', clock.now),
    ({ agent, clock }) => delegateOf(agent, 'delegate-1', clock.now),
    'code.foreign_delegate',
  ),
  ...burned(
    'X05',
    'a delegate’s code redeemed by the agent server itself',
    ({ agent }) => identityOf(agent),
    ({ agent, clock }) => delegateOf(agent, 'delegate-1', clock.now),
    'code.foreign_delegate',
  ),
  ...burned(
    'X05',
    'the agent server’s code redeemed by a delegate',
    ({ agent, clock }) => delegateOf(agent, 'delegate-1', clock.now),
    ({ agent }) => identityOf(agent),
    'code.foreign_delegate',
  ),
  changed(
    'X06',
    'a code after the agent rotated its key: the token is bound to the new one',
    async (request, { agent }) => {
      agent.signer = await newSigner()
      agent.keys = [agent.signer.jwk]
      request.by = identityOf(agent)
    },
    issued,
  ),
  {
    ...changed(
      'X06',
      'a code after the agent rotated its key, if codes are bound to the key',
      async (request, { agent }) => {
        agent.signer = await newSigner()
        agent.keys = [agent.signer.jwk]
        request.by = identityOf(agent)
      },
      { ...refused, audit: ['code.foreign_key'] },
    ),
    options: { bindCodeToKey: true },
  },
  {
    ...changed('X06', 'a code with the key that requested it, if codes are bound to the key', () => undefined, issued),
    options: { bindCodeToKey: true },
  },
  changed(
    'X09',
    'a code whose grant was revoked',
    async (_request, { storage }) => {
      const [event] = await storage.listEvents({ event: 'request.allowed' })
      await storage.revokeGrant({ grantId: event?.grantId ?? '', by: 'test' })
    },
    refused,
  ),
  changed(
    'X09',
    'a code of a disabled user',
    async (_request, { storage }) => {
      const credential = await storage.findCredential('alice')
      await storage.setUserStatus(credential?.user.id ?? '', 'disabled')
    },
    refused,
  ),
  ...(
    [
      ['guessed', () => `aacd_${'A'.repeat(43)}`],
      ['cut', (code: string) => code.slice(0, -1)],
      ['longer', (code: string) => `${code}A`],
      ['wrongly prefixed', (code: string) => code.replace('aacd_', 'aart_')],
      ['in upper case', (code: string) => code.toUpperCase()],
      ['preceded by a space', (code: string) => ` ${code}`],
      ['an SQL fragment', () => "' OR 1=1 --"],
      ['of 10 kB', () => 'x'.repeat(10_000)],
    ] as const
  ).map(([claim, code]) =>
    changed(
      'X18',
      `a code that is ${claim}`,
      ({ form }, _stage, allowed) => form.set('code', code(allowed.code)),
      refused,
    ),
  ),
  changed(
    'X18',
    'the request token instead of the code',
    ({ form }, _stage, { requestToken }) => form.set('code', requestToken),
    refused,
  ),
  changed('X18', 'no code', ({ form }) => form.delete('code'), { status: 400, error: 'invalid_request' }),
  changed(
    'X18',
    'a code with a different redirect_uri',
    ({ form }, { agent }) => form.set('redirect_uri', `${agent.id}/other`),
    { ...refused, audit: ['code.redirect_mismatch'] },
  ),
  changed(
    'X18',
    'a code with a different redirect_uri sent by its own agent, then with the correct one, which is allowed',
    async ({ by }, stage, allowed) => {
      const mistaken = redemption(allowed)
      mistaken.form.set('redirect_uri', `${by.agent}/other`)
      expect((await stage.fetch(await signForm(stage, mistaken))).status).toBe(400)
    },
    issued,
  ),
  changed(
    'X03',
    'a code issued 61 s ago that was already presented too late once',
    async (_request, stage, allowed) => {
      stage.clock.now += 61
      await redeem(stage, allowed)
    },
    refused,
  ),
  {
    id: 'X18',
    claim: 'the code that a denied request would have produced',
    when: async (stage) => {
      const opened = await openRequest(stage)
      const viewer = await view(stage, opened)
      await viewer.user.submit(viewer.page, opened.url, { consent: 'deny' })
      const granted = await allow(stage, undefined, {}, { asked: { scope: 'data.write' } })
      const request = redemption(granted)
      request.form.set('request_token', opened.requestToken)
      request.form.set('code', opened.requestToken.replace('aarq_', 'aacd_'))
      return async () => stage.fetch(await signForm(stage, request))
    },
    expected: refused,
  },
  changed(
    'X20',
    'a victim’s code, injected into the attacker’s request at the same agent',
    async ({ form }, stage) => {
      form.set('request_token', (await openRequest(stage)).requestToken)
    },
    { ...refused, audit: ['code.injected'] },
  ),
  changed(
    'X20',
    'a victim’s code, injected into a request with another redirect_uri',
    async ({ form, by }, stage) => {
      form.set('request_token', (await openRequest(stage)).requestToken)
      form.set('redirect_uri', `${by.agent}/other`)
    },
    { ...refused, audit: ['code.injected'] },
  ),
  changed(
    'X20',
    'a victim’s code with an unknown request_token',
    ({ form }) => form.set('request_token', `aarq_${'A'.repeat(43)}`),
    { ...refused, audit: ['code.injected'] },
  ),
  {
    id: 'X20',
    claim: 'an injected code, then redeemed with the request it belongs to',
    when: async (stage) => {
      const allowed = await allow(stage)
      const injected = redemption(allowed)
      injected.form.set('request_token', (await openRequest(stage)).requestToken)
      await stage.fetch(await signForm(stage, injected))
      return () => redeem(stage, allowed)
    },
    expected: { ...refused, audit: ['code.reused'] },
  },
  changed(
    'A19',
    'a code of an agent that has since been blocked',
    async (_request, { agent, storage }) => {
      await storage.setAgentBlocked({ agent: agent.id, blocked: true, by: 'test' })
    },
    { status: 403, error: 'access_denied', audit: ['agent.refused'] },
  ),
  {
    id: 'A19',
    claim: 'an open request of an agent that has since been blocked',
    when: async (stage) => {
      const opened = await openRequest(stage)
      const { user, page } = await view(stage, opened)
      await stage.storage.setAgentBlocked({ agent: stage.agent.id, blocked: true, by: 'test' })
      return () => user.submit(page, opened.url, { consent: 'grant' })
    },
    expected: { status: 410, page: 'request_used' },
  },
  {
    id: 'A19',
    claim: 'a code of an agent that was blocked and then unblocked, which is allowed',
    when: async (stage) => {
      const allowed = await allow(stage)
      await stage.storage.setAgentBlocked({ agent: stage.agent.id, blocked: true, by: 'test' })
      await redeem(stage, allowed)
      await stage.storage.setAgentBlocked({ agent: stage.agent.id, blocked: false, by: 'test' })
      return () => redeem(stage, allowed)
    },
    expected: issued,
  },
]

/** Concurrent redemptions. */
export const codeRaces: readonly Race[] = [
  {
    id: 'X02',
    claim: '50 redemptions of one fresh code',
    when: async (stage) => {
      const allowed = await allow(stage)
      const requests = await Promise.all(Array.from({ length: 50 }, () => signForm(stage, redemption(allowed))))
      return () => Promise.all(requests.map((request) => stage.fetch(request)))
    },
    expected: { '200': 1, '400 invalid_grant': 49 },
    audit: { 'code.redeemed': 1, 'code.reused': 49 },
  },
]
