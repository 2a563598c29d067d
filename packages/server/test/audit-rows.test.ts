import { expect, it, onTestFinished } from 'vitest'
import { fetchFrom, openMapStage } from './attacks/stage.js'

/** Forms that no page made, one from each address; returns the number of audit rows they leave. */
async function rowsOfForged(addresses: readonly string[]): Promise<number> {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  for (const address of addresses) {
    const request = new Request(`${stage.authServer}/account/sign-in`, {
      method: 'POST',
      body: new URLSearchParams({ action: 'login' }),
    })
    expect((await fetchFrom(stage, address)(request)).status).toBe(403)
  }
  return (await stage.storage.listEvents({ event: 'form.forged' })).length
}

const addresses = (count: number, of: (index: number) => string) => Array.from({ length: count }, (_, at) => of(at))

it.each([
  ['one address', 20, addresses(50, () => '203.0.113.1')],
  ['the addresses of an IPv4 /24', 40, addresses(100, (at) => `203.0.113.${at}`)],
  ['the /64s of an IPv6 /48', 40, addresses(100, (at) => `2001:db8:1:${at.toString(16)}::1`)],
  ['the /48s of an IPv6 /32', 125, addresses(200, (at) => `2001:db8:${at.toString(16)}::1`)],
])('V12: forged forms from %s leave at most %i rows in the audit log in 15 minutes', async (_, most, from) => {
  expect(await rowsOfForged(from)).toBe(most)
})

it('V12: a forged form that exceeds a limit causes no write', async () => {
  let writes = 0
  const stage = await openMapStage({
    wrap: (storage) => ({
      ...storage,
      countAttempt: (attempt) => {
        writes += 1
        return storage.countAttempt(attempt)
      },
      recordEvent: (event) => {
        writes += 1
        return storage.recordEvent(event)
      },
    }),
  })
  onTestFinished(() => stage.close())
  const forge = () => {
    const body = new URLSearchParams({ action: 'login' })
    return fetchFrom(stage, '203.0.113.1')(`${stage.authServer}/account/sign-in`, { method: 'POST', body })
  }
  for (let sent = 0; sent < 20; sent += 1) await forge()
  const recorded = writes
  expect(recorded).toBe(20 * 5)
  for (let sent = 0; sent < 20; sent += 1) expect((await forge()).status).toBe(403)
  expect(writes).toBe(recorded)
  stage.clock.now += 900
  await forge()
  expect(writes).toBe(recorded + 5)
})
