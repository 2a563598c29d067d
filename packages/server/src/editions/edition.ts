import type { OwnDocument } from 'countersign/discovery'
import type { Edition } from 'countersign/editions'
import type { CreateTransport } from '../http/consent-transport.js'
import type { ServerContext } from '../http/context.js'
import type { Route } from '../http/route.js'

/** An agent that requests something, regardless of how its edition identifies agents. */
export interface RequestingAgent {
  agent: string
  delegate: string | null
  /** The address that the request came from, if the platform reports it. */
  remoteAddress: string | undefined
  /**
   * Who is counted against the agent's rates, if nothing proves that the agent sent the request: otherwise, anyone could use up the rates of
   * an agent. @default the agent
   */
  countedAs?: string | undefined
}

/** The auth server's part of an edition. All editions of a server share its accounts, pages and grants. */
export interface ServerEdition {
  /** Identifies the edition in stored requests and grants, so it never changes. */
  readonly name: string
  readonly createTransport: CreateTransport
  /** Whether its tokens belong to families, which the revocation list must then include. @default false */
  readonly hasFamilies?: boolean
  /** The edition's endpoints, for agents and browsers. A path may have a variable segment, as in `/pending/:id`. */
  endpoints(context: ServerContext): readonly Route[]
}

/** An edition in which agents sign their requests. */
export interface SignedEdition extends ServerEdition {
  readonly edition: Edition
  /** The metadata that the server publishes at the address for its document type. */
  describe(context: ServerContext): OwnDocument
}
