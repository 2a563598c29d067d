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
      if (!insecure && url.protocol !== 'https:') throw new TypeError('refused: only https is fetched')
      if (!insecure && isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0)
        throw new TypeError('refused: the host is an address')
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
          // A status or header that no Response can have; thrown from here it would end the process.
          message.destroy()
          reject(error)
        }
      }
      const request: ClientRequest = insecure
        ? httpRequest(url, requestOptions, settle)
        : httpsRequest(url, { ...requestOptions, lookup: publicLookup, rejectUnauthorized: true }, settle)
      request.on('error', reject)
      // An upgrade ends without an answer and without an error.
      request.on('close', () => reject(new Error('the connection was closed without an answer')))
      request.end()
    })
}

const publicLookup: LookupFunction = (hostname, options, callback) => {
  dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) {
      callback(error, '', 0)
      return
    }
    const refused = addresses.find(({ address }) => !isPublicAddress(address))
    const [first] = addresses
    if (refused || !first) {
      callback(
        Object.assign(new Error('refused: the name resolves to an address that is not public'), { code: 'EREFUSED' }),
        '',
        0,
      )
    } else if (options.all) {
      callback(null, addresses)
    } else {
      callback(null, first.address, first.family)
    }
  })
}

function toResponse(message: IncomingMessage): Response {
  const headers = new Headers()
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) {
    headers.append(message.rawHeaders[i] as string, message.rawHeaders[i + 1] as string)
  }
  const status = message.statusCode ?? 500
  const empty = status === 204 || status === 205 || status === 304
  if (empty) message.resume()
  const body: ReadableStream | null = empty ? null : Readable.toWeb(message)
  return new Response(body, { status, headers })
}
