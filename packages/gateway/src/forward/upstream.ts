import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'

/** The API behind the gateway. */
export interface Upstream {
  readonly secure: boolean
  /** As `Host` says it. */
  readonly authority: string
  readonly hostname: string
  readonly port: number
}

/** Connections that are kept for the next request, for all upstreams that a gateway has while it runs. */
export interface Connections {
  http: HttpAgent
  https: HttpsAgent
}

export function createConnections(): Connections {
  // Most servers keep an idle connection for 5 seconds or longer.
  const options = { keepAlive: true, timeout: 4000, maxFreeSockets: 256 }
  return { http: new HttpAgent(options), https: new HttpsAgent(options) }
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
