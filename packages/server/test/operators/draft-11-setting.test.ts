import { expect, it } from 'vitest'
import { createOperatorStage } from './operator-stage.js'

const statusOf = async (origin: string) => (await fetch(`${origin}/.well-known/aauth-person.json`)).status

type ListedKey = Record<'kid' | 'edition' | 'purpose' | 'state', string>

it('without the setting, nothing of draft -11 exists: no document and no key', async () => {
  const stage = await createOperatorStage()
  const { origin } = await stage.serve()
  expect(await statusOf(origin)).toBe(404)
  const keys = await stage.ask<ListedKey[]>('server keys list')
  expect(keys.map(({ edition }) => edition)).toEqual(['january', 'january', 'january'])
})

it('with the setting, the server has an edition with its own keys, which stay published as long as its tokens work', async () => {
  const stage = await createOperatorStage({ draft11: true })
  const { origin } = await stage.serve()
  expect(await statusOf(origin)).toBe(200)
  const kids = async (path: string) => {
    const { keys } = (await (await fetch(origin + path)).json()) as { keys: { kid: string }[] }
    return keys.map(({ kid }) => kid).sort()
  }
  const keys = await stage.ask<ListedKey[]>('server keys list')
  const signing = (edition: string) =>
    keys.filter((key) => key.purpose === 'sign' && key.edition === edition).map(({ kid }) => kid)
  expect(await kids('/person/jwks.json')).toEqual(signing('draft-11').sort())
  expect(await kids('/jwks.json')).toEqual(signing('january').sort())
  expect((await stage.run('doctor')).stdout).toContain('key rotation of draft-11')

  const rotate = (edition: string) =>
    stage.ask<{ retiring: { until: number }[] }>(`server keys rotate --now --edition ${edition}`)
  const began = Math.floor(Date.now() / 1000)
  const [draft11, january] = [await rotate('draft-11'), await rotate('january')]
  expect(draft11.retiring[0]?.until).toBeGreaterThan(began + 3600)
  expect(january.retiring[0]?.until).toBeLessThan(began + 3600)
})

it('with personalAgents, too, the server is the agent provider of devices, whose keys are rotated', async () => {
  const statuses: number[] = []
  for (const settings of [{ draft11: true }, { personalAgents: true }]) {
    const { origin } = await (await createOperatorStage(settings)).serve()
    statuses.push((await fetch(`${origin}/.well-known/aauth-agent.json`)).status)
  }
  expect(statuses).toEqual([404, 404])
  const stage = await createOperatorStage({ draft11: true, personalAgents: true })
  const { origin } = await stage.serve()
  const document = (await (await fetch(`${origin}/.well-known/aauth-agent.json`)).json()) as { jwks_uri: string }
  const { keys } = (await (await fetch(document.jwks_uri)).json()) as { keys: { kid: string; alg: string }[] }
  const listed = await stage.ask<ListedKey[]>('server keys list')
  const own = listed.filter(({ edition }) => edition === 'draft-11-devices').map(({ kid }) => kid)
  expect(keys.map(({ kid }) => kid).sort()).toEqual(own.sort())
  expect(new Set(keys.map(({ alg }) => alg))).toEqual(new Set(['Ed25519']))
  const began = Math.floor(Date.now() / 1000)
  const rotated = await stage.ask<{ retiring: { until: number }[] }>(
    'server keys rotate --now --edition draft-11-devices',
  )
  expect(rotated.retiring[0]?.until).toBeGreaterThan(began + 3600)
})
