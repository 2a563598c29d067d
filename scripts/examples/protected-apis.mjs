import assert from 'node:assert/strict'
import { createHmac, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { linkedAccounts } from './linked-accounts.mjs'
import { onlyGatewayAddress, onlyGatewayUser } from './network-rules.mjs'
import { countersign, freePort } from './parties.mjs'
import { createPerson } from './person.mjs'
import { start } from './run-program.mjs'
import { notThere, ownAgent, programsOf, python, runAndAllow, startSidecar, untilServed } from './stage.mjs'

/** The folder of a check, containing the key of an API. */
async function withKey({ root, cwd }) {
  const made = await countersign(root, ['agent', 'keys', 'generate', '--output', 'api-key.json'], { cwd }).ended
  assert.equal(made.status, 0, made.stderr)
}

/** An example configuration with its addresses replaced. */
function configure({ examples, cwd }, file, changes) {
  const shown = JSON.parse(readFileSync(join(examples, file), 'utf8'))
  writeFileSync(join(cwd, file), JSON.stringify({ ...shown, ...changes }))
}

/** Starts a program that listens, and stops it when the check ends. */
async function serveUntilClosed({ closers }, running, pattern) {
  closers.push(() => running.stop())
  await running.seen(pattern)
}

async function startNotes(stage, port) {
  const { examples, cwd, closers } = stage
  const running = start(python, ['-u', join(examples, 'python', 'notes.py')], { cwd, env: { PORT: String(port) } })
  closers.push(() => running.stop())
  await untilResponding(port)
}

/** Waits until a program that was just started responds, whatever the response. */
async function untilResponding(port) {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`no response on port ${port}`)
}

/** The response to the agent of a user who allows it, and the rejection of an unsigned request. */
async function requireProtected(stage, id) {
  await untilServed(id)
  assert.equal((await fetch(`${id}/notes`)).status, 401, 'an unsigned request')
  const forged = { 'X-AAuth-Issuer': stage.authServer, 'X-AAuth-Subject': 'somebody' }
  assert.equal((await fetch(`${id}/notes`, { headers: forged })).status, 401, 'an unsigned request that claims a user')
  const { env } = await ownAgent(stage)
  const allowed = await runAndAllow(programsOf(stage), 'script', { ...env, API: `${id}/notes` })
  assert.equal(allowed.status, 0, allowed.stdout)
  const { user, notes } = JSON.parse(allowed.printed.replace(/^200 /, ''))
  assert.deepEqual([user[0], notes], [stage.authServer, []])
  assert.match(user[1], /^\S+$/)
}

async function pythonBehindGateway(stage) {
  const { root, cwd, authServer } = stage
  const [port, behind] = [await freePort(), await freePort()]
  const id = `http://127.0.0.1:${port}`
  await withKey(stage)
  await startNotes(stage, behind)
  configure(stage, 'gateway.json', { id, authServer, upstream: `http://127.0.0.1:${behind}`, listen: { port } })
  const gateway = countersign(root, ['gateway', 'start', '--config', 'gateway.json'], { cwd })
  await serveUntilClosed(stage, gateway, /^Protecting /m)
  await requireProtected(stage, id)
}

/** A WebSocket that sends a price to each connection; it drops the first connection, and closes the second one. */
async function startPrices(stage) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  stage.closers.push(() => server.close())
  const users = []
  server.on('connection', (socket, { headers }) => {
    users.push(headers['x-aauth-subject'])
    socket.send(`price ${users.length}`, () => (users.length === 1 ? socket.terminate() : socket.close(1000)))
  })
  return { port: server.address().port, users }
}

