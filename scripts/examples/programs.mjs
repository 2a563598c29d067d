import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { chats } from './chats.mjs'
import { installations } from './installations.mjs'
import { openKeyService } from './key-service.mjs'
import { models } from './models.mjs'
import { oauthClients } from './oauth-clients.mjs'
import { pages } from './pages.mjs'
import { countersign, freePort } from './parties.mjs'
import { createPerson } from './person.mjs'
import { protectedApis } from './protected-apis.mjs'
import { start } from './run-program.mjs'
import {
  notThere,
  ownAgent,
  programsOf,
  python,
  reachableAgent,
  runAndAllow,
  shownPage,
  startSidecar,
  untilServed,
} from './stage.mjs'
import { workloads } from './workloads.mjs'

const printedPage = /decide here.*: (http\S+)\n/
const stackTrace = /\n {4}at /
const events = /^200 The events of \S+\.\n$/

const addressOfNothing = async () => `http://127.0.0.1:${await freePort()}/events`

/** Asserts that a program reported an expected error in words, and failed. */
function assertReported({ status, stdout, stderr }, said) {
  assert.deepEqual([status, stdout], [1, ''], stderr)
  assert.match(stderr, said)
  assert.doesNotMatch(stderr, stackTrace)
}

async function script(stage) {
  const programs = programsOf(stage)
  const { env } = await ownAgent(stage)
  const nowhere = await programs.run('script', env).ended
  assert.deepEqual([nowhere.status, nowhere.stdout], [1, ''])
  assert.match(nowhere.stderr, /^Run this in a terminal to give your consent\.$/m)
  assert.doesNotMatch(nowhere.stderr, stackTrace)
  const first = await runAndAllow(programs, 'script', env)
  assert.deepEqual([first.status, events.test(first.printed)], [0, true], first.printed + first.stdout)
  const second = await programs.run('script', env).ended
  assert.deepEqual(second, { status: 0, stdout: first.printed, stderr: second.stderr })
  assert.doesNotMatch(second.stderr, /decide|consent/i)
}

async function cronJob(stage) {
  const programs = programsOf(stage)
  const { env } = await ownAgent(stage)
  const atNight = await programs.run('cron-job', env).ended
  assert.deepEqual([atNight.status, atNight.stdout], [75, ''])
  assert.match(atNight.stderr, /^Consent is missing or has expired\. Run the same command in a terminal once\.$/m)
  const down = await programs.run('cron-job', { ...env, API: `http://127.0.0.1:${await freePort()}/events` }).ended
  assert.equal(down.status, 75)
  assert.match(down.stderr, /^http:\S+ is not responding: .*ECONNREFUSED/m)
  assert.doesNotMatch(down.stderr, stackTrace)
  const byDay = await runAndAllow(programs, 'cron-job', env)
  assert.deepEqual([byDay.status, events.test(byDay.printed)], [0, true], byDay.stdout)
  const nextNight = await programs.run('cron-job', env).ended
  assert.deepEqual([nextNight.status, nextNight.stdout], [0, byDay.printed], nextNight.stderr)
}

async function overSsh(stage) {
  const { runAtTerminal } = programsOf(stage)
  const { env: own } = await ownAgent(stage)
  const env = { ...own, SSH_CONNECTION: '192.0.2.7 50000 192.0.2.9 22', SSH_TTY: '/dev/pts/9' }
  const first = runAtTerminal('over-ssh', env, `${own.API}?day=monday`)
  const [, page] = await first.seen(shownPage)
  const { url } = await createPerson('testuser', ({ origin }) => origin === stage.authServer).visit(page)
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/callback\?/)
  await first.seen(/paste the whole address/)
  first.say('https://elsewhere.example/callback?code=1\n')
  await first.seen(/That is a different address/)
  first.say(`${url}\n`)
  const end = await first.ended
  assert.deepEqual([end.status, /^The events of \S+\.\n$/.test(end.printed)], [0, true], end.stdout)
  const second = await runAtTerminal('over-ssh', env).ended
  assert.deepEqual([second.status, second.printed, second.stdout.includes('http')], [0, end.printed, false])
}

async function saidNo(stage) {
  const { runAtTerminal } = programsOf(stage)
  const { env } = await ownAgent(stage)
  const running = runAtTerminal('over-ssh', env)
  const [, page] = await running.seen(shownPage)
  await createPerson('testuser').visit(page, 'deny')
  const { status, printed, stdout } = await running.ended
  assert.deepEqual([status, printed], [1, ''])
  assert.match(stdout, /Access denied\./)
}

