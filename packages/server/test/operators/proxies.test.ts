import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { createSigner, generatePrivateJwk } from 'countersign'
import { january, signRequest } from 'countersign/wire'
import { expect, it, onTestFinished, vi } from 'vitest'
import { startParties } from './loopback-parties.js'
import { createOperatorStage, freePort, type OperatorStage } from './operator-stage.js'

vi.setConfig({ testTimeout: 60_000 })

const docs = readFileSync(new URL('../../../../docs/operators.md', import.meta.url), 'utf8')
const person = { username: 'alice', password: 'a password of alice' }

interface Proxy {
  command: string
  /** Writes the configuration of the manual, for ports of this test and without TLS, and gives the arguments. */
  configure(stage: OperatorStage, outer: string, inner: string): string[]
}

/** The configuration that the manual shows. */
function shown(language: string): string {
  const [, text] = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(docs) ?? []
  if (text === undefined) throw new TypeError(`the manual shows no ${language}`)
  return text
}

const proxies: readonly Proxy[] = [
  {
    command: 'nginx',
    configure({ folder }, outer, inner) {
      const site = shown('nginx')
        .replace('listen 443 ssl;', `listen ${outer};`)
        .replaceAll(/^ {2}(?:http2 |ssl_).*\n/gm, '')
        .replace('127.0.0.1:8080', inner)
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `${name}_temp_path ${join(folder, 'nginx')};`,
      )
      mkdirSync(join(folder, 'nginx'))
      const file = join(folder, 'nginx.conf')
      writeFileSync(
        file,
        `daemon off; pid ${join(folder, 'nginx.pid')}; error_log stderr; events {}
        http { access_log off; ${temporary.join(' ')}\n${site} }`,
      )
      return ['-p', folder, '-e', 'stderr', '-c', file]
    },
  },
  {
    command: 'caddy',
    configure({ folder }, outer, inner) {
      const site = shown('caddy').replace('auth.example', `http://${outer}`).replace('127.0.0.1:8080', inner)
      const file = join(folder, 'Caddyfile')
      writeFileSync(file, `{\n  admin off\n  auto_https off\n}\n${site}`)
      return ['run', '--adapter', 'caddyfile', '--config', file]
    },
  },
]

async function start(command: string, args: readonly string[], folder: string, url: string): Promise<void> {
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  const child: ChildProcess = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr?.on('data', (text: Buffer) => {
    said += text.toString()
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await ended
  })
  await expect
    .poll(
      () =>
        fetch(url).then(
          ({ status }) => status,
          () => said,
        ),
      { timeout: 15_000 },
    )
    .toBe(200)
}

/** A signed request of an agent that nobody finds, from an address of its own, which claims to be for somebody else. */
async function askUnknown(issuer: string): Promise<void> {
  const signer = await createSigner(await generatePrivateJwk({ kid: 'unknown' }))
  const id = `http://127.0.0.1:${await freePort()}`
  const body = new URLSearchParams({ request_type: 'auth', scope: 'read', redirect_uri: `${id}/callback` }).toString()
  const signed = await signRequest(
    new Request(`${issuer}/agent/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
    }),
    {
      profile: january.signing,
      signer,
      signatureKey: { scheme: 'jwks', id, kid: 'unknown', wellKnown: 'aauth-agent' },
    },
  )
  const headers = { ...Object.fromEntries(signed.headers), 'x-forwarded-for': '203.0.113.9' }
  const status = await new Promise((resolve, reject) => {
    const sent = request(signed.url, { method: 'POST', headers, localAddress: '127.0.0.2' }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode))
    })
    sent.once('error', reject).end(body)
  })
  expect(status).toBe(401)
}

for (const proxy of proxies) {
  const { command } = proxy
  const isThere = spawnSync(command, ['version']).error === undefined
  if (!isThere)
    process.stderr.write(`SKIPPED: ${command} is not installed, so what the manual shows of it is not tried.\n`)
  it.skipIf(!isThere && process.env.CI === undefined)(
    `${command}, as the manual shows it: the whole flow, paths as they are sent, and who connects`,
    async () => {
      const stage = await createOperatorStage({ trustProxy: ['127.0.0.1'] })
      const inner = await freePort()
      const { said } = await stage.serve({ port: inner })
      const outer = new URL(stage.issuer).host
      await start(
        command,
        proxy.configure(stage, outer, `127.0.0.1:${inner}`),
        stage.folder,
        `${stage.issuer}/jwks.json`,
      )
      await stage.run('users add alice --password-stdin', { input: `${person.password}\n` })
      const { agent, resource } = await startParties(stage.issuer, person)
      expect((await agent.fetch(`${resource}/data-auth?x=%2F&y`)).status).toBe(200)
      const sent = async (path: string, headers: Record<string, string> = {}) =>
        (await fetch(stage.issuer + path, { headers })).status
      expect(await sent('/a%2Fb//c?d=%20')).toBe(404)
      await expect.poll(() => said().stdout).toContain('"path":"/a%2Fb//c"')
      await askUnknown(stage.issuer)
      const refused = async () => (await stage.run('audit export --event agent.refused')).stdout
      await expect.poll(refused, { timeout: 10_000 }).toContain('"ip":"127.0.0.2"')
      expect(await sent(`/jwks.json?${'x'.repeat(7000)}`, { 'signature-key': 'x'.repeat(7000) })).toBe(200)
    },
  )
}
