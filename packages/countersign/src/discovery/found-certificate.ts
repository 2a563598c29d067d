import type { VerificationKey } from '../lib/jwk.js'
import type { Found } from './fetch-document.js'

/** A certificate that leads to a configured root, and the agent it names (W11). */
export interface FoundCertificate {
  key: VerificationKey
  agent: string
}

/** Finds the certificate that `x5u` and `x5t` point to, for a request from an address. */
export type CertificateFinder = (
  reference: { x5u: string; x5t: string },
  remoteAddress?: string,
) => Promise<Found<FoundCertificate>>
