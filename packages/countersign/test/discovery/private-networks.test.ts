import { createSigner, generatePrivateJwk } from 'countersign'
import { type AgentOptions, createAgent } from 'countersign/agent'
import { createDiscovery, type Discovery, type GuardedDiscoveryOptions } from 'countersign/discovery'
import { january } from 'countersign/editions'
import { AddressRefused, type AllowedNetwork, createGuardedFetch, type GuardedFetchOptions } from 'countersign/node'
import { createResource } from 'countersign/resource'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { agentDocuments, issuerDocuments } from '../origins.js'
import { startTcpServer } from './loopback-server.js'
import { simulatePublicNetwork } from './public-network.js'
import { certificateOf, startTlsServer, trust } from './tls-server.js'

const signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))

/** The outcome of one fetch: the addresses it connected to, or that it was refused before any connection. */
async function outcomeOf(options: GuardedFetchOptions, url: string, addresses: readonly string[]) {
  const canary = await startTcpServer((socket) => socket.destroy())
  const network = simulatePublicNetwork({ [new URL(url).hostname]: [addresses] }, canary.port)
  const error: unknown = await createGuardedFetch(options)(url).catch((thrown: unknown) => thrown)
  const wasRefused = 'code' in (error as object) && (error as { code: unknown }).code === 'EREFUSED'
  expect(canary.connections() === 0, 'refused before any connection').toBe(wasRefused)
  return wasRefused ? 'refused' : network.connected
}

const rules: readonly AllowedNetwork[] = [
  { cidr: '10.1.0.0/16', hosts: ['agent.corp.example', '*.agents.corp.example'], ports: [443, 8443] },
  { cidr: '192.168.7.0/24' },
  { cidr: 'fd12:3456::/32', hosts: ['agent.corp.example'] },
]

