import type { OwnDocument } from 'countersign/discovery'
import type { Edition } from 'countersign/editions'
import type { CreateTransport } from '../http/consent-transport.js'
import type { ServerContext } from '../http/context.js'
import type { ProgramRequest } from './signed-request.js'

/** Answers a program. */
export type ProgramEndpoint = (request: ProgramRequest) => Promise<Response>

/** The auth server's part of an edition. */
export interface ServerEdition {
  readonly edition: Edition
  readonly createTransport: CreateTransport
  /** What the server publishes about itself, at the address that its document type names. */
  describe(context: ServerContext): OwnDocument
  /**
   * Whether a program's request starts something new, by the text of its body, which is not verified yet: under overload it
   * waits behind the other requests from the same address. @default none does
   */
  startsNew?(path: string, body: string): boolean
  /** What programs call, by path and method; a path may have parts that differ, as in `/pending/:id`. */
  endpoints(context: ServerContext): ReadonlyMap<string, Readonly<Record<string, ProgramEndpoint>>>
}
