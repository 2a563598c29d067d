import type { ReceivedMessage } from 'countersign'

/** A request on its way to an endpoint. */
export interface Arrival {
  request: Request
  /** The message as it was on the wire. */
  received: ReceivedMessage
  requestId: string
  /** The segment that `:id` in the route's path stands for, decoded; empty if the path has none. */
  id: string
}

/** Responds to one method of a route. Whatever it throws becomes a refusal in the form that the route's callers read. */
export type Endpoint = (arrival: Arrival) => Response | Promise<Response>

/** One row of the table of routes, which says everything about a path. */
export interface Route {
  /** The path, which also names the route in metrics and events. One segment may be variable, as in `/account/agents/:id`. */
  path: string
  /** Who calls it: agents get refusals as their edition writes them, browsers get pages. */
  caller: 'agent' | 'browser'
  /** Whether it needs neither the database nor a key, so that admission control serves it when those are slow. */
  isLight?: boolean
  /**
   * Whether a POST starts a new flow, by the text of its body, which is not verified yet: under overload it waits behind other
   * requests from the same address. @default none does
   */
  startsNew?: (body: string) => boolean
  methods: Readonly<Record<string, Endpoint>>
}
