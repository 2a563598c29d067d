import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { cpuOf } from '../cpu-of.mjs'
import { freePort } from '../free-port.mjs'

/** @throws Error in CI, where nothing may be skipped */
export function hasNginx() {
  if (spawnSync('nginx', ['-v']).error === undefined) return true
  if (process.env.CI) throw new Error('nginx is not installed')
  process.stderr.write('SKIPPED: nginx is not installed, so it is not measured.\n')
  return false
}

/** Starts nginx with the configuration from the manual, on loopback and without TLS, as a single process. It exits with this process. */
export async function startNginx({ verifyPort, apiPort }) {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-nginx-'))
  const port = await freePort()
  mkdirSync(join(folder, 'temp'))
  writeFileSync(join(folder, 'nginx.conf'), configuration(port, verifyPort, apiPort))
  const child = spawn('nginx', ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  process.once('exit', () => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  let said = ''
  child.stderr.on('data', (text) => {
    said = (said + text).slice(-4000)
  })
  const url = `http://127.0.0.1:${port}/jwks.json`
  for (let tries = 0; (await statusAt(url)) !== 200; tries++) {
    if (child.exitCode !== null || tries === 100) throw new Error(`nginx did not start: ${said}`)
    await wait(100)
  }
  return { port, cpuBeside: () => cpuOf(child.pid) }
}

function configuration(port, verifyPort, apiPort) {
  const site = readFileSync(new URL('../../docs/deployment/nginx-gateway.conf', import.meta.url), 'utf8')
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${verifyPort}`)
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${apiPort}`)
    .replace('listen 443 ssl;', `listen 127.0.0.1:${port};`)
    .replaceAll(/^ *(?:listen \[::\].*|http2 on;|ssl_certificate.*)$/gm, '')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path temp;`)
  // Connections are idle while other servers are measured.
  return `daemon off; master_process off; ${process.getuid() === 0 ? 'user root;' : ''} pid nginx.pid; error_log stderr;
    events { worker_connections 2048; }
    http { access_log off; keepalive_requests 1000000; keepalive_timeout 1h; ${temporary.join(' ')} ${site} }`
}

async function statusAt(url) {
  try {
    return (await fetch(url)).status
  } catch {
    return undefined
  }
}
