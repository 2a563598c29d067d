import { createSigner, generatePrivateJwk } from 'countersign'
import { createAgent } from 'countersign/agent'
import { draft11Agent, draft11AgentSigning, draft11ResourceWith } from 'countersign/editions/draft-11'
import { createResource } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { signRequest } from 'countersign/signatures'
import { createAuthServer, fixedKeys } from 'countersign-server'
import { draft11Server } from 'countersign-server/editions/draft-11'
import { sqliteStorage } from 'countersign-server/sqlite'
import { Hono } from 'hono'
import { decideWith, removeAccess } from '../../packages/cli/dist/demo/decide.js'
import { createScriptedBrowser } from '../../packages/cli/dist/demo/scripted-browser.js'
import { answerOf, both, createRecorder, requestOf, tokenIn, tokenOf } from './written-messages.mjs'

const now = () => 1_800_000_000
const origins = new Map()
const { fetch: recorded, during, exchanges } = createRecorder(origins)

/** The agent polls at once, whatever interval the recorded response contains. */
async function fetch(input, init) {
  const response = await recorded(input, init)
  if (response.headers.has('retry-after')) response.headers.set('retry-after', '0')
  return response
}

const newSigner = async (kid) => createSigner(await generatePrivateJwk({ kid }))
const agentSigner = await newSigner('key-1')
const storage = sqliteStorage(':memory:', { now, sweepInterval: 0 })
const keys = fixedKeys({ signer: await newSigner('person-key-1'), secret: new Uint8Array(32).fill(7) })
const issuer = 'https://person.example'
/** What the server does at intervals, such as sending revocations. */
const periodic = []
const { setInterval } = globalThis
globalThis.setInterval = (act) => {
  periodic.push(act)
  return { unref: () => undefined }
}
const server = createAuthServer({ issuer, name: 'Person server', keys, storage, fetch, now }, draft11Server({ keys }))
globalThis.setInterval = setInterval
const user = { username: 'testuser', password: 'testpass' }
await server.addUser(user)

const resource = createResource({
  edition: draft11ResourceWith({ accessMode: 'agent-token' }),
  id: 'https://api.example',
  signer: await newSigner('resource-key-1'),
  authServers: [issuer],
  scopes: { 'calendar.read': 'See your events', 'calendar.write': 'Create and change your events' },
  fetch,
  now,
})
const app = new Hono()
app.get('/calendars', aauth(resource, { require: 'identity' }), (c) => c.json({ agent: c.var.aauth.agent }))
app.get('/profile', aauth(resource, { require: 'user' }), (c) => c.json({ sub: c.var.aauth.sub }))
const mayRead = aauth(resource, { require: 'authorization', scope: 'calendar.read' })
app.get('/events', mayRead, (c) => c.json({ events: [], sub: c.var.aauth.sub }))
const mayWrite = aauth(resource, { require: 'authorization', scope: 'calendar.write' })
app.post('/events', mayWrite, (c) => c.json({ created: true }, 201))
app.all('*', (c) => resource.handler(c.req.raw))

const { signal } = new AbortController()

/** Requests that the agent does not send in this flow are signed here. */
const send = async (request, jwt) => {
  const signed = await signRequest(request, {
    profile: draft11AgentSigning,
    signer: agentSigner,
    signatureKey: { scheme: 'jwt', jwt },
    created: now(),
  })
  const signature = signed.headers.get('signature')
  await fetch(signed)
  return exchanges.find(({ request: sent }) => sent.headers.get('signature') === signature)
}
const signatureToken = ({ request }) => tokenIn(request.headers.get('signature-key'))

let decision = 'grant'
let openPoll

/** The user's browser. When the user is about to decide, the agent's request has been opened. */
const browser = createScriptedBrowser(async (input, init) => {
  if (typeof init?.body === 'string' && init.body.includes('consent=grant')) openPoll ??= await pollOnce()
  return fetch(input, init)
}, signal)

/** Polls the latest request. */
function pollOnce() {
  const { request, response } = exchanges.findLast((each) => each.response.status === 202)
  return send(new Request(response.headers.get('location')), signatureToken({ request }))
}