/** A program that is reached at its own URL, and requests consent by printing a line. */
async function runReachable(stage, name, names, pattern) {
  const { run } = programsOf(stage)
  const { root, cwd, authServer, api } = stage
  await countersign(root, ['agent', 'keys', 'generate', '--output', 'agent-key.json'], { cwd }).ended
  const envAt = (port) => ({ [names]: `http://127.0.0.1:${port}`, PORT: port, AUTH_SERVER: authServer, API: api.url })
  // Another agent than below, since an agent that was denied must wait before it asks again.
  const refused = run(name, envAt(String(await freePort())))
  await createPerson('testuser').visit((await refused.seen(printedPage))[1], 'deny')
  const { status, stderr } = await refused.ended
  assert.deepEqual([status, stackTrace.test(stderr)], [1, false], stderr)
  assert.match(stderr, /denied/i)
  const env = envAt(String(await freePort()))
  const first = run(name, env)
  const [, page] = await first.seen(printedPage)
  await createPerson('testuser').visit(page)
  const end = await first.ended
  assert.equal(end.status, 0, end.stderr)
  assert.match(end.stdout, pattern)
  const second = await run(name, env).ended
  const [answer] = /.+\n$/.exec(end.stdout) ?? []
  assert.deepEqual([second.status, second.stdout], [0, answer], second.stderr)
}

const service = (stage) => runReachable(stage, 'service', 'AGENT_ID', /\n200 The events of \S+\.\n$/)
const ownResource = (stage) =>
  runReachable(stage, 'own-resource', 'ID', /\nSigned in: testuser, who is (\S+) at http\S+\nThe notes of \1\.\n$/)

/** The complete flow of a web app, with two users in separate browsers. */
async function webApp(stage) {
  const { run } = programsOf(stage)
  const { root, folder, cwd } = stage
  const { id, env } = await reachableAgent(stage)
  let isCut = true
  const alice = createPerson('testuser', ({ pathname }) => !isCut || pathname !== '/callback')
  const bob = createPerson('bob')
  const eventsOf = async (person) => {
    const page = await person.visit(`${id}/events`)
    assert.deepEqual([page.url, page.status], [`${id}/events`, 200], page.html)
    return page.html
  }
  let app = run('web-app', env)
  try {
    await untilServed(id)
    const { url: back } = await alice.visit(`${id}/events`)
    const mixedUp = await bob.visit(back)
    assert.deepEqual([mixedUp.status, mixedUp.url], [400, back], 'her consent does not apply to his browser')
    isCut = false
    assert.match((await alice.visit(back)).html, /^The events of \S+\.$/)
    const [hers, his] = await Promise.all([eventsOf(alice), eventsOf(bob)])
    assert.match(hers, /^The events of \S+\.$/)
    assert.match(his, /^The events of \S+\.$/)
    assert.notEqual(hers, his)
    await app.stop()
    app = run('web-app', env)
    await untilServed(id)
    assert.deepEqual([await bob.peek(`${id}/events`), await alice.peek(`${id}/events`)], [his, hers], 'after a restart')
    await alice.press(`${id}/`, '/sign-out')
    assert.notEqual(await alice.peek(`${id}/events`), hers, 'she is prompted again')
    assert.equal(await bob.peek(`${id}/events`), his)
    const blocked = await countersign(root, ['server', 'agents', 'block', id, '--db', join(folder, 'auth.db')], { cwd })
      .ended
    assert.equal(blocked.status, 0, blocked.stderr)
    const refused = await createPerson('testuser').visit(`${id}/events`)
    assert.equal(refused.status, 403)
    assert.match(refused.html, /^Your events were not shared with this app\.$/)
  } finally {
    await app.stop()
  }
}

/** Runs an MCP server of one SDK generation while requests are sent to it. */
async function withNotes(stage, server, ask) {
  const { root, cwd, authServer } = stage
  await countersign(root, ['agent', 'keys', 'generate', '--output', 'resource-key.json'], { cwd }).ended
  const port = String(await freePort())
  const id = `http://127.0.0.1:${port}`
  const served = programsOf(stage).run(server, { ID: id, PORT: port, AUTH_SERVER: authServer })
  try {
    await untilServed(id)
    await ask(`${id}/mcp`)
  } finally {
    await served.stop()
  }
}

const note = /^Note 7 of \S+\.$/

/** Runs a client of one SDK generation against a server of one. */
async function mcp(stage, server, client) {
  const programs = programsOf(stage)
  const { env: own } = await ownAgent(stage)
  await withNotes(stage, server, async (url) => {
    const env = { ...own, MCP_SERVER: url }
    const nowhere = await addressOfNothing()
    const down = await programs.run(client, { ...env, MCP_SERVER: nowhere }).ended
    // The second SDK reports it in its own words.
    assertReported(down, new RegExp(`^(?:${nowhere} is not responding: .*ECONNREFUSED|Version .*: fetch failed$)`, 'm'))
    assertReported(await programs.run(client, env).ended, /consent/i)
    const first = await runAndAllow(programs, client, env)
    assert.deepEqual([first.status, note.test(first.printed.trimEnd())], [0, true], first.stdout)
    const second = await programs.run(client, env).ended
    assert.deepEqual([second.status, second.stdout], [0, first.printed], second.stderr)
  })
}

