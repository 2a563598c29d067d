import { pause } from '../../lib/clock.js'
import { errorReasons } from '../../lib/error-reasons.js'

/** How often in all. */
const tries = 3

/**
 * Sends again what a network failed to carry, a little later each time; what sends signs anew, with another nonce.
 *
 * @param mayHaveArrived whether it may be sent again where it may have arrived, and only the answer was lost
 */
export async function sendAgain(
  send: () => Promise<Response>,
  { mayHaveArrived, signal }: { mayHaveArrived: boolean; signal: AbortSignal },
): Promise<Response> {
  for (let left = tries - 1; ; left -= 1) {
    try {
      return await send()
    } catch (error) {
      const isNetwork = error instanceof TypeError && error.cause !== undefined
      if (left === 0 || signal.aborted || !isNetwork || !(mayHaveArrived || wasRefused(error))) throw error
      await pause((tries - left) * (100 + Math.random() * 200), signal)
    }
  }
}

/** Whether nobody took the connection, so that nothing was sent. */
function wasRefused(error: unknown): boolean {
  return errorReasons(error).some((reason) => /ECONNREFUSED|ENOTFOUND|EAI_AGAIN/.test(reason))
}
