import type { WrittenAgent } from '../agent-folder/agent-folder.js'
import { CommandError, exitStatus } from '../command/errors.js'
import type { Look } from '../own-agent/check-publication.js'
import { printable, quoteForShell, wrapText } from '../terminal/text.js'
import type { Upload } from './upload-folder.js'

/** Renders the result of `agent init` for humans. */
export function renderInit(result: InitResult): string {
  const { did, upload, look } = result
  const isUp = did === 'kept' && look?.outcome === 'up'
  const blocks = [said[did](result), upload && !isUp ? uploadLines(upload) : [], lookLines(result), nextLines(result)]
  const lines = blocks.filter((block) => block.length > 0).flatMap((block, at) => (at === 0 ? block : ['', ...block]))
  return `${lines.map(printable).join('\n')}\n`
}

const said: Readonly<Record<InitResult['did'], (result: InitResult) => string[]>> = {
  made: ({ agent: { id, path } }) => paragraph(`Created the agent ${id}. Its key is in ${path}.`),
  kept: ({ agent: { id, path } }) => paragraph(`${path} contains the agent ${id}.`),
  announced: ({ agent: { id } }) =>
    paragraph(`${id} now has a next key, but signs with the old key until you finish the rotation as shown below.`),
  changed: ({ agent: { id } }) =>
    paragraph(
      `${id} now signs with its next key, and the old key has been removed. Restart programs that are still running with ` +
        'the old key, then upload the documents.',
    ),
  replaced: ({ agent: { id }, upload }) =>
    paragraph(
      upload
        ? `${id} now signs with a new key. Upload the documents at once: until then, other parties accept only the old key.`
        : `${id} now signs with a new key, and the old key has been removed.`,
    ),
}

function uploadLines({ folder, files }: Upload): string[] {
  return [
    ...paragraph(`Upload the contents of ${folder} (.well-known is hidden). The files must be at`),
    ...files.map(({ url }) => `  ${url}`),
  ]
}

/** Maximum time for which servers cache a key set, in seconds (W32). */
const mostCacheSeconds = 600

/**
 * Describes the published documents, unless the local ones have just been changed. After a leak, states how long the old key keeps working.
 */
function lookLines({ did, look, agent }: InitResult): string[] {
  if (!look || did === 'announced' || did === 'changed') return []
  if (did === 'replaced') return leakLines(agent.id, look)
  const lead = {
    up: 'Both documents are published, and correct.',
    absent: 'They are not published yet.',
    wrong: 'The published documents are not correct.',
    unreachable: 'They could not be checked.',
  }[look.outcome]
  return [lead, ...[...look.problems, ...look.advice].map((each) => wrapText('- ', each))]
}

function leakLines(id: string, { outcome, cacheSeconds }: Look): string[] {
  // A key set that could not be fetched may be cached for the maximum time.
  const longest = outcome === 'absent' || outcome === 'unreachable' ? mostCacheSeconds : cacheSeconds
  return [
    ...paragraph(
      `The old key keeps working for up to ${inMinutes(longest)} after the upload. Tokens that were issued for the old key remain valid until ` +
        'they expire: after ten minutes, or after the lifetime set by their auth server, which is at most a day. The operator of an auth server can block the agent ' +
        'there at once, and unblock it later:',
    ),
    `  countersign server agents block ${id}`,
  ]
}

function nextLines(result: InitResult): string[] {
  const { did, look, waitSeconds, agent } = result
  const check = `  ${initCommandLine(result)}`
  const next = `  ${nextCommand(result)}`
  if (look && (did === 'changed' || did === 'replaced')) return ['Then check that the new key is published:', check]
  if (agent.keys.next && waitSeconds === undefined)
    return [
      ...paragraph(
        'Once both keys are published, this command shows how long to wait, and then switches to the next key:',
      ),
      next,
    ]
  if (agent.keys.next && waitSeconds !== undefined)
    return [
      waitSeconds > 0
        ? `In ${inMinutes(waitSeconds)}, all other parties will have both keys:`
        : 'All other parties have both keys:',
      next,
    ]
  if (look && look.outcome !== 'up')
    return [...paragraph(`Once they are published (${initCommandLine(result)} checks this again):`), next]
  const served = look ? [] : paragraph('Its documents are served by fetch, sidecar and mcp while they are running.')
  return [...served, 'Next:', next]
}

