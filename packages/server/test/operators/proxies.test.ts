import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { Agent, request } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { expect, it, onTestFinished } from 'vitest'
import { has } from '../../../../test/needs.js'
import { certificateFiles, inNetworkNamespace } from '../../../countersign/test/network-namespace.js'
import { startInsideAgent, startInsideResource } from './inside-parties.js'
import { blockOf, runBlock } from './manual.js'
import { createOperatorStage, type InstanceProcess, type OperatorStage } from './operator-stage.js'

const hosts = {
  // As in the files of the manual.
  'auth.example': '10.77.0.1',
  'agent.example': '10.77.0.2',
  'api.example': '10.77.0.3',
}
const issuer = 'https://auth.example'
const person = { username: 'alice', password: 'a password of alice' }

/** A file of the manual, with this test’s certificate instead of the one that it names. */
function shown(name: string): string {
  const { certificate, key } = certificateFiles()
  return readFileSync(new URL(`../../../../docs/deployment/${name}`, import.meta.url), 'utf8')
    .replaceAll(/\/etc\/ssl\/[a-z.]+\/fullchain\.pem/g, certificate)
    .replaceAll(/\/etc\/ssl\/[a-z.]+\/key\.pem/g, key)
}

interface Proxy {
  command: 'nginx' | 'caddy'
  /** Its files: for one server, and for two. */
  files: { one: string; two: string }
  /** Writes the configuration file, and returns the arguments. */
  configure: (folder: string, name: string) => string[]
  /** Takes an instance out of rotation for its restart, and puts it back. Only set if requests in the meantime would otherwise be lost. */
  without?: (port: number, folder: string, work: () => Promise<void>) => Promise<void>
}

const nginx: Proxy = {
  command: 'nginx',
  files: { one: 'nginx.conf', two: 'nginx-two-instances.conf' },
  configure(folder, name) {
    let site = shown(name)
    const [, minor = 0] = /nginx\/1\.(\d+)/.exec(spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr) ?? []
    // As in the file.
    if (Number(minor) < 25) site = site.replace('http2 on;', '').replaceAll(/(listen .*443 ssl);/g, '$1 http2;')
    if (!networkInterfaces().lo?.some(({ family }) => family === 'IPv6')) site = site.replaceAll(/listen \[::\].*/g, '')
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
}

const caddy: Proxy = {
  command: 'caddy',
  files: { one: 'Caddyfile', two: 'Caddyfile-two-instances' },
  configure(folder, name) {
    const file = join(folder, 'Caddyfile')
    // There is no certificate authority inside.
    writeFileSync(file, shown(name).replace('# tls ', 'tls '))
    return ['run', '--adapter', 'caddyfile', '--config', file]
  },
  async without(port, folder, work) {
    const file = join(folder, 'Caddyfile')
    const whole = readFileSync(file, 'utf8')
    writeFileSync(file, whole.replace(` 127.0.0.1:${port}`, ''))
    reloadCaddy(file)
    // As in the manual: Caddy does not retry requests that it started under the previous file at the other server.
    await wait(1000)
    await work()
    writeFileSync(file, whole)
    reloadCaddy(file)
  },
}

/** Reloads Caddy, as `systemctl reload caddy` does. */
function reloadCaddy(file: string): void {
  const { status, stderr } = spawnSync('caddy', ['reload', '--adapter', 'caddyfile', '--config', file], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
}

const proxies: readonly Proxy[] = [nginx, caddy]

/** Starts it, and waits until it forwards requests. */
async function start(
  { command, files, configure }: Proxy,
  count: keyof Proxy['files'],
  { folder }: Pick<OperatorStage, 'folder'>,
) {
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
  await expect.poll(look, { interval: 20 }).toBe(200)
}

/** A signed request by an agent that cannot be found, from its own address, with a forged forwarding header. */
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

/** Listens on a port and counts connections while `work` runs. */
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
  const added = await stage.run('server users add alice --password-stdin', { input: `${person.password}\n` })
  expect(added).toMatchObject({ status: 0 })
  const api = 'https://api.example:8444'
  const agentAt = { id: 'https://agent.example:8443', address: hosts['agent.example'], issuer, person }
  await startInsideResource({ id: api, address: hosts['api.example'], issuer, agents: 'agent.example' })
  const { agent } = await startInsideAgent(agentAt)
  return (await agent.fetch(`${api}/data-auth?x=%2F&y`)).status
}

/** The outcome of requests for pages, documents and agents’ forms during a load test. */
interface Load {
  /** The requests without a response from the server, and when they were sent. */
  lost: string[]
  sent: number
  /** The duration of each request, in milliseconds. */
  times: number[]
}

const paths = [
  { method: 'GET', path: '/jwks.json' },
  { method: 'GET', path: '/account/sign-in' },
  // Without a signature: only the server’s refusal matters.
  { method: 'POST', path: '/agent/token', body: 'request_type=auth&scope=read' },
]

/** Sends requests to the proxy while `work` runs, one every `pause` milliseconds. */
async function load(pause: number, work: () => Promise<void>): Promise<Load> {
  // No connection is reused: a keep-alive client may send on a connection while a proxy that is reloading closes it.
  const agent = new Agent({ keepAlive: false })
  const seen: Load = { lost: [], sent: 0, times: [] }
  const began = performance.now()
  const send = async () => {
    const { method, path, body } = paths[seen.sent++ % paths.length] ?? { method: 'GET', path: '/' }
    const headers = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }
    const at = performance.now()
    const outcome = await new Promise<number | string | undefined>((resolve) => {
      const sent = request(issuer + path, { agent, method, headers }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode))
      })
      sent.once('error', ({ message }) => resolve(message)).end(body)
    })
    seen.times.push(performance.now() - at)
    if (outcome !== (method === 'POST' ? 401 : 200))
      seen.lost.push(`${Math.round(at - began)} ms: ${method} ${path}: ${outcome}`)
  }
  const running: Promise<void>[] = []
  const timer = setInterval(() => running.push(send()), pause)
  await work()
  clearInterval(timer)
  await Promise.all(running)
  agent.destroy()
  return seen
}

