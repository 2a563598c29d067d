import type { Exchange } from '../messages/exchange.js'
import type { RpcRequest } from '../messages/json-rpc.js'
import { questionsNamed } from '../messages/named-as-servers.js'
import { createStatelessServer } from '../server/stateless-server.js'
import type { Relay, RelayOptions } from './relay.js'

/** A client of 2026-07-28 on a server of 2026-07-28: each request goes through as it is, with its headers. */
export function statelessOnStateless({ host, onProblem }: Pick<RelayOptions, 'host' | 'onProblem'>): Relay {
  const server = createStatelessServer(host, onProblem)
  return {
    request: async (request: RpcRequest, exchange: Exchange) =>
      questionsNamed(await server.request(request, exchange), host),
    async notify(message, exchange) {
      // The end of its stream cancels a request.
      if (message.method !== 'notifications/cancelled') await server.notify(message, exchange)
    },
    close: async () => undefined,
  }
}
