import { AAuthError } from 'countersign'
import { OAuthProblem } from './oauth-problem.js'

/** Turns a fetch that failed into a refusal after which clients try again. */
export async function ownTrouble<T>(find: () => Promise<T>): Promise<T> {
  try {
    return await find()
  } catch (error) {
    if (!(error instanceof OAuthProblem)) throw error
    const { code, retryAfter = 5 } = error
    throw code === 'too_many_fetches'
      ? new AAuthError('too_many_requests', 'Too many documents are being fetched.', { retryAfter })
      : new AAuthError('unavailable', 'A document cannot be fetched right now.', { retryAfter })
  }
}
