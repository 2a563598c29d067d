import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import type { KeyReference } from 'countersign/signatures'

/** The identifiers on every stage. */
export const ids = {
  agent: 'https://agent.example',
  /** An attacking agent, with its own documents and key. */
  attacker: 'https://attacker.example',
  resource: 'https://resource.example',
  authServer: 'https://auth.example',
} as const

const signerOf = async (kid: string) => createSigner(await generatePrivateJwk({ kid }))

/** One key per party; generating new keys for every row would only take time. */
export const signers = {
  agent: await signerOf('agent-key-1'),
  /** The agent's second key, published only if a row says so. */
  agentNext: await signerOf('agent-key-2'),
  delegate: await signerOf('delegate-key-1'),
  attacker: await signerOf('attacker-key-1'),
  resource: await signerOf('resource-key-1'),
  authServer: await signerOf('auth-key-1'),
  ecdsa: await createSigner(await generatePrivateJwk({ kid: 'ecdsa-key-1', algorithm: 'ecdsa-p256-sha256' })),
} as const satisfies Record<string, Signer>

/** How the agent refers to its key. */
export const agentReference = {
  scheme: 'jwks',
  id: ids.agent,
  kid: signers.agent.kid,
  wellKnown: 'aauth-agent',
} as const satisfies KeyReference
