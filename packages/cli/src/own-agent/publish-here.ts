import { documentResponse } from 'countersign/wire'
import { type AgentDocument, agentDocuments } from '../agent-folder/agent-documents.js'
import type { AgentFolder } from '../agent-folder/agent-folder.js'
import { CommandError } from '../command/command-error.js'
import { errorCode } from '../command/error-code.js'
import { listen, type OpenPort } from '../network/listen.js'
import { lookAt } from './look.js'

/** Milliseconds between two tries to take over from a command that ended. */
const takeover = 250

/**
 * Publishes the documents of an agent of this machine, which nobody else does, until it is closed. Where another command of the agent
 * publishes them already, they are left to it, and taken over when it ends.
 *
 * @throws CommandError where another program has the port, or a command from before the agent was changed
 */
export async function publishHere(agent: AgentFolder): Promise<Pick<OpenPort, 'close'>> {
  const documents = await agentDocuments(agent)
  const needed = `${agent.id} is only there while this command runs`
  async function open(): Promise<OpenPort> {
    const { origin, port } = new URL(agent.id)
    const opened = await listen(Number(port), needed)
    opened.serve(async (request) => answer(request, documents), origin)
    return opened
  }
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof CommandError) || errorCode(error.cause) !== 'EADDRINUSE') throw error
    const { outcome, isNamed } = await lookAt(agent, {}, () => undefined)
    if (outcome === 'up') return takeOver(open)
    const who = isNamed ? 'a command from before the agent was changed' : 'another program'
    throw new CommandError(`${needed}, and ${who} has its port: end that one.`, { cause: error })
  }
}

/** Tries again and again to open what another command has open. */
function takeOver(open: () => Promise<OpenPort>): Pick<OpenPort, 'close'> {
  let port: OpenPort | undefined
  let trying: Promise<void> | undefined
  const again = setInterval(() => {
    trying ??= open().then(
      (opened) => {
        clearInterval(again)
        port = opened
      },
      () => {
        trying = undefined
      },
    )
  }, takeover).unref()
  return {
    async close() {
      clearInterval(again)
      await trying
      await port?.close()
    },
  }
}

function answer(request: Request, documents: readonly AgentDocument[]): Response {
  const { pathname } = new URL(request.url)
  const asked = documents.find(({ url }) => new URL(url).pathname === pathname)
  return asked ? documentResponse(asked.document) : new Response('No such document.\n', { status: 404 })
}
