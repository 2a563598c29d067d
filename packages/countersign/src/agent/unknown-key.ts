/** Whether a server found no key where the signature points (S§12). */
export function saysKeyUnknown(response: Response): boolean {
  return /\berror=unknown_key\b/.test(response.headers.get('signature-error') ?? '')
}

/** What happened, and when it will work, for whoever runs the agent. @param id the agent's identifier */
export function describeUnknownKey(server: string, id: string): string {
  return (
    `${server} found no key of this agent at ${id}. Servers fetch the keys of an agent once a minute at most, so a key ` +
    `that is new there works within a minute: try again then. If it does not, see that ${id}/.well-known/aauth-agent ` +
    `and its jwks_uri can be reached from ${server} and hold the key (countersign discover ${id}).`
  )
}