/** An app starts the command in its configuration; the package is this checkout's, and the server is the test's own. */
async function appOnThisMachine(stage) {
  const { root, cwd, examples, authServer } = stage
  const home = join(cwd, 'home')
  const id = `http://127.0.0.1:${await freePort()}`
  const init = ['agent', 'init', '--id', id, '--auth-server', authServer]
  const made = await countersign(root, init, { cwd, env: { COUNTERSIGN_HOME: home } }).ended
  assert.equal(made.status, 0, made.stderr)
  const file = JSON.parse(readFileSync(join(examples, 'claude_desktop_config.json'), 'utf8'))
  const { command, args, ...others } = file.mcpServers.notes
  const [program, mcpCommand, address] = args
  const manifest = JSON.parse(readFileSync(join(root, 'packages/cli/package.json'), 'utf8'))
  assert.deepEqual([command, mcpCommand, args.length, others], ['node', 'mcp', 3, {}])
  const installed = join('node_modules', manifest.name, manifest.bin.countersign)
  assert.ok(program.endsWith(`/${installed}`), program)
  assert.equal(new URL(address).pathname, '/mcp')
  await withNotes(stage, 'mcp-server', async (url) => {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [join(root, 'packages/cli', manifest.bin.countersign), mcpCommand, url],
      env: { COUNTERSIGN_HOME: home },
      stderr: 'pipe',
    })
    const client = new Client({ name: 'app', version: '1' })
    let said = ''
    const page = new Promise((resolve) => {
      transport.stderr.on('data', (text) => {
        said += text
        const [, found] = /Decide here: (\S+)/.exec(said) ?? []
        if (found) resolve(found)
      })
    })
    try {
      await client.connect(transport)
      const call = client.callTool({ name: 'read_note', arguments: { id: '7' } })
      await createPerson('testuser').visit(await page)
      assert.match((await call).content[0].text, note)
    } finally {
      await client.close()
    }
  })
}

async function pythonThroughSidecar(stage) {
  const { cwd, examples, api } = stage
  const { at, stop } = await startSidecar(stage, new URL(api.id).host)
  try {
    const env = { SIDECAR: `http://${at}`, API: api.url }
    const orders = () => start(python, [join(examples, 'python', 'orders.py')], { cwd, env }).ended
    const first = await orders()
    assert.deepEqual([first.status, first.stdout], [1, ''])
    const [, page] = /^Please decide here, then run this again: (\S+)$/m.exec(first.stderr) ?? []
    assert.ok(page, first.stderr)
    await createPerson('testuser').visit(page)
    const second = await orders()
    assert.deepEqual([second.status, second.stderr], [0, ''])
    assert.match(second.stdout, /^The events of \S+\.\n$/)
  } finally {
    await stop()
  }
}

/** An agent whose key is in the key service stand-in, and is published. */
async function agentInKeyService(stage) {
  const programs = programsOf(stage)
  const { env: own, host } = await ownAgent(stage)
  const name = 'projects/p/locations/l/keyRings/r/cryptoKeys/agent/cryptoKeyVersions/1'
  const kms = await openKeyService(stage.cwd, name, 'token-of-today')
  stage.closers.push(() => kms.close())
  const env = { ...own, KMS: kms.id, KMS_KEY: name, KMS_TOKEN: 'token-of-today' }
  const { stdout } = await programs.run('kms-signer', env, '--jwks').ended
  const { keys } = JSON.parse(stdout)
  assert.deepEqual([keys.length, keys[0].crv, keys[0].d], [1, 'P-256', undefined])
  host.publish(keys)
  return { programs, kms, env }
}

async function keyInKeyService(stage) {
  const { programs, kms, env } = await agentInKeyService(stage)
  kms.next.push(429)
  const first = await runAndAllow(programs, 'kms-signer', env)
  assert.deepEqual([first.status, events.test(first.printed)], [0, true], first.stdout)
  assert.ok(kms.counts.signed >= 4, 'each request is signed by the key service')
  assert.equal(kms.counts.refused, 1)
  const second = await programs.run('kms-signer', env).ended
  assert.deepEqual([second.status, second.stdout], [0, first.printed], second.stderr)
}

