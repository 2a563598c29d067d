import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { headerLines, request } from './signed-get.mjs'

const socket = new Socket()

/** The request as Node receives it, with some headers added. */
export function receive(headers) {
  const incoming = new IncomingMessage(socket)
  incoming.method = request.method
  incoming.url = request.path
  incoming.rawHeaders = headerLines(headers).flat().map(asParsed)
  // The state in which the HTTP parser leaves a message without a body.
  incoming.push(null)
  incoming.complete = true
  return incoming
}

/** A flat string, as the HTTP parser creates it. A concatenated string would be flattened by the slice. */
export function asParsed(text) {
  return Buffer.from(text, 'latin1').toString('latin1')
}

/** Throws unless a wrong signature is refused: a contender that accepts it does not verify. */
export async function requireRefusal(verify) {
  try {
    await verify()
  } catch {
    return
  }
  throw new Error('a wrong signature was accepted')
}
