import { createSigner, generatePrivateJwk } from 'countersign'
import { createAgent } from 'countersign/agent'
import { january, serializeChallenge } from 'countersign/editions'
import { fileStore, loopbackConsent } from 'countersign/node'
import { issueToken } from 'countersign/tokens'

// A program at a terminal, in a separate process that exits on its own: it prints the page on which the user decides, then the response.
const id = 'https://agent.example'
const api = 'https://api.example'
const authServer = 'https://auth.example'
const signer = await createSigner(await generatePrivateJwk({ kid: 'agent-1' }))
const peer = await createSigner(await generatePrivateJwk({ kid: 'peer-1' }))
const exp = Math.floor(Date.now() / 1000) + 600
const issue = (typ, claims) => issueToken(typ, { exp, agent: id, scope: 'data.read', ...claims }, { signer: peer })

async function askApi(request) {
  if (request.headers.get('signature-key').includes('scheme=jwt')) return new Response('data')
  const resourceToken = await issue(january.tokens.resource, {
    iss: api,
    aud: authServer,
    agent_jkt: signer.thumbprint,
  })
  const challenge = serializeChallenge({ level: 'authorization', resourceToken, authServer })
  return new Response('Authorization required', { status: 401, headers: { 'agent-auth': challenge } })
}

async function askAuthServer(request) {
  const form = new URLSearchParams(await request.text())
  if (form.get('request_type') === 'auth') return Response.json({ request_token: 'request-1', expires_in: 600 })
  const cnf = { jwk: signer.jwk }
  const authToken = await issue(january.tokens.auth, { iss: authServer, aud: api, sub: 'alice', cnf })
  return Response.json({ auth_token: authToken, expires_in: 600 })
}

const documents = {
  [`${authServer}/.well-known/aauth-issuer`]: {
    issuer: authServer,
    jwks_uri: `${authServer}/jwks.json`,
    agent_token_endpoint: `${authServer}/agent/token`,
    agent_auth_endpoint: `${authServer}/agent/auth`,
  },
  [`${authServer}/jwks.json`]: { keys: [peer.jwk] },
}

async function toPeers(input, init) {
  const request = new Request(input, init)
  if (documents[request.url]) return Response.json(documents[request.url])
  return request.url.startsWith(authServer) ? askAuthServer(request) : askApi(request)
}

const consent = loopbackConsent({ onConsent: ({ url }) => process.stdout.write(`${url}\n`) })
const [folder] = process.argv.slice(2)
const store = folder && fileStore(folder)
const agent = createAgent({ id, signer, authServers: [authServer], consent, store, fetch: toPeers })
const response = await agent.fetch(`${api}/data`)
process.stdout.write(`${await response.text()}\n`)
