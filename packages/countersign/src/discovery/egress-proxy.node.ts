import { request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { networkFailure } from './fetch-document.js'

/** Opens a tunnel to `host:port` through a proxy. */
export type Tunnel = (authority: string, signal: AbortSignal | undefined) => Promise<Duplex>

/** Returns what is wrong with a proxy URL; undefined if it is valid. The result never includes the URL, which may contain a password. */
export function egressProxyProblem(egressProxy: unknown): string | undefined {
  const url = typeof egressProxy === 'string' && URL.canParse(egressProxy) ? new URL(egressProxy) : undefined
  const form = 'such as http://proxy.example:3128'
  if (!url) return `must be the URL of an HTTP proxy, ${form}`
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return `must begin with http:// or https://, ${form}: other kinds of proxies are not supported`
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    return `must contain nothing after the host and port, ${form}`
  if (decoded(url.username) === undefined || decoded(url.password) === undefined)
    return 'has a % in its username or password that is not part of an escape: write %25 instead'
  return undefined
}

/**
 * Creates tunnels through an HTTP proxy (`CONNECT`, RFC 9110 §9.3.6). The username and password in the URL are sent only to the proxy.
 *
 * @throws TypeError for an invalid proxy URL
 */
export function createTunnel(egressProxy: string): Tunnel {
  const problem = egressProxyProblem(egressProxy)
  if (problem !== undefined) throw new TypeError(`egressProxy ${problem}`)
  const { protocol, hostname, port, username, password } = new URL(egressProxy)
  const host = hostname.replaceAll(/[[\]]/g, '')
  const request = protocol === 'https:' ? httpsRequest : httpRequest
  const credentials = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')
  const asked: RequestOptions & { rejectUnauthorized: true; servername: string } = {
    method: 'CONNECT',
    host,
    // Otherwise, the TLS server name would be taken from the Host header, which names the target.
    servername: isIP(host) === 0 ? host : '',
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    agent: false,
    rejectUnauthorized: true,
  }
  const authorization = username === '' && password === '' ? {} : { 'proxy-authorization': `Basic ${credentials}` }

  return (authority, signal) =>
    new Promise((resolve, reject) => {
      const headers = { host: authority, ...authorization }
      const connect = request({ ...asked, path: authority, headers, ...(signal ? { signal } : {}) })
      connect.on('connect', ({ statusCode = 0 }, socket, head) => {
        if (statusCode >= 200 && statusCode < 300 && head.length === 0) return resolve(socket)
        socket.destroy()
        const hint =
          statusCode === 407
            ? ': it requires a username and password, or did not accept those in the configured URL'
            : ''
        reject(networkFailure('EPROXY', `the egress proxy responded with ${statusCode}${hint}`))
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
