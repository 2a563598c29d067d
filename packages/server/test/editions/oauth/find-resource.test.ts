import { createGuardedFetch } from 'countersign/node'
import { describe, expect, it } from 'vitest'
import { simulatePublicNetwork } from '../../../../countersign/test/discovery/public-network.js'
import {
  createResourceFinder,
  type ResourceFinderOptions,
  readListedResource,
} from '../../../src/editions/oauth/find-resource.js'
import { codeOf, createWeb, published } from './published-documents.js'

const issuer = 'https://auth.example'
const resource = 'https://notes.example/mcp'
const url = 'https://notes.example/.well-known/oauth-protected-resource/mcp'
const document = {
  resource,
  authorization_servers: [issuer],
  scopes_supported: ['connect', 'notes.read'],
  bearer_methods_supported: ['header'],
  resource_name: 'Notes',
  scope_descriptions: { connect: 'Connect', 'notes.read': 'See your notes', 'notes.write': 'Write' },
}
const now = { mayFetch: true }

function openStage(options: Partial<ResourceFinderOptions> = {}) {
  const web = createWeb()
  web.pages.set(url, () => published(document))
  return { ...web, resources: createResourceFinder({ ...web.options, issuer, ...options }) }
}

async function find(changes: object, sent = resource) {
  const { resources, pages } = openStage()
  pages.set(url, () => published({ ...document, ...changes }))
  return resources.find(sent, now)
}

describe('a resource', () => {
  it('is found through its metadata', async () => {
    expect(await find({})).toEqual({
      id: resource,
      host: 'notes.example',
      name: 'Notes',
      initialScopes: ['connect', 'notes.read'],
      scopes: ['connect', 'notes.read', 'notes.write'],
      scopeDescriptions: document.scope_descriptions,
    })
  })

  it.each([
    ['https://NOTES.example:443/mcp', resource],
    [resource, 'https://Notes.example/mcp'],
    [resource, 'https://notes.example/mcp/'],
  ])('sent as %s is issued as the document’s own string: %s', async (sent, own) => {
    expect((await find({ resource: own }, sent)).id).toBe(own)
  })

  it('stays in the cache for 5 minutes, whatever its headers say', async () => {
    for (const control of ['no-store', 'max-age=86400']) {
      const { resources, pages, requests, clock } = openStage()
      pages.set(url, () => published(document, { 'cache-control': control }))
      await resources.find(resource, now)
      clock.now += 299
      await resources.find(resource, now)
      expect(requests).toHaveLength(1)
      clock.now++
      pages.delete(url)
      expect(await codeOf(resources.find(resource, now))).toBe('resource_unreachable')
    }
  })

  it('may accept other servers, too', async () => {
    expect(await codeOf(find({ authorization_servers: ['https://other.example', issuer] }))).toBe('found')
  })

  it('is not fetched before sign-in', async () => {
    const { resources, requests } = openStage()
    expect(await codeOf(resources.find(resource, { mayFetch: false }))).toBe('resource_not_fetched')
    expect(requests).toEqual([])
  })

  it.each([
    'notes',
    `${resource}#x`,
    'http://notes.example/mcp',
    'http://127.0.0.1:3000/mcp',
    'https://10.0.0.1/mcp',
    'https://169.254.169.254/',
    `${issuer}/mcp`,
  ])('is unknown without a fetch if it is %s', async (sent) => {
    const { resources, requests } = openStage()
    expect(await codeOf(resources.find(sent, now))).toBe('resource_unknown')
    expect(requests).toEqual([])
  })

  it('on loopback is accepted for development', async () => {
    const { resources, pages } = openStage({ identifiers: { allowInsecureLoopback: true } })
    const local = 'http://127.0.0.1:3000/mcp'
    pages.set('http://127.0.0.1:3000/.well-known/oauth-protected-resource/mcp', () =>
      published({ ...document, resource: local }),
    )
    expect((await resources.find(local, now)).id).toBe(local)
  })
})

