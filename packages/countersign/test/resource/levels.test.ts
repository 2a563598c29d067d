import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { createAgent } from 'countersign/agent'
import { createResource, type ResourceOptions } from 'countersign/resource'
import { createTestWorld, type TestWorld } from 'countersign/testing'
import { transformSync } from 'esbuild'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../../..', import.meta.url))
const id = 'https://search.test'

type Search = (request: Request) => Promise<Response>
type CreateSearch = (options: ResourceOptions, blocked: ReadonlySet<string>) => Search

/** The search as the page about existing logins shows it. */
async function documented(): Promise<CreateSearch> {
  const text = readFileSync(join(root, 'docs/apis/existing-logins.md'), 'utf8')
  const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code = '']) => code)
  const code = blocks.find((block) => block.includes('createSearch')) ?? ''
  const folder = join(root, '.reports', 'levels')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'search.mjs')
  writeFileSync(file, transformSync(code, { loader: 'ts', format: 'esm' }).code)
  const { createSearch } = (await import(pathToFileURL(file).href)) as { createSearch: CreateSearch }
  return createSearch
}

const createSearch = await documented()

async function openSearch(blocked = new Set<string>()): Promise<{ world: TestWorld; blocked: Set<string> }> {
  const world = await createTestWorld()
  world.origins.set(id, createSearch({ id, ...world.forResource }, blocked))
  return { world, blocked }
}

interface Found {
  caller?: string
  before?: string
}

const found = async (response: Response) => (await response.json()) as Found

const challengeOf = (response: Response) => [response.status, response.headers.get('agent-auth')]

describe('the search of docs/apis/existing-logins.md', () => {
  it('accepts three unsigned requests a minute, and then challenges for a signature', async () => {
    const { world } = await openSearch()
    for (let count = 0; count < 3; count++) expect((await world.fetch(`${id}/search?for=cats`)).status).toBe(200)
    const fourth = await world.fetch(`${id}/search?for=cats`)
    expect(challengeOf(fourth)).toEqual([429, 'httpsig'])
    expect(fourth.headers.get('retry-after')).toBe('60')
    expect(await fourth.text()).toContain('Too many requests: sign them, or wait for the time given in Retry-After.')
    world.advance(60)
    expect((await world.fetch(`${id}/search?for=cats`)).status).toBe(200)
  })

  it('remembers a key, accepts ten of its requests, and then challenges for an agent', async () => {
    const { world } = await openSearch()
    const agent = await world.agent()
    const search = (words: string) => agent.send('key-only', `${id}/search?for=${words}`)
    const caller = `key ${agent.signer.thumbprint}`
    expect(await found(await search('cats'))).toEqual({ caller })
    expect(await found(await search('dogs'))).toEqual({ caller, before: 'cats' })
    for (let count = 2; count < 10; count++) expect((await search('cats')).status).toBe(200)
    expect(challengeOf(await search('cats'))).toEqual([429, 'httpsig; identity=?1'])
    expect((await agent.send('no-token', `${id}/search?for=cats`)).status).toBe(200)
  })

  it('blocks a key by its thumbprint, and accepts its agent', async () => {
    const { world, blocked } = await openSearch()
    const [agent, other] = [await world.agent(), await world.agent()]
    blocked.add(`key ${agent.signer.thumbprint}`)
    const refused = await agent.send('key-only', `${id}/search?for=cats`)
    expect(challengeOf(refused)).toEqual([403, 'httpsig; identity=?1'])
    expect((await other.send('key-only', `${id}/search?for=cats`)).status).toBe(200)
    expect(await found(await agent.fetch(`${id}/search?for=cats`))).toEqual({ caller: `agent ${agent.id}` })
    blocked.add(`agent ${agent.id}`)
    expect(challengeOf(await agent.fetch(`${id}/search?for=cats`))).toEqual([403, null])
  })

  it('accepts a hundred requests of an agent, and more with a user’s permission', async () => {
    const { world } = await openSearch()
    const agent = await world.agent()
    for (let count = 0; count < 100; count++)
      expect((await agent.send('no-token', `${id}/search?for=cats`)).status).toBe(200)
    const refused = await agent.send('no-token', `${id}/search?for=cats`)
    expect(challengeOf(refused)).toEqual([429, 'httpsig; auth-token'])
    world.advance(60)
    const caller = `user ${world.authServer} ${agent.person.sub}`
    expect(await found(await agent.fetch(`${id}/last`))).toEqual({ caller })
    expect(await found(await agent.fetch(`${id}/search?for=cats`))).toEqual({ caller })
    expect(await found(await agent.fetch(`${id}/last`))).toEqual({ caller, before: 'cats' })
    for (let count = 0; count < 150; count++) expect((await agent.fetch(`${id}/last`)).status).toBe(200)
  })

  it('challenges a pseudonym beyond its limit, and the agent then identifies itself', async () => {
    const { world } = await openSearch()
    const agent = createAgent({
      id: 'https://shy.test',
      onePerson: true,
      interop: { introduce: 'key' },
      ...world.forAgent,
    })
    world.origins.set(agent.id, (request) => agent.handler(request))
    const { thumbprint } = world.forAgent.signer
    for (let count = 0; count < 10; count++)
      expect((await found(await agent.fetch(`${id}/search?for=cats`))).caller).toBe(`key ${thumbprint}`)
    expect((await found(await agent.fetch(`${id}/search?for=cats`))).caller).toBe(`agent ${agent.id}`)
  })
})

describe('wwwAuthenticate', () => {
  const wwwAuthenticate = 'Bearer realm="search.test", scope="searches.read"'

  it('is sent with each challenge of a 401, and with nothing else', async () => {
    const world = await createTestWorld()
    const resource = createResource({ id, ...world.forResource, wwwAuthenticate })
    const refusalOf = async (request: Request) =>
      resource.toResponse(
        await resource.verify(request, { require: 'authorization', scope: 'searches.read' }).catch((error) => error),
      )
    world.origins.set(id, (request) => (request.url === `${id}/last` ? refusalOf(request) : resource.handler(request)))
    const agent = await world.agent()
    for (const fault of ['unsigned', 'no-token', 'expired-token', 'wrong-audience'] as const) {
      const { status, headers } = await agent.send(fault, `${id}/last`)
      expect([fault, status, headers.get('www-authenticate')]).toEqual([fault, 401, wwwAuthenticate])
      expect(headers.get('agent-auth')).toMatch(/^httpsig/)
    }
    const narrow = await agent.send('narrow-token', `${id}/last`)
    expect([narrow.status, narrow.headers.get('www-authenticate')]).toEqual([403, null])
    const missing = await world.fetch(`${id}/nothing`)
    expect([missing.status, missing.headers.get('www-authenticate')]).toEqual([404, null])
  })

  it('is not sent by default, and cannot inject another header', async () => {
    const world = await createTestWorld()
    world.origins.set(id, createSearch({ id, ...world.forResource }, new Set()))
    expect((await world.fetch(`${id}/last`)).headers.has('www-authenticate')).toBe(false)
    const options = { id, ...world.forResource, wwwAuthenticate: 'Bearer\r\nset-cookie: a=1' }
    expect(() => createResource(options)).toThrow(TypeError)
  })
})
