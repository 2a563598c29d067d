import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** A resource made with `@aauth/resource`, from a folder with its packages. Sends its port to the process that started it. */
const [, , folder, id, personServer] = process.argv
const from = createRequire(join(folder, 'resource', 'package.json'))
const load = (name) => import(pathToFileURL(from.resolve(name)).href)
const { exportJWK, generateKeyPair, SignJWT } = await load('jose')
const { verify } = await load('@hellocoop/httpsig')
const resource = await import(pathToFileURL(join(folder, 'resource', 'dist', 'index.js')).href)

const { privateKey, publicKey } = await generateKeyPair('Ed25519', { extractable: true })
const jwk = { ...(await exportJWK(publicKey)), alg: 'Ed25519', kid: 'resource-1', use: 'sig' }
const sign = (claims, header) => new SignJWT(claims).setProtectedHeader(header).sign(privateKey)
const interactions = new resource.InteractionManager({ baseUrl: id, interactionUrl: `${id}/interact` })
const done = new Set()

const documents = {
  '/.well-known/aauth-resource.json': { issuer: id, jwks_uri: `${id}/jwks.json`, name: 'Peer' },
  '/jwks.json': { keys: [jwk] },
}

async function answer({ method, path, query, headers, body }) {
  if (documents[path]) return { status: 200, body: documents[path] }
  if (path === '/interact') {
    const shown = new URLSearchParams(query).get('code')
    for (const [pendingId, { code }] of interactions.pending) if (code === shown) done.add(pendingId)
    return { status: 200, body: {} }
  }
  const signed = await verify({ method, authority: headers.host, path, query: query || undefined, headers, body })
  const required = (level, parameters) => ({
    status: 401,
    body: { error: 'required' },
    headers: { 'aauth-requirement': resource.buildAAuthHeader(level, parameters) },
  })
  if (!signed.verified) return { status: 401, body: { error: signed.signatureError?.error ?? 'invalid_signature' } }
  if (!signed.jwt) return required('agent-token')
  const token = await resource
    .verifyToken({
      jwt: signed.jwt.raw,
      httpSignatureThumbprint: signed.thumbprint,
      resource: id,
      accept: ['agent', 'person', 'auth'],
    })
    .catch((error) => ({ error }))
  if (token.error) return { status: 401, body: { error: token.error.code, detail: token.error.message } }
  const served = { status: 200, body: { type: token.type, sub: token.sub, scope: token.scope } }
  if (path.startsWith('/pending/')) {
    const pendingId = path.slice('/pending/'.length)
    if (!done.has(pendingId)) return { status: 202, body: { status: 'pending' }, headers: { location: path } }
    return { ...served, headers: { 'aauth-access': 'session-1' } }
  }
  if (path === '/identity') return token.type === 'agent' ? served : required('agent-token')
  if (path === '/session') {
    if (headers.authorization === 'AAuth session-1') return served
    const { headers: deferred } = interactions.createPending()
    return { status: 202, body: { status: 'pending' }, headers: deferred }
  }
  if (token.type === 'agent') return required('person-token')
  if (path === '/person' || token.type === 'auth') return served
  const resourceToken = await resource.createResourceToken(
    {
      resource: id,
      audience: personServer,
      personToken: token,
      agentJkt: signed.thumbprint,
      scope: 'data.read',
      kid: jwk.kid,
    },
    sign,
  )
  return required('auth-token', { resourceToken })
}

const server = createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const { pathname: path, search } = new URL(request.url, id)
    const { method, headers } = request
    const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined
    const parts = { method, path, query: search.slice(1), headers, body }
    const said = answer(parts).catch((error) => ({ status: 500, body: { error: error.message } }))
    void said.then(({ status, headers: fields, body: json }) => {
      response.writeHead(status, { 'content-type': 'application/json', ...fields })
      response.end(JSON.stringify(json))
    })
  })
})
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
