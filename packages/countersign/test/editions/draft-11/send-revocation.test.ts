import { describe, expect, it } from 'vitest'
import { sendRevocation } from '../../../src/editions/draft-11/send-revocation.js'
import { ids, newSigner, now } from './wire.js'

const endpoint = 'https://ps.example/revoke'
const signer = await newSigner('agent-1')
type Send = Parameters<typeof sendRevocation>[2]['send']

const sendTo = (send: Send) =>
  sendRevocation(
    endpoint,
    { jti: 'token-1', expiresAt: now + 300 },
    { id: ids.agent, wellKnown: 'aauth-agent.json', signer, now: () => now, send },
  )

it('sends the token’s identifier and expiry, signed with a published key, and follows no redirect', async () => {
  const sent: Parameters<Send>[] = []
  await sendTo(async (...request) => {
    sent.push(request)
    return new Response(null)
  })
  const [[url, init] = []] = sent
  expect([sent.length, url]).toEqual([1, endpoint])
  expect(init).toMatchObject({
    method: 'POST',
    body: JSON.stringify({ jti: 'token-1', exp: now + 300 }),
    redirect: 'manual',
    headers: {
      'content-type': 'application/json',
      'content-digest': expect.any(String),
      'signature-input': expect.stringContaining(`created=${now}`),
      'signature-key': expect.stringMatching(/jwks.*id="https:\/\/agent\.example".*aauth-agent\.json/),
    },
  })
  expect(init?.headers?.['signature-key']).toContain('kid="agent-1"')
  expect(init?.signal?.aborted).toBe(false)
})

describe('the response', () => {
  const ofLength = (length: number) => `{"a":"${'x'.repeat(length - 8)}"}`

  it.each<[string, number, string | null, string]>([
    ['nothing', 200, null, 'delivered'],
    ['an empty body', 200, '', 'delivered'],
    ['an object', 200, '{}', 'delivered'],
    ['a page', 200, '<html>', 'failed'],
    ['4096 bytes', 200, ofLength(4096), 'delivered'],
    ['more', 200, ofLength(4097), 'failed'],
    ['another status', 202, null, 'failed'],
    ['a refusal of this issuer', 403, '{"error":"unsupported_iss"}', 'unsupported'],
    ['another refusal', 403, '{"error":"invalid_request"}', 'failed'],
    ['a refusal without a body', 403, null, 'failed'],
    ['no such path', 404, 'Not found', 'unsupported'],
    ['no such method', 405, null, 'unsupported'],
    ['that issuer, with another status', 400, '{"error":"unsupported_iss"}', 'failed'],
    ['an outage', 503, null, 'failed'],
  ])('of %s, status %i, is an outcome', async (_what, status, body, outcome) => {
    expect(await sendTo(async () => new Response(body, { status }))).toBe(outcome)
  })

  it('that never arrives means that the revocation failed', async () => {
    expect(await sendTo(() => Promise.reject(new TypeError('fetch failed')))).toBe('failed')
  })
})
