import type { WrittenAgent } from '../agent-folder/agent-folder.js'
import { CommandError, exitStatus } from '../command/errors.js'
import type { Look } from '../own-agent/look.js'
import { printable, quoteForShell, wrapText } from '../terminal/text.js'
import type { Upload } from './upload-folder.js'

/** What `init` did, for people. */
export function renderInit(result: InitResult): string {
  const { did, upload, look } = result
  const isUp = did === 'kept' && look?.outcome === 'up'
  const blocks = [said[did](result), upload && !isUp ? uploadLines(upload) : [], lookLines(result), nextLines(result)]
  const lines = blocks.filter((block) => block.length > 0).flatMap((block, at) => (at === 0 ? block : ['', ...block]))
  return `${lines.map(printable).join('\n')}\n`
}

const said: Readonly<Record<InitResult['did'], (result: InitResult) => string[]>> = {
  made: ({ agent: { id, path } }) => paragraph(`${id} is an agent now. Its key is in ${path}.`),
  kept: ({ agent: { id, path } }) => paragraph(`${path} has the agent ${id}.`),
  announced: ({ agent: { id } }) => paragraph(`${id} has a next key. The old one signs until others know both.`),
  changed: ({ agent: { id } }) =>
    paragraph(
      `${id} signs with its next key from now on, and the old one is removed. Start programs again that still run with ` +
        'the old one, then upload.',
    ),
  replaced: ({ agent: { id }, upload }) =>
    paragraph(
      upload
        ? `${id} signs with a new key from now on. Upload at once: until then the old one works, and not the new one.`
        : `${id} signs with a new key from now on, and the old one is removed.`,
    ),
}

function uploadLines({ folder, files }: Upload): string[] {
  return [
    ...paragraph(`Upload what is in ${folder} (.well-known is hidden). It must be at`),
    ...files.map(({ url }) => `  ${url}`),
  ]
}

/** Seconds that servers keep a key set at most (W32). */
const mostCacheSeconds = 600

/** What is up there, where that is not what it was a moment ago; of a key that leaked, how long it works. */
function lookLines({ did, look, agent }: InitResult): string[] {
  if (!look || did === 'announced' || did === 'changed') return []
  if (did === 'replaced') return leakLines(agent.id, look)
  const lead = {
    up: 'Both documents are up, as they should be.',
    absent: 'They are not up yet.',
    wrong: 'What is up there is not what it should be.',
    unreachable: 'They could not be looked at.',
  }[look.outcome]
  return [lead, ...[...look.problems, ...look.advice].map((each) => wrapText('- ', each))]
}

function leakLines(id: string, { outcome, cacheSeconds }: Look): string[] {
  // What was not seen may be kept for as long as anything is.
  const longest = outcome === 'absent' || outcome === 'unreachable' ? mostCacheSeconds : cacheSeconds
  return [
    ...paragraph(
      `The old key works for at most ${inMinutes(longest)} after the upload. Tokens that were given for it work until ` +
        'they end: ten minutes, or what their auth server has set, a day at most. Whoever runs one can refuse the agent ' +
        'there at once, and let it in again later:',
    ),
    `  countersign agents block ${id}`,
  ]
}

function nextLines(result: InitResult): string[] {
  const { did, look, waitSeconds, agent } = result
  const check = `  ${initCommandLine(result)}`
  const next = `  ${nextCommand(result)}`
  if (look && (did === 'changed' || did === 'replaced')) return ['Then see whether it is up:', check]
  if (agent.keys.next && waitSeconds === undefined)
    return ['Once that is up, this says how long to wait, and has the next key sign then:', next]
  if (agent.keys.next && waitSeconds !== undefined)
    return [
      waitSeconds > 0 ? `In ${inMinutes(waitSeconds)} everybody knows both keys:` : 'Everybody knows both keys:',
      next,
    ]
  if (look && look.outcome !== 'up')
    return [...paragraph(`Once they are up (${initCommandLine(result)} looks again):`), next]
  const served = look ? [] : paragraph('Its documents are served by fetch, sidecar and mcp, as long as they run.')
  return [...served, 'Next:', next]
}

