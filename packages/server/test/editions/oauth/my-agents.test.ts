import { expect, it } from 'vitest'
import { words } from '../../pages/reading.js'
import type { ScriptedUser } from '../../scripted-user.js'
import { allowedRequest, manyNames, times } from '../../storage/fixtures.js'
import {
  authorizeUrl,
  clientDocument,
  clientId,
  issuer,
  json,
  type OAuthStage,
  openConsent,
  openStage,
  redeem,
  refresh,
  resource,
  resourceDocument,
} from './oauth-stage.js'

/** Allows a request, in a browser that is signed in after the first one, and redeems the code. */
async function allow(stage: OAuthStage, user?: ScriptedUser, changes: Record<string, string> = {}) {
  const url = authorizeUrl(changes)
  const opened = user ? await openAgain(user, url) : await openConsent(stage, url)
  const decided = await opened.user.submit(opened.page, opened.consent, { consent: 'grant' })
  const code = new URL(decided.headers.get('location') ?? '').searchParams.get('code') ?? ''
  return { user: opened.user, ...(await redeem(stage, code, changes)) }
}

async function openAgain(user: ScriptedUser, url: string) {
  const consent = new URL((await user.open(url)).headers.get('location') ?? '', issuer).href
  return { user, consent, page: await (await user.open(consent)).text() }
}

/** The text of each agent in My agents, and the link to its details. */
async function agentsOf(user: ScriptedUser): Promise<{ text: string; path: string }[]> {
  const page = await (await user.open(`${issuer}/account`)).text()
  return [...page.matchAll(/<li class="entry">([\s\S]*?)<\/ul>\s*<\/li>/g)].map(([, entry = '']) => ({
    text: words(`<body>${entry}`).trim(),
    path: /href="(\/account\/agents\/[^"/]+)"/.exec(entry)?.[1] ?? '',
  }))
}

it('My agents shows the host of a client, its whole URL in the details, and that copies of its access work', async () => {
  const stage = await openStage()
  const { user } = await allow(stage)
  const [agent, ...more] = await agentsOf(user)
  expect(more).toEqual([])
  expect(agent?.text).toMatch(/^(?:C )?client\.example calls itself “Example” has access to notes\.example\/mcp/)
  expect(agent?.text).toContain('can be used by anyone who copies its access')
  expect(agent?.text).not.toContain('no one else can use its access')
  expect(agent?.text).not.toContain('client.json')
  const details = words(await (await user.open(issuer + agent?.path)).text())
  expect(details).toContain('can be used by anyone who copies its access')
  expect(details).toContain(clientId)
})

it('My agents says that the document of a client has changed until the user allows it again', async () => {
  const stage = await openStage()
  const note = 'What it publishes about itself has changed since you allowed it.'
  const { user, refresh_token } = await allow(stage)
  expect((await agentsOf(user))[0]?.text).not.toContain(note)
  const redirects = [...clientDocument.redirect_uris, 'https://new.example/callback']
  stage.documents.set(clientId, () => json({ ...clientDocument, redirect_uris: redirects }))
  stage.clock.now += 301
  await openAgain(user, authorizeUrl())
  expect((await agentsOf(user))[0]?.text).toContain(note)
  expect((await refresh(stage, refresh_token)).status).toBe(200)
  expect(await stage.storage.listEvents({ event: 'agent.changed' })).toMatchObject([
    { agent: clientId, data: { redirectHosts: true, keyThumbprints: true } },
  ])
  await allow(stage, user)
  expect((await agentsOf(user))[0]?.text).not.toContain(note)
})

