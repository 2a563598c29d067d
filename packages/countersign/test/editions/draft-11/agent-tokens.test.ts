import { createSigner, generatePrivateJwk } from 'countersign'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import {
  createAgentTokens,
  isTokenRefused,
  presentableUntil,
  sendAs,
} from '../../../src/editions/draft-11/agent-tokens.js'

type Tools = Parameters<typeof createAgentTokens>[0]

const start = 1_790_000_000
const signer = await createSigner(await generatePrivateJwk({ kid: 'a' }))
const id = 'https://agent.example'

function openTokens(change: Partial<Tools> = {}) {
  const clock = { now: start + 0.5 }
  const tools = { id, signer, authServers: ['https://ps.example'], now: () => clock.now, isShared: false, ...change }
  return { clock, tokens: createAgentTokens(tools as Tools) }
}

describe('the agent tokens of an agent that is its own provider', () => {
  it('are valid for an hour, and replaced five minutes before that', async () => {
    const { clock, tokens } = openTokens()
    const first = await tokens.tokenFor('aauth:bot@agent.example')
    expect(decodeToken(first)).toMatchObject({
      header: { typ: 'aa-agent+jwt' },
      payload: { iss: id, sub: 'aauth:bot@agent.example', ps: 'https://ps.example', iat: start, exp: start + 3600 },
    })
    clock.now = start + 3299
    expect(await tokens.tokenFor('aauth:bot@agent.example')).toBe(first)
    expect(await tokens.tokenFor('aauth:other@agent.example')).not.toBe(first)
    clock.now = start + 3300
    const second = await tokens.tokenFor('aauth:bot@agent.example')
    expect(second).not.toBe(first)
    tokens.drop('aauth:bot@agent.example')
    expect(await tokens.tokenFor('aauth:bot@agent.example')).not.toBe(second)
  })

  it('name no person server if none is set, and have a name for each user or one alone', async () => {
    const { tokens } = openTokens({ authServers: [] })
    expect(decodeToken(await tokens.tokenFor(tokens.ownName))?.payload).not.toHaveProperty('ps')
    expect(tokens.ownName).toBe('aauth:agent@agent.example')
    expect(tokens.createName()).toMatch(/^aauth:[\w-]{22}@agent\.example$/)
    expect(tokens.createName()).not.toBe(tokens.createName())
  })
})

it('a token that another provider could not issue is requested again', async () => {
  let calls = 0
  const agentToken = async () => {
    calls++
    throw new Error('down')
  }
  const { tokens } = openTokens({ agentToken })
  for (let time = 1; time <= 2; time++) {
    await expect(tokens.tokenFor(tokens.ownName)).rejects.toThrow('down')
    expect(calls).toBe(time)
  }
  expect(() => openTokens({ agentToken, isShared: true })).toThrow('must issue its own agent tokens')
})

it('a token that another provider issued is refused once it has expired, or if it is for another key', async () => {
  const jwt = await openTokens().tokens.tokenFor('aauth:bot@agent.example')
  const tokenAt = (now: number, change: Partial<Tools> = {}) => {
    const { tokens } = openTokens({ agentToken: async () => jwt, now: () => now, ...change })
    return tokens.tokenFor(tokens.ownName)
  }
  expect(await tokenAt(start + 3599)).toBe(jwt)
  await expect(tokenAt(start + 3600)).rejects.toMatchObject({
    code: 'token_request_failed',
    message: 'The agent token that agentToken returned has expired.',
  })
  const other = await createSigner(await generatePrivateJwk({ kid: 'b' }))
  await expect(tokenAt(start, { signer: other })).rejects.toThrow('is bound to another key than the signer’s')
  await expect(tokenAt(start, { agentToken: async () => 'a.b.c' })).rejects.toThrow(
    'is not a token of type aa-agent+jwt',
  )
})

it.each([
  [3600, 3300],
  [1200, 900],
  [1199, 899.25],
  [400, 300],
  [0, 0],
  [-10, -10],
])('a token that expires in %d seconds is presented for %d seconds', (left, until) => {
  expect(presentableUntil(start + left, start) - start).toBe(until)
})

const refusing = (status: number, error?: string) =>
  new Response('', { status, headers: error === undefined ? {} : { 'signature-error': `error=${error}` } })

it.each([
  [401, 'expired_jwt', true],
  [401, 'revoked_jwt', true],
  [401, 'invalid_jwt', false],
  [401, undefined, false],
  [403, 'expired_jwt', false],
])('a %d with the error %s refuses the token: %s', (status, error, expected) => {
  expect(isTokenRefused(refusing(status, error))).toBe(expected)
})

it.each([
  ['refused', refusing(401, 'expired_jwt'), 2],
  ['accepted', refusing(403), 1],
])('a request whose agent token is %s is sent %#', async (_how, first, times) => {
  const { tokens } = openTokens()
  const name = tokens.ownName
  const before = await tokens.tokenFor(name)
  const sent: [string, unknown][] = []
  const last = new Response('last')
  const send = async (request: Request, credential: unknown) => {
    sent.push([await request.text(), credential])
    return sent.length === 1 ? first : last
  }
  const request = new Request('https://api.example', { method: 'POST', body: 'a' })
  expect(await sendAs({ send, agentTokens: tokens } as never, request, name)).toBe(times === 2 ? last : first)
  expect(sent).toEqual(Array.from({ length: times }, () => ['a', { scheme: 'agent', agentName: name }]))
  expect((await tokens.tokenFor(name)) === before).toBe(times === 1)
})
