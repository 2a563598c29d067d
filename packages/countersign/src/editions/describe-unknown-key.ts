/**
 * What happened where a server found no key of an agent, and when it will work, for whoever runs the agent.
 *
 * @param address of the agent's document
 */
export function describeUnknownKey(server: string, id: string, address: string): string {
  return (
    `${server} found no key of this agent at ${id}. It looks for a new key once a minute at most: try again in a minute. ` +
    `If that fails, see that ${address} and its jwks_uri can be reached from there (countersign discover ${id}).`
  )
}
