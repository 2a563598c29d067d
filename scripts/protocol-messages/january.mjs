import { createSigner, generatePrivateJwk } from 'countersign'
import { createAgent } from 'countersign/agent'
import { january } from 'countersign/editions'
import { createResource } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { signRequest } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { createAuthServer, fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { Hono } from 'hono'
import { decide } from '../../packages/cli/dist/demo/decide.js'
import { answerOf, both, createRecorder, requestOf, tokenIn, tokenOf } from './written-messages.mjs'

const now = () => 1_800_000_000
const origins = new Map()
const { fetch, during } = createRecorder(origins)

const newSigner = async (kid) => createSigner(await generatePrivateJwk({ kid }))
const agentSigner = await newSigner('key-1')
const storage = sqliteStorage(':memory:', { now, sweepInterval: 0 })
const keys = fixedKeys({ signer: await newSigner('auth-key-1'), secret: new Uint8Array(32).fill(7) })
const server = createAuthServer({ issuer: 'https://auth.example', keys, storage, fetch, now })
await server.addUser({ username: 'testuser', password: 'testpass' })

const resource = createResource({
  id: 'https://api.example',
  signer: await newSigner('resource-key-1'),
  authServer: 'https://auth.example',
  scopes: { 'calendar.read': 'See your events', 'calendar.write': 'Create and change your events' },
  denyList: {},
  fetch,
  now,
})
const app = new Hono()
app.get('/news', aauth(resource, { require: 'signature' }), (c) => c.json({ news: [] }))
app.get('/calendars', aauth(resource, { require: 'identity' }), (c) => c.json({ agent: c.var.aauth.agent }))
const mayRead = aauth(resource, { require: 'authorization', scope: 'calendar.read' })
app.get('/events', mayRead, (c) => c.json({ events: [], agent: c.var.aauth.agent }))
const mayWrite = aauth(resource, { require: 'authorization', scope: 'calendar.write' })
app.post('/events', mayWrite, (c) => c.json({ created: true }, 201))
app.all('*', (c) => resource.handler(c.req.raw))

const { signal } = new AbortController()

const agent = createAgent({
  id: 'https://agent.example',
  signer: agentSigner,
  authServers: ['https://auth.example'],
  onePerson: true,
  about: { name: 'My scripts', homepage: 'https://agent.example/about' },
  onConsent: ({ url }) => void decide(url, { decision: 'grant', fetch, signal }),
  fetch,
  now,
})
origins.set('https://agent.example', (request) => agent.handler(request))
origins.set('https://auth.example', (request) => server.handler(request))
origins.set('https://api.example', (request) => app.fetch(request))

const allowing = await during(() => agent.fetch('https://api.example/events'))
const again = await during(() => agent.fetch('https://api.example/events'))
const writing = await during(() =>
  agent.fetch('https://api.example/events', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"title":"Tea"}',
  }),
)
const signingIn = await during(() => agent.signIn({ authServer: 'https://auth.example' }))

const byKey = {
  signer: agentSigner,
  signatureKey: { scheme: 'jwks', id: agent.id, kid: 'key-1', wellKnown: 'aauth-agent' },
  created: now(),
}
const form = (url, fields) => new Request(url, { method: 'POST', body: new URLSearchParams(fields) })
const send = async (request, how) => fetch(await signRequest(request, { profile: january.signing, ...how }))
const { x, ...ofKey } = agentSigner.jwk
const direct = await during(async () => {
  await fetch('https://api.example/events')
  await send(new Request('https://api.example/calendars'), {
    ...byKey,
    signatureKey: { scheme: 'hwk', jwk: { kty: ofKey.kty, crv: ofKey.crv, x } },
  })
  await send(form('https://api.example/resource/token', { scope: 'calendar.read' }), byKey)
  for (const document of ['agent.example/.well-known/aauth-agent', 'agent.example/jwks.json'])
    await fetch(`https://${document}`)
  await fetch('https://api.example/.well-known/aauth-resource')
  await fetch('https://auth.example/.well-known/aauth-issuer')
  await fetch('https://auth.example/.well-known/aauth-revocations')
})
const refreshToken = JSON.parse(allowing('/agent/token', 'request_type=code').answer).refresh_token
const refreshing = await during(() =>
  send(form('https://auth.example/agent/token', { request_type: 'refresh', refresh_token: refreshToken }), byKey),
)
const delegate = await newSigner('laptop-7')
const agentToken = await issueToken(
  january.tokens.agent,
  { iss: agent.id, sub: 'laptop-7', cnf: { jwk: delegate.jwk }, exp: now() + 3600 },
  { signer: agentSigner, now },
)
const delegating = await during(() =>
  send(new Request('https://api.example/calendars'), {
    signer: delegate,
    signatureKey: { scheme: 'jwt', jwt: agentToken },
    created: now(),
  }),
)
const revoking = await during(() => send(form('https://auth.example/agent/revoke', { token: refreshToken }), byKey))
await server.close()
await storage.close()

const challenge = allowing('/events')
const asking = allowing('/agent/token', 'request_type=auth')
const code = allowing('/agent/token', 'request_type=code')
const visit = allowing('/agent/auth', 'request_token')
const callback = allowing('/callback')
const list = direct('/.well-known/aauth-revocations')

/** The content of each named block on the page. */
export const blocks = {
  'agent document': answerOf(direct('/.well-known/aauth-agent')),
  'agent keys': answerOf(direct('/jwks.json')),
  'resource document': answerOf(direct('/.well-known/aauth-resource')),
  'auth server document': answerOf(direct('/.well-known/aauth-issuer')),
  'unsigned request': both(direct('/events')),
  'key only': both(direct('/calendars')),
  'first request': both(challenge),
  'resource token': tokenOf(tokenIn(challenge.response.headers.get('agent-auth'))),
  'resource token request': both(direct('/resource/token')),
  'auth request': both(asking),
  'consent link': requestOf(visit),
  callback: requestOf(callback),
  'code request': both(code),
  'auth token': tokenOf(JSON.parse(code.answer).auth_token),
  'authorized request': both(again('/events')),
  'step-up': both(writing('/events', 'POST')),
  'refresh request': both(refreshing('/agent/token')),
  'revoke request': both(revoking('/agent/revoke')),
  'agent token': tokenOf(agentToken),
  'delegate request': requestOf(delegating('/calendars')),
  'own access request': both(signingIn('/agent/token', 'request_type=auth')),
  'own auth token': tokenOf(JSON.parse(signingIn('/agent/token', 'request_type=code').answer).auth_token),
  'revocation list': tokenOf(tokenIn(list.answer)),
}
