import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { createSigner, generatePrivateJwk } from 'countersign'
import { january, signRequest } from 'countersign/wire'
import { expect, it, onTestFinished, vi } from 'vitest'
import { certificateFiles, inNetworkNamespace } from '../../../countersign/test/network-namespace.js'
import { startInsideAgent, startInsideResource } from './inside-parties.js'
import { createOperatorStage, type OperatorStage } from './operator-stage.js'

vi.setConfig({ testTimeout: 60_000 })

const hosts = {
  // As the files of the manual have it.
  'auth.example': '10.77.0.1',
  'agent.example': '10.77.0.2',
  'api.example': '10.77.0.3',
}
const issuer = 'https://auth.example'
const person = { username: 'alice', password: 'a password of alice' }

/** A file of the manual, with the certificate of this test in place of the one that it names. */
function shown(name: string): string {
  const { certificate, key } = certificateFiles()
  return readFileSync(new URL(`../../../../docs/deployment/${name}`, import.meta.url), 'utf8')
    .replaceAll('/etc/ssl/auth.example/fullchain.pem', certificate)
    .replaceAll('/etc/ssl/auth.example/key.pem', key)
}

interface Proxy {
  command: string
  /** Its files: for one server, and for two. */
  files: { one: string; two: string }
  /** Writes the file that it starts from, and gives the arguments. */
  configure: (folder: string, name: string) => string[]
}

const proxies: readonly Proxy[] = [
  {
    command: 'nginx',
    files: { one: 'nginx.conf', two: 'nginx-two-instances.conf' },
    configure(folder, name) {
      let site = shown(name)
      const [, minor = 0] = /nginx\/1\.(\d+)/.exec(spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr) ?? []
      // As the file says.
      if (Number(minor) < 25) site = site.replace('http2 on;', '').replaceAll(/(listen .*443 ssl);/g, '$1 http2;')
      if (!networkInterfaces().lo?.some(({ family }) => family === 'IPv6'))
        site = site.replaceAll(/listen \[::\].*/g, '')
      writeFileSync(join(folder, 'site.conf'), site)
      mkdirSync(join(folder, 'nginx'))
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (kind) => `${kind}_temp_path ${join(folder, 'nginx')};`,
      )
      const file = join(folder, 'nginx.conf')
      writeFileSync(
        file,
        `daemon off; master_process off; user root; pid ${join(folder, 'nginx.pid')}; error_log stderr; events {}
        http { access_log off; ${temporary.join(' ')} include ${join(folder, 'site.conf')}; }`,
      )
      return ['-p', folder, '-e', 'stderr', '-c', file]
    },
  },
  {
    command: 'caddy',
    files: { one: 'Caddyfile', two: 'Caddyfile-two-instances' },
    configure(folder, name) {
      const file = join(folder, 'Caddyfile')
      // There is nobody inside who gives certificates.
      writeFileSync(file, shown(name).replace('# tls ', 'tls '))
      return ['run', '--adapter', 'caddyfile', '--config', file]
    },
  },
]

/** Starts it, and waits until it sends requests on. */
async function start({ command, files, configure }: Proxy, count: keyof Proxy['files'], { folder }: OperatorStage) {
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  const args = configure(folder, files[count])
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
  const look = () =>
    fetch(`${issuer}/jwks.json`).then(
      ({ status }) => status,
      () => said,
    )
  await expect.poll(look, { timeout: 15_000, interval: 20 }).toBe(200)
}

/** A signed request of an agent that nobody finds, from an address of its own, which claims to be for somebody else. */
async function askUnknown(localAddress: string): Promise<void> {
  const signer = await createSigner(await generatePrivateJwk({ kid: 'unknown' }))
  const id = 'https://unknown.example'
  const body = new URLSearchParams({ request_type: 'auth', scope: 'read', redirect_uri: `${id}/callback` }).toString()
  const contentType = { 'content-type': 'application/x-www-form-urlencoded' }
  const signed = await signRequest(
    new Request(`${issuer}/agent/token`, { method: 'POST', headers: contentType, body }),
    {
      profile: january.signing,
      signer,
      signatureKey: { scheme: 'jwks', id, kid: 'unknown', wellKnown: 'aauth-agent' },
    },
  )
  const headers = { ...Object.fromEntries(signed.headers), 'x-forwarded-for': '203.0.113.9' }
  const status = await new Promise((resolve, reject) => {
    const sent = request(signed.url, { method: 'POST', headers, localAddress }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode))
    })
    sent.once('error', reject).end(body)
  })
  expect(status).toBe(401)
}

