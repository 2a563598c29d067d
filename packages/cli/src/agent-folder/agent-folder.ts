import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import type { PrivateJwk } from 'countersign'
import { documentUrl } from 'countersign/discovery'
import { editionOf, publishedKeys } from '../editions/agent-editions.js'
import type { EditionName } from '../editions/load-edition.js'
import type { DeviceLogin } from './agent-file.js'

/** A private key with the `kid` under which it is published. */
export type AgentKey = PrivateJwk & { kid: string }

/** The command line's own agent, as stored in its folder. */
export interface AgentFolder {
  /** Absolute path of the folder. */
  path: string
  /** The agent's identifier: `https://me.example`, or `http://127.0.0.1:PORT` for local testing. */
  id: string
  /** Name shown to users beside the identifier. */
  name?: string | undefined
  /** The edition of the protocol. @default 'january' */
  edition?: EditionName | undefined
  /** The auth servers to which the agent may send users. */
  authServers: readonly string[]
  /** The current signing key and, during a rotation, the next one. Both are published. */
  keys: { signing: AgentKey; next?: AgentKey | undefined }
  /** Unix time, in seconds, at which both keys were first seen at the agent's URL. */
  since?: number | undefined
  /** Set if `countersign login` created the agent: its only auth server publishes its documents, and issues its agent tokens. */
  device?: DeviceLogin | undefined
  /** Path of the token store; created on the first write. */
  storePath: string
}

/** The part of an agent folder that is written to disk. */
export type WrittenAgent = Omit<AgentFolder, 'storePath'>

/** Returns the path of the agent folder: `--home` if given, else `COUNTERSIGN_HOME`, else the platform's configuration folder. */
export function agentFolderPath(
  env: NodeJS.ProcessEnv,
  given?: string,
  platform: NodeJS.Platform = process.platform,
): string {
  const named = given ?? env.COUNTERSIGN_HOME
  return named ? resolve(named) : join(configurationFolder(env, platform), 'countersign')
}

/** The platform's folder for a user's machine-local settings. */
function configurationFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  const home = env.HOME || homedir()
  switch (platform) {
    case 'win32':
      return env.LOCALAPPDATA || join(env.USERPROFILE || homedir(), 'AppData', 'Local')
    case 'darwin':
      return join(home, 'Library', 'Application Support')
    default: {
      // The XDG specification says that relative paths must be ignored.
      const { XDG_CONFIG_HOME: folder = '' } = env
      return isAbsolute(folder) ? folder : join(home, '.config')
    }
  }
}

/** File name of a key, derived from its `kid`. */
export function keyFileOf({ kid }: { kid: string }): string {
  return `key-${kid}.json`
}

/** A document that an agent publishes: its path, URL and content. */
export interface AgentDocument {
  /** Path relative to the agent's identifier, without a leading slash: `jwks.json`. */
  path: string
  url: string
  document: Readonly<Record<string, unknown>>
}

/** Returns the documents that an agent publishes, for example on a static host: its metadata and its public keys. */
export async function agentDocuments(agent: WrittenAgent): Promise<[AgentDocument, AgentDocument]> {
  const { id, name, keys } = agent
  const { documents, describe } = editionOf(agent)
  const jwksUri = `${id}/jwks.json`
  const about = { ...describe(id, jwksUri), ...(name === undefined ? {} : { name }) }
  return [
    documentAt(id, documentUrl(documents.agent, id), about),
    documentAt(id, jwksUri, {
      keys: await publishedKeys(agent, keys.next ? [keys.signing, keys.next] : [keys.signing]),
    }),
  ]
}

function documentAt(id: string, url: string, document: AgentDocument['document']): AgentDocument {
  return { path: url.slice(id.length + 1), url, document }
}
