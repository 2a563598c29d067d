import { newAgent } from '../own-agent.js'
import { type BridgeOptions, type ClientEra, openClient } from './clients.js'
import { protectServer, type ServerEra } from './protected-server.js'

export const eras: readonly ServerEra[] = ['sessions', 'stateless']

export interface BridgeEras {
  client: ClientEra
  server: ServerEra
}

export interface OpenOptions extends Partial<BridgeOptions> {
  /** Even the server's lists need consent. */
  everything?: boolean
  /** The scope that each method needs, in addition to those of tools. */
  scopes?: Record<string, string>
}

/** A protected server, an agent, and a client of the agent's bridge to the server. */
export async function openProtected(authServer: string, { client, server }: BridgeEras, options: OpenOptions = {}) {
  const { everything = false, scopes } = options
  const agent = await newAgent([authServer])
  const protectedServer = await protectServer(server, { authServer, everything, scopes })
  const given = { url: protectedServer.url, folder: agent.folder, ...options }
  return { server: protectedServer, agent, given, bridge: await openClient(client, given) }
}

/** The consent pages that a bridge has written to standard error, in order. */
export const pagesIn = (stderr: string) => [...stderr.matchAll(/Decide here: (\S+)/g)].map(([, page = '']) => page)
