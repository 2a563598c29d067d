import { randomUUID } from 'node:crypto'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it } from 'vitest'
import { ownGrants } from '../../src/consent/holdings.js'
import { agent, allowedRequest, newUser, times } from '../storage/fixtures.js'

it('loads active grants separately if an agent has 500 grants or more: an active one may be the oldest of all', async () => {
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  const user = await newUser(storage)
  const now = () => Math.floor(Date.now() / 1000)
  const device = (id: string) => ({ agent, delegate: id })
  const [phone, laptop] = [device(randomUUID()), device(randomUUID())]
  await allowedRequest(storage, { ...phone, resource: 'https://live.example', maxOpen: 1000 }, {}, user)
  for (const _ of times(500, () => undefined)) await allowedRequest(storage, { ...laptop, maxOpen: 1000 }, {}, user)
  const ended = { userId: user.id, resource: 'https://calendar.example', by: 'test' }
  expect(await storage.revokeGrants(ended)).toBe(500)
  const ownOf = (form: { agent: string; delegate: string }, issuer: string) =>
    ownGrants({ storage, now, issuer }, user.id, form)
  const own = await ownOf(laptop, 'https://auth.example')
  expect(own).toMatchObject({ live: [{ resource: 'https://live.example' }], isComplete: false })
  expect([own.newest.length, own.ended.length]).toEqual([500, 500])
  // Of an agent that is the server itself, each device is an agent.
  expect(await ownOf(laptop, agent)).toMatchObject({ live: [], isComplete: false })
  expect(await ownOf(phone, agent)).toMatchObject({ live: [{ delegate: phone.delegate }], ended: [] })
  await storage.close()
})
