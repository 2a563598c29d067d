import { expect, it } from 'vitest'
import { openConsent, openPerson, openPersonStage } from './person-stage.js'

const warning = 'could be taken for a message from us'

it('no agent imitates a server named AAuth just because of how agents are named', async () => {
  const stage = await openPersonStage({ name: 'AAuth' })
  const { html } = await openConsent(stage, (await openPerson(stage)).page)
  expect(html).toContain('aauth:bot@agent.example')
  expect(html).not.toContain(warning)
})

it('an agent imitates the server if it chose such a name', async () => {
  const stage = await openPersonStage()
  const { page } = await openPerson(stage, {}, { sub: 'aauth:security-team@agent.example' })
  expect((await openConsent(stage, page)).html).toContain(warning)
})
