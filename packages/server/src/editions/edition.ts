import type { OwnDocument } from 'countersign/discovery'
import type { Edition } from 'countersign/editions'
import type { CreateTransport } from '../http/consent-transport.js'
import type { ServerContext } from '../http/context.js'
import type { Route } from '../http/route.js'

/** An endpoint that agents call: its path, methods, admission class and handlers. */
export type AgentRoute = Omit<Route, 'caller'>

/** The auth server's part of an edition. */
export interface ServerEdition {
  readonly edition: Edition
  readonly createTransport: CreateTransport
  /** The metadata that the server publishes at the address for its document type. */
  describe(context: ServerContext): OwnDocument
  /** The endpoints that agents call. A path may have a variable segment, as in `/pending/:id`. */
  endpoints(context: ServerContext): readonly AgentRoute[]
}
