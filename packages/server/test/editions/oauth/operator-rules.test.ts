import { decodeToken } from 'countersign/tokens'
import { type Policy, policyOfRules, type Storage } from 'countersign-server'
import { expect, it } from 'vitest'
import { openMapStage } from '../../attacks/stage.js'
import {
  allowed,
  authorizeUrl,
  clientDocument,
  decide,
  json,
  openConsent,
  openStage,
  redeem,
  refresh,
  resourceDocument,
} from './oauth-stage.js'

const metadata = 'https://notes.example/.well-known/oauth-protected-resource/mcp'
const spellings = [
  'HTTPS://notes.example/mcp',
  'https://NOTES.example/mcp',
  'https://notes.example:443/mcp',
  'https://notes.example/mcp/',
]

/** Opens a stage whose resource spells itself in its own way, with a rule that denies it once `rule.applies`. */
async function openDenied(spelling: string, pattern: string) {
  const rule = { applies: false }
  const denying = policyOfRules([{ agent: '*', resource: pattern, decision: 'deny' }])
  const policy: Policy = (request) => (rule.applies ? denying(request) : 'ask')
  const stage = await openStage({}, (options) => openMapStage({ ...options, policy }))
  stage.documents.set(metadata, () => json({ ...resourceDocument, resource: spelling }))
  return { stage, rule }
}

const cases = spellings.flatMap((spelling) =>
  ['https://notes.example', 'https://notes.example/mcp'].map((pattern) => [pattern, spelling] as const),
)

it.each(cases)('a rule that denies %s refuses a request for %s', async (pattern, spelling) => {
  const { stage, rule } = await openDenied(spelling, pattern)
  rule.applies = true
  const { user } = await openConsent(stage)
  expect((await user.open(authorizeUrl())).status).toBe(403)
})

it.each(cases)('a rule that denies %s refuses codes and refresh tokens for %s', async (pattern, spelling) => {
  const { stage, rule } = await openDenied(spelling, pattern)
  const issued = await allowed(stage)
  expect(decodeToken(issued.access_token)?.payload.aud).toBe(spelling)
  const { user, consent, page } = await openConsent(stage)
  const decided = await user.submit(page, consent, { consent: 'grant' })
  const code = new URL(decided.headers.get('location') ?? '').searchParams.get('code') ?? ''
  rule.applies = true
  expect(await redeem(stage, code)).toMatchObject({ error: 'access_denied' })
  expect(await refresh(stage, issued.refresh_token)).toMatchObject({ error: 'access_denied' })
})

it('a rule that grants prompts the user of an OAuth client, and counts its requests per hour and per day', async () => {
  const outcomes: unknown[] = []
  const windows: number[] = []
  const stage = await openStage({}, (options) =>
    openMapStage({
      ...options,
      policy: () => ({ grant: 'internal' }),
      onEvent: (event) => {
        if (event.kind === 'decision' && event.by === 'policy') outcomes.push([event.outcome, event.rule])
      },
      wrap: (storage) =>
        Object.assign(Object.create(storage), {
          countRequest: (counted: Parameters<Storage['countRequest']>[0]) => {
            windows.push(...counted.attempts.map(({ window }) => window))
            return storage.countRequest(counted)
          },
        }),
    }),
  )
  await openConsent(stage)
  expect(outcomes).toEqual([['asked', undefined]])
  expect(windows).toEqual(expect.arrayContaining([3600, 86_400]))
})

it.each(['https://client.example/', 'https://client.example:8443/client.json'])(
  'a block of the host covers the client %s',
  async (client) => {
    const stage = await openStage()
    const respond = async () => json({ ...clientDocument, client_id: client })
    stage.origins?.set(new URL(client).origin, respond)
    const url = authorizeUrl({ client_id: client })
    const [issued, unused] = [await decide(stage, 'grant', url), await decide(stage, 'grant', url)].map(
      (answer) => answer.searchParams.get('code') ?? '',
    )
    const { refresh_token, status } = await redeem(stage, issued ?? '', { client_id: client })
    expect(status).toBe(200)
    const { user } = await openConsent(stage, url)
    await stage.storage.setAgentBlocked({ agent: 'https://client.example', blocked: true, by: 'operator' })
    expect((await user.open(url)).status).toBe(403)
    expect(await redeem(stage, unused ?? '', { client_id: client })).toMatchObject({ error: 'invalid_grant' })
    expect(await refresh(stage, refresh_token, { client_id: client })).toMatchObject({ error: 'invalid_grant' })
    const since = stage.clock.now - 600
    const { revoked } = await stage.storage.listRevocations({ since, perUser: 20, limit: 100, families: true })
    expect(revoked).toContainEqual({ kind: 'agent', value: client })
  },
)
