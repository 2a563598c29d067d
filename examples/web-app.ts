import { readFileSync } from 'node:fs'
import { createSigner } from 'countersign'
import { AgentError } from 'countersign/agent'
import { createAppAgent } from 'countersign/agent/express'
import { fileStore } from 'countersign/node'
import express, { type ErrorRequestHandler, type Request, type Response } from 'express'

const {
  AGENT_ID = 'https://calendar.example', // the URL of the app; users return to its /callback
  AUTH_SERVER = 'https://auth.example', // the only server that users may be sent to
  API = 'https://api.example/events',
  PORT = new URL(AGENT_ID).port || '8080', // behind your TLS proxy
} = process.env

const calendar = createAppAgent<Request, Response>({
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  authServers: [AUTH_SERVER],
  about: { name: 'Calendar helper', homepage: AGENT_ID },
  store: fileStore('./state'), // sessions, tokens and pending consents survive a restart
  allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, to try it on this machine
})

const app = express()
app.use(calendar.ownRoutes) // /.well-known/aauth-agent, /jwks.json, /callback

app.get('/', (_req, res) => {
  res.send('<a href="/events">My events</a> <form method="post" action="/sign-out"><button>Sign out</button></form>')
})

app.get(
  '/events',
  calendar.page(async (_req, res, { fetch }) => {
    const response = await fetch(API) // for the user of this browser
    res
      .status(response.status)
      .type('text')
      .send(await response.text())
  }),
)

app.post('/sign-out', calendar.signOut)

const showError: ErrorRequestHandler = (error, _req, res, next) => {
  if (!(error instanceof AgentError)) return next(error)
  console.error(error.message)
  // The user denied access, a rule of the auth server did, or the app is blocked there.
  if (error.code === 'access_denied') res.status(403).type('text').send('Your events were not shared with this app.')
  else res.status(502).type('text').send('Your events are not available right now. Please try again later.')
}
app.use(showError)

app.listen(Number(PORT), '127.0.0.1')
