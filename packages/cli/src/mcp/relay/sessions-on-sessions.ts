import type { Exchange } from '../messages/exchange.js'
import {
  isRequest,
  type Message,
  notification,
  objectIn,
  type RpcRequest,
  refusal,
  rpcCodes,
} from '../messages/json-rpc.js'
import { namedAsServers, questionsNamed } from '../messages/named-as-servers.js'
import { createSessionServer } from '../server/session-server.js'
import type { Opened, RelayOptions } from './relay.js'

/** A client with a handshake on a server with sessions: what one says reaches the other as it is. */
export async function sessionsOnSessions(options: RelayOptions, exchange: Exchange): Promise<Opened> {
  const { host, client, description, standing, onProblem } = options
  const server = createSessionServer({ host, params: { ...description }, standing: { ...standing, toClient } })

  /** Shows the client what the server sends; its requests have ids of ours there, since the bridge asks, too. */
  function toClient(message: Message): void {
    if (isRequest(message)) void relayRequest(message)
    else if ('method' in message && message.method === 'notifications/cancelled')
      client.withdraw(`server ${JSON.stringify(message.params?.requestId)}`, message.params ?? {})
    else client.tell(message)
  }

  async function relayRequest({ id, method, params }: RpcRequest): Promise<void> {
    const asked = method === 'elicitation/create' ? namedAsServers(params, host) : params
    const answer = await client
      .ask(method, asked, `server ${JSON.stringify(id)}`)
      .catch(() => refusal(rpcCodes.internal, 'The client could not be asked.'))
    await server
      .pass({ jsonrpc: '2.0', id, ...answer }, standing)
      .catch((error: unknown) => onProblem(`The answer to a question of ${host} was lost: ${String(error)}`))
  }

  const answer = await server.open(exchange)
  if ('error' in answer) return { refused: answer }
  return {
    answer,
    relay: {
      request: async (request, given) => questionsNamed(await server.request(request, { ...given, toClient }), host),
      async notify(message, given) {
        if (message.method === 'notifications/initialized') await server.ready(given)
        else await server.pass(notification(message.method, objectIn(message, 'params')), given)
      },
      close: () => server.close(),
    },
  }
}