describe('metadata that names another server or another resource', () => {
  it.each<[string, object, string]>([
    ['another server', { authorization_servers: ['https://other.example'] }, 'resource_not_ours'],
    ['no server', { authorization_servers: undefined }, 'resource_not_ours'],
    ['this server outside of a list', { authorization_servers: issuer }, 'resource_not_ours'],
    ['this server with a slash', { authorization_servers: [`${issuer}/`] }, 'resource_not_ours'],
    ['this server in capitals', { authorization_servers: ['https://AUTH.example'] }, 'resource_not_ours'],
    ['a server below this one', { authorization_servers: [`${issuer}/tenant`] }, 'resource_not_ours'],
    ['another resource on its host', { resource: 'https://notes.example/other' }, 'resource_invalid'],
    ['its origin', { resource: 'https://notes.example' }, 'resource_invalid'],
    ['a resource on another host', { resource: 'https://bank.example/mcp' }, 'resource_invalid'],
    ['its own metadata', { resource: url }, 'resource_invalid'],
    ['no resource', { resource: undefined }, 'resource_invalid'],
    ['a list of resources', { resource: [resource] }, 'resource_invalid'],
    ['a resource with a fragment', { resource: `${resource}#` }, 'resource_invalid'],
  ])('is refused and not cached: %s', async (_case, changes, code) => {
    const { resources, pages } = openStage()
    pages.set(url, () => published({ ...document, ...changes }))
    expect(await codeOf(resources.find(resource, now))).toBe(code)
    pages.set(url, () => published(document))
    expect(await codeOf(resources.find(resource, now))).toBe('found')
  })

  it('does not put the name of a server on the page whose metadata names no one', async () => {
    const { resources, pages } = openStage()
    pages.set('https://bank.example/.well-known/oauth-protected-resource', () =>
      published({ resource: 'https://bank.example' }, {}, 404),
    )
    expect(await codeOf(resources.find('https://bank.example', now))).toBe('resource_unreachable')
  })

  it('does not follow a redirect to the metadata of another host', async () => {
    const { resources, pages } = openStage()
    pages.set(url, () => published(document, { location: 'https://evil.example/' }, 302))
    expect(await codeOf(resources.find(resource, now))).toBe('resource_unreachable')
  })
})

describe('the scopes of a resource', () => {
  it('are its own: another resource’s do not belong to it', async () => {
    const { resources, pages } = openStage()
    const other = 'https://bank.example/mcp'
    pages.set('https://bank.example/.well-known/oauth-protected-resource/mcp', () =>
      published({ ...document, resource: other, scopes_supported: ['pay'], scope_descriptions: undefined }),
    )
    expect((await resources.find(other, now)).scopes).toEqual(['pay'])
    expect((await resources.find(resource, now)).scopes).not.toContain('pay')
  })

  it.each<[string, unknown, unknown, string[]]>([
    ['both members together', ['a'], { b: 'B' }, ['a', 'b']],
    ['each once', ['a', 'a'], { a: 'A' }, ['a']],
    ['only valid ones', ['a', '', 'b c', 'd"', 7, 'é', 'x'.repeat(129)], { 'e f': 'x', g: 7 }, ['a']],
    [
      'none that disclose who the user is',
      ['openid', 'profile', 'email', 'offline_access', 'a'],
      { openid: 'x', offline_access: 'x' },
      ['a'],
    ],
    ['those with descriptions alone', undefined, { a: 'A' }, ['a']],
    ['those without descriptions', ['a'], 'x', ['a']],
    ['names of object members', ['constructor'], JSON.parse('{"__proto__":"x"}'), ['constructor', '__proto__']],
  ])('are %s', async (_case, supported, descriptions, scopes) => {
    const found = await find({ scopes_supported: supported, scope_descriptions: descriptions })
    expect(found.scopes).toEqual(scopes)
  })

  it('are up to 256', async () => {
    const supported = Array.from({ length: 256 }, (_, index) => `s${index}`)
    const found = await find({ scopes_supported: supported, scope_descriptions: undefined })
    expect(found.scopes).toEqual(supported)
  })

  it.each<[string, unknown]>([
    ['none', []],
    ['no valid one', ['openid', 'a b']],
    ['too many', Array.from({ length: 257 }, (_, index) => `s${index}`)],
  ])('are refused if there are %s', async (_case, supported) => {
    const lookup = find({ scopes_supported: supported, scope_descriptions: undefined })
    expect(await codeOf(lookup)).toBe('resource_invalid')
  })

  it.each<[unknown, string | undefined]>([
    ['No\u202etes\n', 'Notes'],
    ['\u200b', undefined],
    [['Notes'], undefined],
    ['n'.repeat(80), 'n'.repeat(80)],
    ['n'.repeat(81), `${'n'.repeat(79)}…`],
  ])('come with a cleaned name: %j', async (name, cleaned) => {
    expect((await find({ resource_name: name })).name).toBe(cleaned)
  })
})

