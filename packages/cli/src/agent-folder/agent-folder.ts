import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { createSigner, type PrivateJwk } from 'countersign'
import { documentUrl } from 'countersign/discovery'
import { january } from 'countersign/editions'

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

/** Where the command line keeps its own agent: the folder of `--agent`, that of `COUNTERSIGN_HOME`, or the platform's own place. */
export function agentFolderPath(
  env: NodeJS.ProcessEnv,
  given?: string,
  platform: NodeJS.Platform = process.platform,
): string {
  const named = given ?? env.COUNTERSIGN_HOME
  return named ? resolve(named) : join(configurationFolder(env, platform), 'countersign')
}

/** Where the user's own settings lie that stay on this machine. */
function configurationFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  const home = env.HOME || homedir()
  switch (platform) {
    case 'win32':
      return env.LOCALAPPDATA || join(env.USERPROFILE || homedir(), 'AppData', 'Local')
    case 'darwin':
      return join(home, 'Library', 'Application Support')
    default: {
      // The XDG specification has relative paths ignored.
      const { XDG_CONFIG_HOME: folder = '' } = env
      return isAbsolute(folder) ? folder : join(home, '.config')
    }
  }
}

/** The name of the file with a key: its kid tells which it is. */
export function keyFileOf({ kid }: { kid: string }): string {
  return `key-${kid}.json`
}

/** A document of an agent: where it is published, and what is in it. */
export interface AgentDocument {
  /** Below the agent's identifier, without a slash at the start: `jwks.json`. */
  path: string
  url: string
  document: Readonly<Record<string, unknown>>
}

/** Where people come back to: on whatever port the command listens (W24). */
export const portableRedirect = 'http://127.0.0.1/callback'

/** What an agent publishes, such as on a host of static files: its description, and its public keys. */
export async function agentDocuments({ id, name, keys }: WrittenAgent): Promise<[AgentDocument, AgentDocument]> {
  const { signing, next } = keys
  const signers = await Promise.all((next ? [signing, next] : [signing]).map(createSigner))
  const jwksUri = `${id}/jwks.json`
  const about = {
    agent: id,
    jwks_uri: jwksUri,
    redirect_uris: [portableRedirect],
    ...(name === undefined ? {} : { name }),
  }
  return [
    documentAt(id, documentUrl(january.documents.agent, id), about),
    documentAt(id, jwksUri, { keys: signers.map(({ jwk }) => jwk) }),
  ]
}

function documentAt(id: string, url: string, document: AgentDocument['document']): AgentDocument {
  return { path: url.slice(id.length + 1), url, document }
}
