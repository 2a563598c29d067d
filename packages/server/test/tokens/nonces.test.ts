import { january } from 'countersign/editions'
import type { NonceClaim } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import type { Storage } from 'countersign-server'
import { describe, expect, it, onTestFinished } from 'vitest'
import { allow, authRequest, redemption, refreshTokenOf, signForm, type TokenRequest } from '../attacks/flow.js'
import { identityOf, newSigner } from '../attacks/party.js'
import { openMapStage, type Stage, type StageOptions } from '../attacks/stage.js'
import { hashOf } from '../storage/fixtures.js'

/** The calls of the endpoints to the storage, in order. */
type Calls = [verb: keyof Storage, argument: unknown][]

async function open(options: StageOptions = {}): Promise<{ stage: Stage; calls: Calls }> {
  const calls: Calls = []
  const wrap = (storage: Storage) =>
    new Proxy(storage, {
      get(target, verb, receiver) {
        const method: unknown = Reflect.get(target, verb, receiver)
        if (typeof method !== 'function') return method
        return (...values: unknown[]) => {
          calls.push([verb as keyof Storage, values[0]])
          return Reflect.apply(method, target, values) as unknown
        }
      },
    })
  const stage = await openMapStage({ wrap, ...options })
  onTestFinished(() => stage.close())
  return { stage, calls }
}

/** The nonces to be claimed. */
function claimsOf(calls: Calls): NonceClaim[] {
  return calls.flatMap(([verb, argument]) => {
    if (verb === 'claimNonce') return [argument as NonceClaim]
    return (argument as { nonce?: NonceClaim } | undefined)?.nonce ?? []
  })
}

/** The verbs that change something other than counters. */
const changing: readonly (keyof Storage)[] = [
  'recordAgent',
  'createAuthRequest',
  'recordAutonomousIssue',
  'redeemCode',
  'refreshGrant',
  'revokeRefreshToken',
]

type Ask = (stage: Stage) => Promise<TokenRequest>

const asks: readonly [name: string, ask: Ask, verb: keyof Storage][] = [
  ['a request for authorization', (stage) => authRequest(stage), 'createAuthRequest'],
  [
    'a request that a policy grants',
    async ({ agent }) => ({
      by: identityOf(agent),
      form: new URLSearchParams({ request_type: 'auth', scope: 'own.sync', redirect_uri: `${agent.id}/callback` }),
    }),
    'recordAutonomousIssue',
  ],
  ['a redemption', async (stage) => redemption(await allow(stage)), 'redeemCode'],
  [
    'a refresh',
    async (stage) => {
      const token = await refreshTokenOf(stage, await allow(stage, undefined, { duration: 'until-removed' }))
      return {
        by: identityOf(stage.agent),
        form: new URLSearchParams({ request_type: 'refresh', refresh_token: token }),
      }
    },
    'refreshGrant',
  ],
  [
    'a revocation',
    async (stage) => {
      const token = await refreshTokenOf(stage, await allow(stage, undefined, { duration: 'until-removed' }))
      return { by: identityOf(stage.agent), form: new URLSearchParams({ token }), path: '/agent/revoke' }
    },
    'revokeRefreshToken',
  ],
]

const policy: StageOptions['policy'] = ({ scope }) => (scope.includes('own.sync') ? { grant: 'own' } : 'ask')

