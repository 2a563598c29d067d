import { createSigner, generatePrivateJwk } from 'countersign'
import { type Agent, createAgent } from 'countersign/agent'
import { createNodeListener } from 'countersign/node'
import { createResource, type ResourceOptions } from 'countersign/resource'
import { type InsideServer, startInside } from '../../../countersign/test/network-namespace.js'
import { createScriptedUser, decideAs } from '../scripted-user.js'
import { protectedApi, scopes } from '../world.js'

/** The network and owner of a party. */
interface Party {
  id: string
  /** The address of its host. */
  address: string
  issuer: string
}

const portOf = (id: string) => Number(new URL(id).port || 443)

/** A resource in a test’s network, which fetches its agents’ keys there. */
export async function startInsideResource({
  id,
  address,
  issuer,
  agents,
  options,
}: Party & { agents: string; options?: Partial<ResourceOptions> }): Promise<InsideServer> {
  const resource = createResource({
    id,
    signer: await createSigner(await generatePrivateJwk({ kid: 'resource-1' })),
    authServer: issuer,
    scopes,
    denyList: {},
    allowNetworks: [{ cidr: '10.77.0.0/24', hosts: [agents] }],
    discovery: { failureTime: 'shortest' },
    ...options,
  })
  return startInside(address, createNodeListener(protectedApi(resource), { origin: id }), portOf(id))
}

/** An agent there, and a user who allows its requests. */
export async function startInsideAgent({
  id,
  address,
  issuer,
  person,
}: Party & { person: { username: string; password: string } }): Promise<{
  agent: Agent
  asked: string[]
  server: InsideServer
}> {
  const asked: string[] = []
  const agent = createAgent({
    id,
    signer: await createSigner(await generatePrivateJwk({ kid: 'agent-1' })),
    authServers: [issuer],
    onePerson: true,
    onConsent: async ({ url }) => {
      asked.push(url)
      const user = createScriptedUser(globalThis.fetch)
      void user.open(await decideAs(user, url, 'grant', person))
    },
  })
  const listener = createNodeListener((request) => agent.handler(request), { origin: id })
  return { agent, asked, server: await startInside(address, listener, portOf(id)) }
}
