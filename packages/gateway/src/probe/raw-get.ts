import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { parseUpstream } from '../upstream/connections.js'

/** The part of a response that is compared. */
export interface ProbeResponse {
  status: number
  /** The media type alone. */
  type: string
  /** Without the target, which some APIs repeat. */
  body: string
}

/** Bytes of a body that are compared. */
const maxBody = 262_144

/** Milliseconds for a response. */
const timeout = 5000

/**
 * Sends a GET with a target as it is, which no URL parser changes.
 *
 * @throws Error if no response arrives within 5 seconds
 */
export function rawGet(
  upstream: string,
  target: string,
  headers: Readonly<Record<string, string>>,
): Promise<ProbeResponse> {
  const { secure, hostname, port } = parseUpstream(upstream)
  return new Promise((resolve, reject) => {
    const send = secure ? httpsRequest : httpRequest
    const request = send({
      host: hostname,
      port,
      path: target,
      headers,
      agent: false,
      signal: AbortSignal.timeout(timeout),
    })
    request.once('error', reject)
    request.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      const end = () => {
        const [type = ''] = (response.headers['content-type'] ?? '').split(';', 1)
        resolve({
          status: response.statusCode ?? 0,
          type: type.trim().toLowerCase(),
          body: text.replaceAll(target, ''),
        })
      }
      response.on('data', (chunk: string) => {
        text += chunk
        if (text.length < maxBody) return
        end()
        response.destroy()
      })
      response.once('end', end)
      response.once('error', reject)
    })
    request.end()
  })
}