describe.each(asks)('the nonce of %s', (_name, ask, verb) => {
  it('is claimed by the only verb that changes something', async () => {
    const { stage, calls } = await open({ policy })
    const signed = await signForm(stage, await ask(stage))
    calls.length = 0
    expect((await stage.fetch(signed)).status).toBe(200)
    expect(calls.map(([called]) => called).filter((called) => changing.includes(called))).toEqual([verb])
    const [claimed, ...others] = claimsOf(calls)
    expect(others).toEqual([])
    expect(claimsOf(calls.filter(([called]) => called === verb))).toEqual([claimed])
    expect(await stage.storage.claimNonce(claimed ?? expect.unreachable())).toBe(false)
  })

  it('S41: prevents replays from changing anything, concurrently and later', async () => {
    const { stage } = await open({ policy })
    const signed = await signForm(stage, await ask(stage))
    const before = await stage.storage.listEvents()
    const copies = Array.from({ length: 4 }, () => signed.clone())
    const answers = await Promise.all(copies.map((copy) => stage.fetch(copy)))
    answers.push(await stage.fetch(signed))
    expect(answers.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([200, 401, 401, 401, 401])
    for (const answer of answers) {
      if (answer.status === 401) expect(await answer.json()).toMatchObject({ error: 'invalid_signature' })
    }
    const left = (await stage.storage.listEvents()).slice(before.length).map(({ event }) => event)
    expect(left).toEqual([...new Set(left)])
    expect(left).not.toContain('code.reused')
  })

  it('is counted for the agent', async () => {
    const { stage, calls } = await open({ policy })
    const request = await ask(stage)
    calls.length = 0
    await stage.fetch(await signForm(stage, request))
    const { id, signer } = stage.agent
    expect(claimsOf(calls).map(({ source }) => source)).toEqual([
      { agent: id, thumbprint: signer.thumbprint, network: '192.0.2' },
    ])
  })
})

describe('the nonce of a refused request is not claimed', () => {
  it.each<[string, number, Ask, StageOptions?]>([
    ['without a request_type', 400, async ({ agent }) => ({ by: identityOf(agent), form: new URLSearchParams() })],
    ['for an unknown scope', 400, (stage) => authRequest(stage, undefined, { form: { scope: 'a' } })],
    [
      'with a redirect URI that is not listed',
      400,
      (stage) => authRequest(stage, undefined, { redirectUri: 'https://evil.example/' }),
    ],
    ['by a policy', 403, (stage) => authRequest(stage), { policy: () => ({ deny: 'no' }) }],
    [
      'of a blocked agent',
      403,
      async (stage) => {
        await stage.storage.setAgentBlocked({ agent: stage.agent.id, blocked: true, by: 'operator' })
        return authRequest(stage)
      },
    ],
  ])('%s', async (_why, status, ask, options = {}) => {
    const { stage, calls } = await open(options)
    expect((await stage.fetch(await signForm(stage, await ask(stage)))).status).toBe(status)
    expect(claimsOf(calls)).toEqual([])
  })

  it('beyond the rate limit', async () => {
    const { stage, calls } = await open({ policy })
    const own = async () => {
      const form = { request_type: 'auth', scope: 'own.sync', redirect_uri: `${stage.agent.id}/callback` }
      const request = { by: identityOf(stage.agent), form: new URLSearchParams(form) }
      return (await stage.fetch(await signForm(stage, request))).status
    }
    const statuses: number[] = []
    for (let sent = 0; sent < 310; sent++) statuses.push(await own())
    expect(statuses.filter((status) => status === 429)).toHaveLength(10)
    expect(claimsOf(calls)).toHaveLength(300)
  })
})

describe('the nonce is claimed when the storage refuses the request', () => {
  it('with an unknown code', async () => {
    const { stage } = await open()
    const form = new URLSearchParams({ request_type: 'code', code: 'any' })
    const signed = await signForm(stage, { by: identityOf(stage.agent), form })
    const answer = await stage.fetch(signed.clone())
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: 'invalid_grant' }])
    expect((await stage.fetch(signed)).status).toBe(401)
  })

  it('of a blocked agent, and cannot be used after unblocking', async () => {
    const { stage } = await open()
    const allowed = await allow(stage)
    const signed = await signForm(stage, redemption(allowed))
    const block = { agent: stage.agent.id, by: 'operator' }
    await stage.storage.setAgentBlocked({ ...block, blocked: true })
    expect((await stage.fetch(signed.clone())).status).toBe(403)
    await stage.storage.setAgentBlocked({ ...block, blocked: false })
    expect((await stage.fetch(signed)).status).toBe(401)
    expect((await stage.fetch(await signForm(stage, redemption(allowed)))).status).toBe(200)
  })
})

describe('an agent with too many nonces', () => {
  it('must wait, changes nothing, and does not affect other agents', async () => {
    const stage = await openMapStage({}, { perAgent: 2 })
    onTestFinished(() => stage.close())
    const { id, signer } = stage.agent
    // Its delegates’ nonces count toward its own limit.
    const laptop = await newSigner()
    const claims = { iss: id, sub: 'laptop', exp: stage.clock.now + 600, cnf: { jwk: laptop.jwk } }
    const jwt = await issueToken(january.tokens.agent, claims, { signer, now: () => stage.clock.now })
    const delegate = { agent: id, signer: laptop, signatureKey: { scheme: 'jwt', jwt } as const }
    const source = { agent: id, thumbprint: 'any', network: '203.0.113' }
    for (const text of ['first', 'second']) await stage.storage.claimNonce({ key: hashOf(text), source, lifetime: 60 })
    const request = await authRequest(stage)
    for (const by of [request.by, delegate]) {
      const form = new URLSearchParams({ request_type: 'code', code: 'any' })
      const refused = await stage.fetch(await signForm(stage, { by, form }))
      expect(refused.status).toBe(429)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(await refused.json()).toMatchObject({ error: 'too_many_requests' })
    }
    expect((await stage.fetch(await signForm(stage, request))).status).toBe(429)
    expect(await stage.storage.listEvents({ event: 'request.created' })).toEqual([])
    const other = await authRequest(stage, identityOf(stage.otherAgent))
    expect((await stage.fetch(await signForm(stage, other))).status).toBe(200)
    stage.clock.now += 60
    expect((await stage.fetch(await signForm(stage, await authRequest(stage)))).status).toBe(200)
  })
})
