import { AAuthError } from 'countersign'

/** The code of the refusal that the call rejects with; any other outcome, including success, throws. */
export async function refusalCode(call: () => unknown): Promise<string> {
  return (await refusal(call)).code
}

/** The refusal that the call rejects with; any other outcome, including success, throws. */
export async function refusal(call: () => unknown): Promise<AAuthError> {
  try {
    await call()
  } catch (error) {
    if (error instanceof AAuthError) return error
    throw new Error('refused with something that is not an AAuthError', { cause: error })
  }
  throw new Error('accepted')
}