describe('W28: allowNetworks', () => {
  it.each<[string, ...string[]]>([
    ['https://agent.corp.example/', '10.1.2.3'],
    ['https://agent.corp.example/', '10.1.0.0'],
    ['https://agent.corp.example/', '10.1.255.255'],
    ['https://agent.corp.example:8443/', '10.1.2.3'],
    ['https://AGENT.corp.example/', '10.1.2.3'],
    ['https://agent.corp.example/', '10.1.2.3', '10.1.2.4'],
    ['https://agent.corp.example/', '10.1.2.3', '8.8.8.8'],
    ['https://agent.corp.example/', '10.1.2.3', 'fd12:3456::1', '192.168.7.1'],
    ['https://agent.corp.example/', '::ffff:10.1.2.3'],
    ['https://x.agents.corp.example/', '10.1.2.3'],
    ['https://a.b.agents.corp.example/', '10.1.2.3'],
    ['https://anything.example:9999/', '192.168.7.9'],
    ['https://anything.example/', '8.8.8.8'],
  ])('connects to %s at %s %s', async (url, ...addresses) => {
    expect(await outcomeOf({ allowNetworks: rules }, url, addresses)).toEqual(addresses)
  })

  it.each<[string, string, ...string[]]>([
    ['another name in an allowed network', 'https://other.corp.example/', '10.1.2.3'],
    ['a name with an allowed one as its suffix', 'https://evil-agent.corp.example/', '10.1.2.3'],
    ['a subdomain of an allowed name', 'https://x.agent.corp.example/', '10.1.2.3'],
    ['a name with an allowed one as its prefix', 'https://agent.corp.example.evil.example/', '10.1.2.3'],
    ['the parent domain of a pattern', 'https://agents.corp.example/', '10.1.2.3'],
    ['a name with a pattern’s domain as its suffix', 'https://xagents.corp.example/', '10.1.2.3'],
    ['an allowed name with a trailing dot', 'https://agent.corp.example./', '10.1.2.3'],
    ['an allowed name in another network', 'https://agent.corp.example/', '10.2.0.0'],
    ['an allowed name just below its network', 'https://agent.corp.example/', '10.0.255.255'],
    ['an allowed name in another kind of network', 'https://agent.corp.example/', '172.16.0.1'],
    ['an allowed name in two networks', 'https://agent.corp.example/', '10.1.2.3', '10.2.0.1'],
    ['an allowed name that is also at loopback', 'https://agent.corp.example/', '10.1.2.3', '127.0.0.1'],
    ['any name next to the network that allows any', 'https://anything.example/', '192.168.8.0'],
    ['an allowed name in the network of another family', 'https://agent.corp.example/', 'fd12:3457::1'],
    ['a port that is not allowed', 'https://agent.corp.example:444/', '10.1.2.3'],
    ['another name on an allowed port', 'https://other.corp.example:8443/', '10.1.2.3'],
    ['the 6to4 form of an allowed address', 'https://agent.corp.example/', '2002:a01:203::1'],
    ['the NAT64 form of an allowed address', 'https://agent.corp.example/', '64:ff9b::10.1.2.3'],
    ['http', 'http://agent.corp.example/', '10.1.2.3'],
  ])('makes no connection for %s: %s at %s %s', async (_case, url, ...addresses) => {
    expect(await outcomeOf({ allowNetworks: rules }, url, addresses)).toBe('refused')
  })

  it.each(['https://10.1.2.3/', 'https://[fd12:3456::1]/', 'https://192.168.7.9/', 'https://[::ffff:10.1.2.3]/'])(
    'makes no connection for an address instead of a name: %s',
    async (url) => {
      await expect(createGuardedFetch({ allowNetworks: rules })(url)).rejects.toThrow('the host is an IP address')
    },
  )

  it.each([
    ['100.64.0.0/10', '100.100.100.200'],
    ['240.0.0.0/4', '255.255.255.255'],
    ['192.0.0.0/24', '192.0.0.192'],
    ['f000::/4', 'fe80::1'],
    ['f000::/4', 'fe80::1%lo'],
    ['f000::/4', 'ff02::1'],
    ['f000::/4', 'fd00:ec2::254'],
    ['fc00::/7', 'fd20:ce::254'],
    ['fd00::/8', 'fd00:c1::a9fe:a9fe'],
    ['fd00::/8', 'fd00:42::42'],
    ['::/8', '::'],
    ['::/8', '::1'],
    ['::/8', '::ffff:169.254.169.254'],
    ['::/8', '::ffff:10.1.2.3'],
    ['::/8', '::ffff:127.0.0.1'],
    ['::/8', '::10.1.2.3'],
    ['64:ff9b::/96', '64:ff9b::169.254.169.254'],
    ['64:ff9b::/96', '64:ff9b::127.0.0.1'],
    ['64:ff9b::/96', '64:ff9b::10.1.2.3'],
    ['2002::/16', '2002:a9fe:a9fe::1'],
    ['2002::/16', '2002:a01:203::1'],
  ])('makes no connection, although %s covers the address: %s', async (cidr, address) => {
    expect(await outcomeOf({ allowNetworks: [{ cidr }] }, 'https://agent.example/', [address])).toBe('refused')
  })

  it.each<[string, string | undefined, string | string[]]>([
    ['64:ff9b::8.8.8.8', undefined, ['64:ff9b::8.8.8.8']],
    ['64:ff9b::10.1.2.3', 'agent.example', ['64:ff9b::10.1.2.3']],
    ['64:ff9b::10.1.2.3', 'other.example', 'refused'],
    ['64:ff9b::10.2.2.3', 'agent.example', 'refused'],
  ])(
    'a translated network opens only the public internet and addresses that are themselves allowed: %s',
    async (address, host, came) => {
      const own = host === undefined ? [] : [{ cidr: '10.1.0.0/16', hosts: [host] }]
      const allowNetworks = [{ cidr: '64:ff9b::/96' }, ...own]
      expect(await outcomeOf({ allowNetworks }, 'https://agent.example/', [address])).toEqual(came)
    },
  )

  it('K10: connects to the address that was checked, and checks the next DNS response again', async () => {
    const certificate = certificateOf('agent.corp.example')
    const server = await startTlsServer(certificate, (_request, response) => response.end('{}'))
    trust(certificate)
    const network = simulatePublicNetwork(
      { 'agent.corp.example': [['10.1.2.3'], ['10.2.0.1'], ['10.1.2.4']] },
      server.port,
    )
    const fetch = createGuardedFetch({ allowNetworks: rules })
    expect((await fetch('https://agent.corp.example/')).status).toBe(200)
    await expect(fetch('https://agent.corp.example/')).rejects.toThrow(AddressRefused)
    expect((await fetch('https://agent.corp.example/')).status).toBe(200)
    expect(network.connected).toEqual(['10.1.2.3', '10.1.2.4'])
    expect(network.resolved).toHaveLength(3)
  })

  it('K11: does not follow a redirect within the network', async () => {
    const certificate = certificateOf('agent.corp.example')
    const server = await startTlsServer(certificate, (_request, response) => {
      response.writeHead(302, { location: 'https://agent.corp.example:8443/internal' }).end()
    })
    trust(certificate)
    simulatePublicNetwork({ 'agent.corp.example': [['10.1.2.3']] }, server.port)
    const response = await createGuardedFetch({ allowNetworks: rules })('https://agent.corp.example/')
    expect(response.status).toBe(302)
    expect(server.asked).toEqual(['agent.corp.example /'])
  })

  it('reports what was refused, and whether it can be allowed', async () => {
    const refusal = async (url: string, address: string) => {
      simulatePublicNetwork({ 'agent.corp.example': [[address]] }, 1)
      return createGuardedFetch()(url).catch((error: unknown) => error)
    }
    expect(await refusal('https://agent.corp.example:8443/', '10.1.2.3')).toMatchObject({
      name: 'AddressRefused',
      code: 'EREFUSED',
      host: 'agent.corp.example',
      port: 8443,
      address: '10.1.2.3',
      allowable: true,
      message:
        'refused: the address is not public: agent.corp.example is at 10.1.2.3; if intended, allow it with allowNetworks',
    })
    for (const address of ['127.0.0.1', '169.254.169.254', '::ffff:127.0.0.1']) {
      expect(await refusal('https://agent.corp.example/', address)).toMatchObject({
        port: 443,
        address,
        allowable: false,
      })
    }
  })
})