describe('the operator’s list', () => {
  const internal = [readListedResource({ resource: 'https://inside.corp.example/mcp', scopes_supported: ['a'] })]

  it('contains resources that are never fetched', async () => {
    const { resources, requests } = openStage({ internal })
    for (const mayFetch of [false, true])
      expect(await resources.find('https://INSIDE.corp.example/mcp/', { mayFetch })).toBe(internal[0])
    expect(requests).toEqual([])
  })

  it('can exclude all others', async () => {
    const { resources, requests } = openStage({ internal, only: ['https://notes.example/mcp/'] })
    await expect(resources.find('https://other.example/mcp', now)).rejects.toMatchObject({
      code: 'resource_unknown',
      message: expect.stringContaining(
        'oauth.onlyResources does not contain https://other.example/mcp: add it',
      ) as string,
    })
    await expect(resources.find(`${issuer}/mcp`, now)).rejects.toThrow(
      'own origin: list its metadata in oauth.resources',
    )
    expect(requests).toEqual([])
    expect(await codeOf(resources.find(resource, now))).toBe('found')
    expect(await codeOf(resources.find('https://inside.corp.example/mcp', now))).toBe('found')
  })

  it.each([[{}], [{ resource: 'inside' }], [{ resource }], [[]], [null]])('refuses %j', (listed) => {
    expect(() => readListedResource(listed)).toThrow(expect.objectContaining({ code: 'resource_invalid' }))
  })
})

it('metadata at an address that is not public is refused without a connection (B08)', async () => {
  const { resources } = openStage({ fetch: createGuardedFetch(), failureTime: 'shortest' })
  const network = simulatePublicNetwork(
    { 'metadata.example': [['169.254.169.254']], 'inside.example': [['10.0.0.1']] },
    9,
  )
  for (const host of ['metadata.example', 'inside.example', 'missing.example'])
    expect(await codeOf(resources.find(`https://${host}/mcp`, now))).toBe('resource_unreachable')
  expect(network.connected).toEqual([])
})

describe('the limits on new documents of a host', () => {
  const nameOf = (index: number) => `https://notes.example/${index}`
  const metadataOf = (index: number) => `https://notes.example/.well-known/oauth-protected-resource/${index}`
  const by = (user: string) => ({ mayFetch: true, user })
  const hosted = { mayFetch: true, remoteAddress: '203.0.113.1', holdsToken: true }

  /** A host with many resources, none of which has been fetched. */
  function openHost(count: number) {
    const stage = openStage()
    for (let index = 0; index < count; index++)
      stage.pages.set(metadataOf(index), () => published({ ...document, resource: nameOf(index) }))
    const invent = async (minute: number) => {
      for (let index = 0; index < 120; index++)
        await codeOf(stage.resources.find(nameOf(10_000 * (minute + 1) + index), by(`mallory${index}`)))
    }
    return { ...stage, invent }
  }

  it('do not apply to the holder of a token, who may refresh at 25 resources of a host', async () => {
    const { resources, clock } = openHost(25)
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 25; index++) expect(await codeOf(resources.find(nameOf(index), hosted))).toBe('found')
      clock.now += 400
    }
  })

  it('do not apply to a resource that was valid before, whatever others invent on its host', async () => {
    const { resources, clock, invent } = openHost(2)
    await resources.find(nameOf(0), by('alice'))
    for (let minute = 0; minute < 3; minute++) {
      clock.now += 301
      await invent(minute)
      expect(await codeOf(resources.find(nameOf(0), by('bob')))).toBe('found')
      expect(await codeOf(resources.find(nameOf(1), by('bob')))).toBe('too_many_fetches')
    }
  })

  it.each([
    ['a week', 604_800],
    ['its removal', 300],
  ])('apply again after %s', async (what, age) => {
    const { resources, clock, pages, invent } = openHost(1)
    await resources.find(nameOf(0), by('alice'))
    if (what === 'its removal') {
      clock.now += 300
      pages.set(metadataOf(0), () => published('', {}, 404))
      expect(await codeOf(resources.find(nameOf(0), by('alice')))).toBe('resource_unreachable')
    }
    clock.now += age
    await invent(0)
    expect(await codeOf(resources.find(nameOf(0), by('bob')))).toBe('too_many_fetches')
  })

  it('apply for a minute after a failed fetch, so that a host in trouble is not flooded', async () => {
    const { resources, clock, pages, requests } = openHost(1)
    await resources.find(nameOf(0), hosted)
    clock.now += 300
    pages.delete(metadataOf(0))
    const codes: string[] = []
    for (let times = 0; times < 30; times++) codes.push(await codeOf(resources.find(nameOf(0), hosted)))
    expect(codes.at(-1)).toBe('too_many_fetches')
    expect(requests.length).toBeLessThan(25)
    clock.now += 60
    expect(await codeOf(resources.find(nameOf(0), hosted))).toBe('resource_unreachable')
  })
})
