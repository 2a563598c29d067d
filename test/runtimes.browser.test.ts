import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createAgent } from 'countersign/agent'
import { build } from 'esbuild'
import { describe, expect, it, onTestFinished } from 'vitest'
import { hasChromium, openChromium } from '../packages/server/test/chromium.js'
import { listenOnLoopback } from '../packages/server/test/listening-origin.js'
import { freePort } from './free-port.js'

/** The runtimes are installed by `npm run test:long`, or by `npm ci --prefix runtimes`. */
const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'runtimes')
const programOf = (name: string) => join(folder, 'node_modules/.bin', name)

const passed = {
  'Ed25519 signs and verifies': 'ok',
  'ECDSA signs and verifies': 'ok',
  'RSA-PSS signs and verifies': 'ok',
  'issues tokens': 'ok',
  'an agent gets what its user allows': 'ok',
  'an agent gets nothing that its user denies': 'ok',
  'a resource refuses each fault': 'ok',
  'a delegate enrolls and acts': 'ok',
}

/** Bundles a program for the web. */
async function bundle(program: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(folder, program)],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}

/** Runs a program that prints JSON. */
async function run(name: string, ...args: string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(programOf(name), [...args, 'node-api.mjs'], {
    cwd: folder,
    timeout: 120_000,
  })
  return JSON.parse(stdout)
}

/** What a runtime with Node's modules must do: no connection to an address that was not checked. */
const guarded = {
  loopback: 'EREFUSED',
  connectionsToLoopback: 0,
  connectionsToOtherAddress: 0,
  connectionsToGivenAddress: 1,
}

describe('the suite passes, and the guarded fetch connects only to the addresses that it checked,', () => {
  it('in Bun', async () => {
    expect(await run('bun')).toEqual({ suite: passed, guard: guarded })
  })

  it('in Deno', async () => {
    const net = '--allow-net=127.0.0.1,127.0.0.9,localhost,pinned.test'
    const args = ['run', net, '--allow-read', '--allow-env', '--allow-sys', '--no-lock', '--no-prompt']
    expect(await run('deno', ...args)).toEqual({ suite: passed, guard: guarded })
  })
})

describe.skipIf(!hasChromium())('in Chromium', () => {
  it('the suite passes; the flows of users are in `browser-agent.browser.test.ts`, because no page may set the cookies of a test user', async () => {
    const [site, browser, script] = await Promise.all([listenOnLoopback(), openChromium(), bundle('suite.mjs')])
    onTestFinished(async () => {
      await Promise.all([site.close(), browser.close()])
    })
    site.serve(({ url }) => {
      const isScript = new URL(url).pathname === '/suite.js'
      const headers = { 'content-type': isScript ? 'text/javascript' : 'text/html' }
      return new Response(isScript ? script : '<!DOCTYPE html>', { headers })
    })
    const page = await browser.newPage()
    await page.goto(site.origin)
    const without = Object.keys(passed).filter((name) => / user |delegate/.test(name))
    const options = JSON.stringify({ without })
    const run = `import('${site.origin}/suite.js').then(({ runSuite }) => runSuite(${options}))`
    const expected = Object.entries(passed).filter(([name]) => !without.includes(name))
    expect(await page.evaluate(run)).toEqual(Object.fromEntries(expected))
  })
})

/** A Worker on a port of this machine, with what its platform lets it reach. */
async function startWorker(environment: (id: string) => Record<string, string>): Promise<string> {
  const work = mkdtempSync(join(tmpdir(), 'countersign-worker-'))
  const id = `http://127.0.0.1:${await freePort()}`
  cpSync(join(folder, 'worker.capnp'), join(work, 'worker.capnp'))
  writeFileSync(join(work, 'worker.js'), await bundle('worker.mjs'))
  const args = ['serve', '--socket-addr', `http=${new URL(id).host}`, '--control-fd=1', join(work, 'worker.capnp')]
  const worker = spawn(programOf('workerd'), args, {
    env: { ...process.env, ...environment(id) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(worker, 'exit')
  onTestFinished(async () => {
    worker.kill('SIGKILL')
    await ended
    rmSync(work, { recursive: true, force: true })
  })
  // It prints that it listens, or ends.
  await Promise.race([once(worker.stdout, 'data'), ended])
  return id
}

describe('in workerd', () => {
  it('the suite passes', async () => {
    const id = await startWorker(() => ({ ID: 'https://api.test', AUTH_SERVER: 'https://auth.test', KEY: '{}' }))
    expect(await (await fetch(`${id}/suite`)).json()).toEqual(passed)
  })

  it('a resource fetches the documents of agents only if it gives up the check of their addresses', async () => {
    const site = await listenOnLoopback()
    onTestFinished(() => site.close())
    const KEY = JSON.stringify(await generatePrivateJwk())
    const id = await startWorker((ID) => ({ ID, AUTH_SERVER: site.origin, KEY }))
    const agent = createAgent({
      id: site.origin,
      signer: await createSigner(await generatePrivateJwk()),
      authServers: [],
      redirectUri: 'http://127.0.0.1/callback',
      allowInsecureLoopback: true,
    })
    let documents = 0
    site.serve((request) => {
      documents++
      return agent.handler(request)
    })
    const refused = await agent.fetch(`${id}/guarded`)
    expect([refused.status, await refused.text(), documents]).toEqual([
      500,
      `the address of ${site.origin} cannot be checked on this platform: see fetchWithoutAddressChecks`,
      0,
    ])
    const welcome = await agent.fetch(`${id}/events`)
    expect([welcome.status, await welcome.text(), documents]).toEqual([200, `Hello, ${agent.id}`, 2])
    const unsigned = await fetch(`${id}/events`)
    expect([unsigned.status, unsigned.headers.get('agent-auth')]).toEqual([401, expect.stringContaining('httpsig')])
    expect(await (await fetch(`${id}/.well-known/aauth-resource`)).json()).toMatchObject({ resource: id })
  })
})
