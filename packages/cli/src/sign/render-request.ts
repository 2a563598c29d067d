import type { RenderableRequest } from './renderable-request.js'

/** The request as HTTP/1.1 text: what is on the wire, byte for byte. */
export function renderRequest({ method, url, headers, body }: RenderableRequest): Uint8Array {
  const [target = ''] = url.slice(new URL(url).origin.length).split('#')
  const lines = [`${method} ${target} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`), '', '']
  return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), body])
}
