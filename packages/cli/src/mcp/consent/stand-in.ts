import { type Era, lists, metaKeys, sessionVersions, versions } from '../messages/eras.js'
import { type Answer, type JsonObject, stringIn } from '../messages/json-rpc.js'

/** The one tool of a server that shows nothing before a person has decided. */
export const connectTool = 'connect'

const serverInfo = { name: 'countersign-mcp', version: '1' }

const changing = { listChanged: true }

/** What such a server may turn out to be able to. */
const capabilities = {
  tools: changing,
  resources: { ...changing, subscribe: true },
  prompts: changing,
  completions: {},
}

/** The answer to what a client opens with, in place of a server that needs consent for it. */
export function standInOpening(era: Era, host: string, params: JsonObject | undefined): Answer {
  const instructions = `${host} needs the person’s consent before it shows anything: call the tool ${connectTool}.`
  if (era === 'stateless')
    return {
      result: {
        resultType: 'complete',
        supportedVersions: [versions.stateless],
        capabilities,
        instructions,
        _meta: { [metaKeys.serverInfo]: serverInfo },
        ...asOfNow,
      },
    }
  const asked = stringIn(params, 'protocolVersion')
  const protocolVersion = sessionVersions.includes(asked) ? asked : versions.sessions
  return { result: { protocolVersion, capabilities: { ...capabilities, logging: {} }, serverInfo, instructions } }
}

/** A list in place of one that needs consent; undefined for what is no list. */
export function standInList(era: Era, host: string, method: string): Answer | undefined {
  const member = lists[method]
  if (member === undefined) return undefined
  const kind = era === 'stateless' ? { resultType: 'complete', ...asOfNow } : {}
  return { result: { [member]: member === 'tools' ? [toolFor(host)] : [], ...kind } }
}

/** Nobody keeps it: another list takes its place as soon as the person has decided. */
const asOfNow = { ttlMs: 0, cacheScope: 'private' }

function toolFor(host: string): JsonObject {
  return {
    name: connectTool,
    title: `Connect to ${host}`,
    description: `${host} shows its tools once the person has given consent. This asks them; call it first.`,
    inputSchema: { type: 'object', properties: {} },
  }
}

export function connectedText(host: string): string {
  return `Connected: the tools of ${host} are listed now.`
}
