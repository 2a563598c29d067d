import type { GatewayOptions } from '../gateway-options.js'
import type { ProxyName } from './dialects.js'

export interface SubrequestOptions extends Pick<GatewayOptions, 'resource' | 'routes' | 'otherwise'> {
  /** Which proxy asks: whose headers are read, and no others. */
  proxy: ProxyName
  /** The addresses or networks of the proxies: nobody else is answered. */
  trustProxy: readonly string[]
}
