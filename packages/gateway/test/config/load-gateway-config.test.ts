import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generatePrivateJwk } from 'countersign'
import { ConfigurationError } from 'countersign/node'
import { expect, it, onTestFinished } from 'vitest'
import { loadGatewayConfig, readGatewaySettings, readProbedSettings } from '../../src/config/load-gateway-config.js'

const valid = {
  id: 'https://api.example',
  keyFile: 'api-key.json',
  authServer: 'https://auth.example',
  upstream: { url: 'http://127.0.0.1:3000' },
  scopes: { 'events.read': 'See your events' },
  routes: [{ method: 'GET', path: '/events', require: 'authorization', scope: 'events.read' }],
}
const [route] = valid.routes
/** Some servers take the path of the second route for the path of the first. */
const colliding = [route, { method: 'GET', path: '/events.json', require: 'none' }]

/** A configuration file, in a folder with a key unless `key` is something else, or undefined for no file. */
async function fileWith(change: object, key?: { text: string | undefined }): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-load-gateway-config-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const text = key ? key.text : JSON.stringify(await generatePrivateJwk())
  if (text !== undefined) writeFileSync(join(folder, 'api-key.json'), text)
  const file = join(folder, 'gateway.json')
  writeFileSync(file, JSON.stringify({ ...valid, ...change }))
  return file
}

async function problemsOf(reading: Promise<unknown>): Promise<string[]> {
  const error = await reading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof ConfigurationError)) throw new Error('no ConfigurationError', { cause: error })
  return error.problems.map(({ setting, problem }) => `${setting} ${problem}`)
}

it('loads the settings, and the key next to the file', async () => {
  const file = await fileWith({ upstream: 'http://127.0.0.1:3001' })
  const loaded = await loadGatewayConfig(file, {})
  expect(loaded).toMatchObject({ file, settings: { upstream: { url: 'http://127.0.0.1:3001' } }, warnings: [] })
  expect(await loaded.signer.sign(new Uint8Array(1))).toHaveLength(64)
})

it('lets the environment override the file, and flags override both', async () => {
  const file = await fileWith({ listen: { port: 9000 } })
  const port = async (env: Record<string, string>, flags: [string, unknown][] = []) =>
    (await readGatewaySettings(file, env, new Map(flags))).settings.listen.port
  const env = { COUNTERSIGN_GATEWAY_LISTEN_PORT: '9001' }
  expect(await port({})).toBe(9000)
  expect(await port(env)).toBe(9001)
  expect(await port(env, [['listen.port', 9002]])).toBe(9002)
})

it('names the variable that contains an invalid value, and warns about a variable that is not a setting', async () => {
  const file = await fileWith({})
  expect(await problemsOf(readGatewaySettings(file, { COUNTERSIGN_GATEWAY_ID: 'api' }))).toEqual([
    expect.stringMatching(/^id \(COUNTERSIGN_GATEWAY_ID\) /),
  ])
  const unknown = { COUNTERSIGN_GATEWAY_UPSTREAM_ADDRESS: '1' }
  const warning = 'COUNTERSIGN_GATEWAY_UPSTREAM_ADDRESS is not a setting and has no effect.'
  expect((await readGatewaySettings(file, unknown)).warnings).toEqual([warning])
  await expect(readGatewaySettings(file, { ...unknown, COUNTERSIGN_GATEWAY_ID: 'api' })).rejects.toThrow(/ID/)
})

