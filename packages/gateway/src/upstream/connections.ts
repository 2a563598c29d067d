import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Duplex } from 'node:stream'

/** The API behind the gateway. */
export interface Upstream {
  readonly secure: boolean
  /** The value of `Host`. */
  readonly authority: string
  readonly hostname: string
  readonly port: number
}

/** The address of the API, and how it matches paths. */
export interface UpstreamOptions {
  /** A scheme, a host and a port, such as `http://127.0.0.1:3000`. */
  url: string
  /** `raw`: the API matches encoded paths, so that `%2F` in an id is no slash. @default it may decode them first */
  matches?: 'raw' | undefined
}

/** The options of an upstream, for which its URL is short. */
export function upstreamOptions(given: string | UpstreamOptions): UpstreamOptions {
  return typeof given === 'string' ? { url: given } : given
}

/** The connection pools of a gateway, for all of its upstreams. */
export interface Connections {
  /**
   * @param isLast Whether the request is the last one of its connection. If the upstream does not read all content, or sends content that
   *   is not read, the rest would be taken for the next request or response.
   */
  agent(secure: boolean, isLast: boolean): HttpAgent
  close(): void
}

export function createConnections(): Connections {
  // Most servers keep an idle connection for 5 seconds or longer. The timeout does not close a connection in use.
  const kept = { keepAlive: true, timeout: 4000, maxFreeSockets: 256 }
  const agents = {
    http: { kept: watchIdle(new HttpAgent(kept)), once: new HttpAgent() },
    https: { kept: watchIdle(new HttpsAgent(kept)), once: new HttpsAgent() },
  }
  return {
    agent: (secure, isLast) => agents[secure ? 'https' : 'http'][isLast ? 'once' : 'kept'],
    close() {
      for (const { kept, once } of Object.values(agents)) {
        kept.destroy()
        once.destroy()
      }
    },
  }
}

/** Closes an idle connection on which the upstream sends data. */
function watchIdle<Agent extends HttpAgent>(agent: Agent): Agent {
  const keep = agent.keepSocketAlive.bind(agent)
  const reuse = agent.reuseSocket.bind(agent)
  agent.keepSocketAlive = (socket) => {
    socket.once('data', endUnasked)
    return keep(socket)
  }
  agent.reuseSocket = (socket, request) => {
    socket.off('data', endUnasked)
    reuse(socket, request)
  }
  return agent
}

function endUnasked(this: Duplex): void {
  this.destroy()
}

/** What is wrong with an upstream. */
export function upstreamProblem(text: string): string | undefined {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  const isHttp = url && ['http:', 'https:'].includes(url.protocol)
  const isBare = url && `${url.username}${url.password}${url.search}${url.hash}` === '' && url.pathname === '/'
  return isHttp && isBare ? undefined : 'must be a scheme, a host and a port, without a path: http://127.0.0.1:3000'
}

/** @throws TypeError if the URL is no origin */
export function parseUpstream(text: string): Upstream {
  const problem = upstreamProblem(text)
  if (problem !== undefined) throw new TypeError(`upstream ${problem}`)
  const url = new URL(text)
  const secure = url.protocol === 'https:'
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { secure, authority: url.host, hostname, port: Number(url.port === '' ? (secure ? 443 : 80) : url.port) }
}
