import {
  type Answer,
  isRequest,
  type Message,
  type MessageId,
  notification,
  objectIn,
  type RpcRequest,
  refusal,
  rpcCodes,
} from '../messages/json-rpc.js'
import {
  countQuestions,
  labelElicitation,
  labelQuestions,
  mostQuestions,
  tooManyQuestions,
} from '../messages/server-questions.js'
import type { Exchange } from '../server/post-message.js'
import { createSessionServer } from '../server/session-server.js'
import type { Opened, RelayOptions } from './relay.js'

/** Relays a client with a handshake to a server with sessions: messages are forwarded unchanged. */
export async function sessionsOnSessions(options: RelayOptions, exchange: Exchange): Promise<Opened> {
  const { host, client, description, standing, onProblem } = options
  const server = createSessionServer({
    host,
    params: { ...description },
    standing: { ...standing, toClient: handleStandingMessage },
  })
  /** Pending server requests outside of calls. */
  const open = new Set<string>()

  /** Handles messages that do not belong to a call. */
  function handleStandingMessage(message: Message): void {
    if (!isRequest(message)) tell(message)
    else if (open.size >= mostQuestions) void answerServer(message.id, tooManyQuestions(host))
    else {
      const key = keyOf(message.id)
      open.add(key)
      void relayRequest(message).finally(() => open.delete(key))
    }
  }

  /** Handles the server's messages during one call. */
  function handleCallMessage(): Exchange['toClient'] {
    const count = countQuestions(host)
    return (message) => {
      if (!isRequest(message)) return tell(message)
      void (count.add(message.method) ? relayRequest(message) : answerServer(message.id, tooManyQuestions(host)))
    }
  }

  function tell(message: Message): void {
    if ('method' in message && message.method === 'notifications/cancelled') {
      const key = keyOf(message.params?.requestId)
      open.delete(key)
      client.withdraw(key, message.params ?? {})
    } else client.tell(message)
  }

  /** Forwards a server's request to the client under one of our own ids, because the bridge also sends requests. */
  async function relayRequest({ id, method, params }: RpcRequest): Promise<void> {
    const asked = method === 'elicitation/create' ? labelElicitation(params, host) : params
    const answer = await client
      .ask(method, asked, keyOf(id))
      .catch(() => refusal(rpcCodes.internal, 'The request could not be sent to the client.'))
    await answerServer(id, answer)
  }

  async function answerServer(id: MessageId, answer: Answer): Promise<void> {
    await server
      .pass({ jsonrpc: '2.0', id, ...answer }, standing)
      .catch((error: unknown) => onProblem(`The response to a request from ${host} was lost: ${String(error)}`))
  }

  const answer = await server.open(exchange)
  if ('error' in answer) return { refused: answer }
  return {
    answer,
    hasSession: server.hasSession(),
    relay: {
      request: async (request, given) =>
        labelQuestions(await server.request(request, { ...given, toClient: handleCallMessage() }), host),
      async notify(message, given) {
        if (message.method === 'notifications/initialized') await server.ready(given)
        else await server.pass(notification(message.method, objectIn(message, 'params')), given)
      },
      close: () => server.close(),
    },
  }
}

/** Identifies a server's request. */
const keyOf = (id: unknown) => `server ${JSON.stringify(id)}`
