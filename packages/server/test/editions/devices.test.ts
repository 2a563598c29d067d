import { describe, expect, it } from 'vitest'
import {
  createDeviceRate,
  createRedemption,
  createRenewal,
  requireAllowedToDevice,
  requireDevice,
} from '../../src/editions/devices.js'
import { secretHash } from '../secret-hash.js'

type Context = Parameters<typeof createRedemption>[0]
type KeyRequest = Parameters<ReturnType<typeof createRedemption>>[0]
type Agent = Parameters<typeof requireDevice>[1]

const now = 1_800_000_000
const id = '0190a8c4-7d3e-4b21-9f00-00ff10203040'
const device = {
  id,
  name: 'laptop',
  user: { username: 'alice' },
  thumbprint: 'jkt',
  connectedAt: now - 60,
  expiresAt: null as number | null,
  isRemote: false,
}
const described = { name: id, device: 'laptop', account: 'alice', connected_at: now - 60, expires_at: null }

/** A server whose storage finds this device, and responds with this to the redemption of a code. */
function open({ found, redeemed }: { found?: object | undefined; redeemed?: object } = {}) {
  const calls: [string, object][] = []
  const called =
    (verb: string, answer?: unknown) =>
    async (args: object): Promise<unknown> => {
      calls.push([verb, args])
      return answer
    }
  const context = {
    issuer: 'https://auth.example',
    now: () => now,
    personalAgents: { most: 9, isUsable: (each: { isUsable?: boolean }) => each.isUsable !== false },
    revokedToken: 'revoked_jwt',
    readRisk: (name: string) => ({ risk: name.split('.')[1] }),
    storage: {
      findDevice: called('find', found),
      useDevice: called('use'),
      redeemDeviceCode: called('redeem', redeemed),
    },
  } as unknown as Context
  const requestOf = (form: Record<string, string>) =>
    ({
      form: new Map(Object.entries(form)),
      key: { thumbprint: 'jkt' },
      remoteAddress: '192.0.2.1',
      claim: async (holder?: string) => void calls.push(['claim', { id: holder }]),
    }) as unknown as KeyRequest
  return { context, calls, requestOf }
}

describe('a code that a device redeems', () => {
  const redeem = async (redeemed: object, form: Record<string, string>) => {
    const { context, calls, requestOf } = open({ redeemed })
    const response = await createRedemption(context, createDeviceRate(context))(requestOf(form))
    expect(response.headers.get('cache-control')).toBe('no-store')
    return { calls, status: response.status, body: await response.json() }
  }

  it('connects it', async () => {
    const code = 'a'.repeat(21)
    const { calls, ...answer } = await redeem({ outcome: 'connected', device }, { credential: code, device: 'laptop' })
    expect(answer).toEqual({ status: 201, body: { ...described, issuer: 'https://auth.example' } })
    const args = { thumbprint: 'jkt', name: 'laptop', ip: '192.0.2.1', lifetime: 86_400, most: 9 }
    expect(calls).toEqual([
      ['claim', {}],
      ['redeem', { ...args, codeHash: secretHash(code) }],
    ])
  })

  it('waits for its owner if it was typed', async () => {
    const waiting = { outcome: 'waiting', number: '47', user: { username: 'alice' } }
    const { calls, ...answer } = await redeem(waiting, { credential: 'o1-i l'.padEnd(20, 'l') })
    expect(answer).toEqual({ status: 202, body: { number: '47', interval: 2, account: 'alice' } })
    expect(calls[1]).toMatchObject(['redeem', { codeHash: secretHash('011'.padEnd(18, '1')) }])
  })

  it.each([
    ['unknown', 'enrollment_denied', 'The code is not valid.'],
    ['expired', 'enrollment_denied', 'The code has expired: start again.'],
    ['foreign_key', 'enrollment_denied', 'The code belongs to another key.'],
    ['user_disabled', 'enrollment_denied', 'The account cannot connect devices.'],
    ['key_taken', 'key_taken', 'This key belongs to a device already: generate a new one.'],
    ['too_many', 'too_many_devices', 'The account has as many devices as allowed: disconnect one under My agents.'],
  ])('is refused if it is %s', async (reason, code, message) => {
    const refused = redeem({ outcome: 'refused', reason }, { credential: 'x' })
    await expect(refused).rejects.toMatchObject({ code, message })
  })

  it.each([
    [{}, 'Send the code as credential.'],
    [
      { credential: 'x', device: 'a\nb' },
      'device must be a name of 1 to 64 characters on one line, without control characters.',
    ],
  ])('is refused in %j', async (form, message) => {
    await expect(redeem({}, form)).rejects.toMatchObject({ code: 'request_malformed', message })
  })
})

describe('a token that a device renews', () => {
  it.each([
    [null, 3600],
    [now + 4000, 3600],
    [now + 100, 100],
    [now + 0.5, 1],
  ])('ends with a device that ends at %s: after %i s', async (expiresAt, lifetime) => {
    const { context, calls, requestOf } = open({ found: { ...device, expiresAt } })
    const issue = async ({ id: name }: { id: string }, seconds: number) => ({ id: name, seconds })
    const response = await createRenewal(context, createDeviceRate(context), () => issue)(requestOf({}))
    expect([response.status, await response.json()]).toEqual([200, { id, seconds: lifetime }])
    expect(calls).toEqual([
      ['find', { thumbprint: 'jkt' }],
      ['claim', { id }],
      ['find', { id }],
      ['use', { id, ip: '192.0.2.1' }],
    ])
  })

  it.each([
    [undefined, 'unknown_delegate', undefined],
    [{ ...device, isUsable: false }, 'revoked_delegate', id],
  ])('is refused to %j', async (found, code, delegate) => {
    const { context, requestOf } = open({ found })
    const renew = createRenewal(context, createDeviceRate(context), () => async () => ({}))
    await expect(renew(requestOf({}))).rejects.toMatchObject({ code, delegate })
  })
})

describe('an agent of this server', () => {
  const agent = { agent: 'https://auth.example', delegate: id, key: { thumbprint: 'jkt' } } as unknown as Agent

  it('is a device that is connected', async () => {
    const { context } = open({ found: device })
    expect(await requireDevice(context, agent)).toEqual({ ...agent, device, member: 'known', actsForItself: false })
  })

  it.each([
    ['is not connected', undefined],
    ['has another key', { ...device, thumbprint: 'other' }],
    ['may not be used', { ...device, isUsable: false }],
  ])('is refused if it %s', async (_what, found) => {
    await expect(requireDevice(open({ found }).context, agent)).rejects.toMatchObject({
      code: 'agent_token_invalid',
      error: 'revoked_jwt',
      message: 'This device is not connected anymore: run countersign login.',
    })
  })
})

it.each([
  [{ isRemote: true }, 'data.read data.delete', 'policy_denied'],
  [{ isRemote: true }, 'data.read', undefined],
  [{ isRemote: false }, 'data.delete', undefined],
  [undefined, 'data.delete', undefined],
])('the device %j that asks for %s is refused: %s', (asking, scope, code) => {
  const judge = () =>
    requireAllowedToDevice(
      open().context,
      { device: asking as Agent['device'] },
      {
        resource: 'https://api.example',
        scope: scope.split(' '),
      },
    )
  if (code === undefined) judge()
  else expect(judge).toThrow(expect.objectContaining({ code }))
})
