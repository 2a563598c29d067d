/** A network that is not public, and is connected to all the same, as far as hosts and ports say (W28). */
export interface AllowedNetwork {
  /**
   * The network, such as `10.0.0.0/8` or `fd00::/8`. Link-local, multicast, metadata and loopback addresses in it are left
   * out.
   */
  cidr: string
  /** The names that may be at its addresses: `agent.corp.example`, or `*.corp.example` for all names below. @default any name */
  hosts?: readonly string[]
  /** @default any port */
  ports?: readonly number[]
}

/** Which networks the guarded fetch may reach besides the public internet, and how. */
export interface NetworkOptions {
  /** Networks that are not public and may be connected to all the same, and for which names. @default none */
  allowNetworks?: readonly AllowedNetwork[] | undefined
  /**
   * An HTTP proxy, as `http://proxy.example:3128`, where there is no direct way out; it may have a user name and a password
   * in it. Names at private addresses that are allowed are still connected to directly. What the proxy connects to cannot be
   * seen from here: a name with an address that is not public is refused where the name can be resolved, and one that
   * cannot be resolved is left to the proxy, which must not connect to private addresses for it.
   * @default connections are direct
   */
  egressProxy?: string | undefined
}
