import type { VerificationKey } from '../lib/jwk.js'
import type { Found } from './fetch-document.js'

/** A certificate that chains to a configured root, and the agent that it names (W11). */
export interface FoundCertificate {
  key: VerificationKey
  agent: string
}

/** Finds the certificate to which `x5u` and `x5t` refer. `remoteAddress` is the client whose request needs the certificate. */
export type CertificateFinder = (
  reference: { x5u: string; x5t: string },
  remoteAddress?: string,
) => Promise<Found<FoundCertificate>>
