/**
 * What happened where a server found no key of an agent, and when it will work, for whoever runs the agent.
 *
 * @param address of the agent's document
 */
export function describeUnknownKey(server: string, id: string, address: string): string {
  return (
    `${server} found no key of this agent at ${id}. Servers fetch the keys of an agent once a minute at most, so a key ` +
    `that is new there works within a minute: try again then. If it does not, see that ${address} and its jwks_uri can ` +
    `be reached from ${server} and hold the key (countersign discover ${id}).`
  )
}
