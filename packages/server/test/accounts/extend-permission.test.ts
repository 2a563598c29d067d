import { decodeJwt } from 'jose'
import { expect, it, onTestFinished } from 'vitest'
import { allow, refresh, refreshTokenOf } from '../attacks/flow.js'
import { identityOf } from '../attacks/party.js'
import { people, type StageOptions } from '../attacks/stage.js'
import { openAccount, signedIn } from './person.js'

const [hour, day] = [3600, 86_400]

async function opened(
  options: StageOptions = {},
  scope = 'data.read data.write',
  { duration = String(day), ...proof }: Record<string, string> = {},
) {
  const { stage, alice } = await openAccount(options)
  onTestFinished(() => stage.close())
  const { storage, clock } = stage
  const agent = identityOf(stage.agent)
  const start = clock.now
  const allowed = await allow(stage, agent, { duration, ...proof }, { asked: { scope }, user: alice.browser })
  const token = await refreshTokenOf(stage, allowed)
  const [grant] = await storage.listGrants({ live: true })
  const id = grant?.id ?? ''
  const path = (permission: string) => `/account/agents/${id}/extend?permission=${permission}`
  const submit = (permission: string, chosen: string) =>
    alice.submit(path(permission), { action: 'extend-permission', duration: chosen })
  const ends = async () =>
    Object.fromEntries(
      ((await storage.findGrant(id))?.permissions ?? []).map(({ name, expiresAt }) => [
        name,
        expiresAt === null ? null : expiresAt - start,
      ]),
    )
  const extendable = async () =>
    [...(await alice.open(`/account/agents/${id}`)).html.matchAll(/extend\?permission=([^"]*)"/g)].map(
      ([, name]) => name,
    )
  return { stage, alice, agent, id, token, path, submit, ends, extendable }
}

const choicesOf = (html: string) =>
  [...html.matchAll(/name="duration" value="([^"]*)"|value="([^"]*)" name="duration"/g)].map(
    ([, one, two]) => one ?? two,
  )

it('one permission is extended from the agent’s page, for a duration that the consent page would offer', async () => {
  const { stage, alice, agent, token, path, submit, ends, extendable } = await opened()
  expect(await extendable()).toEqual(['data.write', 'data.read'])
  stage.clock.now += hour
  const page = await alice.open(path('data.read'))
  expect(page).toMatchObject({ status: 200, state: 'extend-permission' })
  // An hour from now would end earlier.
  expect(choicesOf(page.html)).toEqual([String(day), String(30 * day), 'until-removed'])
  const after = await alice.follow(await submit('data.read', String(30 * day)))
  expect(after).toMatchObject({ status: 200, state: 'agent' })
  expect(after.html).toContain('Extended.')
  expect(await ends()).toEqual({ 'data.read': hour + 30 * day, 'data.write': day })
  stage.clock.now += day
  const { auth_token } = (await (await refresh(stage, agent, token)).json()) as { auth_token: string }
  expect(decodeJwt(auth_token)).toMatchObject({ scope: 'data.read' })
  const activity = await (await signedIn(stage)).open('/account/activity')
  expect(activity.html).toMatch(/You extended access to .*data\.read/)
})

it('a permission that lasts until it is removed is not offered for longer', async () => {
  const { submit, ends, extendable } = await opened()
  await submit('data.read', 'until-removed')
  expect(await ends()).toEqual({ 'data.read': null, 'data.write': day })
  expect(await extendable()).toEqual(['data.write'])
})

it('what deletes, spends or takes full control is not extended (C24)', async () => {
  const { alice, path, extendable, submit, ends } = await opened({}, 'data.read data.delete', {
    duration: String(hour),
    password: people.alice.password,
  })
  expect(await extendable()).toEqual(['data.read'])
  expect(await alice.open(path('data.delete'))).toMatchObject({ status: 303 })
  await submit('data.read', String(day))
  expect(await ends()).toEqual({ 'data.read': day, 'data.delete': hour })
})

it('what the policy denies now is not extended, even on a page that was shown before', async () => {
  let denies = false
  const policy = ({ scope }: { scope: readonly string[] }) =>
    denies && scope.includes('data.read') ? { deny: 'not here' } : ('ask' as const)
  const { stage, alice, path, extendable, ends } = await opened({ policy })
  stage.clock.now += hour
  const url = stage.authServer + path('data.read')
  const page = await (await alice.browser.open(url)).text()
  denies = true
  const after = await alice.browser.submit(page, url, { action: 'extend-permission', duration: String(30 * day) })
  expect(after.status).toBe(303)
  expect(await ends()).toMatchObject({ 'data.read': day })
  expect(await extendable()).toEqual(['data.write'])
})

it('an old page, another choice, another agent or another user changes nothing (J06)', async () => {
  const { stage, alice, id, path, submit, ends } = await opened()
  stage.clock.now += hour
  const url = stage.authServer + path('data.read')
  const page = await (await alice.browser.open(url)).text()
  const form = { action: 'extend-permission', duration: String(30 * day) }
  for (const change of [{ duration: '1' }, { duration: String(hour) }, { permission: 'data.write' }, { state: '' }])
    expect((await alice.browser.submit(page, url, { ...form, ...change })).headers.get('location')).toBe(
      `/account/agents/${id}`,
    )
  expect((await alice.browser.submit(page, url, { ...form, agent: 'x' })).status).toBe(404)
  expect((await alice.browser.submit(page, url, { ...form, csrf: 'x' })).status).toBe(403)
  expect(await ends()).toEqual({ 'data.read': day, 'data.write': day })
  const bob = await signedIn(stage, 'bob')
  expect(await bob.open(path('data.read'))).toMatchObject({ status: 404 })
  const csrf = await bob.csrfAt('/account')
  expect(await bob.post('/account', { ...form, agent: id, permission: 'data.read', csrf })).toMatchObject({
    status: 404,
  })
  await submit('data.read', String(30 * day))
  await alice.browser.submit(page, url, { ...form, duration: 'until-removed' })
  expect(await ends()).toEqual({ 'data.read': hour + 30 * day, 'data.write': day })
})

it('nothing is extended once the permission ended, or its agent is blocked (J06)', async () => {
  const { stage, alice, path, ends, extendable, id } = await opened({}, undefined, { duration: String(hour) })
  const block = (blocked: boolean) =>
    stage.storage.setAgentBlocked({ agent: stage.agent.id, blocked, by: 'operator:carol' })
  await block(true)
  expect(await extendable()).toEqual([])
  expect(await alice.open(path('data.read'))).toMatchObject({ status: 303 })
  await block(false)
  const url = stage.authServer + path('data.read')
  const page = await (await alice.browser.open(url)).text()
  stage.clock.now += hour
  const form = { action: 'extend-permission', duration: String(30 * day) }
  const response = await alice.browser.submit(page, url, form)
  expect(response.headers.get('location')).toBe(`/account/agents/${id}`)
  expect(await ends()).toEqual({ 'data.read': hour, 'data.write': hour })
})
