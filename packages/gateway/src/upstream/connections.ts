import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Duplex } from 'node:stream'

/** The API behind the gateway. */
export interface Upstream {
  readonly secure: boolean
  /** As `Host` says it. */
  readonly authority: string
  readonly hostname: string
  readonly port: number
}

/** Where the API listens, and how it finds its routes. */
export interface UpstreamOptions {
  /** A scheme, a host and a port, such as `http://127.0.0.1:3000`. */
  url: string
  /** `raw`: it compares encoded paths, so that `%2F` in an id is no slash. @default it may decode them first */
  matches?: 'raw' | undefined
}

/** An upstream as options, of which its URL alone is the short form. */
export function upstreamOptions(given: string | UpstreamOptions): UpstreamOptions {
  return typeof given === 'string' ? { url: given } : given
}

/** Connections to all upstreams that a gateway has while it runs. */
export interface Connections {
  /**
   * @param isLast for a request that is the last one of its connection. Where the upstream may not read all that is sent, or send what
   *   is not read, the rest would be the next request, or the answer to it.
   */
  agent(secure: boolean, isLast: boolean): HttpAgent
  close(): void
}

export function createConnections(): Connections {
  // Most servers keep an idle connection for 5 seconds or longer. In use, a connection is not closed by this.
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

/** Ends a connection on which something comes that nobody asked for. */
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

/** @throws TypeError for what is no origin */
export function parseUpstream(text: string): Upstream {
  const problem = upstreamProblem(text)
  if (problem !== undefined) throw new TypeError(`upstream ${problem}`)
  const url = new URL(text)
  const secure = url.protocol === 'https:'
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { secure, authority: url.host, hostname, port: Number(url.port === '' ? (secure ? 443 : 80) : url.port) }
}
