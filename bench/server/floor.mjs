import { createHash, createHmac, createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto'
import { hash as hashPassword, verify as verifyPassword } from '@node-rs/argon2'
import { password } from './world.mjs'

const page = (csrf) =>
  `<!doctype html><form><input type="hidden" name="csrf" value="${csrf}">` +
  `<input type="hidden" name="revision" value="0"></form>${'<p>What a page says. </p>'.repeat(280)}`

/**
 * A bare listener that does what no auth server could omit: it reads the same requests, verifies and creates as many signatures, hashes
 * every value that is looked up by its hash, and responds in the same form and length. It stores nothing.
 */
export async function createFloor({ agents: [agent], authServer }) {
  const base = Buffer.alloc(400, 'a signature base of the usual length ')
  const privateKey = createPrivateKey({ key: authServer, format: 'jwk' })
  const agentKey = createPrivateKey({ key: agent.jwk, format: 'jwk' })
  const publicKey = createPublicKey(agentKey)
  const signature = sign(null, base, agentKey)
  const passwordHash = await hashPassword(password, { memoryCost: 19_456, timeCost: 2, parallelism: 1 })
  const secret = randomBytes(32)
  const verifyOnce = () => {
    if (!verify(null, base, publicKey, signature)) throw new Error('signature verification failed')
  }
  const token = () => {
    const body = randomBytes(450).toString('base64url')
    return `${body}.${sign(null, Buffer.from(body), privateKey).toString('base64url')}`
  }
  const formValue = (text) => createHmac('sha256', secret).update(text).digest('base64url')

  const byType = {
    auth(fields) {
      verifyOnce()
      verifyOnce() // the resource token's signature
      sha256(fields.get('resource_token'))
      return { request_token: randomBytes(32).toString('base64url'), expires_in: 600 }
    },
    code(fields) {
      verifyOnce()
      for (const name of ['code', 'request_token']) sha256(fields.get(name))
      const refreshToken = randomBytes(32).toString('base64url')
      sha256(refreshToken)
      return { auth_token: token(), expires_in: 600, token_type: 'Bearer', refresh_token: refreshToken }
    },
    refresh(fields) {
      verifyOnce()
      sha256(fields.get('refresh_token'))
      return { auth_token: token(), expires_in: 600, token_type: 'Bearer' }
    },
  }

  const routes = {
    'POST /agent/token': (_, body) => {
      sha256(body) // the body digest
      const fields = new URLSearchParams(body.toString())
      return json(byType[fields.get('request_type')](fields))
    },
    'GET /agent/auth': (incoming) => html(page(shownTo(incoming))),
    'POST /agent/auth': (incoming, body) => {
      shownTo(incoming)
      const fields = new URLSearchParams(body.toString())
      sha256(fields.get('request_token'))
      const answer = new URLSearchParams({ code: formValue('code'), state: fields.get('state') })
      return { status: 303, headers: { location: `${fields.get('redirect_uri')}?${answer}` } }
    },
    'GET /account/sign-in': (incoming) => html(page(shownTo(incoming))),
    'POST /account/sign-in': async (incoming, body) => {
      shownTo(incoming)
      const fields = new URLSearchParams(body.toString())
      if (!(await verifyPassword(passwordHash, fields.get('password')))) return { status: 401, headers: {} }
      const session = randomBytes(32).toString('base64url')
      sha256(session)
      return { status: 303, headers: { location: '/', 'set-cookie': `session=${session}` } }
    },
  }

  /** The form value of a page, bound to its browser and session. */
  function shownTo({ headers }) {
    const cookie = headers.cookie ?? ''
    sha256(cookie)
    sha256(cookie)
    return formValue(cookie)
  }

  return async function answer(incoming, outgoing) {
    const chunks = []
    for await (const chunk of incoming) chunks.push(chunk)
    const { pathname } = new URL(incoming.url, 'http://floor.example')
    const {
      status,
      headers,
      text = '',
    } = await routes[`${incoming.method} ${pathname}`](incoming, Buffer.concat(chunks))
    outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text) })
    outgoing.end(text)
  }
}

function sha256(text) {
  return createHash('sha256').update(text).digest('base64url')
}

function html(text) {
  return { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, text }
}

function json(value) {
  return { status: 200, headers: { 'content-type': 'application/json' }, text: JSON.stringify(value) }
}
