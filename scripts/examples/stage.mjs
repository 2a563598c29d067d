import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { countersign, freePort, publishAgent } from './parties.mjs'
import { createPerson } from './person.mjs'
import { start, startAtTerminal } from './run-program.mjs'

/** The URL of the page that a terminal shows. */
export const shownPage = /\n {2}(http:\/\/\S+request_token\S+)\r?\n/

/** Debian's Python, which has the package that the example needs. */
export const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'

/** How the programs of a stage are started: compiled, each in the folder of its check. */
export function programsOf({ dist, cwd }) {
  const script = (name) => join(dist, `${name}.js`)
  return {
    run: (name, env, ...args) => start(process.execPath, [script(name), ...args], { cwd, env }),
    runAtTerminal: (name, env, ...args) => startAtTerminal(process.execPath, [script(name), ...args], { cwd, env }),
  }
}

/** An agent without a server: its key is in the folder, its documents are on a static file host. */
export async function ownAgent(stage) {
  const { root, cwd, authServer, api, closers } = stage
  const made = await countersign(root, ['agent', 'keys', 'generate', '--output', 'agent-key.json'], { cwd }).ended
  assert.equal(made.status, 0, made.stderr)
  const host = await publishAgent(JSON.parse(made.stdout).keys)
  closers.push(() => host.close())
  return { host, env: { AGENT_ID: host.id, AUTH_SERVER: authServer, API: api.url } }
}

/** The environment of an agent that is reached at its own URL: its key is in the folder. */
export async function reachableAgent({ root, cwd, authServer, api }) {
  const made = await countersign(root, ['agent', 'keys', 'generate', '--output', 'agent-key.json'], { cwd }).ended
  assert.equal(made.status, 0, made.stderr)
  const port = String(await freePort())
  const id = `http://127.0.0.1:${port}`
  return { id, env: { AGENT_ID: id, PORT: port, AUTH_SERVER: authServer, API: api.url } }
}

/** A sidecar of a new agent, without a terminal, and its address with the secret. */
export async function startSidecar({ root, cwd, authServer }, host) {
  const env = { COUNTERSIGN_HOME: join(cwd, 'home') }
  const id = `http://127.0.0.1:${await freePort()}`
  const made = await countersign(root, ['agent', 'init', '--id', id, '--auth-server', authServer], { cwd, env }).ended
  assert.equal(made.status, 0, made.stderr)
  const sidecar = countersign(root, ['sidecar', '--port', '0', '--allow-host', host], { cwd, env })
  const [, port] = await sidecar.seen(/^http:\/\/127\.0\.0\.1:(\d+)\n/)
  const secret = readFileSync(join(cwd, 'home', 'sidecar-secret'), 'utf8').trim()
  return { at: `x:${secret}@127.0.0.1:${port}`, stop: () => sidecar.stop() }
}

/** Runs a program in a terminal, where its user allows the requests it makes. */
export async function runAndAllow({ runAtTerminal }, name, env) {
  const running = runAtTerminal(name, env)
  const [, page] = await running.seen(shownPage)
  const { html } = await createPerson('testuser').visit(page)
  assert.match(html, /go back to|close this/i)
  return running.ended
}

/** Waits for a server that was just started. */
export async function untilServed(id) {
  for (let tries = 0; tries < 100; tries += 1) {
    const { ok } = await fetch(`${id}/jwks.json`).catch(() => ({ ok: false }))
    if (ok) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`no response from ${id}`)
}

/** The result of a check if this machine lacks a program that the check needs. */
export const notThere = Symbol('not there')
