import type { IncomingMessage, ServerResponse } from 'node:http'

/** Sends a refusal; the rest of the request is not waited for. */
export async function sendRefusal(
  refusal: Response,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  extra: readonly (readonly [string, string])[] = [],
): Promise<void> {
  const body = Buffer.from(await refusal.arrayBuffer())
  if (outgoing.headersSent || outgoing.destroyed) return void outgoing.destroy()
  const headers = [...refusal.headers, ...extra, ['content-length', String(body.length)]].flat()
  if (!incoming.complete) headers.push('connection', 'close')
  outgoing.writeHead(refusal.status, headers)
  outgoing.end(incoming.method === 'HEAD' ? undefined : body)
}