/** Something at a port that counts who connects. */
async function countConnections(port: number, work: () => Promise<unknown>): Promise<number> {
  let connections = 0
  const server = createServer((_request, response) => response.end())
  server.on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  expect((server.address() as AddressInfo).port).toBe(port)
  await work()
  await new Promise((resolve) => {
    server.close(resolve)
    server.closeAllConnections()
  })
  return connections
}

function createStage(): Promise<OperatorStage> {
  return createOperatorStage({
    issuer,
    allowInsecureLoopback: false,
    trustProxy: ['127.0.0.1'],
    allowNetworks: [{ cidr: '10.77.0.0/24', hosts: ['*.example'] }],
    discovery: { failureTime: 'shortest' },
  })
}

async function runFlow(stage: OperatorStage): Promise<number> {
  const added = await stage.run('users add alice --password-stdin', { input: `${person.password}\n` })
  expect(added).toMatchObject({ status: 0 })
  const api = 'https://api.example:8444'
  const agentAt = { id: 'https://agent.example:8443', address: hosts['agent.example'], issuer, person }
  await startInsideResource({ id: api, address: hosts['api.example'], issuer, agents: 'agent.example' })
  const { agent } = await startInsideAgent(agentAt)
  return (await agent.fetch(`${api}/data-auth?x=%2F&y`)).status
}

inNetworkNamespace(import.meta.url, hosts, () => {
  for (const proxy of proxies) {
    const { command } = proxy
    const isThere = spawnSync(command, ['version']).error === undefined
    if (!isThere)
      process.stderr.write(`SKIPPED: ${command} is not installed, so what the manual shows of it is not tried.\n`)
    const skips = !isThere && process.env.CI === undefined

    it.skipIf(skips)(
      `${command}, by the file of the manual: the whole flow, and what the doctor looks at`,
      async () => {
        const stage = await createStage()
        const work = async () => {
          await start(proxy, 'one', stage)
          for (let sent = 0; sent < 20; sent++) await (await fetch(`${issuer}/jwks.json`)).text()
        }
        // Not one for each request.
        expect(await countConnections(8080, work)).toBeLessThan(5)
        await stage.serve({ port: 8080 })
        expect(await runFlow(stage)).toBe(200)
        const { stdout } = await stage.run(`doctor ${issuer} --json`, { config: false })
        const [{ findings } = { findings: [] }] = JSON.parse(stdout) as {
          findings: { check: string; outcome: string; found: string }[]
        }[]
        expect(findings.filter(({ outcome }) => outcome !== 'ok').map(({ check }) => check)).toEqual([
          'client addresses',
        ])
        expect(findings[0]?.found).toMatch(/TLSv1\.3, HTTP\/2\.$/)
        expect(findings[1]?.found).toBe(`Port 80 sends people on to ${issuer}.`)
        await askUnknown(hosts['agent.example'])
        const refused = async () => (await stage.run('audit export --event agent.refused')).stdout
        await expect.poll(refused, { timeout: 10_000 }).toContain(`"ip":"${hosts['agent.example']}"`)
        const body = 'x'.repeat(200_000)
        // By the proxy, or by the server, which closes the connection that a proxy is still writing to.
        expect([413, 502]).toContain((await fetch(`${issuer}/account/sign-in`, { method: 'POST', body })).status)
      },
    )

    it.skipIf(skips)(
      `${command} in front of two servers: a flow goes over both, and one of them may stop`,
      async () => {
        const stage = await createStage()
        const instances = [await stage.serve({ port: 8080 }), await stage.serve({ port: 8081 })] as const
        await start(proxy, 'two', stage)
        expect(await runFlow(stage)).toBe(200)
        for (const { said } of instances) expect(said().stdout).toContain('"event":"request"')
        await instances[0].stop()
        const statuses = Array.from({ length: 10 }, async () => (await fetch(`${issuer}/account/sign-in`)).status)
        expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]))
      },
    )
  }
})
