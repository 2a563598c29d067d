import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createSigner } from 'countersign'
import { AgentError, createAgent } from 'countersign/agent'
import { createNodeListener, fileStore, type Handler } from 'countersign/node'
import { createResource } from 'countersign/resource'

const {
  ID = 'https://notes.example', // the app is an agent and an API with the same identifier
  AUTH_SERVER = 'https://auth.example', // signs the user in
  PORT = new URL(ID).port || '8080', // behind your TLS proxy
} = process.env
const signer = await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8')))
const allowInsecureLoopback = ID.startsWith('http:') // plain http, to try it on this machine

const agent = createAgent({
  id: ID,
  signer,
  authServers: [AUTH_SERVER],
  onePerson: true, // only you use it: another user who followed the link would give you their data
  about: { name: 'My notes' },
  onConsent: ({ url, code }) => console.log(`Please decide here (the page shows ${code}): ${url}`),
  store: fileStore('./state'),
  allowInsecureLoopback,
})

const api = createResource({
  id: ID,
  signer,
  authServer: AUTH_SERVER,
  scopes: { 'notes.read': 'See your notes' },
  ownAgent: true, // accepts tokens that this app obtained for itself
  allowInsecureLoopback,
})

const serve: Handler = async (request, received) => {
  if (new URL(request.url).pathname !== '/notes') {
    const response = await agent.handler(request)
    return response.status === 404 ? api.handler(request) : response
  }
  try {
    const { sub } = await api.verify(received ?? request, { require: 'authorization', scope: 'notes.read' })
    return new Response(`The notes of ${sub}.`)
  } catch (error) {
    return api.toResponse(error)
  }
}
const server = createServer(createNodeListener(serve, { origin: ID })).listen(Number(PORT), '127.0.0.1')
try {
  if ((await agent.tokens()).length === 0) {
    const { name, sub, iss } = await agent.signIn({ authServer: AUTH_SERVER, scope: 'openid profile notes.read' })
    console.log(`Signed in: ${String(name)}, who is ${sub} at ${iss}`)
  }
  console.log(await (await agent.fetch(`${ID}/notes`)).text())
} catch (error) {
  console.error(error instanceof AgentError ? error.message : error)
  process.exitCode = 1
}
server.close() // lets the program exit
