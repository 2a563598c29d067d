import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBuildah } from './containers/buildah.mjs'
import { createDatabase } from './containers/database.mjs'

/**
 * Builds the images of `containers/Containerfile` on a Debian base made here, and runs them: migrations, users, restarts, a killed server, a
 * database that is away, and the gateway. Needs root on Debian with buildah, netavark, mmdebstrap, docker-compose and PostgreSQL 17.
 */
const user = 10001
const needed = ['buildah', 'mmdebstrap', 'docker-compose', '/usr/lib/postgresql/17/bin/pg_ctl']

if (process.platform !== 'linux' || process.getuid() !== 0)
  process.stdout.write(
    '\nSKIPPED: the container images were neither built nor run. npm run containers needs root on Linux.\n\n',
  )
else {
  const missing = needed.filter((name) => !existsSync(name) && !existsSync(join('/usr/bin', name)))
  if (missing.length > 0) {
    process.stderr.write(`npm run containers needs ${missing.join(', ')}: apt-get install --no-install-recommends `)
    process.stderr.write('buildah netavark mmdebstrap docker-compose postgresql-17\n')
    process.exitCode = 1
  } else await checkContainers()
}

async function checkContainers() {
  const folder = mkdtempSync(join(largeFolder(), 'countersign-containers-'))
  chmodSync(folder, 0o755)
  const buildah = createBuildah(join(folder, 'buildah'))
  const ports = await freePorts(6)
  const database = createDatabase(folder, ports[0])
  const images = { server: 'localhost/countersign-auth-server', gateway: 'localhost/countersign-gateway' }
  const began = performance.now()
  try {
    await step('compose.yaml', async () => checkCompose(database))
    await step('base image', () => buildah.makeBase('localhost/base'))
    await step('image of the auth server', () =>
      buildah.build('auth-server', { base: 'localhost/base', tag: images.server }),
    )
    await step('image of the gateway', () => buildah.build('gateway', { base: 'localhost/base', tag: images.gateway }))
    await step('database', () => database.create())
    await checkServer(buildah, { image: images.server, database, folder, ports: ports.slice(1, 3) })
    await checkGateway(buildah, { image: images.gateway, folder, ports: ports.slice(3, 6) })
    process.stdout.write(`the container images build, run and restart (${seconds(began)} s)\n`)
  } finally {
    await buildah.close()
    await database.stop().catch(() => undefined)
    execFileSync('rm', ['-r', folder])
  }
}

/** The images take about 1 GB in many small files while the checks run: memory is much faster than a disk. */
function largeFolder() {
  const inMemory = '/dev/shm'
  if (!existsSync(inMemory)) return tmpdir()
  const { bavail, bsize } = statfsSync(inMemory)
  return bavail * bsize > 6 * 2 ** 30 ? inMemory : tmpdir()
}

/** The file is valid, and each target that it names is a stage of the Containerfile. */
function checkCompose({ passwords }) {
  const args = ['--file', 'containers/compose.yaml', '--profile', 'gateway', 'config', '--format', 'json']
  const env = { ...process.env, ...passwords, POSTGRES_PASSWORD: 'password' }
  const { services } = JSON.parse(execFileSync('docker-compose', args, { encoding: 'utf8', env }))
  const stages = new Set(
    [...readFileSync('containers/Containerfile', 'utf8').matchAll(/^FROM .* AS (\S+)$/gm)].map(([, name]) => name),
  )
  for (const { build } of Object.values(services))
    if (build) assert(stages.has(build.target), `no stage ${build.target}`)
  assert.deepEqual(Object.keys(services).sort(), ['auth-server', 'database', 'gateway', 'migrate'])
}

