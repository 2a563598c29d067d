/** Why something failed, from the outside in: the messages of the causes, without the error's own. */
export function errorReasons(error: unknown): string[] {
  const reasons: string[] = []
  for (let cause = causeOf(error); cause !== undefined && reasons.length < 5; cause = causeOf(cause)) {
    const reason = messageOf(cause)
    if (reason !== '' && !reasons.includes(reason)) reasons.push(reason)
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
