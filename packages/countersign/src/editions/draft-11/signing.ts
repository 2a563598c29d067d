import type { SigningForm, SigningProfile } from '../../httpsig/signing-profile.js'
import {
  createKeyParser,
  createSignatureChoice,
  hasSchemeMember,
  type Scheme,
  serializeSignatureKey,
} from './signature-key.js'

export type Components = SigningForm['components']

/** The components that every signature covers (draft -11 §11.3). */
const baseComponents: Components = [
  { name: '@method', when: 'always' },
  { name: '@authority', when: 'always' },
  { name: '@path', when: 'always' },
  { name: 'signature-key', when: 'always' },
]

/** The components that protect everything else that a request says: its query and its content. */
const furtherComponents: Components = [
  { name: '@query', when: 'query' },
  { name: 'content-type', when: 'body' },
  { name: 'content-digest', when: 'body' },
]

/** The names that a resource publishes as `additional_signature_components`. */
export const furtherComponentNames: readonly string[] = furtherComponents.map(({ name }) => name)

/** How agents sign: with all these components, and with a nonce, so that no request works twice. */
export const draft11AgentSigning: SigningForm = {
  components: [...baseComponents, ...furtherComponents],
  window: 60,
  nonceBytes: undefined,
  label: 'sig',
  // Platforms draw the entropy for UUIDs in advance, so one costs far less than 16 random bytes.
  createParameters: () => `;nonce="${crypto.randomUUID()}"`,
  serializeKey: serializeSignatureKey,
}

/** How the signatures of one kind of caller are verified: those of agents by `jwt`, those of servers by `jwks_uri`. */
function profileFor(schemes: readonly Scheme[]): SigningProfile {
  return {
    ...draft11AgentSigning,
    hasNonceParameter: true,
    mayCoverMore: true,
    aheadError: 'clock_skew',
    recognizes: hasSchemeMember,
    parseKey: createKeyParser(schemes),
    chooseSignature: createSignatureChoice(schemes),
  }
}

/** The signatures of agents (draft -11 §11.3). */
export const draft11Signing: SigningProfile = profileFor(['jwt'])

/**
 * The signatures of agents that cover only what draft -11 requires. Anyone between such an agent and the resource can change the query and
 * the body.
 */
export const draft11BaseSigning: SigningProfile = { ...draft11Signing, components: baseComponents }

/** The signatures of servers that act in their own name, such as to revoke their tokens. */
export const draft11ServerSigning: SigningProfile = profileFor(['jwks_uri'])
