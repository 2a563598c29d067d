import { AAuthError } from 'countersign'
import { StorageError } from 'countersign-server'
import { expect, it, onTestFinished } from 'vitest'
import { createProblemResponses } from '../../src/http/problem-response.js'
import { openMapStage } from '../attacks/stage.js'

const issuer = 'https://auth.example'

/** The response to an error while a request was served. */
async function problemOf(error: unknown, { path = '/account', ...init }: RequestInit & { path?: string } = {}) {
  const reported: unknown[] = []
  const context = {
    issuer,
    name: 'Home',
    brand: {},
    footer: {},
    transports: { paths: ['/agent/auth'] },
    onError: (...told: unknown[]) => reported.push(told),
  } as unknown as Parameters<typeof createProblemResponses>[0]
  const respond = createProblemResponses(context)
  const arrival = { request: new Request(issuer + path, init), requestId: 'request-1' }
  const { response, refusal } = respond(arrival, error)
  const html = await response.text()
  return {
    status: response.status,
    code: /data-error-code="([^"]*)"/.exec(html)?.[1] ?? html,
    retryAfter: response.headers.get('retry-after'),
    retry: /<a class="button[^"]*" href="([^"]*)"/.exec(html)?.[1],
    isNamed: html.includes('request-1'),
    refusal,
    reported,
    again: async () => (await respond({ ...arrival, requestId: 'request-2' }, error).response.text()) === html,
  }
}

const bug = new TypeError('a')
const database = new StorageError('unavailable', 'down')

it.each<[string, unknown, [status: number, code: string, retryAfter: string | null]]>([
  ['overload', new AAuthError('unavailable', 'a', { retryAfter: 3 }), [503, 'temporarily_unavailable', '3']],
  ['a database that is down', database, [503, 'temporarily_unavailable', '2']],
  ['too many requests', new StorageError('too_many_requests', 'a'), [429, 'too_many_requests', '60']],
  ['a malformed request', new AAuthError('request_malformed', 'a'), [400, 'bad_form', null]],
  ['an unsupported type', new AAuthError('media_type_unsupported', 'a'), [415, 'bad_form', null]],
  ['a failure elsewhere', new AAuthError('upstream_failed', 'a'), [500, 'server_error', null]],
  ['a bug', bug, [500, 'server_error', null]],
])('%s is shown as a page', async (_what, error, expected) => {
  const { status, code, retryAfter } = await problemOf(error)
  expect([status, code, retryAfter]).toEqual(expected)
})

it('reports faults, which the page names; pages of overload name nothing, and are the same for all', async () => {
  expect(await problemOf(bug)).toMatchObject({ reported: [[bug, 'request-1']], isNamed: true })
  expect(await problemOf(database)).toMatchObject({ reported: [[database, 'request-1']], isNamed: true })
  const shed = await problemOf(new AAuthError('unavailable', 'a'))
  expect(shed).toMatchObject({ reported: [], isNamed: false, retry: undefined })
  expect(await shed.again()).toBe(true)
  expect(await (await problemOf(bug)).again()).toBe(false)
})

const form = (referer: string, path = '/account') => ({ method: 'POST', headers: { referer }, path })

it.each<[string, unknown, Parameters<typeof problemOf>[1], string | undefined]>([
  ['a page that failed', bug, { path: '/account/yours?a=1' }, '/account/yours?a=1'],
  ['a request’s page', bug, { path: '/agent/auth?request_token=x' }, '/agent/auth?request_token=x'],
  ['a request’s page without the request', bug, { path: '/agent/auth' }, undefined],
  ['the page of a form that failed', bug, form(`${issuer}/account/yours`), '/account/yours'],
  [
    'the page of a malformed form',
    new AAuthError('request_malformed', 'a'),
    form(`${issuer}/account/yours`),
    '/account/yours',
  ],
  ['a page elsewhere', bug, form('https://other.example/account'), undefined],
  ['no page', bug, { method: 'POST' }, undefined],
  ['a page that is no URL', bug, form('account'), undefined],
  ['a request’s page after its form', bug, form(`${issuer}/agent/auth`), undefined],
  ['a path that leads elsewhere', bug, form(`${issuer}//evil.example/`), undefined],
])('leads back to %s', async (_what, error, sent, retry) => {
  expect((await problemOf(error, sent)).retry).toBe(retry)
})

it.each([
  ['GET', '/nowhere', 'not_found', undefined],
  ['POST', '/nowhere', 'not_found', undefined],
  ['POST', '/account/sign-in', 'csrf', '/account/yours'],
])('%s %s shows %s, which leads back to %s', async (method, path, code, retry) => {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  const body = method === 'POST' ? new URLSearchParams({ action: 'login' }) : null
  const headers = { referer: `${stage.authServer}/account/yours` }
  const html = await (await stage.fetch(new Request(stage.authServer + path, { method, body, headers }))).text()
  expect(html).toContain(`data-error-code="${code}"`)
  expect(/<a class="button[^"]*" href="([^"]*)"/.exec(html)?.[1]).toBe(retry)
})
