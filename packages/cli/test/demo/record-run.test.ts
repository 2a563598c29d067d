import { beforeAll, describe, expect, it } from 'vitest'
import { attemptIn, recordRun } from '../../src/demo/record-run.js'

type Recorded = Awaited<ReturnType<typeof recordRun>>

describe('a recorded run', () => {
  let run: Recorded
  beforeAll(async () => {
    const ports = { agent: 0, resource: 0, 'auth-server': 0 }
    run = await recordRun({ ports, signal: new AbortController().signal })
  })

  it('contains the flow from the first refusal to the data, but no attempt', () => {
    const calls = run.exchanges.filter(({ from, request }) => from === 'agent' && request.url.endsWith('/data-auth'))
    expect(calls.map(({ response }) => response?.status)).toEqual([401, 200])
  })

  it('contains the refusal of every attempt, as the server sent it', () => {
    const { denied, ...refused } = run.attempts
    const errors = Object.entries(refused).map(([attempt, { response }]) => {
      const { error } = JSON.parse(response?.body ?? '') as { error: string }
      return [attempt, response?.status, error]
    })
    expect(errors).toEqual([
      ['alone', 401, 'invalid_signature'],
      ['wrongKey', 401, 'invalid_signature'],
      ['changed', 401, 'invalid_signature'],
      ['replayed', 401, 'invalid_signature'],
      ['expired', 401, 'expired_auth_token'],
      ['removed', 401, 'invalid_auth_token'],
    ])
    const location = denied.response?.headers.find(([name]) => name === 'location')?.[1]
    expect(location).toContain('error=access_denied')
  })

  it('changes one byte of what the agent signed, and repeats what was accepted', () => {
    const { changed, replayed } = run.attempts
    expect([changed.request.body, replayed.request.body]).toEqual(['{"amount":90}', '{"amount":10}'])
    const signed = ({ request }: typeof changed) =>
      request.headers.filter(([header]) => /^(signature|content-digest|nonce)/.test(header))
    expect(signed(changed)).toEqual(signed(replayed))
  })
})

it('finds an attempt beside a poll that had started before it and ended during it', () => {
  const seen = (url: string, status: number) => ({
    request: { method: 'GET', url, headers: [], body: null },
    response: { status, headers: [], body: null },
    respondedAfter: 2,
  })
  const poll = { from: 'resource', to: 'auth-server', ...seen('https://auth.example/revoked', 200) } as const
  const attempt = { from: 'peer', to: 'resource', ...seen('https://api.example/data', 401) } as const
  expect(attemptIn({ exchanges: () => [poll, attempt] }, 'peer')).toBe(attempt)
})
