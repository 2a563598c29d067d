import { ADDRCONFIG, type LookupAddress, lookup } from 'node:dns'
import { type ClientRequest, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { connect as tlsConnect } from 'node:tls'
import { isUntrustedCertificate } from '../lib/error-reasons.js'
import { isLoopbackIdentifier } from '../protocol/documents.js'
import { classifyAddress, isPublicAddress } from './address-ranges.node.js'
import { createNetworkRules } from './allowed-networks.node.js'
import { createTunnel } from './egress-proxy.node.js'
import { AddressRefused, networkFailure } from './fetch-document.js'
import type { GuardedFetch, GuardedFetchOptions, GuardedInit } from './guarded-fetch.js'

/** How long to wait for DNS if a proxy also resolves the name, in milliseconds. */
const patience = 1000

/**
 * Maximum number of bytes received for a response. Limits on its content do not count what a server can send besides the content: responses
 * with a status below 200, and extensions of chunks.
 */
const maxReceived = 2_097_152

/**
 * Creates a `fetch` for untrusted URLs. It allows only `https`, follows no redirects, and makes no connection unless every address to which
 * the name resolves is public, or in `allowNetworks` for this name and port. It connects only to the addresses that were checked, and
 * receives at most 2 MiB.
 *
 * @throws TypeError for invalid options
 */
export function createGuardedFetch(options: GuardedFetchOptions = {}): GuardedFetch {
  const { allowInsecureLoopback = false, allowNetworks = [], egressProxy, configuredOrigin } = options
  const isAllowed = createNetworkRules(allowNetworks)
  const tunnel = egressProxy === undefined ? undefined : createTunnel(egressProxy)

  function requireAllowed({ hostname: host, origin, port: written }: URL, addresses: readonly LookupAddress[]): void {
    const port = written === '' ? 443 : Number(written)
    for (const { address } of addresses) {
      const judged = classifyAddress(address)
      const kind = judged?.kind ?? 'forbidden'
      const isConfigured = origin === configuredOrigin && kind !== 'forbidden'
      if (kind === 'public' || isConfigured || (judged && isAllowed(judged, host, port))) continue
      throw new AddressRefused({ host, port, address, allowable: kind === 'private' })
    }
  }

  async function secureOptions(url: URL, signal: AbortSignal | undefined): Promise<RequestOptions> {
    if (url.protocol !== 'https:') throw networkFailure('EREFUSED', 'refused: only https URLs are fetched')
    if (isIP(url.hostname.replaceAll(/[[\]]/g, '')) !== 0)
      throw networkFailure('EREFUSED', 'refused: the host is an IP address')
    if (!tunnel) {
      const addresses = await resolveHost(url.hostname, signal)
      requireAllowed(url, addresses)
      return { agent: false, lookup: lookupOf(addresses) }
    }
    const addresses = await resolveSoon(url.hostname, signal)
    requireAllowed(url, addresses)
    const isInside = addresses.length > 0 && !addresses.some(({ address }) => isPublicAddress(address))
    if (isInside) return { agent: false, lookup: lookupOf(addresses) }
    const socket = await tunnel(`${url.hostname}:${url.port === '' ? 443 : url.port}`, signal)
    const createConnection = () => tlsConnect({ socket, servername: url.hostname, rejectUnauthorized: true })
    return { createConnection, defaultPort: 443 }
  }

  return async (input, init = {}) => {
    const url = new URL(input)
    if (allowInsecureLoopback && isLoopbackIdentifier(url.origin)) return send(httpRequest, url, { agent: false }, init)
    return send(httpsRequest, url, { ...(await secureOptions(url, init.signal)), rejectUnauthorized: true }, init)
  }
}

type SecureRequestOptions = RequestOptions & { rejectUnauthorized?: true }

function send(
  request: (url: URL, options: SecureRequestOptions, onAnswer: (message: IncomingMessage) => void) => ClientRequest,
  url: URL,
  way: SecureRequestOptions,
  { method = 'GET', headers, body, signal }: GuardedInit,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const options: SecureRequestOptions = {
      ...way,
      method,
      headers: { accept: 'application/json', ...headers, 'accept-encoding': 'identity' },
      ...(signal ? { signal } : {}),
    }
    let answer: IncomingMessage | undefined
    const sent = request(url, options, (message) => {
      answer = message
      try {
        resolve(toResponse(message))
      } catch (error) {
        // If thrown from this callback, the error would crash the process.
        message.destroy()
        reject(error)
      }
    })
    sent.on('error', (error) => reject(withTrustHint(error)))
    sent.on('socket', (socket) => {
      let received = 0
      socket.on('data', (bytes: Uint8Array) => {
        received += bytes.length
        if (received <= maxReceived) return
        const failure = networkFailure('ECONNABORTED', `the response has more than ${maxReceived} bytes`)
        if (answer) answer.destroy(failure)
        else sent.destroy(failure)
      })
    })
    // A protocol upgrade closes the connection without a response or an error.
    sent.on('close', () => reject(networkFailure('ECONNABORTED', 'the connection was closed without a response')))
    sent.end(body)
  })
}

/** Returns the error; for an untrusted certificate, with a hint about private certificate authorities. */
function withTrustHint(error: Error): Error {
  if (!isUntrustedCertificate(error)) return error
  const hint =
    'if the host’s certificate was issued by your own certificate authority, start this program with NODE_EXTRA_CA_CERTS=/path/to/its/certificate.pem'
  return Object.assign(new Error(`${error.message}: ${hint}`, { cause: error }), {
    code: 'code' in error && error.code,
  })
}

/** Resolves a host's addresses through the operating system. Rejects if there are none, or if the signal aborts. */
function resolveHost(hostname: string, signal: AbortSignal | undefined): Promise<readonly LookupAddress[]> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal?.reason as Error)
    if (signal?.aborted) return abort()
    signal?.addEventListener('abort', abort, { once: true })
    // Like a socket, this omits addresses of a family for which this machine has no address.
    lookup(hostname, { all: true, hints: process.platform === 'win32' ? 0 : ADDRCONFIG }, (error, addresses) => {
      signal?.removeEventListener('abort', abort)
      if (error) reject(error)
      else if (addresses.length === 0)
        reject(Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' }))
      else resolve(addresses)
    })
  })
}

/** Resolves a name's addresses. Returns none if that takes too long: behind a proxy, names often cannot be resolved. */
async function resolveSoon(hostname: string, signal: AbortSignal | undefined): Promise<readonly LookupAddress[]> {
  const soon = AbortSignal.timeout(patience)
  try {
    return await resolveHost(hostname, signal ? AbortSignal.any([signal, soon]) : soon)
  } catch (error) {
    if (signal?.aborted) throw error
    return []
  }
}

/** Pins a socket to the addresses that were checked, so that a second DNS response cannot change them. */
function lookupOf(addresses: readonly LookupAddress[]): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses
    if (options.all) callback(null, [...addresses])
    else callback(null, first?.address ?? '', first?.family)
  }
}

function toResponse(message: IncomingMessage): Response {
  const headers = new Headers()
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) {
    headers.append(message.rawHeaders[i] as string, message.rawHeaders[i + 1] as string)
  }
  const status = message.statusCode ?? 0
  if (status < 200 || status > 599) throw networkFailure('ECONNABORTED', `the response has the status ${status}`)
  const empty = status === 204 || status === 205 || status === 304
  if (empty) message.resume()
  const body: ReadableStream | null = empty ? null : Readable.toWeb(message)
  return new Response(body, { status, headers })
}
