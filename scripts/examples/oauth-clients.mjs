import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { countersign, freePort } from './parties.mjs'
import { createPerson, people } from './person.mjs'
import { start } from './run-program.mjs'
import { ownAgent, programsOf, runAndAllow, untilServed } from './stage.mjs'

/** The document of the example's client, which the operator lists because nothing serves it. */
const clientDocument = {
  client_id: 'https://client.example/oauth/client.json',
  client_name: 'My client',
  redirect_uris: ['http://127.0.0.1/callback'],
}

/** Runs `countersign`, and requires it to succeed. */
async function succeed({ root, cwd }, args, options) {
  const { status, stderr } = await countersign(root, args, { cwd, ...options }).ended
  assert.equal(status, 0, stderr)
}

/** The identifier of an auth server that lets OAuth clients in, with one user. */
async function startOAuthServer(stage) {
  const { root, cwd, closers } = stage
  const issuer = `http://127.0.0.1:${await freePort()}`
  const config = {
    issuer,
    allowInsecureLoopback: true,
    database: 'auth.db',
    masterKeyFile: 'master.key',
    oauth: { clients: [clientDocument] },
  }
  writeFileSync(join(cwd, 'countersign.config.json'), JSON.stringify(config))
  await succeed(stage, ['server', 'keys', 'generate-master', '--output', 'master.key'])
  const running = countersign(root, ['server', 'start', '--config', 'countersign.config.json'], { cwd, limit: 240 })
  closers.push(() => running.stop())
  await running.seen(/^Serving /m)
  const add = ['server', 'users', 'add', 'testuser', '--config', 'countersign.config.json', '--password-stdin']
  await succeed(stage, add, { input: people.testuser })
  return issuer
}

/** An MCP server that accepts both editions, with a client that uses OAuth and an agent that signs its requests. */
async function bothEditions(stage) {
  const { cwd, examples, closers } = stage
  const authServer = await startOAuthServer(stage)
  await succeed(stage, ['agent', 'keys', 'generate', '--output', 'resource-key.json'])
  const id = `http://127.0.0.1:${await freePort()}`
  const run = (name, env) => start(process.execPath, [join(examples, name)], { cwd, env })
  const served = run('mcp-server-oauth.mjs', { ID: id, AUTH_SERVER: authServer })
  closers.push(() => served.stop())
  await untilServed(id)
  await succeed(stage, ['doctor', '--mcp', `${id}/mcp`])

  const runClient = async (decision) => {
    const running = run('mcp-client-oauth.mjs', { MCP_SERVER: `${id}/mcp` })
    const [, page] = await running.seen(/^Please decide here: (\S+)$/m)
    const { html } = await createPerson('testuser').visit(page, decision)
    assert.equal(html, 'You can close this page.')
    return running.ended
  }
  const allowed = await runClient('grant')
  assert.equal(allowed.status, 0, allowed.stderr)
  const [, user] = /\nTools: read_note, write_note\nThe note of (\S+)\.\n$/.exec(allowed.stdout) ?? []
  assert.ok(user, allowed.stdout)
  // Last, because a client that was denied must wait before it asks again.
  const denied = await runClient('deny')
  assert.deepEqual([denied.status, /\n {4}at /.test(denied.stderr)], [1, false], denied.stderr)
  assert.match(denied.stderr, /denied/i)

  const { env } = await ownAgent({ ...stage, authServer })
  const signing = await runAndAllow(programsOf(stage), 'mcp-client', { ...env, MCP_SERVER: `${id}/mcp` })
  assert.deepEqual([signing.status, signing.printed.trimEnd()], [0, `The note of ${user}.`], signing.stdout)
}

export const oauthClients = [
  {
    files: ['mcp-server-oauth.mjs', 'mcp-client-oauth.mjs'],
    name: 'an MCP server accepts clients that use OAuth and agents that sign their requests',
    run: bothEditions,
  },
]
