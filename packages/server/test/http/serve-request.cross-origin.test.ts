import { expect, it, onTestFinished } from 'vitest'
import { openHttpStage } from '../attacks/stage.js'

const page = { origin: 'https://page.example' }

function corsHeaders({ headers }: Response): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')))
}

const readable = { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' }

it('lets pages of any origin read responses to agents, refusals included', async () => {
  const stage = await openHttpStage()
  onTestFinished(() => stage.close())
  const send = (path: string, init?: RequestInit) => fetch(`${stage.authServer}${path}`, { headers: page, ...init })
  const responses = await Promise.all([
    send('/.well-known/aauth-issuer'),
    send('/jwks.json'),
    send('/agent/token', { method: 'POST' }),
    send('/agent/revoke', { method: 'POST' }),
  ])
  expect(responses.map(({ status }) => status)).toEqual([200, 200, 401, 401])
  for (const response of responses) expect(corsHeaders(response)).toEqual(readable)
})

it('answers preflight requests of agents without authentication, and those to pages and forms with 405 (C36)', async () => {
  const stage = await openHttpStage()
  onTestFinished(() => stage.close())
  const ask = (path: string) =>
    fetch(`${stage.authServer}${path}`, {
      method: 'OPTIONS',
      headers: { ...page, 'access-control-request-method': 'POST', 'access-control-request-headers': 'signature' },
    })
  const allowed = await ask('/agent/token')
  expect(allowed.status).toBe(204)
  expect(corsHeaders(allowed)).toEqual({
    ...readable,
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': '*, authorization',
    'access-control-max-age': '86400',
  })
  for (const path of ['/agent/auth', '/account/sign-in', '/account', '/account/confirm', '/account/with/x']) {
    const refused = await ask(path)
    expect([path, refused.status, corsHeaders(refused)]).toEqual([path, 405, {}])
  }
})
