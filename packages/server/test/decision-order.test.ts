import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { expect, it } from 'vitest'
import { createScriptedUser, hiddenFields } from './scripted-user.js'
import { createWorld, ids, type World } from './world.js'

/** Opens a request for a permission to delete, as the agent would, and returns its consent URL. */
async function openRequest(world: World): Promise<string> {
  const send = async (request: Request) => {
    const signatureKey = { scheme: 'jwks', id: ids.agent, kid: 'key-1', wellKnown: 'aauth-agent' } as const
    return world.fetch(
      await signRequest(request, {
        profile: january.signing,
        signer: world.agentSigner,
        signatureKey,
        created: world.clock.now,
      }),
    )
  }
  const challenged = await send(new Request(`${ids.resource}/data`, { method: 'DELETE' }))
  const resourceToken = /resource_token="([^"]+)"/.exec(challenged.headers.get('agent-auth') ?? '')?.[1] ?? ''
  const redirectUri = `${ids.agent}/callback`
  const answered = await send(
    new Request(`${ids.authServer}/agent/token`, {
      method: 'POST',
      body: new URLSearchParams({ request_type: 'auth', resource_token: resourceToken, redirect_uri: redirectUri }),
    }),
  )
  const { request_token: requestToken } = (await answered.json()) as { request_token: string }
  const query = new URLSearchParams({ request_token: requestToken, redirect_uri: redirectUri })
  return `${ids.authServer}/agent/auth?${query.toString()}`
}

it('does not decide a request that was not shown to this user in this browser', async () => {
  const world = await createWorld()
  const user = createScriptedUser(world.fetch)
  const [shown, unseen] = [await openRequest(world), await openRequest(world)]
  const signIn = await (await user.open(shown)).text()
  await user.submit(signIn, shown, { username: 'testuser', password: 'testpass', action: 'login' })
  const page = await (await user.open(shown)).text()
  // The form value belongs to this user in this browser, so only the request itself prevents the decision.
  const target = new URL(unseen).searchParams
  const forged = new URLSearchParams({
    ...hiddenFields(page, { consent: 'grant' }),
    consent: 'grant',
    revision: '0',
    request_token: target.get('request_token') ?? '',
  })
  const decided = await user.send(
    new Request(`${ids.authServer}/agent/auth`, { method: 'POST', body: forged, headers: { origin: ids.authServer } }),
  )
  expect(decided.status).toBe(403)
  expect(await decided.text()).toContain('data-error-code="request_other_session"')
  expect(await world.storage.listEvents({ event: 'request.allowed' })).toEqual([])
})

it('does not require a password on a request that was shown to another user in this browser', async () => {
  const world = await createWorld()
  await world.server.addUser({ username: 'otheruser', password: 'correct horse battery' })
  const user = createScriptedUser(world.fetch)
  const [first, second] = [await openRequest(world), await openRequest(world)]
  const signIn = await (await user.open(first)).text()
  await user.submit(signIn, first, { username: 'testuser', password: 'testpass', action: 'login' })
  const shown = await (await user.open(first)).text()
  await user.submit(shown, first, { action: 'extend' })
  await user.submit(await (await user.open(first)).text(), first, { action: 'logout' })
  const again = await (await user.open(second)).text()
  await user.submit(again, second, { username: 'otheruser', password: 'correct horse battery', action: 'login' })
  const page = await (await user.open(second)).text()
  // The request is extended beyond the time that a sign-in counts as recent.
  world.clock.now += 700
  const target = new URL(first).searchParams
  const forged = new URLSearchParams({
    ...hiddenFields(page, { consent: 'grant' }),
    consent: 'grant',
    password: 'wrong',
    request_token: target.get('request_token') ?? '',
  })
  const decided = await user.send(
    new Request(`${ids.authServer}/agent/auth`, { method: 'POST', body: forged, headers: { origin: ids.authServer } }),
  )
  expect(await decided.text()).toContain('data-error-code="account_changed"')
  expect(await world.storage.listEvents({ event: 'signin.failed' })).toEqual([])
})
