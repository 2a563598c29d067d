import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ConfigurationError } from 'countersign/node'
import { type Configuration, environmentName, loadConfig, settingTable } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { configurationFolder } from './configuration-folder.js'

const valid: Configuration = { issuer: 'https://auth.example', database: 'auth.db', masterKeyFile: 'master.key' }

async function load(content: object, env: NodeJS.ProcessEnv = {}) {
  return loadConfig(configurationFolder().write('countersign.config.json', content), env)
}

async function problemsOf(content: object, env: NodeJS.ProcessEnv = {}) {
  const outcome = await load(content, env).catch((error: unknown) => error)
  if (!(outcome instanceof ConfigurationError)) throw new Error('the configuration was accepted')
  for (const { setting, problem } of outcome.problems) expect(outcome.message).toContain(`${setting}: ${problem}`)
  return outcome.problems.map(({ setting, problem }) => `${setting}: ${problem}`)
}

describe('loadConfig', () => {
  it('fills in defaults, and resolves paths relative to the folder of the file', async () => {
    const folder = configurationFolder()
    const { settings } = await loadConfig(folder.write('countersign.config.json', valid), {})
    expect(settings).toMatchObject({
      database: join(folder.path, 'auth.db'),
      masterKeyFile: join(folder.path, 'master.key'),
      listen: { host: '127.0.0.1', port: 8080 },
      lifetimes: { authToken: 600, requestToken: 600, code: 60 },
      policies: [],
      allowNetworks: [],
      trustProxy: [],
      accounts: { signUp: false },
      allowInsecureLoopback: false,
    })
  })

  it.each([
    ['http://127.0.0.1:9003', {}, {}, 9003],
    ['http://localhost:9003', { listen: { host: '::1' } }, {}, 9003],
    ['http://127.0.0.1:9003', { listen: { port: 9004 } }, {}, 9004],
    ['http://127.0.0.1:9003', {}, { COUNTERSIGN_LISTEN_PORT: '9005' }, 9005],
    ['https://auth.example', {}, {}, 8080],
    ['https://auth.example:9003', {}, {}, 8080],
  ])('listens, for the issuer %s with %j and %j, on port %i', async (issuer, content, env, port) => {
    const allowInsecureLoopback = issuer.startsWith('http:')
    const { settings } = await load({ ...valid, issuer, allowInsecureLoopback, ...content }, env)
    expect(settings.listen.port).toBe(port)
  })

  it.each([
    ['port', 'listen.port'],
    ['authToken', 'lifetimes.authToken'],
    ['listen.prot', 'listen.port'],
    ['lifetimes.port', 'listen.port'],
    ['pages.certificateRoots', 'certificateRoots'],
    ['limits.noncesPerAgent', 'limits.nonces.perAgent'],
    ['footer', 'pages.footer'],
    ['identityProviders', 'accounts.identityProviders'],
    ['limits.fetchesPerMinute', 'discovery.fetchesPerMinute'],
    ['authTokenLifetime', 'lifetimes.authToken'],
    ['maxOpenRequests', 'limits.openRequests'],
  ])('for the unknown setting %s, suggests %s', async (name, meant) => {
    const [first = '', second] = name.split('.')
    const problems = await problemsOf({ ...valid, [first]: second === undefined ? 1 : { [second]: 1 } })
    expect(problems).toContain(`${name}: is not a setting; did you mean ${meant}?`)
  })

  it('reads the default export of a module', async () => {
    const path = configurationFolder().write('countersign.config.mjs', `export default ${JSON.stringify(valid)}`)
    expect((await loadConfig(path, {})).settings.issuer).toBe(valid.issuer)
  })

  it('reads TypeScript where Node supports it, and otherwise says what to do', async () => {
    const text = `import type { Configuration } from 'countersign-server'\nconst port: number = 9000\nexport default { ...${JSON.stringify(valid)}, listen: { port } } satisfies Configuration`
    const path = configurationFolder().write('countersign.config.ts', text)
    // In a separate process: the test runner itself reads TypeScript.
    const program = `import { loadConfig } from 'countersign-server'
      const { message, settings } = await loadConfig(${JSON.stringify(path)}, {}).catch((error) => error)
      console.log(process.features.typescript ? 'read' : 'not read', settings?.listen.port ?? message)`
    const args = ['--input-type=module', '--eval', program]
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname })
    expect(stdout).toMatch(
      /^(?:read 9000\n|not read .* is invalid:\n {2}the file: Node \S+ cannot read TypeScript: use Node 22\.18 or later, or convert the file to \.json or \.mjs\n)$/,
    )
  })

  it.each([
    ['countersign.config.yaml', '{}', 'must end in .json'],
    ['countersign.config.json', '{', 'cannot be read'],
    ['countersign.config.json', '[]', 'must contain an object'],
    ['countersign.config.mjs', 'export const issuer = 1', 'must have an object as its default export'],
    ['countersign.config.mjs', 'throw new Error("no such luck")', 'no such luck'],
  ])('refuses %s with %s', async (name, text, message) => {
    await expect(loadConfig(configurationFolder().write(name, text), {})).rejects.toThrow(message)
  })

  it('names the missing file', async () => {
    const path = join(configurationFolder().path, 'countersign.config.json')
    await expect(loadConfig(path, {})).rejects.toThrow(`${path} is invalid:\n  the file: does not exist`)
  })

  const riskForm =
    'risks[0]: must be a pair: a word or a full permission name, then one of read, change, delete, spend, control, as in ["delet*", "delete"] or ["payments.read", "read"]'

  const provider = {
    id: 'corp',
    name: 'Corp',
    issuer: 'https://id.example',
    clientId: 'c',
    clientSecret: 'x'.repeat(20),
  }
  it.each<[string, object, string]>([
    ['no issuer', { issuer: undefined }, 'issuer: is missing; it must be a string'],
    [
      'an issuer with a slash',
      { issuer: 'https://auth.example/' },
      'issuer: is not a valid identifier: remove the trailing slash',
    ],
    ['PostgreSQL without a database', { database: 'postgres://u@localhost' }, 'database: has no database name: write'],
    ['an empty URL', { database: 'postgres:auth' }, 'database: must be the path of a SQLite file'],
    ['another database server', { database: 'mysql://localhost/auth' }, 'database: must be the path of a SQLite file'],
    ['a file as a URL', { database: 'file:auth.db' }, 'database: must be the path of a SQLite file'],
    [
      'one on loopback',
      { issuer: 'http://127.0.0.1:8080/', allowInsecureLoopback: true },
      'issuer: is not a valid identifier: remove the trailing slash (http://127.0.0.1:8080)',
    ],
    ['an http issuer', { issuer: 'http://auth.example' }, 'issuer: must use https: put TLS in front'],
    [
      'loopback outside development mode',
      { issuer: 'http://127.0.0.1:8003' },
      'issuer: must use https; for development',
    ],
    ['development mode with https', { allowInsecureLoopback: true }, 'allowInsecureLoopback: is only for development'],
    ['a misspelled setting', { isuer: 'x' }, 'isuer: is not a setting; did you mean issuer?'],
    ['an unknown setting', { sound: 'x' }, 'sound: is not a setting; remove it'],
    ['an unknown nested setting', { listen: { prot: 1 } }, 'listen.prot: is not a setting; did you mean listen.port?'],
    ['a port that is a string', { listen: { port: '8080' } }, 'listen.port: must be a number'],
    ['an invalid port', { listen: { port: 70000 } }, 'listen.port: must be at most 65535'],
    ['a lifetime that is too short', { lifetimes: { authToken: 0 } }, 'lifetimes.authToken: must be at least 10'],
    [
      'a lifetime that is too long',
      { lifetimes: { authToken: 100_000 } },
      'lifetimes.authToken: must be at most 86400',
    ],
    ['durations out of order', { durations: ['until-removed', 3600] }, 'durations: must be sorted from shortest'],
    ['no durations', { durations: [] }, 'durations'],
    ['an invalid duration', { durations: ['a while'] }, 'durations[0]: must be a whole number of seconds'],
    ['an invalid nonce setting', { nonce: 'maybe' }, 'nonce: must be one of "optional", "required"'],
    ['an unknown algorithm', { algorithms: ['none'] }, 'algorithms[0]: must be one of'],
    ['an unknown decision', { policies: [{ agent: '*', decision: 'allow' }] }, 'policies[0].decision: must be one of'],
    [
      'a grant without a name',
      { policies: [{ agent: 'https://a.example', scopes: ['x'], decision: 'grant' }] },
      'policies[0].name: is required for a policy that grants',
    ],
    [
      'a grant for any agent',
      { policies: [{ agent: 'https://*.example', scopes: ['x'], decision: 'grant', name: 'n' }] },
      'policies[0].agent: must be a single agent',
    ],
    [
      'a delegate of any agent',
      { policies: [{ agent: '*', delegate: 'workload.deploy', decision: 'deny' }] },
      'policies[0].agent: must be a single agent, without *, in a policy with a delegate',
    ],
    [
      'a grant for any scope',
      { policies: [{ agent: 'https://a.example', decision: 'grant', name: 'n' }] },
      'policies[0].scopes: is required for a policy that grants',
    ],
    [
      'two providers with one id',
      { accounts: { identityProviders: [provider, provider] } },
      'accounts.identityProviders[1].id: is already used by',
    ],
    [
      'a provider over http',
      { accounts: { identityProviders: [{ ...provider, issuer: 'http://id.example' }] } },
      'accounts.identityProviders[0].issuer: must be an https: URL',
    ],
    [
      'a development-only provider',
      { accounts: { identityProviders: [{ ...provider, allowInsecureLoopback: true }] } },
      'accounts.identityProviders[0].allowInsecureLoopback: is for development',
    ],
    [
      'an agent in a policy that matches no identifier',
      { policies: [{ agent: 'spam.example', decision: 'deny' }] },
      'policies[0].agent: cannot match any identifier: use the form',
    ],
    [
      'a resource in a policy that matches no identifier',
      { policies: [{ agent: '*', resource: 'https://*.example/', decision: 'deny' }] },
      'policies[0].resource: cannot match any identifier',
    ],
    ['a risk in another form', { risks: [{ scope: 'a', risk: 'read' }] }, riskForm],
    ['an unknown risk', { risks: [['delete', 'delete_or_spend']] }, riskForm],
    ['a risk pattern that matches nothing', { risks: [['*.read', 'read']] }, riskForm],
    ['a brand without hosts', { brands: { Contoso: [] } }, 'brands.Contoso: '],
    ['a brand with a URL', { brands: { Contoso: ['https://contoso.example'] } }, 'brands.Contoso[0]: must be a host'],
    ['a brand with a wildcard', { brands: { Contoso: ['*.contoso.example'] } }, 'brands.Contoso[0]: must be a host'],
    ['two master keys', { masterKey: 'x' }, 'masterKey: is set together with masterKeyFile'],
    ['an invalid network', { trustProxy: ['10.0.0.0/33'] }, 'trustProxy[0]: must be an address or a network'],
    [
      'a proxy range that covers every address',
      { trustProxy: ['127.0.0.1', '0.0.0.0/0'] },
      'trustProxy[1]: is too much of the Internet, so too many clients could claim any address: list only your proxies, such as',
    ],
    [
      'proxy ranges that together cover every address',
      { trustProxy: Array.from({ length: 127 }, (_, octet) => `${octet + 1}.0.0.0/8`) },
      'trustProxy: together cover too much of the Internet, so too many clients could claim any address',
    ],
    [
      'an allowed network with host bits set',
      { allowNetworks: [{ cidr: '192.168.0.0/16' }, { cidr: '10.1.2.3/8' }] },
      'allowNetworks[1].cidr: has host bits set: the network is 10.0.0.0/8',
    ],
    ['every network', { allowNetworks: [{ cidr: '0.0.0.0/0' }] }, 'allowNetworks[0].cidr: contains public addresses'],
    [
      'the metadata address',
      { allowNetworks: [{ cidr: '169.254.169.254/32' }] },
      'allowNetworks[0].cidr: is always refused',
    ],
    [
      'a URL as a host',
      { allowNetworks: [{ cidr: '10.0.0.0/8', hosts: ['https://agent.corp.example'] }] },
      'allowNetworks[0].hosts[0]: must be a host only: use a name, such as agent.corp.example',
    ],
    [
      'an invalid port',
      { allowNetworks: [{ cidr: '10.0.0.0/8', ports: [443, 70_000] }] },
      'allowNetworks[0].ports[1]: must be a port, a whole number from 1 to 65535',
    ],
    ['an unknown member', { allowNetworks: [{ cidr: '10.0.0.0/8', host: 'a.example' }] }, 'allowNetworks[0].host: is'],
    ['a string as a network', { allowNetworks: ['10.0.0.0/8'] }, 'allowNetworks[0]: must be an object with a cidr'],
    [
      'another kind of proxy',
      { egressProxy: 'socks5://proxy.example' },
      'egressProxy: must begin with http:// or https://',
    ],
    ['a proxy that is not a URL', { egressProxy: 'proxy.example' }, 'egressProxy: must be the URL of an HTTP proxy'],
    [
      'an invalid link',
      { pages: { footer: { help: 'javascript:alert(1)' } } },
      'pages.footer.help: must be an https: or mailto: URL',
    ],
    [
      'an agent without an identifier',
      { interop: { unsignedBodies: ['agent'] } },
      'interop.unsignedBodies[0]: must be an agent identifier',
    ],
  ])('rejects %s, names the setting and says what to do', async (_what, change, expected) => {
    const problems = await problemsOf({ ...valid, ...change })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(expected)
  })

  it.each([
    '*',
    'https://agent.example',
    'https://*.example',
    'https://*',
    'https://*:*',
    'https://host.example/~*',
    'http://127.0.0.1:*',
  ])('accepts %s as an agent in a policy', async (agent) => {
    const { settings } = await load({ ...valid, policies: [{ agent, decision: 'deny' }] })
    expect(settings.policies).toEqual([{ agent, resource: '*', decision: 'deny' }])
  })

  it('reports all invalid settings at once', async () => {
    expect(await problemsOf({ issuer: 1, accounts: { signUp: 'yes' }, extra: 1 })).toHaveLength(4)
    const accounts = { identityProviders: [{ ...provider, issuer: 'http://id.example' }] }
    expect(
      await problemsOf({ ...valid, accounts, issuer: 'http://auth.example', bindCodeToKey: 'yes', extra: 1 }),
    ).toEqual([
      'bindCodeToKey: must be true or false',
      'extra: is not a setting; remove it',
      'issuer: must use https: put TLS in front of the server and set the URL that users see',
      'accounts.identityProviders[0].issuer: must be an https: URL',
    ])
  })

  it('reports conflicts between settings together with other problems', async () => {
    const wrong = {
      ...valid,
      issuer: 'http://auth.example/',
      masterKey: 'x',
      admin: { port: 0 },
      typo: 1,
    }
    expect(await problemsOf(wrong)).toEqual([
      'admin.port: must be at least 1',
      'typo: is not a setting; remove it',
      'issuer: must use https: put TLS in front of the server and set the URL that users see',
      'masterKey: is set together with masterKeyFile: set only one of them',
    ])
  })

  it('reads the logo relative to the folder of the file', async () => {
    const folder = configurationFolder()
    const file = folder.write('countersign.config.json', { ...valid, pages: { logo: 'logo.svg' } })
    await expect(loadConfig(file, {})).rejects.toThrow(`pages.logo: there is no file ${join(folder.path, 'logo.svg')}`)
    folder.write('logo.svg', '<svg/>')
    expect((await loadConfig(file, {})).settings.pages.logo).toBe(join(folder.path, 'logo.svg'))
  })

  it('reports colors that are no colors or too faint', async () => {
    expect(await problemsOf({ ...valid, pages: { colors: { light: '#5fa8ff', dark: 'blue' } } })).toEqual([
      'pages.colors.light: has a contrast of 2.21:1 with #f4f3ef in light mode, and 4.5:1 is required: choose a darker color',
      'pages.colors.dark: must be a color as # and six hexadecimal digits, such as #0b5f57',
    ])
  })

  it('prefers the environment over the file, for every setting', async () => {
    const env = {
      COUNTERSIGN_LISTEN_PORT: '9001',
      COUNTERSIGN_LIFETIMES_AUTH_TOKEN: '120',
      COUNTERSIGN_ACCOUNTS_SIGN_UP: 'true',
      COUNTERSIGN_PAGES_FOOTER_HELP: '/help',
      COUNTERSIGN_POLICIES: '[{"agent":"*","decision":"deny"}]',
      COUNTERSIGN_NAME: '',
    }
    const { settings } = await load({ ...valid, name: 'From the file', listen: { host: '::1' } }, env)
    expect(settings).toMatchObject({
      name: 'From the file',
      listen: { host: '::1', port: 9001 },
      lifetimes: { authToken: 120 },
      accounts: { signUp: true },
      pages: { logos: true, footer: { help: '/help' } },
      policies: [{ agent: '*', resource: '*', decision: 'deny' }],
    })
  })

  it('names the variable of an invalid setting', async () => {
    expect(await problemsOf(valid, { COUNTERSIGN_LISTEN_PORT: 'http' })).toEqual([
      'listen.port (COUNTERSIGN_LISTEN_PORT): must be a whole number',
    ])
    expect(await problemsOf(valid, { COUNTERSIGN_LISTEN_PORT: '0' })).toEqual([
      'listen.port (COUNTERSIGN_LISTEN_PORT): must be at least 1',
    ])
    expect(await problemsOf(valid, { COUNTERSIGN_DURATIONS: '[60' })).toEqual([
      'durations (COUNTERSIGN_DURATIONS): must be JSON, as in the configuration file',
    ])
  })

  it.each([
    ['absent', {}, {}, undefined],
    ['off', { oauth: false }, {}, undefined],
    ['on', { oauth: true }, {}, {}],
    [
      'an object',
      { oauth: { defaultResource: 'https://notes.example/mcp' } },
      {},
      { defaultResource: 'https://notes.example/mcp' },
    ],
    ['a variable', {}, { COUNTERSIGN_OAUTH: 'true' }, {}],
    ['switched off by a variable', { oauth: true }, { COUNTERSIGN_OAUTH: 'false' }, undefined],
    [
      'a member’s variable',
      { oauth: true },
      { COUNTERSIGN_OAUTH_ONLY_RESOURCES: '["https://a.example"]' },
      { onlyResources: ['https://a.example'] },
    ],
  ])('reads the setting oauth: %s', async (_name, settings, env, expected) => {
    const loaded = await load({ ...valid, ...settings }, env)
    expect(loaded.settings.oauth).toEqual(expected)
    expect(loaded.warnings).toEqual([])
  })

  it.each([
    ['absent', {}, {}, undefined],
    ['on', { draft11: true }, {}, {}],
    ['an object', { draft11: { openRequests: 5 } }, {}, { openRequests: 5 }],
    ['a variable', {}, { COUNTERSIGN_DRAFT11: 'true' }, {}],
    ['a member’s variable', {}, { COUNTERSIGN_DRAFT11_RESOURCES_PER_DAY: '9' }, { resourcesPerDay: 9 }],
  ])('reads the setting draft11: %s', async (_name, settings, env, expected) => {
    const loaded = await load({ ...valid, ...settings }, env)
    expect(loaded.settings.draft11).toEqual(expected)
    expect(loaded.warnings).toEqual([])
  })

  it.each<[object, string]>([
    [{ draft11: 'yes' }, 'draft11: must be true, false or an object with settings'],
    [
      { draft11: { capabilityOptional: true } },
      'draft11.capabilityOptional: is not a setting; did you mean draft11.capabilitiesOptional?',
    ],
    [{ draft11: { openRequests: 0 } }, 'draft11.openRequests: must be at least 1'],
    [{ oauth: 'yes' }, 'oauth: must be true, false or an object with settings'],
    [{ oauth: [] }, 'oauth: must be true, false or an object with settings'],
    [{ oauth: { client: [] } }, 'oauth.client: is not a setting; did you mean oauth.clients?'],
    [{ oauth: { clients: {} } }, 'oauth.clients: must be a list'],
    [{ oauth: { clients: ['https://a.example/c.json'] } }, 'oauth.clients[0]: must be an object: the document itself'],
    [{ oauth: { onlyResources: [1] } }, 'oauth.onlyResources[0]: must be a string'],
    [
      { oauth: true, lifetimes: { authToken: 3601 } },
      'lifetimes.authToken: must be at most 3600 because oauth is set: anyone who copies an OAuth client’s access token can use it until it expires',
    ],
  ])('refuses the settings %j', async (settings, problem) => {
    expect(await problemsOf({ ...valid, ...settings })).toEqual([problem])
  })

  it('warns about a variable that is not a setting', async () => {
    const { warnings } = await load(valid, { COUNTERSIGN_LISTEN_PROT: '1', COUNTERSIGN_PORT_80_TCP: 'tcp://x' })
    expect(warnings).toEqual(['COUNTERSIGN_LISTEN_PROT is not a setting and has no effect.'])
  })

  it('includes every setting of the schema in its table', async () => {
    const wrong = Object.fromEntries(settingTable.map(({ name }) => [environmentName(name), '"']))
    const problems = await problemsOf({}, wrong)
    const named = new Set(problems.map((problem) => problem.split(/ |\[|:/)[0]))
    const texts = settingTable.filter(({ read }) => read === 'text').map(({ name }) => name)
    for (const { name } of settingTable) if (!texts.includes(name)) expect(named).toContain(name)
    expect(problems.join('\n')).not.toContain('is not a setting')
  })
})
