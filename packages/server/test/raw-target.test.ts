import { type IncomingMessage, request } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { openHttpStage, type Stage } from './attacks/stage.js'

/** Sends a request target verbatim, which `fetch` would change. */
async function ask({ authServer }: Stage, path: string, method = 'GET'): Promise<{ status: number; body: string }> {
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    request(authServer, { path, method }, resolve).once('error', reject).end()
  })
  let body = ''
  for await (const chunk of incoming.setEncoding('utf8')) body += chunk
  return { status: incoming.statusCode ?? 0, body }
}

async function opened(): Promise<Stage> {
  const stage = await openHttpStage()
  onTestFinished(() => stage.close())
  return stage
}

it.each(['/x/../account', '/./account', '/x/%2e%2e/account', '/account/./', '/account#x', '/account"'])(
  'responds to %s with 400: a proxy in front would not see the page that it parses to (S28)',
  async (path) => {
    const { status, body } = await ask(await opened(), path)
    expect({ status, code: /data-error-code="([^"]*)"/.exec(body)?.[1] }).toEqual({ status: 400, code: 'bad_form' })
  },
)

it.each([
  ['/x/../agent/token', 'POST'],
  ['/x/../jwks.json', 'GET'],
])('responds to %s with 400 in JSON', async (path, method) => {
  const { status, body } = await ask(await opened(), path, method)
  expect({ status, ...JSON.parse(body) }).toMatchObject({ status: 400, error: 'invalid_request' })
})

it.each([
  ['/account/sign-in?return_to=/x/../account', 200],
  ['/account/agents/a%2Fb', 303],
  ['/account/agents/%zz', 404],
  ['/account/agents/%ff', 404],
  ['/account/agents/', 404],
  ['/account/', 404],
  ['/%61ccount', 404],
  ['/agent%2Fauth', 404],
  ['/', 303],
])('responds to %s', async (path, status) => {
  expect(await ask(await opened(), path)).toMatchObject({ status })
})

it.each([
  ['HEAD', '/jwks.json', 200, null],
  ['HEAD', '/account', 303, null],
  ['HEAD', '/agent/auth', 405, 'GET, POST'],
  ['HEAD', '/agent/token', 405, 'POST'],
  ['POST', '/jwks.json', 405, 'GET'],
  ['OPTIONS', '/account/confirm', 405, 'GET, POST'],
  ['PROPFIND', '/account/agents/a', 405, 'GET'],
  ['POST', '/nowhere', 404, null],
  ['POST', '/account', 415, null],
  ['POST', '/agent/token', 401, null],
])('responds to %s %s with %i', async (method, path, status, allow) => {
  const stage = await opened()
  const response = await fetch(stage.authServer + path, { method, redirect: 'manual' })
  expect({ status: response.status, allow: response.headers.get('allow') }).toEqual({ status, allow })
})
