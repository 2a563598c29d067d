import { describe, expect, it, onTestFinished } from 'vitest'
import { type OpenRequest, openRequest, view } from '../attacks/flow.js'
import { openMapStage, people, type Stage, type StageOptions } from '../attacks/stage.js'
import { createScriptedUser, type ScriptedUser, signInToAccount } from '../scripted-user.js'
import { secretHash } from '../secret-hash.js'
import { callsBefore, type Interleaving, interleavedStorage, noInterleaving, plan } from './interleave.js'

async function open(options: StageOptions = {}): Promise<{ stage: Stage; interleaving: Interleaving }> {
  const interleaving = noInterleaving()
  const stage = await openMapStage({ ...options, wrap: (storage) => interleavedStorage(storage, interleaving) })
  onTestFinished(() => stage.close())
  return { stage, interleaving }
}

async function readAlice({ storage }: Stage): Promise<{ userId: string; credentialRevision: number }> {
  const { user } = (await storage.findCredential('alice')) ?? {}
  return { userId: user?.id ?? '', credentialRevision: user?.credentialRevision ?? 0 }
}

async function aliceId(stage: Stage): Promise<string> {
  return (await readAlice(stage)).userId
}

async function setPassword(stage: Stage): Promise<void> {
  await stage.storage.setPasswordHash({ userId: await aliceId(stage), passwordHash: 'another', by: 'operator' })
}

const codeOf = async (response: Response) => /data-error-code="([^"]*)"/.exec(await response.text())?.[1]

it('J01: a sign-in during which the password changes starts no session', async () => {
  const { stage, interleaving } = await open()
  await signInToAccount(createScriptedUser(stage.fetch), stage.authServer, people.alice)
  const user = createScriptedUser(stage.fetch)
  const url = `${stage.authServer}/account/sign-in`
  const page = await (await user.open(url)).text()
  plan(interleaving)
  await user.submit(page, url, { ...people.alice, action: 'login' })
  const created = callsBefore(interleaving, 'createSession')
  await stage.storage.endSessions({ userId: await aliceId(stage) })

  const other = createScriptedUser(stage.fetch)
  const shown = await (await other.open(url)).text()
  plan(interleaving, created, () => setPassword(stage))
  const response = await other.submit(shown, url, { ...people.alice, action: 'login' })
  expect(interleaving.ranAfter).toBe(created)
  expect(response.status).toBe(409)
  expect(await codeOf(response)).toBe('sign_in_changed')
  expect(await stage.storage.listSessions({ userId: await aliceId(stage) })).toEqual([])
})

it('J01: a proof of the user during which the password changes renews no session', async () => {
  const { stage, interleaving } = await open()
  const user = createScriptedUser(stage.fetch)
  await signInToAccount(user, stage.authServer, people.alice)
  const url = `${stage.authServer}/account/confirm?return_to=/account/security`
  const page = await (await user.open(url)).text()
  const confirm = () => user.submit(page, url, { password: people.alice.password, action: 'reauthenticate' })
  plan(interleaving)
  expect((await confirm()).status).toBe(303)
  const renewed = callsBefore(interleaving, 'reauthenticate')
  plan(interleaving, renewed, () => setPassword(stage))
  const response = await confirm()
  expect(response.status).toBe(409)
  expect(await stage.storage.listSessions({ userId: await aliceId(stage) })).toEqual([])
})

/** Alice, who signed in two hours ago, on the page of a request to delete that she has seen. */
async function lateView(stage: Stage): Promise<{ user: ScriptedUser; page: string; opened: OpenRequest }> {
  const user = createScriptedUser(stage.fetch)
  await signInToAccount(user, stage.authServer, people.alice)
  stage.clock.now += 7200
  const opened = await openRequest(stage, undefined, { scope: 'data.delete' })
  return { opened, ...(await view(stage, opened, user)) }
}

