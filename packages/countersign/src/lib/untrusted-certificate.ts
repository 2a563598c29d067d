const codes = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
])

/** Whether a connection failed since nobody who is trusted vouches for the certificate, by the codes of Node. */
export function isUntrustedCertificate(error: unknown): boolean {
  return error instanceof Error && 'code' in error && codes.has(String(error.code))
}