function paragraph(text: string): string[] {
  return wrapText('', text).split('\n')
}

/** What `init` did, and what it saw. */
export interface InitResult {
  agent: WrittenAgent
  /** `changed`: the next key signs; `announced`: it is to be published; `replaced`: there is a new key alone. */
  did: 'made' | 'kept' | 'announced' | 'changed' | 'replaced'
  /** Undefined, as the look, for an agent on this machine, which publishes its documents itself. */
  upload: Upload | undefined
  look: Look | undefined
  /** Seconds until the next key may sign; undefined where there is none, or it is not published. */
  waitSeconds: number | undefined
  warnings: readonly string[]
  /** The folder as it was given. */
  agentFlag: string | undefined
}

/** The same for programs. */
export function documentOf(result: InitResult): object {
  const { agent, did, upload, look, waitSeconds, warnings } = result
  const { id, path, keys } = agent
  return {
    agent: id,
    folder: path,
    did,
    signing_key: keys.signing.kid,
    next_key: keys.next?.kid ?? null,
    wait_seconds: waitSeconds ?? null,
    upload: upload ? { folder: upload.folder, files: upload.files } : null,
    published: look ? { outcome: look.outcome, problems: look.problems, advice: look.advice } : null,
    warnings,
    next: nextCommand(result),
  }
}

interface Told {
  agent: WrittenAgent
  /** The folder as it was given. */
  agentFlag: string | undefined
}

/** The command to run next, ready to paste; URLs that it cannot know are examples. */
function nextCommand({ agent, agentFlag }: Told): string {
  if (agent.keys.next) return initCommandLine({ agentFlag }, '--rotate')
  const asked = agent.authServers.length > 0 ? [] : ['--auth-server', 'https://auth.example']
  return commandLine('fetch', agentFlag, [...asked, 'https://api.example/events'])
}

/** `init` for the same folder. */
function initCommandLine({ agentFlag }: Pick<Told, 'agentFlag'>, ...flags: string[]): string {
  return commandLine('init', agentFlag, flags)
}

function commandLine(name: string, agentFlag: string | undefined, rest: readonly string[]): string {
  const folder = agentFlag === undefined ? [] : ['--agent', agentFlag]
  return ['countersign', name, ...[...folder, ...rest].map(word)].join(' ')
}

function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : quoteForShell(text)
}

/** Since when both keys are seen where they are published; undefined where they are not both there. */
export function knownSince({ since }: WrittenAgent, look: Look, now: number): number | undefined {
  if (look.outcome === 'unreachable') return since
  // A clock that was put back would have it wait too long.
  return look.hasBothKeys ? Math.min(since ?? now, now) : undefined
}

/** Seconds until nobody keeps the old set of keys any more. */
export function secondsToWait(since: number, { cacheSeconds }: Look, now: number): number {
  return Math.max(0, since + cacheSeconds - now)
}

/** @throws CommandError where others may not know the next key yet, with when to come back */
export function requireKnown({ id, since }: WrittenAgent, look: Look, now: number): void {
  if (look.outcome === 'unreachable')
    throw new CommandError([`${id} could not be looked at, so the old key goes on.`, ...look.problems].join(' '), {
      exitCode: exitStatus.network,
    })
  if (since === undefined || !look.hasBothKeys) {
    const mend = look.problems.length > 0 ? look.problems : ['Upload the new jwks.json.']
    throw new CommandError([`${id} does not publish both keys yet, so the old one goes on.`, ...mend].join(' '))
  }
  const seconds = secondsToWait(since, look, now)
  if (seconds > 0)
    throw new CommandError(
      `Others may know the old key alone for ${inMinutes(seconds)} more: run countersign init --rotate again then, or with --now if requests may fail.`,
    )
}

/** Whole minutes in words, rounded up. */
export function inMinutes(seconds: number): string {
  const minutes = Math.ceil(seconds / 60)
  return `${minutes} minute${minutes === 1 ? '' : 's'}`
}
