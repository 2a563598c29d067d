import type { UpstreamOptions } from '../forward/upstream.js'
import type { GatewayLimits, GatewayOptions } from '../gateway-options.js'
import type { AssertionOptions } from '../identity/assertion.js'
import type { Route } from '../routes/route.js'
import type { ProxyName } from './dialects.js'

export interface SubrequestOptions
  extends Pick<GatewayOptions, 'resource' | 'otherwise' | 'frontController' | 'onEvent'> {
  routes: readonly Route[]
  /** Which proxy asks: whose headers are read, and no others. */
  proxy: ProxyName
  /** The addresses or networks of the proxies: nobody else is answered. */
  trustProxy: readonly string[]
  /** How the API matches paths; the proxy knows where it listens. @default it may decode them first */
  upstream?: Pick<UpstreamOptions, 'matches'> | undefined
  /** Of the gateway's, those that hold for subrequests. */
  limits?: Pick<GatewayLimits, 'connections' | 'connectionsPerAddress'> | undefined
  /** As of the gateway: who asks, also as `X-AAuth-Assertion`. `audience` is the API's own name for itself. @default none */
  assertion?: (AssertionOptions & { audience: string }) | undefined
}

export const subrequestOptions = {
  resource: true,
  routes: true,
  otherwise: true,
  frontController: true,
  upstream: true,
  trustProxy: true,
  assertion: true,
  limits: true,
  onEvent: true,
} as const satisfies Record<Exclude<keyof SubrequestOptions, 'proxy'>, true>