async function failingKeyService(stage) {
  const { programs, kms, env } = await agentInKeyService(stage)
  const cases = [
    [[503, 503, 503], /^The key service returned 503: /m],
    [[403], /^The key service returned 403: /m],
    [['late'], /^The operation was aborted due to timeout$/m],
    [['foreign'], /The service did not sign with the key \S+, or its signature is not ecdsa-p256-sha256 in DER\./],
  ]
  for (const [answers, said] of cases) {
    kms.next.splice(0, kms.next.length, ...answers)
    assertReported(await programs.run('kms-signer', env).ended, said)
    assert.deepEqual(kms.next, [])
  }
  const down = await programs.run('kms-signer', { ...env, API: await addressOfNothing() }).ended
  assertReported(down, /ECONNREFUSED/)
  const stranger = await programs.run('kms-signer', { ...env, KMS_TOKEN: 'of-yesterday' }).ended
  assertReported(stranger, /^The key service returned 401: who are you\?/m)
}

async function keyInKeychain(stage) {
  const programs = programsOf(stage)
  const { env, host } = await ownAgent(stage)
  const made = await programs.run('keychain-signer', env, '--jwks').ended
  if (made.status === 69) {
    assert.equal(made.stdout, '')
    assert.match(made.stderr, /^No keychain is available on this machine: \S.*\n$/)
    return notThere
  }
  const { Entry } = await import('@napi-rs/keyring')
  try {
    assert.equal(made.status, 0, made.stderr)
    const again = await programs.run('keychain-signer', env, '--jwks').ended
    assert.deepEqual([again.status, again.stdout], [0, made.stdout], 'the key is stored')
    const down = await programs.run('keychain-signer', { ...env, API: await addressOfNothing() }).ended
    assertReported(down, /^http:\S+ is not responding: .*ECONNREFUSED/m)
    host.publish(JSON.parse(made.stdout).keys)
    const { status, printed, stdout } = await runAndAllow(programs, 'keychain-signer', env)
    assert.deepEqual([status, events.test(printed)], [0, true], stdout)
  } finally {
    new Entry('countersign', host.id, { linux: { store: 'secret-service' } }).deletePassword()
  }
}

/** The expected behavior of each program, in words, with the files that implement it. */
export const checks = [
  { files: ['script.ts'], name: 'a script prompts its user once, and never again', run: script },
  { files: ['cron-job.ts'], name: 'a cron job prompts in a terminal, and works unattended', run: cronJob },
  { files: ['over-ssh.ts'], name: 'over SSH, the user pastes the URL that the browser ended on', run: overSsh },
  { files: ['over-ssh.ts'], name: 'a user who denies access is told so', run: saidNo },
  { files: ['service.ts'], name: 'a single-user service requests consent at its own URL', run: service },
  { files: ['own-resource.ts'], name: 'an app calls its own API with the token from the sign-in', run: ownResource },
  { files: ['web-app.ts'], name: 'a web app keeps two users apart, even after a restart', run: webApp },
  {
    files: ['mcp-server.ts', 'mcp-client.ts'],
    name: 'an MCP tool is called once its user has allowed it',
    run: (stage) => mcp(stage, 'mcp-server', 'mcp-client'),
  },
  {
    files: ['mcp-server-sdk1.ts', 'mcp-client.ts'],
    name: 'an MCP tool of a server on the previous SDK is called once its user has allowed it',
    run: (stage) => mcp(stage, 'mcp-server-sdk1', 'mcp-client'),
  },
  {
    files: ['mcp-server.ts', 'mcp-client-sdk1.ts'],
    name: 'a client on the previous SDK calls an MCP tool once its user has allowed it',
    run: (stage) => mcp(stage, 'mcp-server', 'mcp-client-sdk1'),
  },
  {
    files: ['mcp-server-sdk1.ts', 'mcp-client-sdk1.ts'],
    name: 'a client on the previous SDK calls an MCP tool of a server on the previous SDK',
    run: (stage) => mcp(stage, 'mcp-server-sdk1', 'mcp-client-sdk1'),
  },
  {
    files: ['claude_desktop_config.json'],
    name: 'an app that starts the command in its configuration calls a tool',
    run: appOnThisMachine,
  },
  {
    files: ['python/orders.py'],
    name: 'a Python program sends requests through the sidecar',
    run: pythonThroughSidecar,
  },
  { files: ['kms-signer.ts'], name: 'a key service signs, even after a 429', run: keyInKeyService },
  { files: ['kms-signer.ts'], name: 'an error of the key service is reported', run: failingKeyService },
  { files: ['keychain-signer.ts'], name: 'the key is in the keychain', run: keyInKeychain },
  ...chats,
  ...installations,
  ...models,
  ...oauthClients,
  ...pages,
  ...protectedApis,
  ...workloads,
]
