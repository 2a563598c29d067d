import { AAuthError } from 'countersign'
import { receiveIncoming } from 'countersign/node'

/** The body of a request as text, or the code of the refusal to read it. */
export async function bodyOrRefusal(incoming: Parameters<typeof receiveIncoming>[0], limit = 1000): Promise<string> {
  try {
    return Buffer.from(await receiveIncoming(incoming).body(limit)).toString()
  } catch (error) {
    if (error instanceof AAuthError) return error.code
    throw error
  }
}
