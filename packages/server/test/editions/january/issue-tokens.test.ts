import type { ErrorCode } from 'countersign'
import { describe, expect, it } from 'vitest'
import { exchangeCode, refreshToken } from '../../../src/editions/january/issue-tokens.js'

type Context = Parameters<typeof exchangeCode>[0]
type Agent = Parameters<typeof exchangeCode>[1]

const nonce = 'nonce' as never

const agent = { agent: 'https://agent.example', delegate: null, key: { thumbprint: 'jkt' } } as unknown as Agent

/** A server whose storage refuses every code and refresh token for this reason. */
function openRefusing(reason: string): Context {
  const refuse = async () => ({ outcome: 'refused', reason })
  return {
    storage: { redeemCode: refuse, refreshGrant: refuse },
    secrets: { random: () => 'aart_secret' },
    lifetimes: { authToken: 600, refreshIdle: 3600, refresh: 86_400 },
    bindCodeToKey: false,
  } as unknown as Context
}

describe('a code that storage refuses', () => {
  it.each<[string, ErrorCode]>([
    ['unknown', 'code_unknown'],
    ['expired', 'code_expired'],
    ['used', 'code_used'],
    ['foreign_agent', 'code_foreign'],
    ['foreign_delegate', 'code_foreign'],
    ['foreign_key', 'code_foreign'],
    ['redirect_mismatch', 'code_injected'],
    ['other_resource', 'code_injected'],
    ['injected', 'code_injected'],
    ['grant_ended', 'grant_ended'],
    ['user_disabled', 'grant_ended'],
  ])('as %s is refused with %s', async (reason, code) => {
    const action = exchangeCode(openRefusing(reason), agent, new Map([['code', 'secret']]))
    await expect(action.claiming(nonce)).rejects.toMatchObject({
      code,
      message: `The code was not redeemed: ${reason}.`,
    })
  })
})

describe('a refresh token that storage refuses', () => {
  const message = (reason: string) =>
    reason === 'scope_exceeded'
      ? 'The requested scope exceeds the refresh token’s scope: request fewer permissions.'
      : `The refresh token was not accepted: ${reason}.`

  it.each<[string, ErrorCode]>([
    ['unknown', 'refresh_token_refused'],
    ['foreign_agent', 'refresh_token_refused'],
    ['foreign_delegate', 'refresh_token_refused'],
    ['revoked', 'refresh_token_refused'],
    ['expired', 'refresh_token_refused'],
    ['idle', 'refresh_token_refused'],
    ['user_disabled', 'grant_ended'],
    ['grant_ended', 'grant_ended'],
    ['agent_blocked', 'agent_blocked'],
    ['scope_exceeded', 'scope_invalid'],
  ])('as %s is refused with %s', async (reason, code) => {
    const action = refreshToken(openRefusing(reason), agent, new Map([['refresh_token', 'secret']]))
    await expect(action.claiming(nonce)).rejects.toMatchObject({ code, message: message(reason) })
  })

  it.each(['', 'a  b', Array.from({ length: 65 }, (_, value) => `scope${value}`).join(' ')])(
    'nothing is looked up for the scope %j',
    (scope) => {
      const form = new Map([
        ['refresh_token', 'secret'],
        ['scope', scope],
      ])
      expect(() => refreshToken(openRefusing('unknown'), agent, form)).toThrow(
        expect.objectContaining({
          code: 'scope_invalid',
          message:
            'The scope must be 1 to 64 values of up to 128 characters each, separated by single spaces (RFC 6749 §3.3).',
        }),
      )
    },
  )
})
