import { expect, it } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { createOperatorStage } from './operator-stage.js'

const paths = ['/.well-known/oauth-authorization-server', '/oauth/jwks.json', '/oauth/authorize', '/oauth/token']

const statusesOf = (origin: string) =>
  Promise.all(paths.map(async (path) => (await fetch(origin + path, { redirect: 'manual' })).status))

type ListedKey = Record<'kid' | 'edition' | 'purpose' | 'state', string>

it('without the setting, nothing of OAuth exists: no endpoint, no document and no key', async () => {
  const stage = await createOperatorStage()
  const { origin } = await stage.serve()
  expect(await statusesOf(origin)).toEqual([404, 404, 404, 404])
  const keys = await stage.ask<ListedKey[]>('server keys list')
  expect(keys.map(({ edition }) => edition)).toEqual(['january', 'january', 'january'])
})

it('with the setting, the server has an edition with its own keys, which stay when it restarts', async () => {
  const stage = await createOperatorStage({ oauth: true })
  const first = await stage.serve()
  expect(first.said().stderr).toContain('Their access tokens work for anyone who copies them')
  expect(await statusesOf(first.origin)).toEqual([200, 200, 400, 405])
  const document = (await (await fetch(first.origin + paths[0])).json()) as Record<string, unknown>
  expect(document).toMatchObject({ issuer: stage.issuer, jwks_uri: `${stage.issuer}/oauth/jwks.json` })
  const kidsAt = async (path: string) => {
    const { keys } = (await (await fetch(first.origin + path)).json()) as { keys: { kid: string; crv: string }[] }
    return keys.map(({ kid, crv }) => `${crv} ${kid}`).sort()
  }
  const [own, signed] = [await kidsAt('/oauth/jwks.json'), await kidsAt('/jwks.json')]
  expect(own.map((kid) => kid.split(' ')[0])).toEqual(['P-256', 'P-256'])
  expect(signed.map((kid) => kid.split(' ')[0])).toEqual(['Ed25519', 'Ed25519'])
  await first.stop()
  await stage.serve()
  expect(await kidsAt('/oauth/jwks.json')).toEqual(own)
  expect(await kidsAt('/jwks.json')).toEqual(signed)
  const examined = await stage.run('doctor')
  expect(examined.stdout).toContain('key rotation of oauth')
})

it('two instances publish the same keys, and follow a rotation', async () => {
  const stage = await createOperatorStage({ oauth: true })
  const instances = [await stage.serve(), await stage.serve({ port: await freePort() })]
  const published = () =>
    Promise.all(
      instances.map(async ({ origin }) => {
        const { keys } = (await (await fetch(`${origin}/oauth/jwks.json`)).json()) as { keys: { kid: string }[] }
        return keys.map(({ kid }) => kid).sort()
      }),
    )
  const [before = [], ofOther] = await published()
  expect(ofOther).toEqual(before)
  const { activated, next = '' } = await stage.ask<Record<string, string>>('server keys rotate --now --edition oauth')
  expect(before).toContain(activated)
  const after = [...before, next].sort()
  await expect.poll(published, { interval: 250 }).toEqual([after, after])
})

it('a document that cannot be used prevents the start, and doctor reports it', async () => {
  const stage = await createOperatorStage({ oauth: { clients: [{ client_id: 'https://a.example/c.json' }] } })
  const problem = 'oauth.clients[0]: cannot be used: its client_name is missing or has no visible characters'
  const started = await stage.run('server start')
  expect(started).toMatchObject({ status: 2, stderr: expect.stringContaining(problem) })
  const examined = await stage.run('doctor')
  expect(examined.stdout).toContain('oauth.clients[0]')
})
