import { request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { networkFailure } from './fetch-document.js'

/** Opens a way to `host:port` through a proxy. */
export type Tunnel = (authority: string, signal: AbortSignal | undefined) => Promise<Duplex>

/** What is wrong with the URL of a proxy; undefined where nothing is. Never holds the URL, which may have a password. */
export function egressProxyProblem(egressProxy: unknown): string | undefined {
  const url = typeof egressProxy === 'string' && URL.canParse(egressProxy) ? new URL(egressProxy) : undefined
  const form = 'such as http://proxy.example:3128'
  if (!url) return `must be the URL of an HTTP proxy, ${form}`
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return `must begin with http:// or https://, ${form}: other proxies are not spoken to`
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') return `must end with the host and port, ${form}`
  if (decoded(url.username) === undefined || decoded(url.password) === undefined)
    return 'has a % in its user name or password that encodes nothing: write %25 for it'
  return undefined
}

/**
 * Makes ways through an HTTP proxy (`CONNECT`, RFC 9110 §9.3.6). User name and password of the URL are sent to the proxy
 * alone.
 *
 * @throws TypeError for a URL of no such proxy
 */
export function createTunnel(egressProxy: string): Tunnel {
  const problem = egressProxyProblem(egressProxy)
  if (problem !== undefined) throw new TypeError(`egressProxy ${problem}`)
  const { protocol, hostname, port, username, password } = new URL(egressProxy)
  const host = hostname.replace(/^\[|\]$/g, '')
  const request = protocol === 'https:' ? httpsRequest : httpRequest
  const credentials = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')
  const asked: RequestOptions & { rejectUnauthorized: true; servername: string } = {
    method: 'CONNECT',
    host,
    // Else it is taken from the Host that is asked for.
    servername: isIP(host) === 0 ? host : '',
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    agent: false,
    rejectUnauthorized: true,
  }
  const authorization = username === '' ? {} : { 'proxy-authorization': `Basic ${credentials}` }

  return (authority, signal) =>
    new Promise((resolve, reject) => {
      const headers = { host: authority, ...authorization }
      const connect = request({ ...asked, path: authority, headers, ...(signal ? { signal } : {}) })
      connect.on('connect', ({ statusCode = 0 }, socket, head) => {
        if (statusCode >= 200 && statusCode < 300 && head.length === 0) return resolve(socket)
        socket.destroy()
        const hint = statusCode === 407 ? ': it wants a user name and a password, or others' : ''
        reject(networkFailure('EPROXY', `the egress proxy answers ${statusCode}${hint}`))
      })
      connect.on('error', reject)
      connect.end()
    })
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}
