import { expect, it } from 'vitest'
import { createScriptedUser } from './scripted-user.js'
import { createWorld, ids, type World } from './world.js'

const at = (path: string) => `${ids.authServer}${path}`

/** The “try again” link of a problem page. */
async function retryOf(response: Response): Promise<string | undefined> {
  const html = await response.text()
  return /<a class="button" href="([^"]*)"/.exec(html)?.[1]?.replaceAll('&amp;', '&')
}

function post(world: World, fields: Record<string, string>, referer?: string): Promise<Response> {
  const headers = { origin: ids.authServer, ...(referer === undefined ? {} : { referer }) }
  return createScriptedUser(world.fetch).send(
    new Request(at('/agent/auth'), { method: 'POST', body: new URLSearchParams(fields), headers }),
  )
}

const page = '/agent/auth?request_token=a&redirect_uri=https%3A%2F%2Fagent.example%2Fcallback'

it('points to the page of the refused form', async () => {
  const response = await post(await createWorld(), { csrf: 'x' }, at(page))
  expect(response.status).toBe(403)
  expect(await retryOf(response)).toBe(page)
})

it.each([
  ['no page', undefined],
  ['a page of another site', 'https://evil.example/agent/auth?request_token=a'],
  ['a path that browsers read as another site', at('//evil.example/account')],
  ['a page that was the response to a form', at('/agent/auth')],
  ['no address', 'about:blank'],
])('is missing for %s', async (_, referer) => {
  expect(await retryOf(await post(await createWorld(), { csrf: 'x' }, referer))).toBeUndefined()
})

it('repeats the request when the server has a failure, and loses nothing', async () => {
  const world = await createWorld()
  const user = createScriptedUser(world.fetch)
  world.storage.findAuthRequest = () => Promise.reject(new Error('the disk is gone'))
  const response = await user.open(at(page))
  expect(response.status).toBe(500)
  expect(await retryOf(response)).toBe(page)
})

it('is missing if trying again would not help', async () => {
  const user = createScriptedUser((await createWorld()).fetch)
  expect(await retryOf(await user.open(at('/nowhere')))).toBeUndefined()
  expect(await retryOf(await user.open(at('/agent/auth?request_token=none&redirect_uri=x')))).toBeUndefined()
  const wrongMethod = new Request(at('/account/activity'), { method: 'POST', headers: { referer: at(page) } })
  expect(await retryOf(await user.send(wrongMethod))).toBeUndefined()
})

it('leads from a missing account page to My agents', async () => {
  const world = await createWorld()
  const user = createScriptedUser(world.fetch)
  const signIn = at('/account/sign-in')
  await user.submit(await (await user.open(signIn)).text(), signIn, {
    username: 'testuser',
    password: 'testpass',
    action: 'login',
  })
  const response = await user.open(at('/account/agents/none'))
  expect(response.status).toBe(404)
  expect(await retryOf(response)).toBe('/account')
})
