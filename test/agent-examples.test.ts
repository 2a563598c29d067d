import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createSigner, generatePrivateJwk, type PrivateJwk } from 'countersign'
import { createResource } from 'countersign/resource'
import { createAuthServer, fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest'
import { createScriptedUser, decideAs } from '../packages/server/test/scripted-user.js'
import { freePort } from './free-port.js'
import { createLoopback } from './peer/loopback.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, '.reports', 'agent-examples')
const { listen, closeAll } = createLoopback()

let authServer: string
let api: string

beforeEach(async () => {
  authServer = await listen(async (issuer) => {
    const storage = sqliteStorage(':memory:')
    const signer = await createSigner(await generatePrivateJwk())
    const keys = fixedKeys({ signer, secret: new Uint8Array(32).fill(7) })
    const server = createAuthServer({ issuer, keys, storage, allowInsecureLoopback: true })
    for (const username of ['alice', 'bob']) await server.addUser({ username, password: 'correct horse' })
    onTestFinished(async () => {
      await server.close()
      await storage.close()
    })
    return (request, received) => server.handler(request, received)
  })
  api = await listen(async (id) => {
    const signer = await createSigner(await generatePrivateJwk())
    const scopes = { 'calendar.read': 'See your events' }
    const resource = createResource({ id, signer, authServer, scopes, allowInsecureLoopback: true })
    return async (request, received) => {
      if (new URL(request.url).pathname !== '/events') return resource.handler(request, received)
      try {
        const verified = await resource.verify(received ?? request, {
          require: 'authorization',
          scope: 'calendar.read',
        })
        return new Response(`events of ${verified.sub}`)
      } catch (error) {
        return resource.toResponse(error)
      }
    }
  })
})

afterEach(closeAll)

/** The example of a document that has this text, compiled, with the identifiers of this machine. */
function compile(document: string, text: string, port: number, id: string): string {
  const source = readFileSync(join(root, document), 'utf8')
  const code = [...source.matchAll(/^```(?:ts|js(?: [\w.-]+)?)\n([\s\S]*?)^```/gm)].map(([, block = '']) => block)
  const example = code.find((block) => block.includes(text))
  if (example === undefined) throw new Error(`${document} has no example with ${text}`)
  const local = example
    .replaceAll(/'https:\/\/(?:agent|me|calendar)\.example'/g, `'${id}'`)
    .replaceAll("'https://auth.example'", `'${authServer}'`)
    .replaceAll("'https://api.example/events'", `'${api}/events'`)
    .replaceAll('authServers: [', 'allowInsecureLoopback: true, authServers: [')
    // Nobody is asked where there is no terminal.
    .replaceAll(
      'loopbackConsent()',
      `loopbackConsent({ onConsent: ({ url }) => console.error(\`decide here (shown): \${url}\`) })`,
    )
    .replaceAll('.listen(8080)', `.listen(${port}, '127.0.0.1')`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'example.ts'), local)
  const compilerOptions = {
    composite: false,
    declaration: false,
    declarationMap: false,
    sourceMap: false,
    noUnusedLocals: false,
    rootDir: '.',
    outDir: '.',
    tsBuildInfoFile: null,
  }
  const config = { extends: '../../tsconfig.base.json', compilerOptions, include: ['example.ts'], exclude: [] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout, status } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' })
  expect({ stdout, status }).toEqual({ stdout: '', status: 0 })
  return join(folder, 'example.js')
}

function start(script: string): ChildProcess {
  const child = spawn(process.execPath, [script], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

async function allowAsAlice(url: string): Promise<void> {
  const person = { username: 'alice', password: 'correct horse' }
  const callback = await decideAs(createScriptedUser(globalThis.fetch), url, 'grant', person)
  await (await fetch(callback)).text()
}

/** Runs a program of one person, who allows what it asks for; resolves when it has ended by itself. */
async function runToItsEnd(script: string): Promise<{ code: unknown; lines: string[] }> {
  const child = start(script)
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) throw new TypeError('its output is read')
    createInterface(stream).on('line', (line) => {
      lines.push(line)
      const [, url] = /decide here .*: (\S+)$/.exec(line) ?? []
      if (url !== undefined) void allowAsAlice(url)
    })
  }
  const [code] = await once(child, 'exit')
  return { code, lines }
}