/** A program opens a WebSocket through the gateway, again when the connection is lost, and through the sidecar. */
async function webSocketBehindGateway(stage) {
  const { root, cwd, authServer } = stage
  const port = await freePort()
  const id = `http://127.0.0.1:${port}`
  await withKey(stage)
  const prices = await startPrices(stage)
  const routes = [{ method: 'GET', path: '/prices', require: 'authorization', scope: 'notes.read' }]
  configure(stage, 'gateway.json', {
    id,
    authServer,
    upstream: `http://127.0.0.1:${prices.port}`,
    listen: { port },
    routes,
  })
  const gateway = countersign(root, ['gateway', 'start', '--config', 'gateway.json'], { cwd })
  await serveUntilClosed(stage, gateway, /^Protecting /m)
  await untilServed(id)
  const programs = programsOf(stage)
  const { env: own } = await ownAgent(stage)
  const env = { ...own, API: `${id.replace('http', 'ws')}/prices` }
  const nowhere = await programs.run('websocket', env).ended
  assert.deepEqual([nowhere.status, nowhere.stdout], [1, ''])
  assert.match(nowhere.stderr, /^Run this in a terminal to give your consent\.$/m)
  const followed = await runAndAllow(programs, 'websocket', env)
  assert.deepEqual([followed.status, followed.printed], [0, 'price 1\nprice 2\n'], followed.stdout)
  const again = await programs.run('websocket', env).ended
  assert.deepEqual([again.status, again.stdout], [0, 'price 3\n'], again.stderr)

  const sidecar = await startSidecar(stage, new URL(id).host)
  try {
    const url = `ws://${sidecar.at}/${id}/prices`
    const [, refused] = await once(new WebSocket(url), 'unexpected-response')
    const { consent_url: page } = await new Response(Readable.toWeb(refused)).json()
    await createPerson('testuser').visit(page)
    const [price] = await once(new WebSocket(url), 'message')
    assert.equal(String(price), 'price 4')
  } finally {
    await sidecar.stop()
  }
  assert.equal(new Set(prices.users).size, 1, 'the API sees one user')
  assert.match(prices.users[0], /^\S+$/)
}

/** Behind the gateway, a framework finds the user in the headers, and its redirects and URLs have the public host. */
async function frameworkBehindGateway(stage, module, file, { preserveHost = false } = {}) {
  const { root, examples, cwd, authServer, closers } = stage
  if ((await start(python, ['-c', `import ${module}`], { cwd }).ended).status !== 0) return notThere
  const [port, behind] = [await freePort(), await freePort()]
  const id = `http://127.0.0.1:${port}`
  await withKey(stage)
  const env = { PORT: String(behind), HOST: '127.0.0.1' }
  const api = start(python, ['-u', join(examples, 'python', file)], { cwd, env })
  closers.push(() => api.stop())
  await untilResponding(behind)
  const upstream = { url: `http://127.0.0.1:${behind}`, preserveHost }
  const openGateway = async (need) => {
    const routes = [{ method: 'GET', path: '/*', ...need }]
    configure(stage, 'gateway.json', { id, authServer, upstream, listen: { port }, routes })
    const gateway = countersign(root, ['gateway', 'start', '--config', 'gateway.json'], { cwd })
    await serveUntilClosed(stage, gateway, /^Protecting /m)
    return gateway
  }
  const open = await openGateway({ require: 'none' })
  const moved = await fetch(`${id}/albums`, { redirect: 'manual' })
  assert.equal(String(new URL(moved.headers.get('location'), `${id}/albums`)), `${id}/albums/`)
  await open.stop()
  await openGateway({ require: 'authorization', scope: 'notes.read' })
  const own = await ownAgent(stage)
  const allowed = await runAndAllow(programsOf(stage), 'script', { ...own.env, API: `${id}/albums/` })
  assert.equal(allowed.status, 0, allowed.stdout)
  const { user, url } = JSON.parse(allowed.printed.replace(/^200 /, ''))
  assert.deepEqual([user[0], url], [authServer, `${id}/albums/`])
  assert.match(user[1], /^\S+$/)
  return undefined
}

/** How to start each proxy with the configuration from the manual, on loopback and without TLS. */
const proxies = {
  nginx: {
    file: 'nginx-gateway.conf',
    atPort: (text, port) =>
      text
        .replace('listen 443 ssl;', `listen 127.0.0.1:${port};`)
        .replaceAll(/^ *(?:listen \[::\].*|http2 on;|ssl_certificate.*)$/gm, ''),
    run(cwd, site) {
      mkdirSync(join(cwd, 'temp'))
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path temp;`)
      writeFileSync(
        join(cwd, 'nginx.conf'),
        `daemon off; master_process off; user root; pid nginx.pid; events {}
         http { access_log off; ${temporary.join(' ')} ${site} }`,
      )
      return start('nginx', ['-p', cwd, '-e', 'stderr', '-c', join(cwd, 'nginx.conf')], { cwd })
    },
  },
  caddy: {
    file: 'Caddyfile-gateway',
    atPort: (text, port) => text.replace(/^api\.example \{/m, `http://127.0.0.1:${port} {`),
    run(cwd, site) {
      writeFileSync(join(cwd, 'Caddyfile'), `{\n admin off\n}\n${site}`)
      const env = { HOME: cwd, XDG_DATA_HOME: cwd, XDG_CONFIG_HOME: cwd }
      return start('caddy', ['run', '--config', join(cwd, 'Caddyfile')], { cwd, env })
    },
  },
}

async function behindProxy(stage, proxy) {
  const { root, cwd, authServer, closers } = stage
  const [port, verify, behind] = [await freePort(), await freePort(), await freePort()]
  const id = `http://127.0.0.1:${port}`
  await withKey(stage)
  await startNotes(stage, behind)
  configure(stage, 'subrequests.json', { id, authServer, proxy, listen: { port: verify } })
  const gateway = countersign(root, ['gateway', 'start', '--verify-only', '--config', 'subrequests.json'], { cwd })
  await serveUntilClosed(stage, gateway, /^Responding to subrequests /m)
  const { file, atPort, run } = proxies[proxy]
  const shown = readFileSync(join(root, 'docs/deployment', file), 'utf8')
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${verify}`)
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${behind}`)
  const running = run(cwd, atPort(shown, port))
  closers.push(() => running.stop())
  await requireProtected(stage, id)
}

