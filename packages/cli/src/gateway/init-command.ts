import { dirname, join } from 'node:path'
import { isIdentifier, isLoopbackIdentifier } from 'countersign/discovery'
import { readDescription, routesFromOpenApi } from 'countersign-gateway'
import { errorReason, exitStatus, usageError } from '../command/errors.js'
import { writeNewFile } from '../keys/keys-commands.js'
import type { Run } from '../terminal/terminal.js'

const keyFile = 'api-key.json'

/** `countersign gateway init`: writes a configuration from an OpenAPI description. */
export const gatewayInit: Run = async ({ id, authServer, upstream, output, json }, terminal, file) => {
  if (typeof id !== 'string' || typeof authServer !== 'string') throw usageError(needed)
  for (const [flag, value] of Object.entries({ '--id': id, '--auth-server': authServer })) requireUsable(flag, value)
  if (json && typeof output !== 'string')
    throw usageError('--json requires --output: without it, the configuration is printed.')
  const { routes, scopes, notes } = await described(file)
  const settings = {
    id,
    authServer,
    keyFile,
    upstream: upstream ?? 'http://127.0.0.1:3000',
    // There is no proxy, so the gateway listens on the loopback identifier's port.
    ...(isLoopbackIdentifier(id) ? { listen: { port: Number(new URL(id).port) } } : {}),
    ...([id, authServer].some(isLoopbackIdentifier) ? { allowInsecureLoopback: true } : {}),
    scopes,
    routes,
  }
  const text = `${JSON.stringify(settings, null, 2)}\n`
  if (typeof output === 'string') await writeNewFile(output, text, 'already exists, and is not overwritten')
  else terminal.write(text)
  if (json) {
    terminal.write(`${JSON.stringify({ file: output, routes: routes.length, scopes: Object.keys(scopes), notes })}\n`)
    return exitStatus.done
  }
  for (const note of notes) terminal.notify(note)
  if ('allowInsecureLoopback' in settings)
    terminal.notify('allowInsecureLoopback is set, for development on this machine: remove it in production.')
  terminal.notify(
    'OpenAPI does not describe WebSockets: if the API has any, add a route with the method GET for each one.',
  )
  terminal.notify(
    `${routes.length} routes, ${Object.keys(scopes).length} permissions. Users read the descriptions in scopes: review them.`,
  )
  const [key, written] = typeof output === 'string' ? [join(dirname(output), keyFile), output] : [keyFile, '<file>']
  terminal.notify(
    `Next, generate the key: countersign agent keys generate --output ${key}. Then start the gateway: countersign gateway start --config ${written}`,
  )
  return exitStatus.done
}

function requireUsable(flag: string, identifier: string): void {
  if (!isIdentifier(identifier, { allowInsecureLoopback: true }))
    throw usageError(
      `${flag} must be an https URL without a path or trailing slash, such as https://api.example, or http://127.0.0.1:8080 for development.`,
    )
}

async function described(file: string): Promise<ReturnType<typeof routesFromOpenApi>> {
  try {
    return routesFromOpenApi(await readDescription(file))
  } catch (cause) {
    throw usageError(
      `${file} cannot be used: ${isMissing(cause) ? 'there is no such file.' : errorReason(cause)}`,
      cause,
    )
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

const needed =
  'gateway init requires --id, the API’s https URL, and --auth-server, the auth server that asks users for consent.'
