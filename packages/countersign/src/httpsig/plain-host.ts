/** A host in lower case, without the default port: some clients write it out, or a colon without one (RFC 9421 §2.2.3). */
export function plainHost(host: string): string {
  return host.toLowerCase().replace(/:(?:80|443)?$/, '')
}
