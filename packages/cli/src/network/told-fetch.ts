import type { FetchDocument } from 'countersign'
import { createGuardedFetch, type GuardedFetchOptions } from 'countersign/node'
import { errorReason } from '../command/error-reason.js'
import { printable } from '../text/printable.js'
import { wrapText } from '../text/wrap-text.js'

/** A guarded fetch that tells what it fetched, and what came of it. */
export function toldFetch(options: GuardedFetchOptions, tell: (text: string) => void): FetchDocument {
  const fetch = createGuardedFetch(options)
  return async (url, init) => {
    try {
      const response = await fetch(url, init)
      tell(printable(wrapText('GET ', `${url} -> ${response.status}`)))
      return response
    } catch (error) {
      tell(printable(wrapText('GET ', `${url} -> ${errorReason(error)}`)))
      throw error
    }
  }
}
