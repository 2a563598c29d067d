import { spawn } from 'node:child_process'
import { AgentError, type ConsentRequest, type ConsentWay } from 'countersign/agent'
import { CommandError } from '../command/errors.js'

/**
 * Has a command of the user's own ask the person: what there is to ask stands in its environment, and never in its words,
 * where a shell would read it.
 *
 * @throws CommandError where it fails
 */
export async function askByCommand(command: string, consent: ConsentRequest, env: NodeJS.ProcessEnv): Promise<void> {
  const { url, code, authServer, resource, scope = '', expiresAt, signal } = consent
  const child = spawn(command, {
    shell: true,
    stdio: ['ignore', 'ignore', 'inherit'],
    signal,
    env: {
      ...env,
      COUNTERSIGN_CONSENT_URL: url,
      COUNTERSIGN_CONSENT_CODE: code,
      COUNTERSIGN_CONSENT_RESOURCE: resource,
      COUNTERSIGN_CONSENT_AUTH_SERVER: authServer,
      COUNTERSIGN_CONSENT_SCOPE: scope,
      COUNTERSIGN_CONSENT_EXPIRES_AT: String(Math.floor(expiresAt)),
    },
  })
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  if (status !== 0) throw new CommandError(`The command of --on-consent ended with status ${status}.`)
}

/** A way to the person that can be ended while requests wait for them. */
interface EndableWay extends ConsentWay {
  /** Requests that wait say where the person decides, who still can; so do all that come later. */
  end(): void
}

export function createEndableWay(way: ConsentWay): EndableWay {
  const ended = new AbortController()

  /** Rejects when this way is ended; nothing else comes of it. */
  function untilEnded({ url }: ConsentRequest, signal: AbortSignal): Promise<void> {
    return new Promise((_resolve, reject) => {
      const why = 'A person must decide first, and is asked no more: the sidecar has been told to end.'
      const end = () => reject(new AgentError('consent_required', why, { url }))
      if (ended.signal.aborted) end()
      ended.signal.addEventListener('abort', end, { signal })
    })
  }

  /** Asks, and rejects when this way is ended, be it that what asks still runs: it is told by its signal. */
  async function askUntilEnded(
    ask: (consent: ConsentRequest) => void | Promise<void>,
    consent: ConsentRequest,
    closed: AbortSignal,
  ): Promise<void> {
    const end = untilEnded(consent, closed)
    await Promise.race([end, ask({ ...consent, signal: AbortSignal.any([consent.signal, ended.signal]) })])
    await end
  }

  return {
    canAsk: way.canAsk,
    redirectUri: way.redirectUri,
    async open(respond, callback) {
      const opened = await way.open(respond, callback)
      const closed = new AbortController()
      return {
        get redirectUri() {
          return opened.redirectUri
        },
        ask: (consent) => askUntilEnded((asked) => opened.ask(asked), consent, closed.signal),
        close() {
          closed.abort()
          opened.close()
        },
      }
    },
    end: () => ended.abort(),
  }
}
