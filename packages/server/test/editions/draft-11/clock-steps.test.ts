import { expect, it } from 'vitest'
import {
  askPerson,
  decide,
  obtainPerson,
  openConsent,
  openPerson,
  openPersonStage,
  poll,
  problemIn,
  send,
} from './person-stage.js'

const hour = 3600

/**
 * A stage on which the clock of the server and of its SQLite database steps: one request whose page is open and whose poll waits, one that a
 * user has allowed, and one that no user has opened.
 */
async function openSteps() {
  const stage = await openPersonStage()
  await obtainPerson(stage)
  const ask = () => openPerson(stage, { prompt: 'consent' })
  const [shown, allowed, unopened] = [await ask(), await ask(), await ask()]
  const { user, html, url } = await openConsent(stage, shown.page)
  await decide(stage, allowed.page, 'grant', { user, duration: '86400' })
  const held = poll(stage, shown.location, { wait: 20 })
  // The poll waits once the nonce of a later request is claimed.
  expect((await askPerson(stage)).status).toBe(200)
  return {
    stage,
    shown,
    allowed,
    unopened,
    held,
    submit: () => user.submit(html, url, { consent: 'grant' }),
    user,
    url,
  }
}

it('if the clock steps back by an hour, the user can decide, and both decisions are delivered', async () => {
  const { stage, allowed, unopened, held, submit } = await openSteps()
  stage.clock.now -= hour
  expect(await (await submit()).text()).toContain('data-state="return-to-app"')
  expect((await held).status).toBe(200)
  expect((await poll(stage, allowed.location, { wait: 1 })).status).toBe(200)
  expect((await poll(stage, unopened.location)).status).toBe(202)
  expect(await stage.storage.findViolations()).toEqual([])
})

it('if the clock steps ahead by an hour, requests expire, also for a waiting poll, and what was allowed stays allowed', async () => {
  const { stage, allowed, unopened, held, submit } = await openSteps()
  stage.clock.now += hour
  expect(await problemIn(await held)).toMatchObject({ status: 403, error: 'abandoned' })
  expect(await (await submit()).text()).toContain('data-state="request_expired"')
  expect(await problemIn(await poll(stage, unopened.location))).toMatchObject({ status: 408, error: 'expired' })
  expect(await problemIn(await poll(stage, allowed.location))).toMatchObject({ status: 408, error: 'expired' })
  expect((await askPerson(stage)).status).toBe(200)
  expect(await stage.storage.findViolations()).toEqual([])
})

it('after a step back, polls are not too fast because of those before it', async () => {
  const stage = await openPersonStage()
  const { location } = await openPerson(stage)
  const at = () => send(stage, new Request(location))
  expect((await at()).status).toBe(202)
  stage.clock.now -= 30
  expect((await at()).status).toBe(202)
  expect(await problemIn(await at())).toMatchObject({ status: 429, error: 'slow_down' })
})
