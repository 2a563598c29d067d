import { ADDRCONFIG, type LookupAddress, lookup } from 'node:dns'

/** The addresses of a host, as the operating system finds them. Rejects when there are none, or the signal aborts. */
export function resolveHost(hostname: string, signal: AbortSignal | undefined): Promise<readonly LookupAddress[]> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal?.reason as Error)
    if (signal?.aborted) return abort()
    signal?.addEventListener('abort', abort, { once: true })
    // As a socket would: addresses of a family that this machine has no other address of are left out.
    lookup(hostname, { all: true, hints: process.platform === 'win32' ? 0 : ADDRCONFIG }, (error, addresses) => {
      signal?.removeEventListener('abort', abort)
      if (error) reject(error)
      else if (addresses.length === 0)
        reject(Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' }))
      else resolve(addresses)
    })
  })
}
