import { createServer } from 'node:http'
import { createSigner } from 'countersign'
import { createAgent } from 'countersign/agent'
import { draft11Agent } from 'countersign/editions/draft-11'
import { createNodeListener, fileStore } from 'countersign/node'

// An agent in its own process, which the test kills: it calls the API, reports where the user decides, and the response.
const { port, folder, jwk, api, authServer, ahead, edition } = JSON.parse(process.argv[2])
const origin = `http://127.0.0.1:${port}`
const agent = createAgent({
  ...(edition === 'draft-11' ? { edition: draft11Agent, onePerson: true } : {}),
  id: origin,
  signer: await createSigner(jwk),
  authServers: [authServer],
  redirectUri: `${origin}/callback`,
  store: fileStore(folder),
  allowInsecureLoopback: true,
  onConsent: ({ url }) => process.send({ url }),
  // The lease of a process that was killed has expired.
  now: () => Math.floor(Date.now() / 1000) + ahead,
})
const server = createServer(createNodeListener((request) => agent.handler(request), { origin }))
server.keepAliveTimeout = 1
await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
try {
  const response = await agent.fetch(`${api}/data`)
  process.send({ answer: await response.text() })
} catch {
  // The user reloads a page until it loads: one whose code failed is sent before the process exits.
  server.close(() => process.exit(1))
}
