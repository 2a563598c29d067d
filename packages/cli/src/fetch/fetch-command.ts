import { loopbackConsent } from 'countersign/node'
import { agentFolderPath } from '../agent-folder/agent-folder-path.js'
import { readAgentFolder } from '../agent-folder/read-agent-folder.js'
import { CommandError, usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { type NetworkFlags, readNetworkFlags } from '../flags/network-flags.js'
import { requireIdentifierFlag } from '../flags/require-identifier-flag.js'
import { agentFailure } from '../own-agent/agent-failure.js'
import { openOwnAgent } from '../own-agent/open-own-agent.js'
import { catchInterruption } from '../terminal/catch-interruption.js'
import { buildRequest, type GivenRequest, type RequestFlags } from './build-request.js'
import { createDeadline } from './deadline.js'
import { followRedirects } from './follow-redirects.js'
import { showMessages } from './show-messages.js'
import { type OutputFlags, writeResponse } from './write-response.js'

interface FetchFlags extends RequestFlags, OutputFlags, NetworkFlags {
  agent?: string
  authServer?: readonly string[]
  /** False with `--no-consent`. */
  consent: boolean
  paste?: true
  consentTimeout?: string
  maxTime?: string
  location?: true
  fail?: true
  silent?: true
  showError?: true
  verbose?: true
  interop?: true
}

/** Seconds that a person has who must decide. */
const defaultPatience = 1800

/** `countersign fetch <url>`: asks as the command line's own agent, and a person in the terminal where one must decide. */
export const fetchCommand: Run = async (options, terminal, subject) => {
  const flags = options as unknown as FetchFlags
  try {
    return await fetchOnce(flags, terminal, subject)
  } catch (error) {
    if (!flags.silent || flags.showError || !(error instanceof CommandError)) throw error
    return error.exitCode
  }
}

async function fetchOnce(flags: FetchFlags, terminal: Parameters<Run>[1], subject: string): Promise<number> {
  const request = await buildRequest(subject, flags, terminal.readInput)
  const folder = await readAgentFolder(agentFolderPath(terminal.env, flags.agent))
  const authServers = (flags.authServer ?? []).map((id) => requireIdentifierFlag('--auth-server', id, 'allowed'))
  if (flags.paste && !terminal.asking.input.isTTY)
    throw usageError('--paste needs a terminal at standard input: that is where the address is pasted.')
  const network = readNetworkFlags(flags)
  const { url } = request
  const interruption = catchInterruption(terminal)
  const deadline = createDeadline(secondsOf('--max-time', flags.maxTime))
  const signal = AbortSignal.any([interruption.signal, deadline.signal])
  const way = loopbackConsent({ ...terminal.asking, env: terminal.env, paste: flags.paste, countdown: !flags.verbose })
  const own = await openOwnAgent({
    folder,
    authServers,
    targets: [url],
    network,
    interop: flags.interop,
    consent: flags.consent ? deadline.pausedBy(way) : undefined,
    consentTimeout: secondsOf('--consent-timeout', flags.consentTimeout) ?? defaultPatience,
    fetch: flags.verbose && showMessages(terminal, { url, authServers: [...folder.authServers, ...authServers] }),
  })
  try {
    const send = ({ url, method, headers, body }: GivenRequest) =>
      own.agent.fetch(url, { method, headers, body: body ?? null, signal })
    const response = await (flags.location ? followRedirects(request, send) : send(request))
    if (flags.fail && response.status >= 400) {
      const why = `${new URL(url).host} answered ${response.status}.`
      throw new CommandError(why, { exitCode: exitStatus.failed })
    }
    await writeResponse(response, flags, terminal)
    return exitStatus.done
  } catch (error) {
    throw signal.aborted ? signal.reason : agentFailure(error, url)
  } finally {
    deadline.stop()
    await own.close()
    interruption.release()
  }
}

function secondsOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = Number(text)
  if (/^\d{1,6}(?:\.\d{1,3})?$/.test(text) && seconds > 0) return seconds
  throw usageError(`${flag} takes seconds, such as 30 or 2.5.`)
}