it.each<[string, object, string[]]>([
  ['once what is invalid in two ways', { routes: [{ ...route, maxBody: -1 }] }, ['routes[0].maxBody']],
  ['a list with an invalid entry, but not as missing', { verifyOnly: true, trustProxy: ['x'] }, ['trustProxy[0]']],
  [
    'a setting, and one whose name starts with its name',
    { authServer: 7, authServers: 'any' },
    ['authServer', 'authServers', 'authServers'],
  ],
  [
    'an invalid setting, and a shorter one that is invalid in context',
    { authServer: 'http://auth.example', authServers: 7 },
    ['authServers', 'authServer must'],
  ],
  [
    'an invalid entry, and a contradiction in another',
    {
      routes: [
        { ...route, path: 7 },
        { ...route, scope: 'x' },
      ],
    },
    ['routes[0].path must be a string', 'routes[1].scope'],
  ],
])('reports %s', async (_what, change, expected) => {
  const found = await problemsOf(readGatewaySettings(await fileWith(change), {}))
  expect(found.map((problem, at) => problem.slice(0, expected[at]?.length))).toEqual(expected)
})

const unreadable = /^keyFile .*: the file cannot be read, or contains no valid private JWK\. Use a file written by/
it.each<[string, string | undefined, RegExp]>([
  [
    'is missing',
    undefined,
    /^keyFile (.*api-key\.json): the file does not exist\. Create it with "countersign agent keys generate --output \1"$/,
  ],
  ['is not JSON', '{', unreadable],
  ['is no key', '{}', unreadable],
])('reports a key that %s, besides other problems', async (_what, text, problem) => {
  const file = await fileWith({ id: 7, routes: colliding }, { text })
  const [id, ...more] = await problemsOf(loadGatewayConfig(file, {}))
  expect(id).toMatch(/^id /)
  expect(more.at(-1)).toMatch(problem)
  expect(more.length).toBe(2)
})

it('reports a key of another edition that is missing or that has another use', async () => {
  const other = { edition: 'draft-11', authServers: 'any' }
  const of = async (keyFile: string) =>
    problemsOf(loadGatewayConfig(await fileWith({ otherEditions: [{ ...other, keyFile }] }), {}))
  expect(await of('api-key.json')).toEqual(['otherEditions[0].keyFile api-key.json: each edition needs its own key'])
  expect(await of('other.json')).toEqual([
    expect.stringMatching(/^otherEditions\[0\]\.keyFile .*other\.json: the file does not exist/),
  ])
  const file = await fileWith({ otherEditions: [{ ...other, keyFile: 'other.json' }] })
  const key = await generatePrivateJwk()
  writeFileSync(join(file, '..', 'other.json'), JSON.stringify(key))
  const { signer, otherSigners } = await loadGatewayConfig(file, {})
  expect(otherSigners).toMatchObject([{ jwk: { x: key.x } }])
  expect(signer.thumbprint).not.toBe(otherSigners[0]?.thumbprint)
})

it('reports the problems of several keys in the order of the file', async () => {
  const other = { edition: 'draft-11', authServers: 'any', keyFile: 'b.json' }
  const file = await fileWith({ otherEditions: [other] }, { text: undefined })
  await expect(loadGatewayConfig(file, {})).rejects.toMatchObject({ cause: { code: 'ENOENT' } })
  expect(await problemsOf(loadGatewayConfig(file, {}))).toEqual([
    expect.stringMatching(/^keyFile .*api-key\.json: the file does not exist/),
    expect.stringMatching(/^otherEditions\[0\]\.keyFile .*b\.json: the file does not exist/),
  ])
})

it('reports a key file that is a folder as unreadable', async () => {
  expect(await problemsOf(loadGatewayConfig(await fileWith({ keyFile: '.' }), {}))).toEqual([
    expect.stringMatching(unreadable),
  ])
})

it('refuses colliding routes, except for a probe', async () => {
  const file = await fileWith({ routes: colliding })
  const collision = [expect.stringMatching(/^routes\[1\] /)]
  expect(await problemsOf(readGatewaySettings(file, {}))).toEqual(collision)
  expect(await problemsOf(loadGatewayConfig(file, {}))).toEqual(collision)
  const { collisions, settings } = await readProbedSettings(file, {})
  expect(collisions).toMatchObject([{ setting: 'routes[1]' }])
  expect(settings.routes).toHaveLength(2)
  expect(await problemsOf(readProbedSettings(await fileWith({ id: 7, routes: colliding }), {}))).toHaveLength(2)
})
