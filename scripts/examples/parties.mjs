import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createNodeListener } from 'countersign/node'
import { createResource } from 'countersign/resource'
import { people } from './person.mjs'
import { start } from './run-program.mjs'

const command = 'packages/cli/bin/countersign.js'

/** Runs the command line of this checkout. */
export function countersign(root, args, options) {
  return start(process.execPath, [join(root, command), ...args], options)
}

/** Serves the handler returned by `create(id)` on a free port of this machine. */
export async function serve(create) {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const id = `http://127.0.0.1:${server.address().port}`
  const handler = await create(id)
  server.on('request', createNodeListener(handler, { origin: id, replaceGlobals: false }))
  return {
    id,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** A port that was free a moment ago, for when the port must be known before anything listens on it. */
export async function freePort() {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** The identifier of the demo's auth server, which runs as a separate process, with two users. */
export async function startAuthServer(root, cwd) {
  const db = join(cwd, 'auth.db')
  const args = ['demo', '--only', 'auth-server', '--port', '0', '--quiet', '--db', db]
  const running = countersign(root, args, { cwd, limit: 900 })
  const [, id] = await running.seen(/^auth-server +(\S+)\n/)
  const add = ['server', 'users', 'add', 'bob', '--db', db, '--password-stdin']
  const { status, stderr } = await countersign(root, add, { cwd, input: people.bob }).ended
  if (status !== 0) throw new Error(`the second user was not created: ${stderr}`)
  return id
}

/**
 * An API that returns whose events it serves.
 *
 * @param onCall gets each request for events, and whether it was served
 */
export async function openApi(authServer, onCall = async () => undefined) {
  const signer = await createSigner(await generatePrivateJwk())
  const scopes = { 'events.read': 'See your events' }
  const served = await serve(async (id) => {
    const resource = createResource({ id, signer, authServer, scopes, allowInsecureLoopback: true })
    return async (request, received) => {
      if (new URL(request.url).pathname !== '/events') return resource.handler(request, received)
      const call = request.clone()
      try {
        const needs = { require: 'authorization', scope: 'events.read' }
        const { sub } = await resource.verify(received ?? request, needs)
        await onCall(call, true)
        return new Response(`The events of ${sub}.`)
      } catch (error) {
        await onCall(call, false)
        return resource.toResponse(error)
      }
    }
  })
  return { ...served, url: `${served.id}/events` }
}

/** A static file host: serves an agent's two documents, as `countersign agent init` writes them. */
export async function publishAgent(keys) {
  const documents = new Map()
  const host = await serve(async () => (request) => {
    const document = documents.get(new URL(request.url).pathname)
    return document ? Response.json(document) : new Response(null, { status: 404 })
  })
  const jwksUri = `${host.id}/jwks.json`
  documents.set('/.well-known/aauth-agent', {
    agent: host.id,
    jwks_uri: jwksUri,
    redirect_uris: ['http://127.0.0.1/callback'],
    name: 'My scripts',
  })
  documents.set('/jwks.json', { keys })
  return { ...host, publish: (published) => documents.set('/jwks.json', { keys: published }) }
}