/** Claims of a valid assertion, and the variants that must be rejected: the change, and how the variant is signed. */
const wrongAssertions = [
  { what: 'a different aud', claims: { aud: 'http://10.0.0.6:3000' } },
  { what: 'no aud', claims: { aud: undefined } },
  { what: 'a different iss', claims: { iss: 'https://other.example' } },
  { what: 'a different typ', header: { typ: 'auth+jwt' } },
  { what: 'no typ', header: { typ: undefined } },
  { what: 'an expired exp', claims: { exp: -1 } },
  { what: 'no exp', claims: { exp: undefined } },
  { what: 'a different method', claims: { method: 'POST' } },
  { what: 'no method', claims: { method: undefined } },
  { what: 'a different target', claims: { target: '/other' } },
  { what: 'a different query', claims: { target: '/who?a=2' } },
  { what: 'alg none', header: { alg: 'none' }, sign: () => '' },
  { what: 'a MAC with the public key', header: { alg: 'HS256' }, sign: macByPublicKey },
  { what: 'a different key of that name', sign: signByOther },
  { what: 'a different key of a different name', header: { kid: 'other' }, sign: signByOther },
]

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

function macByPublicKey(text, { x }) {
  return createHmac('sha256', Buffer.from(x, 'base64url')).update(text).digest('base64url')
}

function signByOther(text) {
  return signByKey(text, generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }))
}

function signByKey(text, jwk) {
  return sign(null, Buffer.from(text), createPrivateKey({ key: jwk, format: 'jwk' })).toString('base64url')
}

/** A text that is signed like the gateway's assertion, with one change. */
function assertionOf({ jwk, kid, rightClaims }, { header = {}, claims = {}, sign: signIt = signByKey }) {
  const now = Math.floor(Date.now() / 1000)
  const exp = now + ('exp' in claims ? claims.exp : 30)
  const head = encoded({ alg: 'EdDSA', typ: 'gateway-assertion+jwt', kid, ...header })
  const body = encoded({ ...rightClaims, ...claims, exp: Number.isNaN(exp) ? undefined : exp })
  return `${head}.${body}.${signIt(`${head}.${body}`, jwk)}`
}

async function onlyByGateway(stage, running) {
  const { root, cwd, authServer } = stage
  const [port, behind] = [await freePort(), await freePort()]
  const id = `http://127.0.0.1:${port}`
  const upstream = `http://127.0.0.1:${behind}`
  await withKey(stage)
  const { stdout } = await countersign(root, ['agent', 'keys', 'show', 'api-key.json'], { cwd }).ended
  writeFileSync(join(cwd, 'jwks.json'), stdout)
  const api = running({ ID: id, UPSTREAM: upstream, HOST: '127.0.0.1', PORT: String(behind) })
  stage.closers.push(() => api.stop())
  await untilResponding(behind)
  const routes = [{ method: 'GET', path: '/who', require: 'identity' }]
  configure(stage, 'gateway.json', { id, authServer, upstream, listen: { port }, routes, assertion: true })
  await serveUntilClosed(
    stage,
    countersign(root, ['gateway', 'start', '--config', 'gateway.json'], { cwd }),
    /^Protecting /m,
  )

  const { env } = await ownAgent(stage)
  const asked = await programsOf(stage).run('script', { ...env, API: `${id}/who?a=1` }).ended
  const said = `${env.AGENT_ID} at level identity.`
  assert.deepEqual([asked.status, asked.stdout], [0, `200 ${said}\n\n`], asked.stderr)

  const jwk = JSON.parse(readFileSync(join(cwd, 'api-key.json'), 'utf8'))
  const [{ kid }] = JSON.parse(stdout).keys
  const person = { agent: env.AGENT_ID, level: 'identity' }
  const right = { jwk, kid, rightClaims: { iss: id, aud: upstream, method: 'GET', target: '/who?a=1', ...person } }
  const ask = (headers) => fetch(`${upstream}/who?a=1`, { headers })
  const good = await ask({ 'X-AAuth-Assertion': assertionOf(right, {}) })
  assert.deepEqual([good.status, await good.text()], [200, `${said}\n`], 'the unmodified assertion is valid')
  for (const { what, ...change } of wrongAssertions) {
    const { status } = await ask({ 'X-AAuth-Assertion': assertionOf(right, change) })
    assert.equal(status, 401, `is accepted with ${what}`)
  }
  for (const headers of [{}, { 'X-AAuth-Assertion': 'a.b.c' }, { 'X-AAuth-Agent-Server': env.AGENT_ID }])
    assert.equal((await ask(headers)).status, 401, `is accepted with ${JSON.stringify(headers)}`)
}

