import { readFile } from 'node:fs/promises'
import { AgentError } from '../lib/agent-error.js'
import { parseJsonObject } from '../lib/encodings.js'
import { readStream } from '../lib/read-stream.js'

/** Timeout of a request to the platform, in milliseconds, and the maximum size of a token or a response, in bytes. */
const limits = { timeout: 10_000, size: 65_536 } as const

export interface GithubActionsTokenOptions {
  /** Sends the request to GitHub. @default `globalThis.fetch` */
  fetch?: typeof globalThis.fetch | undefined
}

/**
 * Creates a `platformToken` for a job of GitHub Actions. Each call requests a new token, so the job needs the permission `id-token: write`.
 *
 * @param audience the agent server's identifier
 * @throws AgentError `platform_token_unavailable`, when it is called
 * @example
 * ```ts
 * const id = 'https://agent.example'
 * const delegate = createDelegate({ id, signer, platformToken: githubActionsToken(id) })
 * ```
 */
export function githubActionsToken(
  audience: string,
  { fetch = globalThis.fetch }: GithubActionsTokenOptions = {},
): () => Promise<string> {
  return async function requestToken() {
    const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = process.env
    if (!url || !token)
      throw unavailable('The job has no access to OIDC tokens: add `permissions: { id-token: write }` to the workflow.')
    const asked = new URL(url)
    asked.searchParams.set('audience', audience)
    let response: Response
    let text = ''
    try {
      const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }
      response = await fetch(asked, { headers, redirect: 'error', signal: AbortSignal.timeout(limits.timeout) })
      if (response.body) text = new TextDecoder().decode(await readStream(response.body, limits.size))
    } catch (cause) {
      throw unavailable('GitHub did not return an OIDC token: the request failed.', cause)
    }
    const value = parseJsonObject(text)?.value
    if (response.ok && typeof value === 'string') return value
    throw unavailable(`GitHub did not return an OIDC token: the response has the status ${response.status}.`)
  }
}

/**
 * Creates a `platformToken` that reads a file, which the platform replaces before the token in it expires: the projected token of a
 * Kubernetes service account, for example. The file is read each time.
 *
 * @param path of the file, such as `/var/run/secrets/agent/token`
 * @throws AgentError `platform_token_unavailable`, when it is called
 */
export function kubernetesToken(path: string): () => Promise<string> {
  return async function readToken() {
    let token: string
    try {
      token = (await readFile(path, 'utf8')).trim()
    } catch (cause) {
      throw unavailable(
        `The platform's token cannot be read from ${path}: check the volume with serviceAccountToken.`,
        cause,
      )
    }
    if (token !== '' && token.length <= limits.size) return token
    throw unavailable(`The file ${path} does not contain a token.`)
  }
}

function unavailable(message: string, cause?: unknown): AgentError {
  return new AgentError('platform_token_unavailable', message, { cause })
}