describe('W28: rejects networks that cannot be intended, at configuration', () => {
  const corp = { cidr: '10.0.0.0/8' }
  it.each<[string, unknown, string]>([
    [
      'an address with bits set after the prefix',
      { cidr: '10.1.2.3/8' },
      '[0].cidr has host bits set: the network is 10.0.0.0/8',
    ],
    [
      'an IPv6 address with bits set after the prefix',
      { cidr: 'fd12:3456::1/32' },
      '[0].cidr has host bits set: the network is fd12:3456::/32',
    ],
    ['one bit set after the prefix', { cidr: '10.1.2.4/29' }, '[0].cidr has host bits set: the network is 10.1.2.0/29'],
    ['every address', { cidr: '0.0.0.0/0' }, '[0].cidr contains public addresses'],
    ['every IPv6 address', { cidr: '::/0' }, '[0].cidr contains public addresses'],
    ['half of all addresses', { cidr: '0.0.0.0/1' }, '[0].cidr contains public addresses'],
    ['half of all IPv6 addresses', { cidr: '::/1' }, '[0].cidr contains public addresses'],
    ['a network larger than a private network', { cidr: '10.0.0.0/7' }, '[0].cidr contains public addresses'],
    ['a network larger than another private network', { cidr: '172.0.0.0/11' }, '[0].cidr contains public addresses'],
    ['a public network', { cidr: '8.8.8.0/24' }, '[0].cidr contains public addresses'],
    ['a public IPv6 network', { cidr: '2606:4700::/32' }, '[0].cidr contains public addresses'],
    ['a network larger than the documentation range', { cidr: '2001:db8::/31' }, '[0].cidr contains public addresses'],
    ['loopback', { cidr: '127.0.0.0/8' }, '[0].cidr is always refused'],
    ['a single loopback address', { cidr: '127.0.0.1/32' }, '[0].cidr is always refused'],
    ['IPv6 loopback', { cidr: '::1/128' }, '[0].cidr is always refused'],
    ['link-local', { cidr: '169.254.0.0/16' }, '[0].cidr is always refused'],
    ['the metadata address', { cidr: '169.254.169.254/32' }, '[0].cidr is always refused'],
    ['another', { cidr: '100.100.100.200/32' }, '[0].cidr is always refused'],
    ['another IPv6 metadata address', { cidr: 'fd00:ec2::254/128' }, '[0].cidr is always refused'],
    ['IPv6 link-local', { cidr: 'fe80::/10' }, '[0].cidr is always refused'],
    ['multicast', { cidr: '224.0.0.0/4' }, '[0].cidr is always refused'],
    ['IPv4 in IPv6 form', { cidr: '::ffff:10.0.0.0/104' }, '[0].cidr must be written as IPv4: 10.0.0.0/8'],
    ['an address without a prefix', { cidr: '10.1.2.3' }, '[0].cidr must include a prefix length: 10.1.2.3/32'],
    ['an IPv6 address without a prefix', { cidr: 'fd00::1' }, '[0].cidr must include a prefix length: fd00::1/128'],
    ['a prefix that is too long', { cidr: '10.0.0.0/33' }, '[0].cidr must be a network'],
    ['an IPv6 prefix that is too long', { cidr: 'fd00::/129' }, '[0].cidr must be a network'],
    ['a prefix that is not a number', { cidr: '10.0.0.0/x' }, '[0].cidr must be a network'],
    ['a prefix with a leading zero', { cidr: '10.0.0.0/08' }, '[0].cidr must be a network'],
    ['a mask', { cidr: '10.0.0.0/255.0.0.0' }, '[0].cidr must be a network'],
    ['a short address', { cidr: '10/8' }, '[0].cidr must be a network'],
    ['a name', { cidr: 'corp.example' }, '[0].cidr must be a network'],
    ['a number', { cidr: 10 }, '[0].cidr must be a network'],
    ['a missing network', { hosts: ['a.example'] }, '[0] must be an object with a cidr'],
    ['a string', '10.0.0.0/8', '[0] must be an object with a cidr'],
    ['nothing', null, '[0] must be an object with a cidr'],
    ['an unknown member', { ...corp, host: 'a.example' }, '[0].host is unknown: the members are cidr, hosts and ports'],
    ['hosts given as a string', { ...corp, hosts: 'a.example' }, '[0].hosts must be a list'],
    ['no hosts', { ...corp, hosts: [] }, '[0].hosts is empty, which allows nothing: omit it to allow any'],
    ['a URL', { ...corp, hosts: ['a.example', 'https://b.example'] }, '[0].hosts[1] must be a host only'],
    ['a path', { ...corp, hosts: ['a.example/x'] }, '[0].hosts[0] must be a host only'],
    ['a host with a port', { ...corp, hosts: ['a.example:443'] }, '[0].hosts[0] must not include a port'],
    ['a host in uppercase', { ...corp, hosts: ['*.Corp.example'] }, '[0].hosts[0] must be lower case: *.corp.example'],
    ['a pattern for any host', { ...corp, hosts: ['*'] }, '[0].hosts[0] matches any name: omit hosts instead'],
    ['a pattern in the middle', { ...corp, hosts: ['a.*.example'] }, '[0].hosts[0] has a * in an invalid position'],
    [
      'a pattern for part of a label',
      { ...corp, hosts: ['*corp.example'] },
      '[0].hosts[0] has a * in an invalid position',
    ],
    ['two patterns', { ...corp, hosts: ['*.*.example'] }, '[0].hosts[0] has a * in an invalid position'],
    ['an address as a host', { ...corp, hosts: ['10.1.2.3'] }, '[0].hosts[0] is an address'],
    ['an IPv6 address as a host', { ...corp, hosts: ['[fd00::1]'] }, '[0].hosts[0] is an address'],
    [
      'a host without a dot',
      { ...corp, hosts: ['intranet'] },
      '[0].hosts[0] is not a host that an identifier can have',
    ],
    ['a trailing dot', { ...corp, hosts: ['a.example.'] }, '[0].hosts[0] is not a host that an identifier can have'],
    ['a leading dot', { ...corp, hosts: ['.corp.example'] }, '[0].hosts[0] is not a host that'],
    ['an empty host', { ...corp, hosts: [''] }, '[0].hosts[0] is not a host that an identifier can have'],
    ['a host that is not a string', { ...corp, hosts: [1] }, '[0].hosts[0] must be a string'],
    [
      'characters that DNS does not allow',
      { ...corp, hosts: ['*.münchen.example'] },
      'must be in its DNS form: *.xn--mnchen-3ya.example',
    ],
    ['ports given as a number', { ...corp, ports: 443 }, '[0].ports must be a list'],
    ['no ports', { ...corp, ports: [] }, '[0].ports is empty'],
    ['port 0', { ...corp, ports: [443, 0] }, '[0].ports[1] must be a port, a whole number from 1 to 65535'],
    ['port 65536', { ...corp, ports: [65_536] }, '[0].ports[0] must be a port'],
    ['a fractional port', { ...corp, ports: [443.5] }, '[0].ports[0] must be a port'],
    ['a string as a port', { ...corp, ports: ['443'] }, '[0].ports[0] must be a port'],
  ])('%s', (_case, network, message) => {
    const allowNetworks = [network] as readonly AllowedNetwork[]
    expect(() => createGuardedFetch({ allowNetworks })).toThrow(TypeError)
    expect(() => createGuardedFetch({ allowNetworks })).toThrow(message)
  })

  it('even after a valid one, and rejects a value that is not a list', () => {
    expect(() => createGuardedFetch({ allowNetworks: [corp, { cidr: '::/0' }] })).toThrow(
      'allowNetworks[1].cidr contains',
    )
    expect(() => createGuardedFetch({ allowNetworks: corp as never })).toThrow('allowNetworks must be a list')
  })

  it.each([
    { cidr: '10.0.0.0/8' },
    { cidr: '172.16.0.0/12' },
    { cidr: '192.168.0.0/16' },
    { cidr: '100.64.0.0/10' },
    { cidr: '10.1.2.3/32', hosts: ['a.example'], ports: [1, 65_535] },
    { cidr: '240.0.0.0/4' },
    { cidr: 'fc00::/7', hosts: ['*.example', '*.corp.example'] },
    { cidr: '2001:db8::/32' },
    { cidr: '8000::/1' },
    { cidr: '64:ff9b::/96' },
  ])('control: accepts %j', (network) => {
    expect(() => createGuardedFetch({ allowNetworks: [network] })).not.toThrow()
  })

  it('also in a resource, and next to a custom fetch, to which they would not apply', () => {
    const options = { id: 'https://api.example', signer, authServer: 'https://auth.example' }
    const fetch = async () => new Response()
    expect(() => createResource({ ...options, allowNetworks: [{ cidr: '0.0.0.0/0' }] })).toThrow(
      'allowNetworks[0].cidr',
    )
    expect(() => createResource({ ...options, allowNetworks: [corp], fetch })).toThrow(
      'pass createGuardedFetch({ allowNetworks }) from countersign/node',
    )
    expect(() => createResource({ ...options, egressProxy: 'http://proxy.example:3128', fetch })).toThrow(
      'pass createGuardedFetch({ egressProxy }) from countersign/node',
    )
    expect(() => createResource({ ...options, allowNetworks: [], fetch })).not.toThrow()
  })
})

