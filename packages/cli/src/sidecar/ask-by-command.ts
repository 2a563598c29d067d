import { spawn } from 'node:child_process'
import type { ConsentRequest } from 'countersign/agent'
import { CommandError } from '../command/command-error.js'

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
