import { readFileSync } from 'node:fs'
import { createSigner } from 'countersign'
import { AgentError } from 'countersign/agent'
import { createAppAgent } from 'countersign/agent/express'
import { fileStore } from 'countersign/node'
import express, { type NextFunction, type Request, type Response } from 'express'

const {
  AGENT_ID = 'https://calendar.example', // where the app is reached; people come back to its /callback
  AUTH_SERVER = 'https://auth.example', // the only one that people may be sent to
  API = 'https://api.example/events',
  PORT = new URL(AGENT_ID).port || '8080', // behind your TLS
} = process.env

const calendar = createAppAgent<Request, Response>({
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  authServers: [AUTH_SERVER],
  about: { name: 'Calendar helper', homepage: AGENT_ID },
  store: fileStore('./state'), // sessions, tokens and open consents outlive a restart
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
    const response = await fetch(API) // as the person of this browser
    res
      .status(response.status)
      .type('text')
      .send(await response.text())
  }),
)

app.post('/sign-out', calendar.signOut)

app.use((error: unknown, _req: Request, res: Response, next: NextFunction) => {
  if (!(error instanceof AgentError)) return next(error)
  // Such as a person who said no, or an auth server that has blocked this app.
  const status = error.code === 'access_denied' ? 403 : 502
  res.status(status).type('text').send(`Your events cannot be shown now. ${error.message}`)
})

app.listen(Number(PORT))
