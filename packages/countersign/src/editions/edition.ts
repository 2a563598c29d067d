import type { SigningForm, SigningProfile } from '../httpsig/signing-profile.js'
import type { AAuthError } from '../lib/errors.js'
import type { Challenge } from '../protocol/challenge.js'
import type { DocumentType } from '../protocol/documents.js'
import type { AgentProtocol, AgentTools } from './agent-protocol.js'
import type { ResourceProtocol, ResourceTools } from './resource-protocol.js'
import type { KeyResolver, KeyResolverOptions } from './verified-request.js'

/** A refusal as sent on the wire. */
export interface WrittenRefusal {
  status: number
  headers: Record<string, string>
  body: string
}

interface SharedEdition {
  readonly name: string
  /** The documents that the parties publish. */
  readonly documents: Readonly<Record<DocumentType['party'], DocumentType>>
}

/** The part of an edition that an agent needs. Separate, so that a web page does not load the other parts. */
export interface AgentEdition extends SharedEdition {
  /** How requests are signed. */
  readonly signing: SigningForm
  createAgentProtocol(tools: AgentTools): AgentProtocol
}

/** The part of an edition that a resource, or any other receiver of requests, needs. */
export interface ResourceEdition extends SharedEdition {
  /** How requests are signed and verified. */
  readonly signing: SigningProfile
  /** The response headers of the edition. Scripts of pages from other origins may read them, and they are not accepted as trailers. */
  readonly responseHeaders: readonly string[]
  createKeyResolver(options: KeyResolverOptions): KeyResolver
  /** Creates the refusal response, with the challenge that the agent must satisfy. */
  writeRefusal(error: AAuthError, challenge?: Challenge): WrittenRefusal
  createResourceProtocol(tools: ResourceTools): ResourceProtocol
}

/**
 * One edition of AAuth: everything that differs between editions. The roles and the auth server receive it as a value, and contain none of
 * its wire format.
 */
export interface Edition extends AgentEdition, ResourceEdition {
  readonly signing: SigningProfile
}