function paragraph(text: string): string[] {
  return wrapText('', text).split('\n')
}

/** What `agent init` did, and what it found. */
export interface InitResult {
  agent: WrittenAgent
  /**
   * `changed`: the agent now signs with the next key; `announced`: the next key must be published; `replaced`: all keys were replaced by a
   * new one.
   */
  did: 'made' | 'kept' | 'announced' | 'changed' | 'replaced'
  /** Undefined, like `look`, for an agent on this machine, which serves its documents itself. */
  upload: Upload | undefined
  look: Look | undefined
  /** Seconds until the agent may sign with the next key; undefined if there is no next key, or if it has not been published. */
  waitSeconds: number | undefined
  warnings: readonly string[]
  /** The value of `--home`. */
  homeFlag: string | undefined
}

/** Renders the result of `agent init` for programs. */
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

interface NextStepContext {
  agent: WrittenAgent
  /** The value of `--home`. */
  homeFlag: string | undefined
}

/** The command to run next, ready to paste, with example URLs for unknown ones. */
function nextCommand({ agent, homeFlag }: NextStepContext): string {
  if (agent.keys.next) return initCommandLine({ homeFlag }, '--rotate')
  const asked = agent.authServers.length > 0 ? [] : ['--auth-server', 'https://auth.example']
  return commandLine('fetch', homeFlag, [...asked, 'https://api.example/events'])
}

/** The `agent init` command for the same folder. */
function initCommandLine({ homeFlag }: Pick<NextStepContext, 'homeFlag'>, ...flags: string[]): string {
  return commandLine('agent init', homeFlag, flags)
}

function commandLine(name: string, homeFlag: string | undefined, rest: readonly string[]): string {
  const folder = homeFlag === undefined ? [] : ['--home', homeFlag]
  return ['countersign', name, ...[...folder, ...rest].map(word)].join(' ')
}

function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : quoteForShell(text)
}

/** Returns the time at which both keys were first seen published; undefined if they are not both published. */
export function publishedSince({ since }: WrittenAgent, look: Look, now: number): number | undefined {
  if (look.outcome === 'unreachable') return since
  // If the clock was set back, the stored time would make the wait too long.
  return look.hasBothKeys ? Math.min(since ?? now, now) : undefined
}

/** Seconds until the old key set has expired from all caches. */
export function propagationDelay(since: number, { cacheSeconds }: Look, now: number): number {
  return Math.max(0, since + cacheSeconds - now)
}

/** @throws CommandError if other parties may not have fetched the next key yet; the message says when to run the command again */
export function requirePropagated({ id, since }: WrittenAgent, look: Look, now: number): void {
  if (look.outcome === 'unreachable')
    throw new CommandError([`${id} could not be checked, so the old key stays in use.`, ...look.problems].join(' '), {
      exitCode: exitStatus.network,
    })
  if (since === undefined || !look.hasBothKeys) {
    const fix = look.problems.length > 0 ? look.problems : ['Upload the new jwks.json.']
    throw new CommandError([`${id} does not publish both keys yet, so the old key stays in use.`, ...fix].join(' '))
  }
  const seconds = propagationDelay(since, look, now)
  if (seconds > 0)
    throw new CommandError(
      `Other parties may still have only the old key for up to ${inMinutes(seconds)}: run countersign agent init --rotate again after that, or with --now if failed requests are acceptable.`,
    )
}

/** Formats a duration in whole minutes, rounded up. */
export function inMinutes(seconds: number): string {
  const minutes = Math.ceil(seconds / 60)
  return `${minutes} minute${minutes === 1 ? '' : 's'}`
}
