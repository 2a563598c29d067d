/** A network that is not public but may be connected to, for the given hosts and ports (W28). */
export interface AllowedNetwork {
  /** The network, such as `10.0.0.0/8` or `fd00::/8`. Link-local, multicast, metadata and loopback addresses in it remain forbidden. */
  cidr: string
  /** The names that may resolve to its addresses: `agent.corp.example`, or `*.corp.example` for all subdomains. @default any name */
  hosts?: readonly string[]
  /** @default any port */
  ports?: readonly number[]
}

/** The networks that the guarded fetch may reach besides the public internet, and how. */
export interface NetworkOptions {
  /** Private networks that may be connected to, and for which names. @default none */
  allowNetworks?: readonly AllowedNetwork[] | undefined
  /**
   * An HTTP proxy, such as `http://proxy.example:3128`, for machines without direct internet access. The URL may contain a username and
   * password. Names at private addresses that are allowed are still connected to directly. The addresses that the proxy connects to are not
   * visible here. A name that resolves to a private address is refused. A name that cannot be resolved here is left to the proxy, which
   * must not connect to private addresses for it.
   * @default direct connections
   */
  egressProxy?: string | undefined
}
