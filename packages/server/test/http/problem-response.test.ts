import { AAuthError } from 'countersign'
import { StorageError } from 'countersign-server'
import { expect, it } from 'vitest'
import { PageError } from '../../src/http/page-error.js'
import { createProblemResponses } from '../../src/http/problem-response.js'

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

const database = new StorageError('unavailable', 'down')

it.each<[string, unknown, [status: number, code: string, retryAfter: string | null]]>([
  ['overload', new AAuthError('unavailable', 'a', { retryAfter: 3 }), [503, 'temporarily_unavailable', '3']],
  ['a database that is down', database, [503, 'temporarily_unavailable', '2']],
  ['too many requests', new StorageError('too_many_requests', 'a'), [429, 'too_many_requests', '60']],
  ['a malformed request', new AAuthError('request_malformed', 'a'), [400, 'bad_form', null]],
  ['an unsupported type', new AAuthError('media_type_unsupported', 'a'), [415, 'bad_form', null]],
  ['a failure elsewhere', new AAuthError('upstream_failed', 'a'), [500, 'server_error', null]],
  ['a bug', new TypeError('a'), [500, 'server_error', null]],
  ['a page’s own problem', new PageError('too_many_requests', { retryAfter: 7 }), [429, 'too_many_requests', '7']],
])('%s is shown as a page', async (_what, error, expected) => {
  const { status, code, retryAfter } = await problemOf(error)
  expect([status, code, retryAfter]).toEqual(expected)
})

it('reports faults, which the page names; pages of overload name nothing, and are the same for all', async () => {
  const bug = new TypeError('a')
  expect(await problemOf(bug)).toMatchObject({ reported: [[bug, 'request-1']], isNamed: true })
  expect(await problemOf(database)).toMatchObject({ reported: [[database, 'request-1']], isNamed: true })
  const shed = await problemOf(new AAuthError('unavailable', 'a'))
  expect(shed).toMatchObject({ reported: [], isNamed: false, retry: undefined })
  expect(await shed.again()).toBe(true)
  const wrong = await problemOf(new PageError('csrf'))
  expect(wrong).toMatchObject({ reported: [], isNamed: true })
  expect(await wrong.again()).toBe(false)
})

it('shows the page of an error that has one, and tells operators which agent it is about', async () => {
  const response = new Response('own page', { status: 404 })
  const error = new PageError('request_unknown', { response, agent: 'https://agent.example' })
  expect(await problemOf(error)).toMatchObject({
    status: 404,
    code: 'own page',
    refusal: { code: 'request_unknown', agent: 'https://agent.example' },
    reported: [],
  })
})

const bug = new TypeError('a')
const form = (referer: string, path = '/account') => ({ method: 'POST', headers: { referer }, path })

it.each<[string, unknown, Parameters<typeof problemOf>[1], string | undefined]>([
  ['a page that failed', bug, { path: '/account/yours?a=1' }, '/account/yours?a=1'],
  ['a request’s page', bug, { path: '/agent/auth?request_token=x' }, '/agent/auth?request_token=x'],
  ['a request’s page without the request', bug, { path: '/agent/auth' }, undefined],
  ['a page that is refused', new PageError('not_found'), {}, undefined],
  ['a page with a form value of another', new PageError('csrf'), {}, undefined],
  ['the page of a form that failed', bug, form(`${issuer}/account/yours`), '/account/yours'],
  ['the page of a form that is forged', new PageError('csrf'), form(`${issuer}/account/yours`), '/account/yours'],
  ['the page of a malformed form', new PageError('bad_form'), form(`${issuer}/account/yours`), '/account/yours'],
  ['the page of a form that is refused', new PageError('not_found'), form(`${issuer}/account/yours`), undefined],
  ['a page elsewhere', bug, form('https://other.example/account'), undefined],
  ['no page', bug, { method: 'POST' }, undefined],
  ['a page that is no URL', bug, form('account'), undefined],
  ['a request’s page after its form', bug, form(`${issuer}/agent/auth`), undefined],
  ['a path that leads elsewhere', bug, form(`${issuer}//evil.example/`), undefined],
  [
    'what the error names',
    new PageError('csrf', { retry: '/account/password' }),
    form(`${issuer}/x`),
    '/account/password',
  ],
])('leads back to %s', async (_what, error, sent, retry) => {
  expect((await problemOf(error, sent)).retry).toBe(retry)
})
