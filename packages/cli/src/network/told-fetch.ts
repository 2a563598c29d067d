import type { FetchDocument } from 'countersign'
import { createGuardedFetch, type GuardedFetchOptions } from 'countersign/node'
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
      tell(printable(wrapText('GET ', `${url} -> ${error instanceof Error ? reasonOf(error) : String(error)}`)))
      throw error
    }
  }
}

function reasonOf(error: Error): string {
  // Of several addresses that were tried, Node tells only in the code.
  return error.message === '' && 'code' in error ? String(error.code) : error.message
}
