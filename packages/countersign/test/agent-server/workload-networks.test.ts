import { type AgentServerOptions, createAgentServer, memoryDelegates } from 'countersign/agent-server'
import { expect, it } from 'vitest'
import { simulatePublicNetwork } from '../discovery/public-network.js'
import { certificateOf, startTlsServer, trust } from '../discovery/tls-server.js'
import { api, id, newSigner, signForm } from './agent-server-stage.js'
import { issuer, openIssuer } from './fake-issuer.js'

const now = () => 1_800_000_000
const keysHost = 'keys.ci.test'

/** Exchanges the token of a platform that is in a private network, and whose keys are at another host. */
async function exchange(addressOfKeys: string, options: Partial<AgentServerOptions> = {}) {
  const handlers = new Map<string, (request: Request) => Response>()
  const platform = openIssuer({ origins: handlers, now })
  platform.describe({ jwks_uri: `https://${keysHost}/jwks` })
  const host = new URL(issuer).host
  const certificate = certificateOf(host, keysHost)
  trust(certificate)
  const server = await startTlsServer(certificate, (request, response) => {
    const served = handlers.get(issuer)?.(new Request(`${issuer}${request.url}`))
    void served?.text().then((body) => response.writeHead(200, { 'content-type': 'application/json' }).end(body))
  })
  simulatePublicNetwork({ [host]: [['10.1.0.1']], [keysHost]: [[addressOfKeys]] }, server.port)
  const agentServer = createAgentServer({
    id,
    signer: await newSigner(),
    redirectUris: [],
    delegates: memoryDelegates(),
    enroll: () => undefined,
    workloads: [{ name: 'deploy', issuer, claims: { repository: 'octo/app' } }],
    now,
    ...options,
  })
  const form = { audience: api, platform_token: platform.token() }
  const { status } = await agentServer.handler(
    await signForm({ world: { now } as never }, '/delegates/token', form, await newSigner()),
  )
  return [status, ...server.asked]
}

const metadata = `${new URL(issuer).host} /.well-known/openid-configuration`
const keys = `${keysHost} /jwks`

it('fetches the document of a configured issuer in a private network, and its keys at a public address', async () => {
  expect(await exchange('8.8.8.8')).toEqual([200, metadata, keys])
})

it('does not fetch keys at a private address of another host (T40)', async () => {
  expect(await exchange('10.1.0.2')).toEqual([503, metadata])
})

it('fetches them if that network is allowed (T40)', async () => {
  const allowNetworks = [{ cidr: '10.1.0.0/16', hosts: [keysHost] }]
  expect(await exchange('10.1.0.2', { allowNetworks })).toEqual([200, metadata, keys])
})

it('never fetches keys from an address of cloud metadata (T40)', async () => {
  expect(await exchange('169.254.169.254')).toEqual([503, metadata])
})
