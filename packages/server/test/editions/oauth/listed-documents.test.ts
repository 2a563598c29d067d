import { randomBytes } from 'node:crypto'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createAuthServer, fixedKeys, januaryServer, type OAuthSettings } from 'countersign-server'
import { oauthEdition, requireUsableOAuth } from 'countersign-server/editions/oauth'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { clientDocument, issuer, resourceDocument } from './oauth-stage.js'

const keys = fixedKeys({ signer: await createSigner(await generatePrivateJwk()), secret: randomBytes(32) })

/** What is wrong with the settings, as an operator reads it. */
async function problemsOf(oauth: OAuthSettings): Promise<string[]> {
  const outcome: unknown = await requireUsableOAuth({ file: 'config.json', settings: { oauth } }).catch(
    (error: unknown) => error,
  )
  if (!(outcome instanceof Error)) return []
  const problems = outcome.message.split('\n  ').slice(1)
  expect(problems).not.toEqual([])
  return problems
}

it('accepts usable documents', async () => {
  const settings = {
    clients: [clientDocument, { client_id: 'editor', client_name: 'Editor', redirect_uris: ['editor://app/callback'] }],
    resources: [resourceDocument],
    onlyResources: ['https://other.example/mcp'],
    defaultResource: 'https://notes.example/mcp',
  }
  expect(await problemsOf(settings)).toEqual([])
})

it.each<OAuthSettings>([
  {},
  { defaultResource: 'https://other.example/mcp' },
  { onlyResources: ['https://other.example/mcp'], defaultResource: 'https://OTHER.example/mcp/' },
  { onlyResources: [], resources: [resourceDocument], defaultResource: resourceDocument.resource },
  { registration: true },
  { registration: { redirectUris: ['https://www.editor.example/callback'] } },
  { clients: [{ client_id: 'a'.repeat(64), client_name: 'A', redirect_uris: ['http://127.0.0.1/'] }] },
])('accepts %j', async (settings) => {
  expect(await problemsOf(settings)).toEqual([])
})

it.each<[OAuthSettings, string]>([
  [{ clients: [{ ...clientDocument, client_id: 'a'.repeat(65) }] }, 'oauth.clients[0]: must contain a client_id'],
  [{ clients: [{}] }, 'oauth.clients[0]: must contain a client_id'],
  [{ clients: [{ ...clientDocument, client_id: 'editor.example' }] }, 'oauth.clients[0]: must contain a client_id'],
  [{ clients: [{ ...clientDocument, client_id: 'app-1' }] }, 'a name of 1 to 64 letters, digits, hyphens'],
  [
    { clients: [{ client_id: 'editor', client_name: 'Editor', redirect_uris: ['javascript:alert(1)'] }] },
    'oauth.clients[0]: cannot be used: its redirect_uris',
  ],
  [
    { clients: [{ ...clientDocument, redirect_uris: ['editor://app/callback'] }] },
    'oauth.clients[0]: cannot be used: its redirect_uris',
  ],
  [{ clients: [clientDocument, { ...clientDocument }] }, 'oauth.clients[1]: describes the same one as clients[0]'],
  [
    { clients: [{ ...clientDocument, client_secret: 'x' }] },
    'oauth.clients[0]: cannot be used: it contains client_secret',
  ],
  [{ clients: [{ ...clientDocument, redirect_uris: [] }] }, 'oauth.clients[0]: cannot be used: its redirect_uris'],
  [{ resources: [{ ...resourceDocument, resource: 'notes' }] }, 'oauth.resources[0]: cannot be used: '],
  [
    { resources: [resourceDocument, { ...resourceDocument, resource: 'https://NOTES.example/mcp/' }] },
    'oauth.resources[1]: describes the same one as resources[0]',
  ],
  [{ onlyResources: ['notes.example'] }, 'oauth.onlyResources[0]: must be the URL of a resource'],
  ...['www.editor.example', 'http://127.0.0.1/callback', 'https://WWW.editor.example/callback'].map(
    (uri): [OAuthSettings, string] => [
      { registration: { redirectUris: [uri] } },
      'oauth.registration.redirectUris[0]: must be an https URL',
    ],
  ),
  [{ defaultResource: 'notes' }, 'oauth.defaultResource: must be the URL of a resource'],
  [
    { onlyResources: [], defaultResource: 'https://notes.example/mcp' },
    'oauth.defaultResource: must also be in onlyResources or resources',
  ],
])('refuses %j', async (settings, problem) => {
  const [first, ...more] = await problemsOf(settings)
  expect(first).toContain(problem)
  expect(more).toEqual([])
})

it.each<[OAuthSettings, string[]]>([
  [
    { clients: [{}, {}], onlyResources: ['x'], defaultResource: 'y' },
    ['clients[0]', 'clients[1]', 'onlyResources[0]', 'defaultResource'],
  ],
  [{ onlyResources: ['x'], defaultResource: 'https://notes.example/mcp' }, ['onlyResources[0]', 'defaultResource']],
])('names the problems of %j in their order', async (settings, expected) => {
  expect((await problemsOf(settings)).map((each) => each.split(': ')[0])).toEqual(
    expected.map((name) => `oauth.${name}`),
  )
})

it('names all problems in one TypeError, and refuses tokens that live longer than an hour', () => {
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  onTestFinished(() => storage.close())
  const edition = oauthEdition({ keys, clients: [{}], defaultResource: 'notes' })
  const start = () =>
    createAuthServer({ issuer, keys, storage, lifetimes: { authToken: 3601 } }, januaryServer, edition)
  expect(start).toThrow(TypeError)
  expect(start).toThrow(/clients\[0\] .*defaultResource .*authToken of createAuthServer must be at most 3600/)
})