it('two spellings of a resource are one agent in My agents, and its removal ends both', async () => {
  const stage = await openStage()
  const spelled = `${resource}/`
  stage.documents.set('https://notes.example/.well-known/oauth-protected-resource/mcp/', () =>
    json({ ...resourceDocument, resource: spelled }),
  )
  const first = await allow(stage)
  const second = await allow(stage, first.user, { resource: spelled })
  expect(new Set((await stage.storage.listGrants()).map((grant) => grant.resource))).toEqual(
    new Set([resource, spelled]),
  )
  const [agent, ...more] = await agentsOf(first.user)
  expect(more).toEqual([])
  const details = words(await (await first.user.open(issuer + agent?.path)).text())
  expect(details.match(/You gave client\.example\S* access to notes\.example\/mcp\/?\./g)).toHaveLength(2)
  expect(details.match(/used its access to notes\.example\/mcp\/?\./g)).toHaveLength(2)
  const found = async (filter: string) => {
    const page = words(await (await first.user.open(`${issuer}/account?filter=${encodeURIComponent(filter)}`)).text())
    return page.includes('1 of 1')
  }
  expect(await Promise.all([resource, spelled, 'HTTPS://Notes.example:443/mcp/', 'MCP'].map(found))).toEqual(
    Array(4).fill(true),
  )
  expect(await found('https://notes.example/other')).toBe(false)
  const url = `${issuer}${agent?.path}/remove`
  await first.user.submit(await (await first.user.open(url)).text(), url, { action: 'remove-agent' })
  expect(await agentsOf(first.user)).toEqual([])
  for (const { refresh_token } of [first, second])
    expect(await refresh(stage, refresh_token)).toMatchObject({ error: 'invalid_grant' })
})

it('a client on the host of the resource is not described as signing the user in', async () => {
  const root = 'https://client.example'
  const stage = await openStage()
  stage.documents.set('https://client.example/.well-known/oauth-protected-resource', () =>
    json({ ...resourceDocument, resource: root }),
  )
  const { user } = await allow(stage, undefined, { resource: root })
  const [agent] = await agentsOf(user)
  expect(agent?.text).toContain('client.example/oauth/client.json')
  expect(agent?.text).toContain('has access to client.example')
})

it('the details of an agent whose access has ended show when its last access ended, behind 500 other grants', async () => {
  const stage = await openStage()
  const { user } = await allow(stage)
  const [agent] = await agentsOf(user)
  const [grant] = await stage.storage.listGrants()
  const later = await allow(stage, user)
  const listed = (await stage.storage.listGrants()).find(({ id }) => id !== grant?.id)
  await stage.storage.revokeGrant({ grantId: grant?.id ?? '', by: 'operator' })
  stage.clock.now += 120
  await stage.storage.revokeGrant({ grantId: listed?.id ?? '', by: 'operator' })
  expect(later.status).toBe(200)
  const person = await stage.storage.findUser(grant?.userId ?? '')
  for (let count = 0; count < 501; count += 1)
    await allowedRequest(
      stage.storage,
      { agent: clientId, resource: 'https://other.example' },
      { grantLifetime: 1 },
      person,
    )
  stage.clock.now += 10
  const url = `${issuer}${agent?.path}`
  const page = await (await user.open(url)).text()
  const lead = words(`<body>${/<p class="lead">[\s\S]*?<\/p>/.exec(page)?.[0]}`)
  const until = (await stage.storage.findGrant(listed?.id ?? ''))?.revokedAt ?? 0
  expect(until).toBe((grant?.createdAt ?? 0) + 120)
  expect(lead).toContain(new Date(until * 1000).toISOString().slice(11, 16))
})

/** Signs a user in, and returns what the storage knows about them. */
async function openSignedIn(stage: OAuthStage) {
  const { user } = await openConsent(stage)
  const person = (await stage.storage.findCredential('alice'))?.user
  if (!person) throw new Error('alice has no account')
  return { user, person }
}

