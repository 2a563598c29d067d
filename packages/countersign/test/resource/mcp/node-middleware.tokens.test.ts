import { createServer } from 'node:http'
import { createSigner, generatePrivateJwk } from 'countersign'
import { protectMcp } from 'countersign/resource/mcp'
import { expect, it } from 'vitest'
import { signAccessToken } from '../../access-token.js'
import { oauthDocuments } from '../../origins.js'
import { listenWith } from '../events-resource.js'
import { ids, message, openMcpStage } from './mcp-stage.js'

const signer = await createSigner(await generatePrivateJwk({ kid: 'oauth-1' }))
const look = JSON.stringify(message('tools/call', { name: 'look' }))

/** A Node.js server behind the middleware that records in which forms it received `Authorization`. */
async function openServer() {
  const stage = openMcpStage(ids.api, {}, oauthDocuments(ids.authServer, [signer.jwk]))
  const { middleware } = protectMcp(stage.resource, {
    accept: ['aauth', 'oauth'],
    path: '/mcp',
    tools: { look: 'notes.read' },
  })
  const received: unknown[] = []
  const port = await listenWith(
    createServer((incoming, outgoing) => {
      // Node caches this object once it has been read.
      void incoming.headersDistinct
      middleware(incoming, outgoing, () => {
        const { headers, headersDistinct, rawHeaders } = incoming
        const at = rawHeaders.findIndex((name) => name.toLowerCase() === 'authorization')
        received.push([headers.authorization, headersDistinct.authorization, rawHeaders[at + 1]])
        outgoing.end('{}')
      })
    }),
  )
  const send = (headers: HeadersInit) => fetch(`http://127.0.0.1:${port}/mcp`, { method: 'POST', headers, body: look })
  return { stage, received, send }
}

const type = { 'content-type': 'application/json' }

// B19
it('removes the token of an OAuth client in every form in which Node.js has it', async () => {
  const { received, send } = await openServer()
  const claims = { iss: ids.authServer, aud: `${ids.api}/mcp`, scope: 'notes.read' }
  const authorization = `Bearer ${await signAccessToken(claims, { signer })}`
  expect((await send({ ...type, authorization })).status).toBe(200)
  expect(received).toEqual([[undefined, undefined, '']])
})

it('leaves Authorization in a signed request, which may be for the server', async () => {
  const { stage, received, send } = await openServer()
  const agent = await stage.newAgent('planner')
  stage.serve(({ headers }) => send(headers))
  const headers = { ...type, authorization: 'Basic YTpi' }
  expect((await agent.fetch(stage.url, { method: 'POST', headers, body: look })).status).toBe(200)
  expect(received).toEqual([['Basic YTpi', ['Basic YTpi'], 'Basic YTpi']])
})
