import { createSigner, generatePrivateJwk } from 'countersign'
import { type Agent, type AgentOptions, createAgent } from 'countersign/agent'
import { createResource, type ResourceOptions } from 'countersign/resource'
import { onTestFinished } from 'vitest'
import { listenOnLoopback } from '../listening-origin.js'
import { createScriptedUser, decideAs } from '../scripted-user.js'
import { protectedApi, scopes } from '../world.js'
import type { TestEnd } from './operator-stage.js'

export interface LoopbackParties {
  agent: Agent
  resource: string
  /** The consent URLs that users were sent to, in order. */
  asked: string[]
  /** The private parts of both keys. */
  privateKeys: string[]
  close(): Promise<void>
}

/** An agent and a resource on their own ports, and a user who allows their requests, at this auth server. */
export async function startParties(
  issuer: string,
  person: { username: string; password: string },
  options: { agent?: Pick<AgentOptions, 'fetch' | 'now'>; resource?: Partial<ResourceOptions> } = {},
  test: TestEnd = { onTestFinished },
): Promise<LoopbackParties> {
  const [agentAt, resourceAt] = await Promise.all([listenOnLoopback(), listenOnLoopback()])
  const asked: string[] = []
  const [agentKey, resourceKey] = await Promise.all(['agent-1', 'resource-1'].map((kid) => generatePrivateJwk({ kid })))
  if (!agentKey || !resourceKey) throw new TypeError('expected two keys')
  const agent = createAgent({
    id: agentAt.origin,
    signer: await createSigner(agentKey),
    authServers: [issuer],
    about: { name: 'Loopback agent' },
    allowInsecureLoopback: true,
    fetch: globalThis.fetch,
    ...options.agent,
    onConsent: async ({ url }) => {
      asked.push(url)
      const user = createScriptedUser(globalThis.fetch)
      void user.open(await decideAs(user, url, 'grant', person))
    },
  })
  agentAt.serve((request) => agent.handler(request))
  const resource = createResource({
    id: resourceAt.origin,
    signer: await createSigner(resourceKey),
    authServer: issuer,
    scopes,
    allowInsecureLoopback: true,
    ...options.resource,
  })
  resourceAt.serve(protectedApi(resource))
  const close = async () => void (await Promise.all([agentAt.close(), resourceAt.close()]))
  test.onTestFinished(close)
  return {
    agent,
    resource: resourceAt.origin,
    asked,
    privateKeys: [agentKey, resourceKey].map(({ d }) => String(d)),
    close,
  }
}
