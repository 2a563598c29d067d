import { createServer } from 'node:http'
import { createSigner } from 'countersign'
import { createAgent } from 'countersign/agent'
import { createNodeListener, fileStore } from 'countersign/node'

// An agent in a process of its own, which the test kills: it asks the API, tells where a person decides, and ends.
const { port, folder, jwk, api, authServer } = JSON.parse(process.argv[2])
const origin = `http://127.0.0.1:${port}`
const agent = createAgent({
  id: origin,
  signer: await createSigner(jwk),
  authServers: [authServer],
  redirectUri: `${origin}/callback`,
  store: fileStore(folder),
  allowInsecureLoopback: true,
  onConsent: ({ url }) => process.send({ url }),
})
const server = createServer(createNodeListener((request) => agent.handler(request), { origin }))
await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
const response = await agent.fetch(`${api}/data`)
process.send({ answer: await response.text() })
