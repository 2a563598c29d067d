/** A failure of the network, with a code as all have on Node. */
export function networkFailure(code: 'EREFUSED' | 'ECONNABORTED' | 'EPROXY', message: string): Error {
  return Object.assign(new TypeError(message), { code })
}

/** A host that is not connected to: it has an address that is not public, and nothing allows that. */
export class AddressRefused extends TypeError {
  readonly code = 'EREFUSED'
  readonly host: string
  readonly port: number
  readonly address: string
  /** Whether `allowNetworks` could allow it: this machine, link-local and metadata addresses it cannot. */
  readonly allowable: boolean

  constructor(at: { host: string; port: number; address: string; allowable: boolean }) {
    const { host, port, address, allowable } = at
    const remedy = allowable ? 'allowNetworks can allow it' : 'such an address cannot be allowed'
    super(`refused: its address is not public: ${host} is at ${address}; ${remedy}`)
    this.name = 'AddressRefused'
    this.host = host
    this.port = port
    this.address = address
    this.allowable = allowable
  }
}