describe('W28: an origin configured by the operator', () => {
  const configuredOrigin = 'https://auth.corp.example'

  it.each(['10.1.2.3', '192.168.0.1', '100.64.0.1', 'fd00::1', '127.0.0.1', '::1', '127.0.1.1', '8.8.8.8'])(
    'may be at %s',
    async (address) => {
      expect(await outcomeOf({ configuredOrigin }, `${configuredOrigin}/jwks.json`, [address])).toEqual([address])
    },
  )

  it.each([
    '169.254.169.254',
    '100.100.100.200',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%lo',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    'ff02::1',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
  ])('is not contacted at %s', async (address) => {
    expect(await outcomeOf({ configuredOrigin }, `${configuredOrigin}/`, [address])).toBe('refused')
    expect(await outcomeOf({ configuredOrigin }, `${configuredOrigin}/`, ['10.1.2.3', address])).toBe('refused')
  })

  it.each([
    'https://auth.corp.example:8443/jwks.json',
    'https://jwks.corp.example/',
    'https://x.auth.corp.example/',
    'https://corp.example/',
    'http://auth.corp.example/',
    'https://auth.corp.example./',
    'https://auth.corp.example.evil.example/',
  ])('does not include %s', async (url) => {
    expect(await outcomeOf({ configuredOrigin }, url, ['10.1.2.3'])).toBe('refused')
  })

  it('leaves other origins to allowNetworks', async () => {
    const options = { configuredOrigin, allowNetworks: [{ cidr: '10.0.0.0/8', hosts: ['jwks.corp.example'] }] }
    expect(await outcomeOf(options, 'https://jwks.corp.example/', ['10.1.2.3'])).toEqual(['10.1.2.3'])
    expect(await outcomeOf(options, 'https://other.corp.example/', ['10.1.2.3'])).toBe('refused')
  })
})

