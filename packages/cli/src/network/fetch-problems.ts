import type { FetchDocument } from 'countersign'
import { AddressRefused, createGuardedFetch, type GuardedFetchOptions } from 'countersign/node'
import { errorReason } from '../command/errors.js'
import { printable, wrapText } from '../terminal/text.js'

/** Returns what to do about a host that was not contacted because of its address; undefined if it was not contacted for another reason. */
export function addressHint(error: unknown): string | undefined {
  const refused = addressRefusedIn(error)
  if (!refused) return undefined
  const { address } = refused
  if (!refused.allowable)
    return `Its address, ${address}, is never contacted, because it belongs to this machine, is link-local, or is a cloud-internal address. Peers could not reach it there either: give the host name a different address, or use http://127.0.0.1:PORT for development on this machine.`
  const where =
    'allowNetworks does the same in the configuration of countersign server start and in the options of agents and resources'
  return `Its address, ${address}, is not public. If it is on your own network, allow it: --allow-network ${networkOf(refused)}; ${where}.`
}

/** Returns the narrowest network that allows the refused address. */
function networkOf({ address, host, port }: AddressRefused): string {
  const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
  return `${plain}/${plain.includes(':') ? 128 : 32}=${host}${port === 443 ? '' : `:${port}`}`
}

function addressRefusedIn(error: unknown): AddressRefused | undefined {
  for (let at = error, depth = 0; depth < 5; depth++) {
    if (at instanceof AddressRefused) return at
    if (typeof at !== 'object' || at === null || !('cause' in at)) return undefined
    at = at.cause
  }
  return undefined
}

/** Wraps a guarded fetch to report each fetch and its outcome. */
export function loggedFetch(options: GuardedFetchOptions, tell: (text: string) => void): FetchDocument {
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