const newKey = async () => {
  const jwk: PrivateJwk = await generatePrivateJwk()
  return { file: JSON.stringify(jwk), signer: await createSigner(jwk) }
}

it('an agent of one person on a server prints the answer and ends by itself', async () => {
  const port = await freePort()
  const script = compile('docs/agents.md', 'onePerson: true, //', port, `http://127.0.0.1:${port}`)
  writeFileSync(join(folder, 'agent-key.json'), (await newKey()).file)
  const { code, lines } = await runToItsEnd(script)
  expect(lines.join('\n')).toMatch(/^200 events of \S+/m)
  expect(code).toBe(0)
})

it('an agent for the command line needs a static document and a loopback redirect, no server at its URL', async () => {
  const { file, signer } = await newKey()
  const id = await listen(async (origin) => async (request) => {
    const documents: Record<string, object> = {
      [`${origin}/.well-known/aauth-agent`]: {
        agent: origin,
        jwks_uri: `${origin}/jwks.json`,
        redirect_uris: ['http://127.0.0.1/callback'],
      },
      [`${origin}/jwks.json`]: { keys: [signer.jwk] },
    }
    const document = documents[request.url]
    return document ? Response.json(document) : new Response(null, { status: 404 })
  })
  const script = compile('docs/agents.md', '// asks in the terminal', 0, id)
  writeFileSync(join(folder, 'my-key.json'), file)
  const { code, lines } = await runToItsEnd(script)
  expect(lines.join('\n')).toMatch(/^events of \S+/m)
  expect(code).toBe(0)
})

it('a web agent keeps the people of two browsers apart, and forgets them when they sign out', async () => {
  const port = await freePort()
  const id = `http://127.0.0.1:${port}`
  const script = compile('docs/agents.md', "'countersign/agent/hono'", port, id)
  writeFileSync(join(folder, 'agent-key.json'), (await newKey()).file)
  start(script)
  await expect
    .poll(
      () =>
        fetch(`${id}/jwks.json`).then(
          ({ status }) => status,
          () => 0,
        ),
      { timeout: 10_000 },
    )
    .toBe(200)
  const browsers = { alice: createScriptedUser(globalThis.fetch), bob: createScriptedUser(globalThis.fetch) }
  const isConsent = (response: Response) => response.headers.get('location')?.startsWith(authServer)
  const consentUrl = async (username: 'alice' | 'bob') => {
    const response = await browsers[username].open(`${id}/events`)
    expect(isConsent(response)).toBe(true)
    return response.headers.get('location') ?? ''
  }
  const decide = async (username: string, url: string) =>
    decideAs(createScriptedUser(globalThis.fetch), url, 'grant', { username, password: 'correct horse' })
  const events = async (username: 'alice' | 'bob') => (await browsers[username].open(`${id}/events`)).text()

  const aliceUrl = await consentUrl('alice')
  expect(await consentUrl('alice'), 'again, while she has not decided').toBe(aliceUrl)
  const aliceBack = await decide('alice', aliceUrl)
  // A link that Alice completed in Bob’s browser.
  const mixedUp = await browsers.bob.open(aliceBack)
  expect([mixedUp.status, await mixedUp.text()]).toEqual([400, expect.stringContaining('does not know this browser')])
  const bobUrl = await consentUrl('bob')
  expect((await browsers.bob.open(aliceBack)).status).toBe(400)
  for (const [username, callback] of [
    ['alice', aliceBack],
    ['bob', await decide('bob', bobUrl)],
  ] as const) {
    const back = await browsers[username].open(callback)
    expect([back.status, back.headers.get('location')]).toEqual([303, `${id}/events`])
  }
  const [alice, bob] = [await events('alice'), await events('bob')]
  expect(alice).toMatch(/^events of /)
  expect(bob).toMatch(/^events of /)
  expect(bob).not.toBe(alice)
  await browsers.alice.send(new Request(`${id}/sign-out`, { method: 'POST', headers: { origin: id } }))
  await consentUrl('alice')
  expect(await events('bob')).toBe(bob)
})
