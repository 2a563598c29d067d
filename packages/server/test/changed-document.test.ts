import { expect, it, onTestFinished } from 'vitest'
import { authRequest, signForm } from './attacks/flow.js'
import { openMapStage } from './attacks/stage.js'

it('finds a newly listed redirect URI of an agent, with at most one fetch a minute', async () => {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  const ask = async (redirectUri: string) =>
    (await stage.fetch(await signForm(stage, await authRequest(stage, undefined, { redirectUri })))).status
  const other = `${stage.agent.id}/other`
  const third = `${stage.agent.id}/third`
  expect(await ask(`${stage.agent.id}/callback`)).toBe(200)
  stage.agent.document.redirect_uris = [other]
  expect(await ask(other)).toBe(200)
  stage.agent.document.redirect_uris = [third]
  expect(await ask(third)).toBe(400)
  stage.clock.now += 61
  expect(await ask(third)).toBe(200)
})
