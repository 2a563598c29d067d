import { expect, it } from 'vitest'
import { allow, openRequest } from './attacks/flow.js'
import { identityOf } from './attacks/party.js'
import { openMapStage } from './attacks/stage.js'

it('lets one user allow sixty requests a minute, refuses more, and continues afterwards', async () => {
  const stage = await openMapStage()
  const by = identityOf(stage.agent)
  const fromAgent = { referer: `${stage.agent.id}/` }
  const { user } = await allow(stage, by, { duration: 'until-removed' })
  // With a page, since consent is required each time, or without one.
  for (let count = 1; count < 60; count++) {
    const { url } = await openRequest(stage, by, { form: count % 2 === 0 ? { prompt: 'consent' } : {} })
    const shown = await user.open(url, fromAgent)
    const answer = shown.status === 303 ? shown : await user.submit(await shown.text(), url, { consent: 'grant' })
    expect(answer.headers.get('location')).toContain('code=')
  }

  const { url } = await openRequest(stage, by)
  const page = await (await user.open(url, fromAgent)).text()
  expect(page).toContain('data-state="consent-known"')
  const refused = await user.submit(page, url, { consent: 'grant' })
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await refused.text()).toContain('data-error-code="too_many_requests"')
  const denied = await user.submit(page, url, { consent: 'deny' })
  expect(denied.headers.get('location')).toContain('error=access_denied')

  stage.clock.now += 61
  const again = await openRequest(stage, by)
  expect((await user.open(again.url, fromAgent)).headers.get('location')).toContain('code=')
  await stage.close()
})
