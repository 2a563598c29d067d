import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it } from 'vitest'
import { ownGrants } from '../../src/consent/holdings.js'
import { agent, allowedRequest, newUser, times } from '../storage/fixtures.js'

it('loads active grants separately if an agent has 500 grants or more: an active one may be the oldest of all', async () => {
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  const user = await newUser(storage)
  const now = () => Math.floor(Date.now() / 1000)
  await allowedRequest(storage, { resource: 'https://live.example', maxOpen: 1000 }, {}, user)
  for (const _ of times(500, () => undefined)) await allowedRequest(storage, { maxOpen: 1000 }, {}, user)
  const ended = { userId: user.id, resource: 'https://calendar.example', by: 'test' }
  expect(await storage.revokeGrants(ended)).toBe(500)
  const own = await ownGrants({ storage, now, issuer: 'https://auth.example' }, user.id, { agent, delegate: null })
  expect(own.newest).toHaveLength(500)
  expect(own.live).toMatchObject([{ resource: 'https://live.example' }])
  expect(own.ended).toHaveLength(500)
  await storage.close()
})
