import { lookup as dnsLookup } from 'node:dns'
import { type ClientRequest, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { isLoopbackIdentifier } from '../protocol/identifier.js'
import { isPublicAddress } from './address-ranges.js'
import type { FetchDocument } from './fetch-document.js'

export interface GuardedFetchOptions {
  /** Exempts `http` on literal loopback hosts with a port, and nothing else. @default false */
  allowInsecureLoopback?: boolean
}

/**
 * A `fetch` for URLs that a stranger chose: `https` only, no redirects followed, and no connection unless every address
 * that the name resolves to is public. The address that was checked is the one connected to.
 */
export function createGuardedFetch(options: GuardedFetchOptions = {}): FetchDocument {
  return (input, init) =>
    new Promise((resolve, reject) => {
      const url = new URL(input)
      const insecure = options.allowInsecureLoopback === true && isLoopbackIdentifier(url.origin)
      if (!insecure && url.protocol !== 'https:') throw refused('only https is fetched')
      if (!insecure && isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0) throw refused('the host is an address')
      const requestOptions: RequestOptions = {
        method: 'GET',
        agent: false,
        headers: { accept: 'application/json', ...init?.headers, 'accept-encoding': 'identity' },
        ...(init?.signal ? { signal: init.signal } : {}),
      }
      const settle = (message: IncomingMessage) => {
        try {
          resolve(toResponse(message))
        } catch (error) {
          // Thrown from here it would end the process.
          message.destroy()
          reject(error)
        }
      }
      const request: ClientRequest = insecure
        ? httpRequest(url, requestOptions, settle)
        : httpsRequest(url, { ...requestOptions, lookup: publicLookup, rejectUnauthorized: true }, settle)
      request.on('error', reject)
      // An upgrade ends without an answer and without an error.
      request.on('close', () => reject(failed('the connection was closed without an answer')))
      request.end()
    })
}

const publicLookup: LookupFunction = (hostname, options, callback) => {
  dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) {
      callback(error, '', 0)
      return
    }
    const nonPublic = addresses.find(({ address }) => !isPublicAddress(address))
    const [first] = addresses
    if (nonPublic || !first) {
      callback(refused('the name resolves to an address that is not public'), '', 0)
    } else if (options.all) {
      callback(null, addresses)
    } else {
      callback(null, first.address, first.family)
    }
  })
}

// With a code, as all failures of the network have on Node.
function refused(why: string): Error {
  return Object.assign(new TypeError(`refused: ${why}`), { code: 'EREFUSED' })
}

function failed(why: string): Error {
  return Object.assign(new Error(why), { code: 'ECONNABORTED' })
}

function toResponse(message: IncomingMessage): Response {
  const headers = new Headers()
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) {
    headers.append(message.rawHeaders[i] as string, message.rawHeaders[i + 1] as string)
  }
  const status = message.statusCode ?? 0
  if (status < 200 || status > 599) throw failed(`the answer has the status ${status}`)
  const empty = status === 204 || status === 205 || status === 304
  if (empty) message.resume()
  const body: ReadableStream | null = empty ? null : Readable.toWeb(message)
  return new Response(body, { status, headers })
}
