import { receiveRequest } from 'countersign/wire'
import { createAuthServer, fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it } from 'vitest'
import { createScriptedUser } from '../scripted-user.js'
import { issuer, openCrowd } from './crowd.js'
import { newSigner } from './party.js'

it('A20: new agents on one address get 1,000 requests through, on two instances together, and leave no more rows', {
  timeout: 120_000,
}, async () => {
  const { ask, clock, storage, rows } = await openCrowd()
  const counts = new Map<number, number>()
  let refused: Response | undefined
  for (let count = 0; count < 1020; count++) {
    const response = await ask(`https://a${count}.crowd.example`, '2001:db8:0:1::1')
    counts.set(response.status, (counts.get(response.status) ?? 0) + 1)
    if (response.status === 429) refused = response
  }
  expect(Object.fromEntries(counts)).toEqual({ 200: 1000, 429: 20 })
  expect(refused?.headers.get('retry-after')).toBe('60')
  const tables = () => Object.fromEntries(['auth_request', 'agent', 'attempt'].map((table) => [table, rows(table)]))
  expect(tables()).toEqual({ auth_request: 1000, agent: 1000, attempt: 1002 })

  expect((await ask('https://b.crowd.example', '2001:db8:0:1:ffff::2')).status, 'of the same subscriber').toBe(429)
  expect((await ask('https://b.crowd.example', '2001:db8:0:2::1')).status, 'of another subscriber').toBe(200)
  clock.now += 3599
  expect((await ask('https://c.crowd.example', '2001:db8:0:1::1')).status, 'within the hour').toBe(429)
  clock.now += 1
  expect((await ask('https://c.crowd.example', '2001:db8:0:1::1')).status, 'an hour later').toBe(200)

  clock.now += 86_400 + 600
  await storage.sweep()
  expect(tables()).toMatchObject({ auth_request: 0, attempt: 0 })
  clock.now += 90 * 86_400
  await storage.sweep()
  expect(await storage.listAgents()).toEqual([])
  // The audit names them for 400 days.
  clock.now += 310 * 86_400
  await storage.sweep()
  expect(tables()).toEqual({ auth_request: 0, agent: 0, attempt: 0 })
  expect([rows('resource'), rows('display')]).toEqual([0, 0])
})

it('A20: an agent beyond its own limit takes nothing from the others at its address', {
  timeout: 120_000,
}, async () => {
  const { ask } = await openCrowd({ policy: () => ({ deny: 'nobody' }) })
  for (let count = 0; count < 1010; count++) {
    const { status } = await ask('https://noisy.crowd.example', '192.0.2.7')
    expect(status).toBe(count < 300 ? 403 : 429)
  }
  expect((await ask('https://quiet.crowd.example', '192.0.2.7')).status).toBe(403)
})

it('A20: one subscriber makes 20 accounts an hour at most, from whichever of its addresses', async () => {
  const keys = fixedKeys({ signer: await newSigner(), secret: new Uint8Array(32).fill(7) })
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  const server = createAuthServer({ issuer, keys, storage, accounts: { signUp: true } })
  const url = `${issuer}/account/sign-up`
  const signUpFrom = async (address: string) => {
    const user = createScriptedUser(async (input, init) => {
      const request = new Request(input, init)
      return server.handler(request, receiveRequest(request, address))
    })
    const page = await (await user.open(url)).text()
    const password = 'a password of theirs'
    return (await user.submit(page, url, { username: crypto.randomUUID(), password, action: 'sign-up' })).status
  }
  for (let count = 0; count < 20; count++) expect(await signUpFrom(`2001:db8:0:1::${count}`)).toBe(303)
  expect(await signUpFrom('2001:db8:0:1:abcd::1')).toBe(429)
  expect(await signUpFrom('2001:db8:0:2::1')).toBe(303)
})
