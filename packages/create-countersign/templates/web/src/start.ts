import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createSigner } from 'countersign'
import { createNodeListener, fileStore } from 'countersign/node'
import { createApp } from './app.js'

const {
  AGENT_ID = 'http://127.0.0.1:8004', // the URL of the app: in production, an https URL
  AUTH_SERVER = 'http://127.0.0.1:8003', // the only server that users may be sent to
  API = 'http://127.0.0.1:8002/data-auth',
  PORT = new URL(AGENT_ID).port || '8080', // behind your TLS proxy
} = process.env

const app = createApp(API, {
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  authServers: [AUTH_SERVER],
  store: fileStore('./state'), // sessions, tokens and pending consents survive a restart
  allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, for development on this machine
})

const listener = createNodeListener((request) => app.fetch(request), { origin: AGENT_ID })
createServer(listener).listen(Number(PORT), '127.0.0.1', () => console.log(`The app is at ${AGENT_ID}`))
