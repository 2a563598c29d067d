import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from '../free-port.mjs'
import { median } from '../median.mjs'

const run = promisify(execFile)
const here = fileURLToPath(new URL('../..', import.meta.url))
const password = 'correct horse battery staple'
/** Users in the office, and browsers of each: 50 people behind one address. */
const users = 5
const browsersOfUser = 10

const page = { path: '/account/sign-in', networks: 1 }
const shapes = {
  quiet: { ...page, connections: 0, depth: 1 },
  'keep-alive 240': { ...page, connections: 240, depth: 1 },
  'keep-alive 500': { ...page, connections: 500, depth: 1 },
  'pipelined 20 × 50': { ...page, connections: 20, depth: 50 },
  'pipelined 50 × 20': { ...page, connections: 50, depth: 20 },
  'pipelined 1 × 400': { ...page, connections: 1, depth: 400 },
  'pipelined 4 × 250': { ...page, connections: 4, depth: 250 },
  'unsigned POST 500': {
    method: 'POST',
    path: '/agent/token',
    body: 'request_type=auth',
    networks: 1,
    connections: 500,
    depth: 1,
  },
  '200 networks': { ...page, networks: 200, connections: 600, depth: 1 },
}

/**
 * Floods the server in several shapes, with the server on the first core and the flood on the second, and prints how many requests of
 * legitimate clients are served: new visitors on one address, 50 signed-in users on another, and a resource that fetches keys.
 *
 * @param against the folder of another built checkout, which is measured in turn with this one
 * @param nginx whether nginx, on the second core, is in front
 */
export async function runHostile({ seconds, rounds, against, nginx, only }) {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-hostile-'))
  const servers = []
  try {
    for (const checkout of [...(against ? [against] : []), here])
      servers.push(await startServer(checkout, join(folder, String(servers.length)), nginx))
    for (const [name, shape] of Object.entries(shapes)) {
      if (only && !name.includes(only)) continue
      const results = servers.map(() => [])
      for (let round = 0; round < rounds; round++)
        for (const [index, server] of servers.entries()) results[index].push(await measure(server, shape, seconds))
      for (const [index, { checkout }] of servers.entries())
        process.stdout.write(describe(`${name}, ${checkout}`, results[index]))
    }
  } finally {
    for (const { stop } of servers) stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure({ port, host, cookies }, shape, seconds) {
  const client = fileURLToPath(new URL('hostile-client.mjs', import.meta.url))
  const settings = JSON.stringify({ port, host, cookies, shape, seconds })
  const { stdout } = await run('taskset', ['-c', '1', process.execPath, client, settings], { maxBuffer: 1e8 })
  // Wait for the rest of the flood to end before the next one starts.
  await wait(1500)
  return JSON.parse(stdout)
}

function describe(name, results) {
  const lines = ['visitors', 'office', 'documents'].map((who) => {
    const all = results.map((result) => result[who])
    const share = median(all.map(({ served, sent }) => served / sent))
    const times = all.flatMap(({ times }) => times).sort((a, b) => a - b)
    const at = (part) => times[Math.floor(times.length * part)]?.toFixed(0) ?? '-'
    const failures = JSON.stringify(all.map((each) => each.failures))
    return `  ${who.padEnd(10)}${(share * 100).toFixed(0)} % served, 50 % within ${at(0.5)} ms, 90 % within ${at(0.9)} ms ${failures}`
  })
  const perSecond = (what) => median(results.map(({ flood }) => flood[what] / flood.seconds)).toFixed(0)
  return `${name}\n${lines.join('\n')}\n  flood     ${perSecond('served')}/s served, ${perSecond('refused')}/s refused\n`
}

async function startServer(checkout, folder, withNginx) {
  mkdirSync(folder)
  const bin = join(checkout, 'packages/cli/bin/countersign.js')
  const port = await freePort()
  const host = `127.0.0.1:${port}`
  const config = join(folder, 'countersign.config.json')
  const settings = {
    issuer: `http://${host}`,
    allowInsecureLoopback: true,
    database: join(folder, 'auth.db'),
    masterKeyFile: join(folder, 'master.key'),
    // The browsers of one user open more pages than one person does.
    limits: { rateFactor: 1000 },
    ...(withNginx && { trustProxy: ['127.0.0.1'] }),
  }
  writeFileSync(config, JSON.stringify(settings), { mode: 0o600 })
  await run(process.execPath, [bin, 'server', 'keys', 'generate-master', '--output', join(folder, 'master.key')])
  const serving = ['-c', '0', process.execPath, bin, 'server', 'start', '--config', config]
  const server = spawn('taskset', serving, { stdio: ['ignore', 'ignore', 'inherit'] })
  const children = [server]
  const stop = () => {
    for (const child of children) child.kill()
  }
  try {
    await untilServed(`http://${host}/jwks.json`)
    for (let user = 0; user < users; user++) {
      const adding = run(process.execPath, [
        bin,
        'server',
        'users',
        'add',
        `user${user}`,
        '--config',
        config,
        '--password-stdin',
      ])
      adding.child.stdin.end(password)
      await adding
    }
    let front = port
    if (withNginx) {
      front = await freePort()
      children.push(startNginx(folder, front, port))
      await untilServed(`http://127.0.0.1:${front}/jwks.json`)
    }
    const cookies = []
    for (let number = 0; number < users * browsersOfUser; number++)
      cookies.push(await signIn(front, host, `user${number % users}`))
    return { checkout, port: front, host, cookies, stop }
  } catch (error) {
    stop()
    throw error
  }
}

function startNginx(folder, front, port) {
  const config = join(folder, 'nginx.conf')
  writeFileSync(
    config,
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log;
events { worker_connections 4096; }
http {
  access_log off;
  upstream server { server 127.0.0.1:${port}; keepalive 64; }
  server {
    listen 127.0.0.1:${front};
    location / {
      proxy_pass http://server;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
    }
  }
}
`,
  )
  return spawn('taskset', ['-c', '1', 'nginx', '-p', folder, '-e', `${folder}/nginx.log`, '-c', config], {
    stdio: 'ignore',
  })
}

async function untilServed(url) {
  for (let tries = 0; tries < 100; tries++) {
    const response = await fetch(url).catch(() => undefined)
    if (response?.ok) return
    await wait(100)
  }
  throw new Error(`no response from ${url} within 10 s`)
}

/** Signs in from the office, and returns the cookies. */
async function signIn(port, host, username) {
  const client = ['-s', '-i', '--interface', '127.240.1.1', '-H', `Host: ${host}`]
  const at = `http://127.0.0.1:${port}/account/sign-in`
  const shown = await run('curl', [...client, at])
  const csrf = /name="csrf" value="([^"]*)"/.exec(shown.stdout)?.[1] ?? ''
  const browser = cookiesOf(shown.stdout)
  const fields = { csrf, action: 'login', username, password }
  const form = Object.entries(fields).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`])
  const headers = ['-H', `Origin: http://${host}`, '-H', `Cookie: ${browser}`]
  const done = await run('curl', [...client, ...headers, ...form, at])
  if (!done.stdout.includes(' 303 ')) throw new Error(`sign-in failed: ${done.stdout.slice(0, 300)}`)
  return `${browser}; ${cookiesOf(done.stdout)}`
}

function cookiesOf(text) {
  return [...text.matchAll(/^set-cookie: ([^;]*)/gim)].map(([, cookie]) => cookie).join('; ')
}