/** A port at which connections get no response, as on a machine that is down. */
async function listenToNobody(port: number): Promise<void> {
  const program = `require('node:net').createServer().listen({ port: ${port}, host: '127.0.0.1', backlog: 1 }, () => {
    require('node:fs').writeSync(1, 'listening')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await new Promise((resolve) => child.stdout.once('data', resolve))
  // These fill the accept queue.
  for (let filled = 0; filled < 4; filled += 1) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    onTestFinished(() => void socket.destroy())
  }
}

/** Two instances as separate processes, identified by the last digit of their ports, as in the units. */
async function startTwo(stage: OperatorStage): Promise<{ restart: (place: number) => Promise<void> }> {
  const running: InstanceProcess[] = []
  const startAt = async (place: number) => {
    const env = { COUNTERSIGN_ADMIN_PORT: String(9080 + place) }
    running[place] = await stage.spawnServe({ port: 8080 + place, env })
    const isReady = () => fetch(`http://127.0.0.1:${9080 + place}/readyz`).then(({ status }) => status)
    await expect.poll(isReady).toBe(200)
  }
  await startAt(0)
  await startAt(1)
  return {
    async restart(place) {
      running[place]?.child.kill('SIGTERM')
      expect(await running[place]?.finished).toMatchObject({ status: 0 })
      await startAt(place)
    },
  }
}

/** Listens until the test ends. */
async function listen(port: number, listener: RequestListener): Promise<Server> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return server
}

/** The response status of an upgrade to another protocol. */
function upgraded(protocol: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { connection: 'Upgrade', upgrade: protocol }
    const handshake = request(`${issuer}/jwks.json`, { headers })
    handshake.once('response', ({ statusCode }) => resolve(statusCode))
    handshake.once('upgrade', ({ statusCode }, socket) => {
      socket.destroy()
      resolve(statusCode)
    })
    handshake.once('error', reject).end()
  })
}