/** Runs a test file in its own project. */
async function runTests({ root, examples, cwd }, file, args, pattern) {
  symlinkSync(join(root, 'node_modules'), join(cwd, 'node_modules'))
  copyFileSync(join(examples, 'testing', file), join(cwd, file))
  const { status, stdout, stderr } = await start(process.execPath, args, { cwd }).ended
  assert.equal(status, 0, stdout + stderr)
  assert.match(stdout, pattern)
}

/** The expected behavior of the examples on the page about APIs. */
export const protectedApis = [
  {
    files: ['python/notes.py', 'gateway.json'],
    name: 'an API in Python is protected by the gateway in front of it',
    run: pythonBehindGateway,
  },
  {
    files: ['python/albums_flask.py'],
    name: 'an API in Flask finds the user in the headers, and redirects to the public host',
    run: (stage) => frameworkBehindGateway(stage, 'flask', 'albums_flask.py'),
  },
  {
    files: ['python/albums_fastapi.py'],
    name: 'the same in FastAPI',
    run: (stage) => frameworkBehindGateway(stage, 'fastapi, uvicorn', 'albums_fastapi.py', { preserveHost: true }),
  },
  {
    files: ['python/albums_django.py'],
    name: 'the same in Django',
    run: (stage) => frameworkBehindGateway(stage, 'django', 'albums_django.py'),
  },
  {
    files: ['websocket.ts'],
    name: 'a WebSocket is opened through the gateway once its user has allowed it, again if it is lost, and through the sidecar',
    run: webSocketBehindGateway,
  },
  {
    files: ['python/notes.py', 'subrequests.json'],
    name: 'an API is protected behind nginx, which calls the gateway',
    run: (stage) => behindProxy(stage, 'nginx'),
  },
  {
    files: ['python/notes.py', 'subrequests.json'],
    name: 'an API is protected behind Caddy, which calls the gateway',
    run: (stage) => behindProxy(stage, 'caddy'),
  },
  {
    files: ['nftables-api.conf'],
    name: 'a rule allows only the address of the gateway to connect to the API',
    run: onlyGatewayAddress,
  },
  {
    files: ['nftables-local.conf'],
    name: 'a rule allows only the user of the gateway to connect to the API',
    run: onlyGatewayUser,
  },
  {
    files: ['python/assertion.py'],
    name: 'a signed header is verified in Python: anything that the gateway did not sign for this request is rejected',
    run: (stage) => {
      const file = join(stage.examples, 'python', 'assertion.py')
      return onlyByGateway(stage, (env) => start(python, ['-u', file], { cwd: stage.cwd, env }))
    },
  },
  {
    files: ['assertion.ts'],
    name: 'a signed header is verified in Node',
    run: (stage) => onlyByGateway(stage, (env) => programsOf(stage).run('assertion', env)),
  },
  {
    files: ['express-api.ts', 'link-page.ts', 'linked-accounts.ts', 'sessions.ts'],
    name: 'a signed-in user links the user of an auth server to their account, once',
    run: linkedAccounts,
  },
  {
    files: ['testing/events.test.mjs'],
    name: 'an API is tested with vitest',
    run: (stage) => runTests(stage, 'events.test.mjs', ['node_modules/vitest/vitest.mjs', 'run'], /Tests +3 passed/),
  },
  {
    files: ['testing/events.node.mjs'],
    name: 'an API is tested with node:test',
    run: (stage) => runTests(stage, 'events.node.mjs', ['--test', 'events.node.mjs'], /pass 1$/m),
  },
]
