// Counts the source files that one request passes through: those with at least one function called while a warmed-up server handles it.
// `--list` names them. `--check` fails if a count is over the limit.

import { createServer, request as sendRequest } from 'node:http'
import { Session } from 'node:inspector/promises'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createSigner } from 'countersign'
import { createResource } from 'countersign/resource'
import { createGateway } from 'countersign-gateway'
import { createAuthServer, fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { createSignedRequests, issuerDocuments, createKeys as keysOfResource, scope } from '../bench/http/world.mjs'
import { createOperations, nameOf, people } from '../bench/server/operations.mjs'
import { createKeys, documentsOf, issuer, password } from '../bench/server/world.mjs'

const limit = 45
const warmUps = 40
const { values } = parseArgs({
  options: { check: { type: 'boolean', default: false }, list: { type: 'boolean', default: false } },
})

const inspector = new Session()
inspector.connect()
await inspector.post('Profiler.enable')
await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })

/** The files whose functions `serve` calls, as source paths. */
async function filesCalledBy(serve) {
  await inspector.post('Profiler.takePreciseCoverage')
  const outcome = await serve()
  const { result } = await inspector.post('Profiler.takePreciseCoverage')
  const files = result
    .filter(({ url, functions }) => /\/packages\/\w+\/dist\//.test(url) && functions.some(isCalled))
    .map(({ url }) => relative('.', fileURLToPath(url)).replace('/dist/', '/src/').replace(/\.js$/, ''))
  return { outcome, files: files.toSorted() }
}

/** The shortest list of several runs: caches are cold at first, and timers fire during some of the requests. */
function fewer(files, before = files) {
  return files.length < before.length ? files : before
}

/** The unnamed function that spans a file runs when the file is loaded. */
function isCalled({ functionName, ranges }) {
  return ranges[0].count > 0 && !(functionName === '' && ranges[0].startOffset === 0)
}

async function filesOfAuthServer() {
  const keys = await createKeys()
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  const server = createAuthServer({
    issuer,
    storage,
    keys: fixedKeys({ signer: await createSigner(keys.authServer), secret: new Uint8Array(32).fill(7) }),
    fetch: documentsOf(keys),
    limits: { rateFactor: 1_000_000, openRequests: 10_000, sessions: 10_000 },
  })
  await server.ready()
  for (let person = 0; person < people; person++) await server.addUser({ username: nameOf(person), password })
  const found = new Map()
  const send = async ({ method = 'GET', path, headers, body }) => {
    const request = new Request(issuer + path, { method, headers, body })
    request.headers.delete('accept-encoding')
    const { outcome, files } = await filesCalledBy(() => server.handler(request))
    const { status, headers: fields } = outcome
    const name = nameOfRequest(path, body)
    found.set(name, fewer(files, found.get(name)))
    return {
      status,
      headers: { ...Object.fromEntries(fields), 'set-cookie': fields.getSetCookie() },
      text: await outcome.text(),
    }
  }
  const operations = await createOperations(keys, { send })
  await operations.prepare()
  for (let turn = 0; turn < warmUps; turn++) await operations.flow()
  for (let turn = 0; turn < warmUps; turn++) await operations.refresh()
  await server.close()
  await storage.close()
  return ['auth', 'code', 'refresh', 'consent'].map((name) => [name, found.get(name)])
}

function nameOfRequest(path, body) {
  const form = new URLSearchParams(body)
  return form.get('request_type') ?? (form.has('consent') ? 'consent' : path)
}

async function filesOfGateway() {
  const keys = await keysOfResource()
  const { makeRequests } = await createSignedRequests(keys)
  const upstream = createServer((_incoming, outgoing) => outgoing.end('{}'))
  await listen(upstream)
  const { alg: _alg, ...jwk } = (await createSigner(keys.authServer)).jwk
  const gateway = createGateway({
    resource: createResource({
      id: 'https://api.example',
      signer: await createSigner(keys.resource),
      authServer: issuer,
      scopes: { [scope]: 'See your events' },
      fetch: issuerDocuments(jwk),
    }),
    upstream: `http://127.0.0.1:${upstream.address().port}`,
    routes: [{ method: 'GET', path: '/events', require: 'authorization', scope }],
  })
  const { server } = gateway
  await listen(server)
  let files
  for (const bytes of await makeRequests(warmUps)) {
    const measured = await filesCalledBy(() => get(server.address().port, bytes.toString()))
    if (measured.outcome !== 200) throw new Error(`the gateway responded with ${measured.outcome}`)
    files = fewer(measured.files, files)
  }
  server.close()
  upstream.close()
  gateway.close()
  return [['gateway GET', files]]
}

function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
}

function get(port, text) {
  const [head, ...lines] = text.trimEnd().split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  )
  return new Promise((resolve, reject) => {
    sendRequest({ port, host: '127.0.0.1', path: head.split(' ')[1], headers }, (incoming) =>
      incoming.resume().once('end', () => resolve(incoming.statusCode)),
    )
      .once('error', reject)
      .end()
  })
}

const measured = [...(await filesOfAuthServer()), ...(await filesOfGateway())]
for (const [name, files] of measured) {
  process.stdout.write(`${String(files.length).padStart(4)}  ${name}\n`)
  if (values.list) for (const file of files) process.stdout.write(`      ${file}\n`)
}
const wrong = measured.filter(([, files]) => files.length === 0 || files.length > limit)
if (values.check && wrong.length > 0) {
  process.stderr.write(`1 to ${limit} files are allowed: ${wrong.map(([name]) => name).join(', ')}\n`)
  process.exitCode = 1
}
process.exit()
