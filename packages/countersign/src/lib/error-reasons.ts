/** A chain of causes may be a circle. */
const deepest = 5

/** Why something failed, from the outside in: the messages of the causes, without the error's own. */
export function errorReasons(error: unknown): string[] {
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
