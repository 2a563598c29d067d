/**
 * Explains to the agent's operator that a server found no key for the agent, and when a retry will work.
 *
 * @param address the URL of the agent's document
 */
export function describeUnknownKey(server: string, id: string, address: string): string {
  return (
    `${server} found no key of this agent at ${id}. Try again in a minute. ` +
    `If that fails, check that ${address} and its jwks_uri can be reached from that server (countersign discover ${id}).`
  )
}
