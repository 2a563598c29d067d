import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { startParties } from './loopback-parties.js'
import { createOperatorStage } from './operator-stage.js'

const person = { username: 'alice', password: 'a password of alice' }

it('a rule that is added while the server runs applies within five seconds; an invalid file changes nothing', async () => {
  const stage = await createOperatorStage()
  const instance = await stage.serve()
  await stage.run('server users add alice --password-stdin', { input: `${person.password}\n` })
  const ask = async () => {
    const { agent, resource } = await startParties(stage.issuer, person)
    return agent.fetch(`${resource}/data-auth`).then(
      ({ status }) => status,
      (error: { code?: string }) => error.code,
    )
  }
  expect(await ask()).toBe(200)
  const settings = JSON.parse(readFileSync(stage.config, 'utf8'))
  const change = (changed: object) => writeFileSync(stage.config, JSON.stringify({ ...settings, ...changed }))
  const logged = (event: string) => expect.poll(() => instance.said().stdout).toContain(`"event":"${event}"`)

  change({ policies: [{ name: 'closed', agent: '*', decision: 'deny' }] })
  await logged('policies.changed')
  expect(await ask()).toBe('access_denied')

  change({ policies: [{ agent: '*', decision: 'maybe' }] })
  await logged('config.not_read')
  expect(await ask()).toBe('access_denied')

  change({ policies: [], name: 'Another name' })
  await logged('config.needs_restart')
  expect(await ask()).toBe(200)
})