async function checkServer(buildah, { image, database, folder, ports: [port, adminPort] }) {
  const volumes = [
    `${makeVolume(folder, 'auth-server')}:/var/lib/countersign`,
    `${writeConfig(folder, 'countersign.config.json', {
      issuer: 'https://auth.example',
      masterKeyFile: '/var/lib/countersign/master.key',
    })}:/etc/countersign/countersign.config.json:ro`,
  ]
  const env = {
    COUNTERSIGN_DATABASE: database.urlFor('countersign'),
    COUNTERSIGN_LISTEN_HOST: '127.0.0.1',
    COUNTERSIGN_LISTEN_PORT: port,
    COUNTERSIGN_ADMIN_PORT: adminPort,
    PGPASSWORD: database.passwords.COUNTERSIGN_SERVER_PASSWORD,
  }
  const config = ['--config', '/etc/countersign/countersign.config.json']
  const ready = `http://127.0.0.1:${adminPort}/readyz`
  const keys = `http://127.0.0.1:${port}/jwks.json`
  const createContainer = () => buildah.create(image, { env, volumes })
  const migrate = async () => {
    const owner = { PGPASSWORD: database.passwords.COUNTERSIGN_OWNER_PASSWORD }
    const container = await buildah.create(image, { env: owner })
    const printed = await container.command(
      'server',
      'db',
      'migrate',
      '--db',
      database.urlFor('countersign_owner'),
      '--serve-as',
      'countersign',
    )
    await container.remove()
    return printed
  }

  let container = await createContainer()
  await step('contents of the image', () => checkContents(container))
  await step('SQLite in the image', () => container.command('server', 'db', 'migrate', '--db', '/tmp/auth.db'))
  await step('migrations', migrate)
  await step('first start', async () => {
    await container.command('server', 'keys', 'generate-master', '--output', 'master.key')
    const server = container.start()
    await waitFor(ready, 200, server)
    await container.checkHealth()
    await container.run(
      'sh',
      '-c',
      `echo 'correct horse battery staple' | countersign server users add alice ${config.join(' ')} --password-stdin`,
    )
    return server
  })
  const published = await (await fetch(keys)).json()
  await step('another container on the same database', async () => {
    const [server] = buildah.running()
    assert.equal(await server.stop(), 0, server.output())
    await container.remove()
    await migrate()
    container = await createContainer()
    await waitFor(ready, 200, container.start())
    assert.deepEqual(await (await fetch(keys)).json(), published)
    assert.match(await container.command('server', 'users', 'list', ...config), /alice/)
  })
  await step('killed server', async () => {
    await buildah.running()[0].stop('SIGKILL')
    await assert.rejects(container.checkHealth())
    await waitFor(ready, 200, container.start())
  })
  await step('database away and back', async () => {
    const [server] = buildah.running()
    await database.stop()
    await waitFor(ready, 503, server)
    await container.checkHealth()
    await database.start()
    await waitFor(ready, 200, server)
    assert.equal(await server.stop(), 0, server.output())
  })
  await container.remove()
}

async function checkGateway(buildah, { image, folder, ports: [port, adminPort, upstreamPort] }) {
  const volumes = [
    `${makeVolume(folder, 'gateway')}:/var/lib/countersign`,
    `${writeConfig(folder, 'gateway.json', {
      id: 'https://api.example',
      authServer: 'https://auth.example',
      keyFile: '/var/lib/countersign/api-key.json',
      upstream: `http://127.0.0.1:${upstreamPort}`,
      scopes: { 'events.read': 'See your events' },
      routes: [
        { method: 'GET', path: '/events/*', require: 'authorization', scope: 'events.read' },
        { method: 'GET', path: '/status', require: 'none' },
      ],
    })}:/etc/countersign/gateway.json:ro`,
  ]
  const env = {
    COUNTERSIGN_GATEWAY_LISTEN_HOST: '127.0.0.1',
    COUNTERSIGN_GATEWAY_LISTEN_PORT: port,
    COUNTERSIGN_GATEWAY_ADMIN_PORT: adminPort,
  }
  const upstream = createServer((_, response) => response.end('up')).listen(upstreamPort, '127.0.0.1')
  try {
    await step('gateway', async () => {
      const container = await buildah.create(image, { env, volumes })
      await checkContents(container)
      await container.command('agent', 'keys', 'generate', '--output', 'api-key.json')
      const gateway = container.start()
      await waitFor(`http://127.0.0.1:${adminPort}/readyz`, 200, gateway)
      await container.checkHealth()
      assert.equal(await (await fetch(`http://127.0.0.1:${port}/status`)).text(), 'up')
      assert.equal((await fetch(`http://127.0.0.1:${port}/events/7`)).status, 401)
      assert.equal(await gateway.stop(), 0, gateway.output())
    })
  } finally {
    upstream.close()
  }
}

/** The image runs without root, cannot change its programs, and contains nothing to build with. */
async function checkContents(container) {
  assert.equal(container.config.User, `${user}:${user}`)
  const script = [
    'id -un',
    'for tool in cc gcc g++ make python3 npm corepack; do command -v $tool || true; done',
    'find /opt/countersign /opt/node -writable | head -3',
    'find /opt/countersign -xtype l | head -3',
    'find /opt/countersign/packages -name "*.tsbuildinfo" -o -name test -o -name src | head -3',
  ].join('\n')
  assert.equal(await container.run('sh', '-c', script), 'countersign')
}

/** A folder of this machine that the user of the images owns, as an engine prepares a named volume. */
function makeVolume(folder, name) {
  const path = join(folder, `${name}-volume`)
  mkdirSync(path, { mode: 0o700 })
  chownSync(path, user, user)
  return path
}

function writeConfig(folder, name, settings) {
  const path = join(folder, name)
  writeFileSync(path, JSON.stringify(settings), { mode: 0o644 })
  return path
}

async function waitFor(url, status, server) {
  const deadline = performance.now() + 60_000
  while (performance.now() < deadline) {
    const response = await fetch(url).catch(() => undefined)
    if (response?.status === status) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${url} did not return ${status} within 60 s:\n${server.output()}`)
}

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))))
  const ports = servers.map((server) => server.address().port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

async function step(name, run) {
  const began = performance.now()
  try {
    return await run()
  } finally {
    process.stdout.write(`${name}: ${seconds(began)} s\n`)
  }
}

function seconds(began) {
  return ((performance.now() - began) / 1000).toFixed(1)
}
