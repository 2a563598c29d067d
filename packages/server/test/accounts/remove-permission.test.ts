import { decodeJwt } from 'jose'
import { expect, it, onTestFinished } from 'vitest'
import { allow, openRequest, refresh, refreshTokenOf, view } from '../attacks/flow.js'
import { identityOf } from '../attacks/party.js'
import { openAccount, signedIn } from './person.js'

const both = { asked: { scope: 'data.read data.write' } }
const forever = { duration: 'until-removed' }

async function opened() {
  const { stage, alice } = await openAccount()
  onTestFinished(() => stage.close())
  const agent = identityOf(stage.agent)
  const allowed = await allow(stage, agent, forever, { ...both, user: alice.browser })
  const token = await refreshTokenOf(stage, allowed)
  const [grant] = await stage.storage.listGrants({ live: true })
  const id = grant?.id ?? ''
  const remove = async (permission: string) => {
    const page = `/account/agents/${id}/remove?permission=${permission}`
    expect(await alice.open(page)).toMatchObject({ state: 'remove-permission' })
    return alice.follow(await alice.submit(page, { action: 'remove-permission' }))
  }
  const scopes = async () => (await stage.storage.listGrants({ live: true })).map(({ scope }) => scope)
  return { stage, alice, agent, id, token, remove, scopes }
}

it('one permission of an agent is removed from its page, and the others keep working', async () => {
  const { stage, alice, agent, id, token, remove, scopes } = await opened()
  const page = await alice.open(`/account/agents/${id}`)
  expect(page.html).toContain(`href="/account/agents/${id}/remove?permission=data.write"`)
  const after = await remove('data.write')
  expect(after).toMatchObject({ status: 200, state: 'agent' })
  expect(after.html).toContain('Removed. New access stopped at')
  // The last permission goes with the agent.
  expect(after.html).not.toContain('?permission=')
  expect(await scopes()).toEqual(['data.read'])
  const { auth_token } = (await (await refresh(stage, agent, token)).json()) as { auth_token: string }
  expect(decodeJwt(auth_token)).toMatchObject({ scope: 'data.read' })
  const activity = await alice.open('/account/activity')
  expect(activity.html).toMatch(/You removed permissions from .*data\.write/)
  expect(activity.html).not.toContain('You removed access')
})

it('permissions that are removed at the same time are all removed (J05)', async () => {
  const { stage, alice, agent, id, scopes } = await opened()
  await allow(stage, agent, forever, { asked: { scope: 'data.list' }, user: alice.browser })
  expect(await scopes()).toEqual(['data.read data.write data.list'])
  const form = { agent: id, csrf: await alice.csrfAt('/account') }
  const remove = (permission: string) => alice.post('/account', { ...form, action: 'remove-permission', permission })
  await Promise.all([remove('data.write'), remove('data.list')])
  expect(await scopes()).toEqual(['data.read'])
})

it('the agent loses all access if one of its permissions is removed at the same time', async () => {
  const { alice, id, scopes } = await opened()
  const form = { agent: id, csrf: await alice.csrfAt('/account') }
  await Promise.all([
    alice.post('/account', { ...form, action: 'remove-permission', permission: 'data.write' }),
    alice.post('/account', { ...form, action: 'remove-agent' }),
  ])
  expect(await scopes()).toEqual([])
})

it('the form does nothing for what the agent does not have, and for the agents of others', async () => {
  const { stage, alice, id, scopes } = await opened()
  const csrf = await alice.csrfAt('/account')
  const form = { action: 'remove-permission', agent: id, csrf }
  for (const permission of ['', 'data', 'data.read data.write'])
    expect(await alice.post('/account', { ...form, permission })).toMatchObject({ location: `/account/agents/${id}` })
  expect(await alice.open(`/account/agents/${id}/remove?permission=data`)).toMatchObject({ status: 303 })
  const foreign = await alice.post('/account', { ...form, agent: 'x', permission: 'data.read' })
  expect(foreign).toMatchObject({ status: 404 })
  expect(await scopes()).toEqual(['data.read data.write'])
  expect(await stage.storage.listEvents({ event: 'permission.removed' })).toEqual([])
})

it('an agent that asks for more with its old token does not get back what was removed (W27, J05)', async () => {
  const { stage, alice, agent, remove, scopes } = await opened()
  await remove('data.write')
  const asked = { scope: 'data.read data.write data.list' }
  const request = await openRequest(stage, agent, asked)
  const { page } = await view(stage, request, alice.browser)
  expect(page).toContain('You removed this a short time ago, so it stays removed:')
  await alice.browser.submit(page, request.url, { ...forever, consent: 'grant' })
  expect((await scopes()).flatMap((scope) => scope.split(' ')).toSorted()).not.toContain('data.write')
  expect(await stage.storage.listEvents({ event: 'request.allowed', newest: true, limit: 1 })).toMatchObject([
    { data: { scope: 'data.read data.list' } },
  ])
})

it('the user can allow it again if the agent asks for nothing else, or once no old token works', async () => {
  const { stage, alice, agent, remove, scopes } = await opened()
  await remove('data.write')
  await allow(stage, agent, forever, { ...both, user: alice.browser })
  expect((await scopes()).join(' ')).toContain('data.write')
  await remove('data.write')
  stage.clock.now += 3601
  const request = await openRequest(stage, agent, { scope: 'data.read data.write data.list' })
  const { page } = await view(stage, request, alice.browser)
  expect(page).toContain('data.write')
  expect(page).not.toContain('so it stays removed')
})

it('what an operator revoked is not left out: the user did not remove it', async () => {
  const { stage, alice, agent, id } = await opened()
  await stage.storage.revokeGrant({ grantId: id, by: 'operator:carol' })
  await allow(stage, agent, forever, { asked: { scope: 'data.read' }, user: alice.browser })
  const request = await openRequest(stage, agent, { scope: 'data.read data.write data.list' })
  const { page } = await view(stage, request, alice.browser)
  expect(page).toContain('data.write')
  expect(page).not.toContain('so it stays removed')
})

it('a page that was opened before the removal is shown again, without what was removed (J05)', async () => {
  const { stage, alice, agent, remove, scopes } = await opened()
  const request = await openRequest(stage, agent, { scope: 'data.read data.write data.list' })
  const { page } = await view(stage, request, alice.browser)
  expect(page).not.toContain('so it stays removed')
  await remove('data.write')
  const again = await alice.browser.submit(page, request.url, { ...forever, consent: 'grant' })
  expect(again.status).toBe(303)
  expect(again.headers.get('location')).not.toContain('code=')
  expect(await scopes()).toEqual(['data.read'])
  const { page: second } = await view(stage, request, alice.browser)
  expect(second).toContain('so it stays removed')
})

it('an agent that has not used its access for 90 days is offered for removal', async () => {
  const { stage } = await opened()
  const unused = 'Not used for 90 days.'
  stage.clock.now += 90 * 86_400 - 1
  expect((await (await signedIn(stage)).open('/account')).html).not.toContain(unused)
  stage.clock.now += 1
  expect((await (await signedIn(stage)).open('/account')).html).toContain(unused)
})
