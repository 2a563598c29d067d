import type { SigningForm, SigningProfile } from '../httpsig/signing-profile.js'
import type { AAuthError } from '../lib/errors.js'
import type { Challenge } from '../protocol/challenge.js'
import type { DocumentType } from '../protocol/documents.js'
import type { AgentProtocol, AgentTools } from './agent-protocol.js'
import type { ResourceProtocol, ResourceTools } from './resource-protocol.js'
import type { KeyResolver, KeyResolverOptions } from './verified-request.js'

/** An answer that refuses, as it goes on the wire. */
export interface WrittenRefusal {
  status: number
  headers: Record<string, string>
  body: string
}

interface SharedEdition {
  readonly name: string
  /** What the parties publish about themselves. */
  readonly documents: Readonly<Record<DocumentType['party'], DocumentType>>
}

/** What an agent needs of an edition, so that its pages load nothing of the other parts. */
export interface AgentEdition extends SharedEdition {
  /** How requests are signed. */
  readonly signing: SigningForm
  createAgentProtocol(tools: AgentTools): AgentProtocol
}

/** What a resource needs of an edition, and who else takes requests. */
export interface ResourceEdition extends SharedEdition {
  /** How requests are signed and verified. */
  readonly signing: SigningProfile
  createKeyResolver(options: KeyResolverOptions): KeyResolver
  /** Writes a refusal, with what would let the request through. */
  writeRefusal(error: AAuthError, challenge?: Challenge): WrittenRefusal
  createResourceProtocol(tools: ResourceTools): ResourceProtocol
}

/**
 * One edition of AAuth: all that differs between it and another. The roles and the auth server take one as a value, and
 * know no text of it.
 */
export interface Edition extends AgentEdition, ResourceEdition {
  readonly signing: SigningProfile
}