it('J02: an expired request that is extended while Allow is processed is not allowed without a proof', async () => {
  const { stage, interleaving } = await open()
  const { user, page, opened } = await lateView(stage)
  const tokenHash = secretHash(opened.requestToken)
  const request = await stage.storage.findAuthRequest(tokenHash)
  const by = { ...(await readAlice(stage)), browserHash: request?.browserHash ?? '' }
  stage.clock.now = request?.expiresAt ?? 0
  plan(interleaving, 1, async () => {
    // The extension started in time, and commits now.
    stage.clock.now -= 1
    await stage.storage.extendRequest({ ...by, tokenHash, seconds: 600, maxExtensions: 12 })
  })
  const response = await user.submit(page, opened.url, { consent: 'grant' })
  expect(await codeOf(response)).toBe('request_expired')
  expect(await stage.storage.listGrants()).toEqual([])
})

it('J02: a request that is extended between its last read and Allow is shown again, and not allowed', async () => {
  const { stage, interleaving } = await open()
  const opened = await openRequest(stage)
  const { user, page } = await view(stage, opened)
  const tokenHash = secretHash(opened.requestToken)
  const browserHash = (await stage.storage.findAuthRequest(tokenHash))?.browserHash ?? ''
  const by = { ...(await readAlice(stage)), browserHash }
  plan(interleaving, 1, () => stage.storage.extendRequest({ ...by, tokenHash, seconds: 600, maxExtensions: 12 }))
  const response = await user.submit(page, opened.url, { consent: 'grant' })
  expect(interleaving.ranAfter).toBe(1)
  expect(response.headers.get('location')).toContain('/agent/auth?')
  expect(await stage.storage.listGrants()).toEqual([])
  const again = await (await user.open(opened.url)).text()
  expect((await user.submit(again, opened.url, { consent: 'grant' })).headers.get('location')).toContain('code=')
})

it('J03: Allow for one of two open requests in a browser leaves the other open', async () => {
  const { stage } = await open()
  const first = await openRequest(stage)
  const second = await openRequest(stage, undefined, { resource: stage.otherResource })
  const { user } = await view(stage, first)
  const { page } = await view(stage, second, user)
  expect((await user.submit(page, second.url, { consent: 'grant' })).headers.get('location')).toContain('code=')
  const statusOf = async ({ requestToken }: OpenRequest) =>
    (await stage.storage.findAuthRequest(secretHash(requestToken)))?.status
  expect(await statusOf(second)).toBe('allowed')
  expect(await statusOf(first)).toBe('open')
  expect(await stage.storage.listGrants()).toMatchObject([{ resource: stage.otherResource.id }])
})

describe('J04: changes between the page and Allow are evaluated again', () => {
  it('the operator’s policy, even while the password is checked', async () => {
    let denies = false
    const { stage, interleaving } = await open({
      policy: () => (denies ? { deny: 'not here' } : 'ask'),
    })
    const { user, page, opened } = await lateView(stage)
    plan(interleaving, 4, async () => {
      denies = true
    })
    const response = await user.submit(page, opened.url, { consent: 'grant', password: people.alice.password })
    expect(interleaving.calls).toContain('findCredential')
    expect(interleaving.calls).not.toContain('decideRequest')
    expect(response.status).toBe(403)
    expect(await codeOf(response)).toBe('policy_forbids')
    expect(await stage.storage.listGrants()).toEqual([])
  })

  it('a block of the agent', async () => {
    const { stage, interleaving } = await open()
    const opened = await openRequest(stage)
    const { user, page } = await view(stage, opened)
    plan(interleaving, 1, () => stage.storage.setAgentBlocked({ agent: stage.agent.id, blocked: true, by: 'operator' }))
    const response = await user.submit(page, opened.url, { consent: 'grant' })
    expect(interleaving.ranAfter).toBe(1)
    expect(response.status).toBe(410)
    expect(await codeOf(response)).toBe('request_used')
    expect(await stage.storage.listGrants()).toEqual([])
  })

  it('a sign-out', async () => {
    const { stage, interleaving } = await open()
    const opened = await openRequest(stage)
    const { user, page } = await view(stage, opened)
    const { userId } = await readAlice(stage)
    plan(interleaving, 1, () => stage.storage.endSessions({ userId }))
    const response = await user.submit(page, opened.url, { consent: 'grant' })
    expect(response.status).toBe(409)
    expect(await codeOf(response)).toBe('sign_in_changed')
    expect(await stage.storage.listGrants()).toEqual([])
  })
})
