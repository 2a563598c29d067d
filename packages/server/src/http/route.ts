import type { AAuthError, ReceivedMessage } from 'countersign'
import { documentResponse } from 'countersign/discovery'
import type { ResourceEdition, WrittenRefusal } from 'countersign/editions'

/** A request that is being passed to an endpoint. */
export interface Arrival {
  request: Request
  /** The message as it was on the wire. */
  received: ReceivedMessage
  requestId: string
  /** The decoded segment that matches `:id` in the route's path; empty if the path has none. */
  id: string
}

/** Responds to one method of a route. Any error it throws becomes a refusal in the format that the route's callers expect. */
export type Endpoint = (arrival: Arrival) => Response | Promise<Response>

/** One row of the routing table, which completely defines a path. */
export interface Route {
  /** The path, which also names the route in metrics and events. One segment may be variable, as in `/account/agents/:id`. */
  path: string
  /** The kind of caller: agents receive refusals in their edition's format, browsers receive pages. */
  caller: 'agent' | 'browser'
  /** Writes a refusal for an agent. @default in the format of `edition` */
  writeRefusal?: ((error: AAuthError) => WrittenRefusal) | undefined
  /** The edition in which agents sign requests to this path. @default that of the edition that has the endpoint */
  edition?: Pick<ResourceEdition, 'signing' | 'writeRefusal'> | undefined
  /** Whether the endpoint needs neither the database nor a key, so that it is served even when those are slow. */
  isLight?: boolean
  /**
   * Whether a POST starts a new flow, judging by its body, which has not been verified yet. Under overload, such a request yields to others
   * from the same address. @default no POST does
   */
  startsNew?: (body: string) => boolean
  methods: Readonly<Record<string, Endpoint>>
}

/**
 * Returns the route of a document that anyone may fetch, at its URL.
 *
 * @param document the document, which is then serialized only once, or a function that writes it for each request
 */
export function documentRoute(url: string, document: object | (() => object | Promise<object>)): Route {
  const { pathname: path } = new URL(url)
  const GET =
    typeof document === 'function' ? async () => documentResponse(await document()) : constantResponse(document)
  return { path, caller: 'agent', isLight: true, methods: { GET } }
}

function constantResponse(document: object): () => Response {
  const text = JSON.stringify(document)
  const headers = Object.fromEntries(documentResponse(document).headers)
  return () => new Response(text, { headers })
}