inNetworkNamespace(import.meta.url, hosts, () => {
  for (const proxy of proxies) {
    const { command } = proxy
    const skips = !has(command)

    it.skipIf(skips)(
      `${command}, with the file of the manual: the complete flow, and the checks of doctor`,
      async () => {
        const stage = await createStage()
        const work = async () => {
          await start(proxy, 'one', stage)
          for (let sent = 0; sent < 20; sent++) await (await fetch(`${issuer}/jwks.json`)).text()
        }
        // Fewer than one connection per request.
        expect(await countConnections(8080, work)).toBeLessThan(15)
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
        expect(findings[1]?.found).toBe(`Port 80 redirects to ${issuer}.`)
        await askUnknown(hosts['agent.example'])
        const refused = async () => (await stage.run('server audit export --event agent.refused')).stdout
        await expect.poll(refused).toContain(`"ip":"${hosts['agent.example']}"`)
        const body = 'x'.repeat(200_000)
        // From the proxy, or from the server, which closes the connection while a proxy is still writing to it.
        expect([413, 502]).toContain((await fetch(`${issuer}/account/sign-in`, { method: 'POST', body })).status)
      },
    )

    it.skipIf(skips)(`${command} in front of two servers: a flow uses both, and one of them may stop`, async () => {
      const stage = await createStage()
      const instances = [await stage.serve({ port: 8080 }), await stage.serve({ port: 8081 })] as const
      await start(proxy, 'two', stage)
      expect(await runFlow(stage)).toBe(200)
      for (const { said } of instances) expect(said().stdout).toContain('"event":"request"')
      await instances[0].stop()
      const statuses = Array.from({ length: 10 }, async () => (await fetch(`${issuer}/account/sign-in`)).status)
      expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]))
    })

    it.skipIf(skips)(`${command}: a rolling restart of two servers loses no requests`, async () => {
      const stage = await createStage()
      const { restart } = await startTwo(stage)
      await start(proxy, 'two', stage)
      const without: NonNullable<Proxy['without']> = proxy.without ?? ((_port, _folder, work) => work())
      // The manual’s command, with this test’s systemctl, but without its pause of three seconds.
      await listen(9999, ({ url }, response) => {
        const place = Number(/^\/restart%20countersign@([01])\.service$/.exec(url ?? '')?.[1])
        const done = without(8080 + place, stage.folder, () => restart(place))
        done.then(
          () => response.end(),
          () => response.destroy(),
        )
      })
      const stubs = { systemctl: 'curl -sf "http://127.0.0.1:9999/$1%20$2"', sleep: '' }
      const { lost, sent } = await load(25, async () => {
        for (let round = 0; round < 2; round += 1) await runBlock(blockOf('high-availability.md', 'one-by-one'), stubs)
      })
      expect(lost.join('; ')).toBe('')
      expect(sent).toBeGreaterThan(100)
    })

    it.skipIf(skips)(`${command}: a machine that is down costs a few requests two seconds`, async () => {
      const stage = await createStage()
      await stage.serve({ port: 8080 })
      await listenToNobody(8081)
      await start(proxy, 'two', stage)
      const { lost, times } = await load(200, () => wait(8000))
      // A POST that was already on its way there is not retried.
      const isPost = (each: string) => each.includes('POST')
      expect(lost.filter((each) => !isPost(each))).toEqual([])
      expect(lost.filter(isPost).length, lost.join('; ')).toBeLessThanOrEqual(2)
      // Half of all requests if the machine were tried each time.
      expect(times.filter((ms) => ms > 1900).length).toBeLessThan(times.length / 4)
    })
  }

  it.skipIf(!has('nginx'))(
    'nginx in front of an API, with the file of the manual, forwards streams immediately, WebSockets, and the client’s address',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'countersign-nginx-'))
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
      let more: () => unknown = () => undefined
      const api = await listen(8080, ({ url, headers }, response) => {
        if (url === '/jwks.json') response.end()
        else response.write(`${url} ${String(headers['x-forwarded-for'])} ${headers.host}`)
        more = () => response.end('the rest')
      })
      api.on('upgrade', ({ headers }, socket) => {
        const head = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', `Upgrade: ${headers.upgrade}`]
        socket.end(`${head.join('\r\n')}\r\n\r\n`)
      })
      await start({ ...nginx, files: { one: 'nginx-api.conf', two: '' } }, 'one', { folder })
      expect(await upgraded('websocket')).toBe(101)
      expect(await upgraded('h2c')).toBe(200)
      const headers = { 'x-forwarded-for': '203.0.113.9', signature: 'x'.repeat(10_000) }
      const answer = await fetch(`${issuer}/a%2Fb?x=%2F&y`, { headers })
      const reader = answer.body?.getReader()
      const read = async () => Buffer.from((await reader?.read())?.value ?? []).toString()
      expect(await read()).toMatch(/^\/a%2Fb\?x=%2F&y 10\.77\.0\.1 auth\.example$/)
      more()
      expect(await read()).toBe('the rest')
    },
  )
})
