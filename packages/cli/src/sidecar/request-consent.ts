import { spawn } from 'node:child_process'
import { AgentError, type ConsentPrompt, type ConsentRequest } from 'countersign/agent'
import { CommandError } from '../command/errors.js'

/**
 * Runs the user's own command to prompt for consent. The details are passed in the command's environment, never in its command line, which
 * a shell would interpret.
 *
 * @throws CommandError if the command fails
 */
export async function promptByCommand(command: string, consent: ConsentRequest, env: NodeJS.ProcessEnv): Promise<void> {
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
  if (status !== 0) throw new CommandError(`The --on-consent command exited with status ${status}.`)
}

/** A way of prompting for consent that can be ended while requests are waiting for the user. */
interface CancelableConsent extends ConsentPrompt {
  /** Ends the prompts. Requests that are waiting, and later ones, fail with the URL of the page, where the user can still decide. */
  end(): void
}

export function createEndableWay(way: ConsentPrompt): CancelableConsent {
  const ended = new AbortController()

  /** Rejects when this way of prompting is ended; never resolves. */
  function untilEnded({ signal: _signal, ...consent }: ConsentRequest, signal: AbortSignal): Promise<void> {
    return new Promise((_resolve, reject) => {
      const why = 'The user must decide first, but is no longer prompted because the sidecar is shutting down.'
      const end = () => reject(new AgentError('consent_required', why, { consent }))
      if (ended.signal.aborted) end()
      ended.signal.addEventListener('abort', end, { signal })
    })
  }

  /** Prompts the user, and rejects when this way of prompting is ended. If the prompt is still running then, its signal aborts. */
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
    canPrompt: way.canPrompt,
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