describe('W28: requests for an auth server that the operator configured', () => {
  const issuer = 'https://auth.corp.example'
  const partner = 'https://partner.corp.example'
  const agent = 'https://agent.corp.example'
  const stranger = 'https://stranger.example'
  const keys = [signer.jwk]

  /** A private network with the auth servers and an agent, and a stranger outside; documents change as specified. */
  async function meet(options: GuardedDiscoveryOptions = {}, changes: Record<string, object> = {}) {
    const documents: Record<string, object> = {
      ...issuerDocuments(issuer, keys),
      ...issuerDocuments(partner, keys),
      ...agentDocuments(agent, keys),
      ...agentDocuments(stranger, keys),
      'https://keys.corp.example/jwks.json': { keys },
      [`${issuer}/.well-known/aauth-agent`]: { agent: issuer, jwks_uri: `${issuer}/jwks.json` },
      ...changes,
    }
    const names = ['auth', 'partner', 'agent', 'keys'].map((name) => `${name}.corp.example`)
    const certificate = certificateOf('stranger.example', ...names)
    trust(certificate)
    const server = await startTlsServer(certificate, (request, response) => {
      const document = documents[`https://${request.headers.host}${request.url}`]
      response.writeHead(document ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(document))
    })
    const network = simulatePublicNetwork(
      Object.fromEntries([
        ['stranger.example', [['8.8.8.8']]],
        ...names.map((name, at) => [name, [[`10.1.0.${at + 1}`]]]),
      ]),
      server.port,
    )
    const clock = { now: 1_800_000_000 }
    const discovery = createDiscovery({
      failureTime: 'shortest',
      configuredIssuers: [issuer],
      now: () => clock.now,
      ...options,
    })
    return { discovery, server, network, clock }
  }

  async function reasonOf(found: ReturnType<Discovery['findKeyAt']>) {
    const outcome = await found
    return 'found' in outcome ? 'found' : outcome.failure.reason
  }

  it('from the operator: its documents are fetched at its own origin', async () => {
    const { discovery, server, network } = await meet()
    expect(await reasonOf(discovery.findKey(january.documents.authServer, issuer, 'key-1'))).toBe('found')
    expect(server.asked).toEqual(['auth.corp.example /.well-known/aauth-issuer', 'auth.corp.example /jwks.json'])
    expect(network.connected).toEqual(['10.1.0.1', '10.1.0.1'])
  })

  it.each<[string, (discovery: Discovery) => ReturnType<Discovery['findKeyAt']>]>([
    ['as an agent', (discovery) => discovery.findKey(january.documents.agent, issuer, 'key-1')],
    ['as a resource', (discovery) => discovery.findKey(january.documents.resource, issuer, 'key-1')],
    ['by the URL of its keys', (discovery) => discovery.findKeyAt(`${issuer}/jwks.json`, 'key-1')],
    ['by any other of its URLs', (discovery) => discovery.findKeyAt(`${issuer}/internal`, 'key-1')],
  ])('from a stranger, %s: nothing is fetched, and nothing cached is revealed', async (_case, ask) => {
    const { discovery, server } = await meet()
    expect(await reasonOf(ask(discovery))).toBe('unreachable')
    expect(server.connections()).toBe(0)
    expect(await reasonOf(discovery.findKey(january.documents.authServer, issuer, 'key-1'))).toBe('found')
    const before = server.connections()
    expect(await reasonOf(ask(discovery))).toBe('unreachable')
    expect(server.connections()).toBe(before)
  })

  it('from a stranger’s document that points to its keys: they are not fetched', async () => {
    const document = { agent: stranger, jwks_uri: `${issuer}/jwks.json` }
    const { discovery, server } = await meet({}, { [`${stranger}/.well-known/aauth-agent`]: document })
    expect(await reasonOf(discovery.findKey(january.documents.agent, stranger, 'key-1'))).toBe('unreachable')
    expect(server.asked).toEqual(['stranger.example /.well-known/aauth-agent'])
  })

  it('do not affect the operator’s after a stranger’s have failed', async () => {
    const { discovery } = await meet()
    for (let round = 0; round < 3; round++) {
      await Promise.all([
        discovery.findKeyAt(`${issuer}/jwks.json`, 'key-1'),
        discovery.findKey(january.documents.agent, issuer, 'key-1'),
      ])
    }
    const waiting = discovery.findKeyAt(`${issuer}/jwks.json`, 'key-2')
    expect(await reasonOf(discovery.findKey(january.documents.authServer, issuer, 'key-1'))).toBe('found')
    expect(await reasonOf(waiting)).toBe('unreachable')
  })

  it('renew and refetch its keys like those of a public auth server', async () => {
    const { discovery, clock, server } = await meet()
    await discovery.findKey(january.documents.authServer, issuer, 'key-1')
    const found = await discovery.findKey(january.documents.authServer, issuer, 'key-1')
    expect(discovery.peekKey(january.documents.authServer, issuer, 'key-1')).toBe(
      'found' in found ? found.found : undefined,
    )
    clock.now += 61
    expect(await reasonOf(discovery.findKey(january.documents.authServer, issuer, 'key-2'))).toBe('unknown_kid')
    expect(server.asked.filter((asked) => asked.endsWith('/jwks.json'))).toHaveLength(2)
    clock.now += 61
    const current = 'found' in found ? found.found : undefined
    if (!current) throw new Error('not found')
    await discovery.renewKey(january.documents.authServer, issuer, 'key-1', { ...current, thumbprint: 'other' })
    expect(server.asked.filter((asked) => asked.endsWith('/jwks.json')).length).toBeGreaterThanOrEqual(2)
  })

  it.each([
    ['another host', 'https://keys.corp.example/jwks.json'],
    ['another port', `${issuer}:8443/jwks.json`],
    ['another auth server', `${partner}/jwks.json`],
    ['loopback', 'https://localhost.example/jwks.json'],
  ])('do not fetch its keys from %s, even if its own document says so', async (_case, jwksUri) => {
    const document = { ...issuerDocuments(issuer, keys)[`${issuer}/.well-known/aauth-issuer`], jwks_uri: jwksUri }
    const configuredIssuers = [issuer, partner]
    const { discovery, server } = await meet(
      { configuredIssuers },
      { [`${issuer}/.well-known/aauth-issuer`]: document },
    )
    expect(await reasonOf(discovery.findKey(january.documents.authServer, issuer, 'key-1'))).toBe('unreachable')
    expect(server.asked).toEqual(['auth.corp.example /.well-known/aauth-issuer'])
    expect(await reasonOf(discovery.findKey(january.documents.authServer, partner, 'key-1'))).toBe('found')
  })

  it.each([
    ['keys.corp.example', 'found'],
    ['agent.corp.example', 'unreachable'],
  ])('with allowNetworks for one name: its keys at %s are %s', async (name, came) => {
    const url = `${issuer}/.well-known/aauth-issuer`
    const document = { ...issuerDocuments(issuer, keys)[url], jwks_uri: `https://${name}/jwks.json` }
    const allowNetworks = [{ cidr: '10.1.0.0/16', hosts: ['keys.corp.example'] }]
    const { discovery } = await meet({ allowNetworks }, { [url]: document })
    expect(await reasonOf(discovery.findKey(january.documents.authServer, issuer, 'key-1'))).toBe(came)
  })

  it.each<[string, AgentOptions['authServers'], string]>([
    ['lists it', [partner, issuer], 'token_request_failed'],
    ['has a function that accepts it', (authServer) => authServer === issuer, 'auth_server_unknown'],
  ])('from an agent that %s', async (_case, authServers, code) => {
    await meet()
    vi.stubGlobal('fetch', async () => Response.json({ error: 'invalid_request' }, { status: 400 }))
    onTestFinished(() => void vi.unstubAllGlobals())
    const onConsent = () => undefined
    const own = createAgent({ id: 'https://own.example', signer, authServers, onePerson: true, onConsent })
    await expect(own.signIn({ authServer: issuer })).rejects.toMatchObject({ name: 'AgentError', code })
  })

  it('for an auth server that is not configured count as a stranger’s', async () => {
    const { discovery, server } = await meet({ configuredIssuers: [partner] })
    expect(await reasonOf(discovery.findKey(january.documents.authServer, issuer, 'key-1'))).toBe('unreachable')
    expect('failure' in (await discovery.findMetadata(january.documents.authServer, issuer))).toBe(true)
    expect(server.connections()).toBe(0)
  })

  it.each([
    ['its own name', `${agent}/jwks.json`, 'found'],
    ['another name', 'https://keys.corp.example/jwks.json', 'unreachable'],
    ['the auth server', `${issuer}/jwks.json`, 'unreachable'],
  ])('K12: an agent in an allowed network whose keys are at %s', async (_case, jwksUri, came) => {
    const document = { agent, jwks_uri: jwksUri }
    const allowNetworks = [{ cidr: '10.1.0.0/16', hosts: ['agent.corp.example'] }]
    const { discovery, server } = await meet({ allowNetworks }, { [`${agent}/.well-known/aauth-agent`]: document })
    expect(await reasonOf(discovery.findKey(january.documents.agent, agent, 'key-1'))).toBe(came)
    expect(server.asked.filter((asked) => !asked.startsWith('agent.corp.example '))).toEqual([])
  })
})