const agent = createAgent({
  edition: draft11Agent,
  id: 'https://agent.example',
  signer: agentSigner,
  authServers: [issuer],
  onePerson: true,
  about: { name: 'My scripts' },
  onConsent: ({ url, code }) => void decideWith(browser, url, { user, decision, code }),
  fetch,
  now,
})
origins.set('https://agent.example', (request) => agent.handler(request))
origins.set(issuer, (request) => server.handler(request))
origins.set('https://api.example', (request) => app.fetch(request))

// The agent’s timers alone do not keep the process running.
const running = setInterval(() => undefined, 1000)
const direct = await during(async () => {
  await fetch('https://api.example/events')
  for (const document of [
    'agent.example/.well-known/aauth-agent.json',
    'agent.example/jwks.json',
    'api.example/.well-known/aauth-resource.json',
    'person.example/.well-known/aauth-person.json',
  ])
    await fetch(`https://${document}`)
})
const personal = await during(() => agent.fetch('https://api.example/profile'))
const allowing = await during(() => agent.fetch('https://api.example/events'))
const again = await during(() => agent.fetch('https://api.example/events'))
decision = 'deny'
const isDenied = ({ request, response }) => request.url.includes('/person/pending/') && response.status === 403
const denying = await during(async () => {
  const tea = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"title":"Tea"}' }
  await agent.fetch('https://api.example/events', tea).catch((error) => {
    if (error.code !== 'access_denied') throw error
  })
  // If its user has returned, the agent does not have to poll.
  await until(() => exchanges.some(isDenied), pollOnce)
})
/** Waits until something has happened, for at most 5 seconds. */
async function until(hasHappened, act = () => Promise.resolve()) {
  for (let turns = 0; turns < 500 && !hasHappened(); turns++) {
    await act()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
const personToken = JSON.parse(personal('/person/pending/', ' 200').answer).person_token
const authorizing = await during(() =>
  send(
    new Request('https://api.example/aauth/authorize', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"scope":"calendar.read"}',
    }),
    personToken,
  ),
)
const revoking = await during(async () => {
  await removeAccess(browser, issuer, { user })
  for (const act of periodic) act()
  await until(() => exchanges.filter(({ request }) => request.url.endsWith('/aauth/revoke')).length > 1)
})
const revoked = await during(() => send(new Request('https://api.example/events'), signatureToken(again('/events'))))
clearInterval(running)
await server.close()
await storage.close()

const poll = personal('/person/pending/', ' 200')
const challenge = allowing('/events')
const authPoll = allowing('/person/pending/', ' 200')

/** The content of each named block on the page. */
export const blocks = {
  'agent document': answerOf(direct('/.well-known/aauth-agent.json')),
  'agent keys': answerOf(direct('/jwks.json')),
  'resource document': answerOf(direct('/.well-known/aauth-resource.json')),
  'person server document': answerOf(direct('/.well-known/aauth-person.json')),
  'unsigned request': both(direct('/events')),
  'first request': both(personal('/profile')),
  'agent token': tokenOf(signatureToken(personal('/profile'))),
  'person token request': both(personal('/person/token')),
  'consent link': requestOf(personal('/person/interact', 'code=')),
  'open poll': both(openPoll),
  callback: requestOf(personal('/callback')),
  poll: both(poll),
  'person token': tokenOf(personToken),
  'request for a user': both(personal('/profile', ' 200')),
  'request for a scope': both(challenge),
  'resource token': tokenOf(tokenIn(challenge.response.headers.get('aauth-requirement'))),
  'auth token request': both(allowing('/person/authorize')),
  'auth poll': answerOf(authPoll),
  'auth token': tokenOf(JSON.parse(authPoll.answer).auth_token),
  'authorized request': both(again('/events')),
  'step-up': both(denying('/events', 'POST')),
  'denied poll': answerOf(denying('/person/pending/', ' 403')),
  'resource token request': both(authorizing('/aauth/authorize')),
  revocation: both(revoking('/aauth/revoke')),
  'revoked token': answerOf(revoked('/events')),
}
