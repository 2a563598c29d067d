import type { PrivateJwk } from 'countersign'

/** A private key with the name that it is published by. */
export type AgentKey = PrivateJwk & { kid: string }

/** What the command line knows about its own agent. */
export interface AgentFolder {
  /** The folder itself, absolute. */
  path: string
  /** The agent's identifier: `https://me.example`, or `http://127.0.0.1:PORT` for trying. */
  id: string
  /** What people see beside the identifier. */
  name?: string | undefined
  /** The auth servers that people may be sent to. */
  authServers: readonly string[]
  /** The key that signs, and the one that will sign next where it is being changed: both are published. */
  keys: { signing: AgentKey; next?: AgentKey | undefined }
  /** The Unix seconds at which both keys were first seen where the agent publishes them. */
  since?: number | undefined
  /** Where tokens are kept; made when something is kept there. */
  storePath: string
}

/** What of it is written down. */
export type WrittenAgent = Omit<AgentFolder, 'storePath'>