it('a client may have 256 permissions at a resource, of which My agents shows 20 (B27)', async () => {
  const stage = await openStage()
  const { user, person } = await openSignedIn(stage)
  const display = { agent: { bearer: true }, resource: {} }
  for (const part of ['a', 'b', 'c', 'd'])
    await allowedRequest(
      stage.storage,
      { edition: 'oauth', agent: clientId, resource, display, scope: manyNames(part, 64) },
      { remembered: part === 'a' },
      person,
    )
  const [entry] = await agentsOf(user)
  expect(entry?.text).toContain('and 236 more permissions')
  expect(entry?.text.match(/[abcd]\.\d+/g)).toHaveLength(20)
  const details = words(await (await user.open(`${issuer}${entry?.path}`)).text())
  expect(new Set(details.match(/\b[abcd]\.\d+/g)).size).toBe(256)
  const { consent, page } = await openAgain(user, authorizeUrl())
  const refused = await user.submit(page, consent, { consent: 'grant', duration: 'until-removed' })
  expect([refused.status, await refused.text()]).toEqual([
    409,
    expect.stringContaining('data-error-code="too_many_permissions"'),
  ])
  for (const { id } of await stage.storage.listGrants()) await stage.storage.revokeGrant({ grantId: id, by: person.id })
  const again = await openAgain(user, authorizeUrl())
  expect((await user.submit(again.page, again.consent, { consent: 'grant' })).status).toBe(303)
})

it('My agents shows 50 agents on a page, and says that there are more', async () => {
  const stage = await openStage()
  const { user, person } = await openSignedIn(stage)
  const display = { agent: { bearer: true }, resource: {} }
  for (const agent of times(60, (index) => `https://client-${index}.example/client.json`))
    await allowedRequest(stage.storage, { edition: 'oauth', agent, resource, display }, {}, person)
  const open = async (path: string) => {
    const page = await (await user.open(`${issuer}${path}`)).text()
    const hosts = new Set(page.match(/client-\d+\.example/g))
    const link = (name: string) => new RegExp(`<a href="([^"]+)">${name}</a>`).exec(page)?.[1]?.replaceAll('&amp;', '&')
    return { hosts, text: words(page), newer: link('Newer'), older: link('Older') }
  }
  const first = await open('/account')
  expect(first.hosts.size).toBe(50)
  expect(first.text).toContain('More agents can act for you than fit on this page.')
  expect(first.newer).toBeUndefined()
  const second = await open(first.older ?? '')
  expect(second.hosts.size).toBe(10)
  expect(new Set([...first.hosts, ...second.hosts]).size).toBe(60)
  expect([second.newer, second.older]).toEqual(['/account', undefined])
  const filtered = await open('/account?filter=client-')
  expect((await open(filtered.older ?? '')).hosts.size).toBe(10)
})

it('a permission is extended with the family of refresh tokens that would have ended with it', async () => {
  const stage = await openStage()
  const { user, refresh_token } = await allow(stage)
  const [agent] = await agentsOf(user)
  const page = await (await user.open(issuer + agent?.path)).text()
  const [, path = ''] = /href="([^"]*\/extend\?permission=[^"]*)"/.exec(page) ?? []
  const form = await (await user.open(issuer + path)).text()
  expect(form).toContain('anyone who copies it can use it until it ends')
  stage.clock.now += 1800
  await user.submit(form, issuer + path, { action: 'extend-permission', duration: '86400' })
  stage.clock.now += 86_399
  const refreshed = await refresh(stage, refresh_token)
  expect(refreshed.status).toBe(200)
  stage.clock.now += 1
  expect((await refresh(stage, String(refreshed.refresh_token))).status).toBe(400)
})

it('nothing of a client is extended while its document has changed since the user allowed it', async () => {
  const stage = await openStage()
  const { user } = await allow(stage)
  const [agent] = await agentsOf(user)
  const details = async () => (await user.open(issuer + agent?.path)).text()
  expect(await details()).toContain('/extend?permission=')
  const redirects = [...clientDocument.redirect_uris, 'https://new.example/callback']
  stage.documents.set(clientId, () => json({ ...clientDocument, redirect_uris: redirects }))
  stage.clock.now += 301
  await openAgain(user, authorizeUrl())
  expect(await details()).not.toContain('/extend?permission=')
})
