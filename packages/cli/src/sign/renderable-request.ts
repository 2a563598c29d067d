import { titleCase } from '../text/title-case.js'

/** A request as it can be written down. */
export interface RenderableRequest {
  method: string
  url: string
  /** In the order and the spelling they are written. */
  headers: readonly (readonly [name: string, value: string])[]
  body: Uint8Array
}

/** Reads a request whole. */
export async function renderableRequest(request: Request): Promise<RenderableRequest> {
  const body = new Uint8Array(await request.arrayBuffer())
  const length = body.length > 0 ? [['Content-Length', String(body.length)] as const] : []
  const headers = [...request.headers].map(([name, value]) => [titleCase(name), value] as const)
  return {
    method: request.method,
    url: request.url,
    headers: [['Host', new URL(request.url).host], ...headers, ...length],
    body,
  }
}
