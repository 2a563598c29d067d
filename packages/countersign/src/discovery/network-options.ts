/** A non-public network that may be connected to, for the given hosts and ports (W28). */
export interface AllowedNetwork {
  /** The network, such as `10.0.0.0/8` or `fd00::/8`. Link-local, multicast, metadata and loopback addresses in it remain forbidden. */
  cidr: string
  /**
   * The names that may resolve to the network's addresses: `agent.corp.example`, or `*.corp.example` for all subdomains. @default any name
   */
  hosts?: readonly string[]
  /** @default any port */
  ports?: readonly number[]
}

/** Which networks the guarded fetch may reach besides the public internet, and how it connects to them. */
export interface NetworkOptions {
  /** Private networks that may be connected to, and for which names. @default none */
  allowNetworks?: readonly AllowedNetwork[] | undefined
  /**
   * An HTTP proxy, such as `http://proxy.example:3128`, for machines without direct internet access. The URL may contain a username and
   * password. Names at allowed private addresses are still connected to directly. This process cannot see which addresses the proxy
   * connects to: it refuses names that resolve to a private address, but passes on names that it cannot resolve, so the proxy itself must
   * not connect to private addresses on its behalf.
   * @default direct connections
   */
  egressProxy?: string | undefined
}
