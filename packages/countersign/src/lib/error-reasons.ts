/** Limits the traversal: a chain of causes may be circular. */
const deepest = 5

/** The reasons for a failure, outermost first: the messages of the causes, without the error's own message. */
export function causeMessages(error: unknown): string[] {
  const reasons: string[] = []
  let cause = causeOf(error)
  for (let depth = 0; cause !== undefined && depth < deepest; depth++) {
    const reason = messageOf(cause)
    if (reason !== '' && !reasons.includes(reason)) reasons.push(reason)
    cause = causeOf(cause)
  }
  return reasons
}

function causeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined
}

function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  if ('message' in error && typeof error.message === 'string' && error.message !== '') return error.message
  return 'code' in error ? String(error.code) : ''
}

const codes = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
])

/** Whether Node's error codes show that a connection failed because the certificate is not trusted. */
export function isUntrustedCertificate(error: unknown): boolean {
  return error instanceof Error && 'code' in error && codes.has(String(error.code))
}
