import { draft11ResourceWith, parseRequirement, type ResourceAccounts } from 'countersign/editions/draft-11'
import { createNodeListener } from 'countersign/node'
import type { Resource } from 'countersign/resource'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { listen } from '../../resource/events-resource.js'
import { openStage as openAgentStage } from './agent-stage.js'
import { openStage, requestWith, said, serve, tokenOf } from './resource-stage.js'
import { ids } from './wire.js'

const read = { require: 'authorization', scope: 'data.read' } as const

/** Users have the accounts `work` and `home`, which are the first segment of a path. */
const accounts: ResourceAccounts = {
  has: (account, { iss, sub }) => iss === ids.personServer && sub === 'p1' && ['work', 'home'].includes(account),
  of: ({ path }) => /^\/(work|home)\//.exec(path)?.[1],
}

const withAccounts = (given: ResourceAccounts = accounts) => ({ edition: draft11ResourceWith({ accounts: given }) })

function resourceTokenIn(response: Response | undefined) {
  const asked = parseRequirement(response?.headers.get('aauth-requirement') ?? '')
  return asked?.requirement === 'auth-token' ? decodeToken(asked.resourceToken)?.payload : undefined
}

const claimsOf = async (kind: 'person' | 'auth', claims: Record<string, unknown>, target = '/work/files') =>
  requestWith(await tokenOf(kind, { jti: 'j1', ...claims }), { target })

describe('a route that concerns an account', () => {
  const { send } = openStage(withAccounts())

  it('serves an auth token for this account, which the handler receives', async () => {
    const { verified } = await send(await claimsOf('auth', { account: 'work' }), read)
    expect(verified).toMatchObject({ claims: { account: 'work' }, scope: ['data.read'] })
  })

  it.each<[string, 'person' | 'auth', object, string, string | undefined]>([
    ['a person token', 'person', {}, '/work/files', 'work'],
    [
      'an auth token for another account',
      'auth',
      { account: 'home', scope: 'data.read data.write' },
      '/work/files',
      'work',
    ],
    ['an auth token for no account', 'auth', {}, '/work/files', 'work'],
    ['an auth token for an account, if it concerns none', 'auth', { account: 'work' }, '/files', undefined],
  ])(
    'requires one instead of %s, with nothing of what was allowed for the other',
    async (_what, kind, claims, target, account) => {
      const { response } = await send(await claimsOf(kind, { ...claims }, target), read)
      expect(said(response)).toMatchObject({ status: 401, requirement: 'requirement=auth-token;resource-token="…"' })
      const issued = resourceTokenIn(response)
      expect(issued).toMatchObject({ scope: 'data.read', presented_jti: 'j1' })
      expect(issued?.account).toBe(account)
    },
  )

  it('asks for more within the account', async () => {
    const { response } = await send(await claimsOf('auth', { account: 'work' }), { ...read, scope: 'data.write' })
    expect(resourceTokenIn(response)).toMatchObject({ scope: 'data.read data.write', account: 'work' })
  })
})

it('an account that only the token names is kept when more is asked for', async () => {
  const { send } = openStage(withAccounts({ has: () => true }))
  expect((await send(await claimsOf('auth', { account: 'work' }), read)).verified).toMatchObject({
    claims: { account: 'work' },
  })
  const { response } = await send(await claimsOf('auth', { account: 'work' }), { ...read, scope: 'data.write' })
  expect(resourceTokenIn(response)).toMatchObject({ scope: 'data.read data.write', account: 'work' })
})

describe('the authorization endpoint', () => {
  const ask = async (body: object, sub = 'p1') => {
    const { resource } = openStage(withAccounts())
    const jwt = await tokenOf('person', { sub })
    const also = ['content-type', 'content-digest']
    const parts = { method: 'POST', target: '/aauth/authorize', body: JSON.stringify(body), also }
    const response = await serve(resource, await requestWith(jwt, parts))
    return { status: response.status, body: (await response.json()) as { error?: string; resource_token?: string } }
  }

  it('issues a resource token for an account of the user', async () => {
    const { status, body } = await ask({ scope: 'data.read', account: 'home' })
    expect([status, decodeToken(body.resource_token ?? '')?.payload.account]).toEqual([200, 'home'])
    expect(decodeToken((await ask({ scope: 'data.read' })).body.resource_token ?? '')?.payload).not.toHaveProperty(
      'account',
    )
  })

  it.each<[string, unknown, string?]>([
    ['does not exist', 'other'],
    ['is another user’s', 'work', 'p2'],
    ['is empty', ''],
    ['is too long', 'x'.repeat(257)],
    ['has control characters', 'a\u0000b'],
    ['is no text', 1],
    ['is null', null],
  ])('refuses an account that %s', async (_which, account, sub) => {
    expect(await ask({ scope: 'data.read', account }, sub)).toMatchObject({
      status: 400,
      body: { error: 'invalid_account' },
    })
  })
})

describe.each(['in process', 'over HTTP'])('an agent at an API with accounts, %s', (how) => {
  it('gets a token for each account, and presents each only where it is for', async () => {
    const stage = openAgentStage()
    const { resource } = openStage({
      ...withAccounts(),
      now: () => stage.clock.now,
      fetch: async (url) => (url.startsWith(ids.agent) ? agent.handler(new Request(url)) : stage.fetch(url)),
    })
    const respond = async (request: Request, received?: Parameters<Resource['handler']>[1]) => {
      const { pathname } = new URL(request.url)
      if (resource.publishedPaths.has(pathname)) return resource.handler(request, received)
      try {
        return Response.json((await resource.verify(received ?? request, read)).claims)
      } catch (error) {
        return resource.toResponse(error)
      }
    }
    const port = how === 'in process' ? 0 : await listen(createNodeListener(respond, { origin: ids.resource }))
    const presented: unknown[] = []
    const agent = stage.newAgent({
      async fetch(input, init) {
        const request = new Request(input, init)
        if (!request.url.startsWith(ids.resource)) return stage.fetch(request)
        const [, jwt] = /jwt="([^"]+)"/.exec(request.headers.get('signature-key') ?? '') ?? []
        if (jwt !== undefined) presented.push(decodeToken(jwt)?.payload.account)
        const { pathname } = new URL(request.url)
        return port === 0
          ? respond(request)
          : fetch(`http://127.0.0.1:${port}${pathname}`, { headers: request.headers })
      },
    })
    for (const path of ['/work/files', '/home/files', '/files', '/work/files', '/home/files']) {
      const { account } = (await (await agent.fetch(ids.resource + path)).json()) as { account?: string }
      expect(account).toBe(/^\/(work|home)\//.exec(path)?.[1])
    }
    expect(presented.slice(-2), 'the last two requests needed nothing else').toEqual(['work', 'home'])
    expect(stage.asked.map(({ resource: at, scope }) => [at, scope])).toEqual([
      [ids.resource, undefined],
      ...Array.from({ length: 3 }, () => [ids.resource, 'data.read']),
    ])
  })
})
