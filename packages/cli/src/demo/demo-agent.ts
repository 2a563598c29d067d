import { createSigner, generatePrivateJwk } from 'countersign'
import { type Agent, type AgentOptions, createAgent } from 'countersign/agent'
import { type DemoWorld, isOnLoopback } from './demo-world.js'

/** The demo's agent, with a new key. */
export async function createDemoAgent(
  world: DemoWorld,
  options: Pick<AgentOptions, 'fetch' | 'fetchDocument' | 'onConsent' | 'consentTimeout'>,
): Promise<Agent> {
  const { ids, interop } = world
  const authServer = ids['auth-server']
  return createAgent({
    ...options,
    id: ids.agent,
    signer: await createSigner(await generatePrivateJwk({ kid: 'key-1' })),
    authServers: [authServer],
    onePerson: true,
    about: { name: 'Demo agent' },
    allowInsecureLoopback: isOnLoopback(world),
    interop: interop ? { signatureEncoding: 'base64url', nonce: 'never', stateOptional: [authServer] } : {},
  })
}
