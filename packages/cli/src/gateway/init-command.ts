import { dirname, join } from 'node:path'
import { isIdentifier, isLoopbackIdentifier } from 'countersign/discovery'
import { type McpPath, mcpPathProblems, type Route, readDescription, routesFromOpenApi } from 'countersign-gateway'
import { CommandError, errorReason, exitStatus, usageError } from '../command/errors.js'
import { writeNewFile } from '../key-files/keys-commands.js'
import { ServerProblem } from '../mcp/messages/server-problem.js'
import { agentFailure } from '../own-agent/open-own-agent.js'
import { withProgress } from '../terminal/progress.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { counted } from '../terminal/text.js'
import { readMcpOffer } from './mcp-offer.js'
import { mcpSettings } from './mcp-settings.js'

const keyFile = 'api-key.json'

/** What a configuration is derived from. */
interface Source {
  upstream: unknown
  scopes: Readonly<Record<string, string>>
  /** The settings that state what each request must prove. */
  rules: { routes: readonly Route[] } | { mcp: readonly McpPath[] }
  /** The number of routes, or of tools, resource patterns and prompts. */
  counts: Readonly<Record<string, number>>
  notes: readonly string[]
}

/** `countersign gateway init`: writes a configuration from an OpenAPI description, or from what an MCP server offers. */
export const gatewayInit: Run = async ({ id, authServer, upstream, mcp, output, json }, terminal, file) => {
  if (typeof id !== 'string' || typeof authServer !== 'string') throw usageError(needed)
  for (const [flag, value] of Object.entries({ '--id': id, '--auth-server': authServer })) requireUsable(flag, value)
  if (json && typeof output !== 'string')
    throw usageError('--json requires --output: without it, the configuration is printed.')
  if ((file === '') === (mcp === undefined)) throw usageError(oneSource)
  const source = typeof mcp === 'string' ? await fromMcp(mcp, id, terminal) : await fromOpenApi(file, upstream)
  const { scopes, rules, counts, notes } = source
  const settings = {
    id,
    authServer,
    keyFile,
    upstream: source.upstream,
    // There is no proxy, so the gateway listens on the loopback identifier's port.
    ...(isLoopbackIdentifier(id) ? { listen: { port: Number(new URL(id).port) } } : {}),
    ...([id, authServer].some(isLoopbackIdentifier) ? { allowInsecureLoopback: true } : {}),
    scopes,
    ...rules,
  }
  const text = `${JSON.stringify(settings, null, 2)}\n`
  if (typeof output === 'string') await writeNewFile(output, text, 'already exists, and is not overwritten')
  else terminal.write(text)
  if (json) {
    terminal.write(`${JSON.stringify({ file: output, ...counts, scopes: Object.keys(scopes), notes })}\n`)
    return exitStatus.done
  }
  for (const note of notes) terminal.notify(note)
  if ('allowInsecureLoopback' in settings)
    terminal.notify('allowInsecureLoopback is set for development on this machine: remove this setting in production.')
  const found = Object.entries({ ...counts, permissions: Object.keys(scopes).length }).filter(([, count]) => count > 0)
  terminal.notify(
    `${found.map(([name, count]) => counted(count, name.replace(/s$/, ''))).join(', ')}. Users read the descriptions in scopes: review them.`,
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
      `${flag} must be an https URL with a full lowercase host name, without a path, trailing slash or default port, such as https://api.example, or http://127.0.0.1:8080 for development.`,
    )
}

async function fromOpenApi(file: string, upstream: unknown): Promise<Source> {
  const { routes, scopes, notes } = await described(file)
  const webSockets =
    'OpenAPI does not describe WebSockets: if the API has any, add a route with the method GET for each one.'
  return {
    upstream: upstream ?? 'http://127.0.0.1:3000',
    scopes,
    rules: { routes },
    counts: { routes: routes.length },
    notes: [...notes, webSockets],
  }
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

async function fromMcp(address: string, id: string, terminal: Terminal): Promise<Source> {
  const { origin, pathname } = requireMcpUrl(address)
  const offer = await withProgress(terminal, `Reading what ${address} offers`, () => readMcpOffer(address)).catch(
    (error: unknown) => {
      throw mcpFailure(error, address)
    },
  )
  try {
    const { scopes, mcp, notes } = mcpSettings(pathname, offer)
    const { tools = {}, resources = {}, prompts = {} } = mcp
    return {
      upstream: origin,
      scopes,
      rules: { mcp: [mcp] },
      counts: {
        tools: Object.keys(tools).length,
        resources: Object.keys(resources).length,
        prompts: Object.keys(prompts).length,
      },
      notes: [
        ...notes,
        `Clients connect to ${id}${pathname}. Only the gateway may reach ${origin}.`,
        'Apps that support only OAuth are refused. To accept them, add "accept": ["aauth", "oauth"] to the entry in mcp: their requests are not signed, and an access token works for anyone who has it.',
      ],
    }
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause
    throw new CommandError(`${address} ${cause.message}, so there is nothing to protect.`, { cause })
  }
}

/** @throws CommandError for a URL that a gateway cannot protect */
function requireMcpUrl(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined
  const isPlain = url && /^https?:$/.test(url.protocol) && url.href === `${url.origin}${url.pathname}`
  if (!isPlain || url.pathname === '/')
    throw usageError(
      '--mcp must be the URL of the MCP server with its path, such as http://127.0.0.1:3000/mcp, without a user, query or fragment.',
    )
  const [wrong] = mcpPathProblems([{ path: url.pathname }], [])
  if (wrong) throw usageError(`--mcp: the path ${url.pathname} ${wrong.problem}.`)
  return url
}

function mcpFailure(error: unknown, address: string): unknown {
  if (error instanceof ServerProblem)
    return new CommandError(
      `${error.message} Check that ${address} is the server’s Streamable HTTP endpoint, and that it can be used without signing in.`,
      { cause: error },
    )
  if (error instanceof Error && error.name === 'TimeoutError')
    return new CommandError(`${address} did not respond in time.`, { exitCode: exitStatus.network, cause: error })
  return agentFailure(error, address)
}

const needed =
  'gateway init requires --id, the API’s https URL, and --auth-server, the auth server that asks users for consent.'

const oneSource = 'gateway init requires either an OpenAPI file or --mcp <url>, the URL of an MCP server.'
