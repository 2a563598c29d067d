import type { Storage } from 'countersign-server'
import { expect, it, onTestFinished, vi } from 'vitest'
import {
  askPerson,
  decide,
  obtainPerson,
  openPerson,
  openPersonStage,
  type PersonStage,
  people,
  poll,
} from './person-stage.js'

const bobs = { sub: 'aauth:bobs@agent.example' }

/** Issues this many person tokens for the agent of a user who has allowed it. */
async function issueTokens(stage: PersonStage, count: number, resource: string): Promise<void> {
  for (let left = count; left > 0; left--) expect((await askPerson(stage, { resource })).status).toBe(200)
}

async function revokeAll(storage: Storage): Promise<void> {
  for (const { id, userId } of (await storage.listGrants({ live: true })).toReversed())
    await storage.revokeGrant({ grantId: id, by: userId })
}

it('a user with many revoked tokens, and a resource that does not respond, delay no other user or resource', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const stage = await openPersonStage()
  const { resource, otherResource, origins } = stage
  const silent: (() => void)[] = []
  onTestFinished(() => {
    for (const end of silent) end()
  })
  const received: string[] = []
  const rest = origins?.get(resource.id)
  const documents = new Map([
    [resource.id, { ...stage.documents.resource, revocation_endpoint: `${resource.id}/revoked` }],
    [
      otherResource.id,
      {
        issuer: otherResource.id,
        jwks_uri: `${otherResource.id}/keys.json`,
        revocation_endpoint: `${otherResource.id}/revoked`,
      },
    ],
  ])
  for (const [id, document] of documents)
    origins?.set(id, async (request) => {
      const { pathname } = new URL(request.url)
      if (pathname === '/.well-known/aauth-resource.json') return Response.json(document)
      if (pathname !== '/revoked') return rest?.(request) ?? Response.error()
      received.push(id)
      if (id === resource.id) await new Promise<void>((end) => silent.push(end))
      return new Response(null)
    })
  await obtainPerson(stage)
  await issueTokens(stage, 40, resource.id)
  const { location, page } = await openPerson(stage, { resource: otherResource.id }, bobs)
  await decide(stage, page, 'grant', { person: people.bob })
  expect((await poll(stage, location, bobs)).status).toBe(200)
  await revokeAll(stage.storage)
  vi.advanceTimersByTime(10_000)
  await expect.poll(() => received.filter((id) => id === otherResource.id).length).toBe(1)
  expect(received.filter((id) => id === resource.id)).toHaveLength(3)
})
