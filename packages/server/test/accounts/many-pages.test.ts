import { expect, it, onTestFinished } from 'vitest'
import { openRequest } from '../attacks/flow.js'
import { allowedRequest, manyNames, times } from '../storage/fixtures.js'
import { openAccount, signedIn } from './person.js'

async function opened() {
  const account = await openAccount()
  onTestFinished(() => account.stage.close())
  return account
}

it('a page of the list has at most 500 permissions, and the others are on further pages', async () => {
  const { stage, alice } = await opened()
  const user = (await stage.storage.findCredential('alice'))?.user
  for (const index of times(9, (each) => each))
    await allowedRequest(
      stage.storage,
      { agent: `https://agent-${index}.example`, scope: manyNames('data', 64), maxOpen: 20 },
      { scope: manyNames('data', 64) },
      user,
    )
  const agentsOn = (html: string) => new Set([...html.matchAll(/agent-\d\.example/g)].map(([host]) => host)).size
  const first = await alice.open('/account')
  const older = /href="(\/account\?page=\d+)"/.exec(first.html)?.[1] ?? ''
  const second = await alice.open(older)
  expect([agentsOn(first.html), agentsOn(second.html)]).toEqual([7, 2])
  expect(second.html).not.toMatch(/href="\/account\?page=3"/)
})

it('a user can open 120 pages of each kind and submit 120 forms in a minute, whatever others do', async () => {
  const { stage, alice } = await opened()
  const bob = await signedIn(stage, 'bob')
  const csrf = await alice.csrfAt('/account')
  const statuses = async (count: number, act: () => Promise<{ status: number }>) => {
    const seen: number[] = []
    while (seen.length < count) seen.push((await act()).status)
    return seen
  }
  expect(await statuses(119, () => alice.open('/account/yours'))).toEqual(Array(119).fill(200))
  expect(await alice.open('/account')).toMatchObject({ status: 429, state: 'too_many_requests' })
  const form = { action: 'remove-all-agents', csrf }
  expect(await statuses(121, () => alice.post('/account', form))).toEqual([...Array(120).fill(303), 429])
  const { url } = await openRequest(stage)
  expect(await statuses(121, () => alice.browser.open(url))).toEqual([...Array(120).fill(200), 429])
  expect(await bob.open('/account')).toMatchObject({ status: 200 })
  stage.clock.now += 60
  expect(await alice.open('/account')).toMatchObject({ status: 200 })
})

it('a user can download their data ten times an hour', async () => {
  const { stage, alice } = await opened()
  const download = async () => (await alice.open('/account/download')).status
  for (const _ of times(10, () => undefined)) expect(await download()).toBe(200)
  expect(await download()).toBe(429)
  stage.clock.now += 3600
  expect(await download()).toBe(200)
})
